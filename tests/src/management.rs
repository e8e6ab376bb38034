//! Requests to a router's management node, by fe2o3-amqp.

use std::net::SocketAddr;

use fe2o3_amqp::{Receiver, Sender};
use fe2o3_amqp_types::messaging::{AmqpValue, ApplicationProperties, Body, Message, Properties, Source};
use fe2o3_amqp_types::primitives::{OrderedMap, SimpleValue};
use serde_amqp::Value;

use crate::native::{Client, within};

/// A client with links to and from a management node.
pub struct Management {
    client: Client,
    sender: Sender,
    receiver: Receiver,
    reply_to: String,
}

/// What the management node says.
#[derive(Debug)]
pub struct Answer {
    /// Its `statusCode`.
    pub status: i32,
    /// Its `statusDescription`.
    pub description: String,
    /// Its body.
    pub body: Value,
}

impl Answer {
    /// A member of the body; null where there is none.
    #[must_use]
    pub fn get(&self, key: &str) -> Value {
        match &self.body {
            Value::Map(map) => map.get(&Value::from(key)).cloned().unwrap_or(Value::Null),
            _ => Value::Null,
        }
    }

    /// A member of the body that is a text.
    #[must_use]
    pub fn text(&self, key: &str) -> String {
        match self.get(key) {
            Value::String(text) => text,
            other => format!("{other:?}"),
        }
    }
}

impl Management {
    /// Connects and attaches.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub async fn open(addr: SocketAddr) -> Self {
        Self::over(Client::open(addr, "manager").await).await
    }

    /// Attaches over a connection that is there.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub async fn over(mut client: Client) -> Self {
        let source = Source::builder().dynamic(true).build();
        let attach = Receiver::builder().name("replies").source(source).attach(client.session());
        let receiver = within("attach", attach).await.unwrap_or_else(|error| panic!("attach: {error:?}"));
        let reply_to = receiver.source().as_ref().and_then(|source| source.address.clone()).expect("an address");
        let sender = client.sender("requests", "$management", false).await;
        Self { client, sender, receiver, reply_to }
    }

    /// Asks, with these application properties.
    ///
    /// # Panics
    ///
    /// When the request is not accepted, or the reply has no status.
    pub async fn ask(&mut self, properties: &[(&str, &str)], body: &[(&str, Value)]) -> Answer {
        let mut application = OrderedMap::new();
        for (key, value) in properties {
            application.insert((*key).to_owned(), SimpleValue::String((*value).to_owned()));
        }
        let mut map = OrderedMap::new();
        for (key, value) in body {
            map.insert(Value::from(*key), value.clone());
        }
        let request = Message {
            header: None,
            delivery_annotations: None,
            message_annotations: None,
            properties: Some(Properties { reply_to: Some(self.reply_to.clone()), ..Properties::default() }),
            application_properties: Some(ApplicationProperties(application)),
            body: AmqpValue(Value::Map(map)),
            footer: None,
        };
        let outcome = within("request", self.sender.send(request)).await.expect("a request is sent");
        assert!(outcome.is_accepted(), "{outcome:?}");
        let delivery = within("reply", self.receiver.recv::<Body<Value>>()).await.expect("a reply");
        within("accept", self.receiver.accept(&delivery)).await.expect("accepted");
        let message = delivery.into_message();
        let application = message.application_properties.map(|properties| properties.0).unwrap_or_default();
        let Some(SimpleValue::Int(status)) = application.get("statusCode") else { panic!("no status code") };
        let Some(SimpleValue::String(text)) = application.get("statusDescription") else { panic!("no description") };
        let Body::Value(AmqpValue(body)) = message.body else { panic!("the body is no value") };
        Answer { status: *status, description: text.clone(), body }
    }

    /// CREATE.
    pub async fn create(&mut self, of: &str, body: &[(&str, &str)]) -> Answer {
        let body: Vec<(&str, Value)> = body.iter().map(|(key, value)| (*key, Value::from(*value))).collect();
        self.ask(&[("operation", "CREATE"), ("type", of)], &body).await
    }

    /// READ or DELETE by name.
    pub async fn named(&mut self, operation: &str, of: &str, name: &str) -> Answer {
        self.ask(&[("operation", operation), ("type", of), ("name", name)], &[]).await
    }

    /// READ until it is as it should be.
    ///
    /// # Panics
    ///
    /// When it is not within a minute.
    pub async fn wait(&mut self, of: &str, name: &str, is: impl Fn(&Answer) -> bool) -> Answer {
        within(&format!("{of} {name}"), async {
            loop {
                let answer = self.named("READ", of, name).await;
                if is(&answer) {
                    return answer;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        })
        .await
    }

    /// Closes.
    pub async fn close(self) {
        self.client.close().await;
    }
}
