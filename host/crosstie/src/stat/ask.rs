//! Questions to the management node of a router.

use std::time::Duration;

use fe2o3_amqp::link::{Receiver, Sender};
use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp_types::messaging::{AmqpValue, ApplicationProperties, Body, Message, MessageId, Properties, Source};
use fe2o3_amqp_types::primitives::SimpleValue;
use serde_amqp::Value;
use serde_amqp::primitives::OrderedMap;

use super::StatFault;
use super::row::{Row, to_json};
use crate::client::{Fault, attach_receiver, attach_sender};

/// How long a reply that is there already waits to be settled.
const ACCEPT_MAX: Duration = Duration::from_secs(1);

/// Entities that one reply may hold.
const PAGE: usize = 500;

/// Links to and from a management node.
pub(crate) struct Node {
    sender: Sender,
    receiver: Receiver,
    reply_to: String,
    correlation: u64,
}

impl Node {
    /// Attaches, with an address of its own for replies.
    pub(crate) async fn attach(session: &mut SessionHandle<()>) -> Result<Self, StatFault> {
        let source = Source::builder().dynamic(true).build();
        let receiver = Receiver::builder().name("crosstie-stat-replies").source(source).attach(session).await;
        let attach = |why: String| Fault::Attach { address: "$management".to_owned(), why };
        let receiver = receiver.map_err(|error| attach(attach_receiver(&error)))?;
        let reply_to = receiver.source().as_ref().and_then(|source| source.address.clone());
        let reply_to = reply_to.ok_or_else(|| attach("no address for replies was given".to_owned()))?;
        let sender = Sender::attach(session, "crosstie-stat", "$management").await;
        let sender = sender.map_err(|error| attach(attach_sender(&error)))?;
        Ok(Self { sender, receiver, reply_to, correlation: 0 })
    }

    /// All entities of a type, page by page; without names with every attribute.
    pub(super) async fn query(&mut self, of: &str, names: &[&str]) -> Result<Vec<Row>, StatFault> {
        let mut rows = Vec::new();
        loop {
            let reply = self.page(of, names, rows.len()).await?;
            let page = read_rows(reply)?;
            let last = page.len() < PAGE;
            rows.extend(page);
            if last {
                return Ok(rows);
            }
        }
    }

    /// Detaches; nothing is lost where that fails.
    pub(crate) async fn detach(self) {
        let _ = self.sender.close().await;
        let _ = self.receiver.close().await;
    }

    async fn page(&mut self, of: &str, names: &[&str], offset: usize) -> Result<Value, StatFault> {
        let request = request(of, names, offset);
        read_body(self.ask(request).await?)
    }

    /// Has the configuration read anew, to be applied or only compared. Gives the plan, or else the problems.
    pub(crate) async fn reload(&mut self, dry_run: bool) -> Result<Result<Vec<String>, String>, StatFault> {
        let properties =
            [("operation", SimpleValue::String("RELOAD".to_owned())), ("dryRun", SimpleValue::Bool(dry_run))];
        let reply = self.ask(message(properties, Value::Null)).await?;
        if let Body::Value(AmqpValue(Value::Map(body))) = &reply.body
            && let Some(Value::String(problems)) = body.get(&Value::from("problems"))
        {
            return Ok(Err(problems.clone()));
        }
        let Value::Map(body) = read_body(reply)? else { return Err(StatFault::Reply("its body is no map")) };
        let Some(Value::List(lines)) = body.get(&Value::from("plan")) else {
            return Err(StatFault::Reply("it has no plan"));
        };
        let line = |line: &Value| match line {
            Value::String(line) => Ok(line.clone()),
            _ => Err(StatFault::Reply("a line of its plan is no string")),
        };
        lines.iter().map(line).collect::<Result<_, _>>().map(Ok)
    }

    /// What an operation that is not of the reference gives, as JSON.
    pub(crate) async fn call(
        &mut self,
        operation: &str,
        with: &[(&str, &str)],
    ) -> Result<serde_json::Value, StatFault> {
        let given = with.iter().map(|(key, value)| (*key, SimpleValue::String((*value).to_owned())));
        let operation = ("operation", SimpleValue::String(operation.to_owned()));
        let body = read_body(self.ask(message(std::iter::once(operation).chain(given), Value::Null)).await?)?;
        Ok(to_json(&body))
    }

    /// The reply to a request.
    async fn ask(&mut self, request: Message<AmqpValue<Value>>) -> Result<Message<Body<Value>>, StatFault> {
        self.correlation = self.correlation.saturating_add(1);
        let request = addressed(request, &self.reply_to, self.correlation);
        let outcome = self.sender.send(request).await.map_err(Fault::from)?;
        if !outcome.is_accepted() {
            return Err(Fault::Lost(format!("the request was not accepted: {outcome:?}")).into());
        }
        loop {
            let delivery = self.receiver.recv::<Body<Value>>().await.map_err(Fault::from)?;
            // a reload ends its own connection with the reply
            let _ = tokio::time::timeout(ACCEPT_MAX, self.receiver.accept(&delivery)).await;
            let message = delivery.into_message();
            let correlation = message.properties.as_ref().and_then(|properties| properties.correlation_id.as_ref());
            if correlation == Some(&MessageId::Ulong(self.correlation)) {
                return Ok(message);
            }
        }
    }
}

/// A question for a page of entities.
pub(super) fn request(of: &str, names: &[&str], offset: usize) -> Message<AmqpValue<Value>> {
    let number = |number: usize| SimpleValue::Ulong(u64::try_from(number).unwrap_or(u64::MAX));
    let properties = [
        ("operation", SimpleValue::String("QUERY".to_owned())),
        ("type", SimpleValue::String("org.amqp.management".to_owned())),
        ("name", SimpleValue::String("self".to_owned())),
        ("entityType", SimpleValue::String(of.to_owned())),
        ("offset", number(offset)),
        ("count", number(PAGE)),
    ];
    let mut body = OrderedMap::new();
    body.insert(Value::from("attributeNames"), Value::List(names.iter().map(|name| Value::from(*name)).collect()));
    message(properties, Value::Map(body))
}

/// A request on its way to the management node.
pub(super) fn addressed(
    request: Message<AmqpValue<Value>>,
    reply_to: &str,
    correlation: u64,
) -> Message<AmqpValue<Value>> {
    let properties = Properties {
        to: Some("$management".to_owned()),
        reply_to: Some(reply_to.to_owned()),
        correlation_id: Some(MessageId::Ulong(correlation)),
        ..Properties::default()
    };
    Message { properties: Some(properties), ..request }
}

/// A request with these properties of the application.
fn message<'n>(properties: impl IntoIterator<Item = (&'n str, SimpleValue)>, body: Value) -> Message<AmqpValue<Value>> {
    let mut application = OrderedMap::new();
    for (key, value) in properties {
        application.insert(key.to_owned(), value);
    }
    Message {
        header: None,
        delivery_annotations: None,
        message_annotations: None,
        properties: None,
        application_properties: Some(ApplicationProperties(application)),
        body: AmqpValue(body),
        footer: None,
    }
}

/// The body of a reply that is no refusal.
fn read_body(message: Message<Body<Value>>) -> Result<Value, StatFault> {
    let application = message.application_properties.map(|properties| properties.0).unwrap_or_default();
    let status = match application.get("statusCode") {
        Some(SimpleValue::Int(status)) => *status,
        _ => return Err(StatFault::Reply("it has no status code")),
    };
    if status != 200 {
        let description = match application.get("statusDescription") {
            Some(SimpleValue::String(text)) => text.replace(char::is_control, "\u{fffd}"),
            _ => "no description".to_owned(),
        };
        return Err(StatFault::Refused { status, description });
    }
    match message.body {
        Body::Value(AmqpValue(body)) => Ok(body),
        _ => Err(StatFault::Reply("its body is no value")),
    }
}

fn read_rows(body: Value) -> Result<Vec<Row>, StatFault> {
    let Value::Map(map) = body else { return Err(StatFault::Reply("its body is no map")) };
    let list = |key: &str| match map.get(&Value::from(key)) {
        Some(Value::List(items)) => Ok(items),
        _ => Err(StatFault::Reply("it has no attribute names or results")),
    };
    let names: Vec<String> = list("attributeNames")?
        .iter()
        .map(|name| match name {
            Value::String(name) => Ok(name.clone()),
            _ => Err(StatFault::Reply("an attribute name is no string")),
        })
        .collect::<Result<_, _>>()?;
    list("results")?
        .iter()
        .map(|row| match row {
            Value::List(values) => Ok(Row::new(names.iter().cloned().zip(values.iter().cloned()))),
            _ => Err(StatFault::Reply("a result is no list")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_by_the_names_of_the_reply() {
        let mut body = OrderedMap::new();
        body.insert(Value::from("attributeNames"), Value::List(vec![Value::from("name"), Value::from("port")]));
        let row = Value::List(vec![Value::from("clients"), Value::from("5672")]);
        body.insert(Value::from("results"), Value::List(vec![row]));
        let rows = read_rows(Value::Map(body)).unwrap();
        assert_eq!((rows.len(), rows[0].text("port")), (1, Some("5672")));
    }

    #[test]
    fn a_reply_of_something_else_is_said_so() {
        assert!(matches!(read_rows(Value::Null), Err(StatFault::Reply(_))));
        assert!(matches!(read_rows(Value::Map(OrderedMap::new())), Err(StatFault::Reply(_))));
    }
}
