//! The agent: takes a request, asks for facts and changes, and gives the reply.
//!
//! ```text
//!                    +-- Gather --> facts() --+
//! begin() --> Step --+                        +--> Step, until Reply or Silent
//!                    +-- Change --> changed() +
//!                    +-- Reload --> done() ---+
//! ```

use crosstie_model::facts::{Facts, Part};
use crosstie_model::policy::RecordOrder;
use fe2o3_amqp_types::messaging::message::__private::Serializable;
use fe2o3_amqp_types::messaging::{AmqpValue, ApplicationProperties, Message, Properties};
use serde_amqp::Value;
use serde_amqp::primitives::OrderedMap;

use crate::change::Change;
use crate::create::{Created, Creation};
use crate::explain::Explain;
use crate::query::Query;
use crate::record;
use crate::refused::Refused;
use crate::request::{self, Request, Return};
use crate::schema;
use crate::select::{Selected, Selector};
use crate::update::{Update, Updating};
use crate::value::{list, map, text};

/// What a peer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Ask.
    Read,
    /// Ask and change.
    Full,
}

/// The management node. It keeps nothing between two requests.
#[derive(Debug, Clone, Copy)]
pub struct Agent {
    request_bytes_max: usize,
}

/// What comes next.
pub enum Step {
    /// The reply.
    Reply(Reply),
    /// No reply: the request cannot be read, or says nowhere to reply to.
    Silent,
    /// Facts are needed.
    Gather(Pending),
    /// The router is to be changed.
    Change(Changing, Change),
    /// The configuration is to be read anew.
    Reload(Reloading, Reload),
}

/// What is to become of what has changed in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// It is told.
    Plan,
    /// It is applied, and told.
    Apply,
}

/// A reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The reply-to of the request.
    pub to: String,
    /// An encoded message, all its sections.
    pub message: Vec<u8>,
    /// Its `statusCode`.
    pub status: i32,
}

/// A request that waits for facts.
pub struct Pending {
    back: Return,
    question: Question,
}

/// A request that waits for its change.
pub struct Changing {
    back: Return,
    then: Then,
}

/// A request that waits for the configuration to be read anew.
pub struct Reloading {
    back: Return,
}

/// What the reply to a change says.
enum Then {
    Created(Created),
    Read(Selector),
    Body(Value),
    Recording,
    Deleted,
}

enum Question {
    Query(Query),
    Read(Selector),
    Delete(Selector),
    Create(Creation),
    Created(Created),
    Update(Update),
    Explain(Explain),
    Recording,
    Nodes,
}

/// What a request comes to before any facts.
enum Plan {
    Answer(Value),
    Ask(Question),
    Record(RecordOrder),
    Reload(Reload),
}

impl Agent {
    /// Longer requests are refused; whoever collects them may stop there.
    #[must_use]
    pub const fn new(request_bytes_max: usize) -> Self {
        Self { request_bytes_max }
    }

    /// Takes a request: an encoded message, all its sections.
    #[must_use]
    pub fn begin(&self, request: &[u8], access: Access) -> Step {
        let Some((back, content)) = request::read(request.get(..self.request_bytes_max).unwrap_or(request)) else {
            return Step::Silent;
        };
        let plan = if request.len() > self.request_bytes_max {
            Err(Refused::BadRequest(format!("the request has more than {} bytes", self.request_bytes_max)))
        } else {
            content.and_then(|request| plan(&request, access))
        };
        match plan {
            Ok(Plan::Ask(question)) => Step::Gather(Pending { back, question }),
            Ok(Plan::Answer(body)) => back.reply(Ok((200, body))),
            Ok(Plan::Record(order)) => Step::Change(Changing { back, then: Then::Recording }, Change::Record(order)),
            Ok(Plan::Reload(reload)) => Step::Reload(Reloading { back }, reload),
            Err(refused) => back.reply(Err(refused)),
        }
    }
}

impl Pending {
    /// Whether these facts are needed; those of the router itself always are.
    #[must_use]
    pub fn wants(&self, part: Part) -> bool {
        match &self.question {
            Question::Query(query) => query.wants(part),
            Question::Read(selector) | Question::Delete(selector) => selector.wants(part),
            Question::Create(creation) => creation.wants(part),
            Question::Created(created) => created.wants(part),
            Question::Update(update) => update.wants(part),
            Question::Explain(explain) => explain.wants(part),
            Question::Recording => false,
            Question::Nodes => part == Part::Nodes,
        }
    }

    /// The address that is to be explained, and the identity of the connection whose peer writes it so.
    #[must_use]
    pub fn address(&self) -> Option<(&str, Option<&str>)> {
        match &self.question {
            Question::Explain(explain) => explain.address(),
            _ => None,
        }
    }

    /// Takes the facts.
    #[must_use]
    pub fn facts(self, facts: &Facts) -> Step {
        let back = self.back;
        let answer = match self.question {
            Question::Query(query) => Ok((200, query.answer(facts))),
            Question::Read(selector) => selector.find(facts).map(|found| (200, found.kind.entity(facts, found.row))),
            Question::Created(created) => created.answer(facts).map(|entity| (201, entity)),
            Question::Nodes => Ok((200, nodes(facts))),
            Question::Recording => record::told(facts).map(|body| (200, body)),
            Question::Explain(explain) => explain.answer(facts).map(|body| (200, body)),
            Question::Create(creation) => match creation.check(facts) {
                Ok((change, created)) => return Step::Change(Changing { back, then: Then::Created(created) }, change),
                Err(refused) => Err(refused),
            },
            Question::Delete(selector) => match selector.find(facts).and_then(|found| deletion(facts, found)) {
                Ok(change) => return Step::Change(Changing { back, then: Then::Deleted }, change),
                Err(refused) => Err(refused),
            },
            Question::Update(update) => match update.check(facts) {
                Ok(Updating::Done(body)) => Ok((200, body)),
                Ok(Updating::Change(change, body)) => {
                    return Step::Change(Changing { back, then: Then::Body(body) }, change);
                }
                Ok(Updating::Reread(change, selector)) => {
                    return Step::Change(Changing { back, then: Then::Read(selector) }, change);
                }
                Err(refused) => Err(refused),
            },
        };
        back.reply(answer)
    }
}

impl Changing {
    /// Takes what became of the change.
    #[must_use]
    pub fn changed(self, outcome: Result<(), Refused>) -> Step {
        let back = self.back;
        match (outcome, self.then) {
            (Ok(()), Then::Created(created)) => Step::Gather(Pending { back, question: Question::Created(created) }),
            (Ok(()), Then::Read(selector)) => Step::Gather(Pending { back, question: Question::Read(selector) }),
            (Ok(()), Then::Recording) => Step::Gather(Pending { back, question: Question::Recording }),
            (Ok(()), Then::Body(body)) => back.reply(Ok((200, body))),
            (Ok(()), Then::Deleted) => back.reply(Ok((204, map::<&str>([])))),
            (Err(refused), _) => back.reply(Err(refused)),
        }
    }
}

impl Reloading {
    /// Takes what is or would be done, a line for each change, or what is wrong with the configuration, as a person reads it.
    #[must_use]
    pub fn done(self, outcome: Result<Vec<String>, String>) -> Step {
        match outcome {
            Ok(plan) => self.back.send(200, reason(200).to_owned(), map([("plan", list(&plan))])),
            Err(problems) => {
                let description = "nothing was changed: the configuration has problems".to_owned();
                self.back.send(400, description, map([("problems", text(problems))]))
            }
        }
    }
}

fn plan(request: &Request, access: Access) -> Result<Plan, Refused> {
    let operation = request.text("operation")?.ok_or_else(|| Refused::BadRequest("no 'operation' property".into()))?;
    let operation = operation.to_ascii_uppercase();
    if access == Access::Read && matches!(operation.as_str(), "CREATE" | "UPDATE" | "DELETE" | "RELOAD" | "RECORD") {
        return Err(Refused::Forbidden(format!("operation '{operation}' is forbidden here: this peer may only read")));
    }
    let of = request.text("entityType")?.map(schema::named).transpose()?;
    Ok(match operation.as_str() {
        "QUERY" => {
            // as in the reference, the type of the request stands in for the entity type
            let of = match (of, request.text("type")?) {
                (None, Some(name)) => Some(schema::named(name)?).filter(|named| !named.is_management()),
                (of, _) => of,
            };
            Plan::Ask(Question::Query(Query::read(request, of.as_ref())?))
        }
        "READ" => Plan::Ask(Question::Read(Selector::read(request)?)),
        "CREATE" => Plan::Ask(Question::Create(Creation::read(request)?)),
        "DELETE" => Plan::Ask(Question::Delete(Selector::read(request)?)),
        "GET-TYPES" => Plan::Answer(schema::types(of.as_ref())),
        "GET-OPERATIONS" => Plan::Answer(schema::operations(of.as_ref())),
        "GET-ATTRIBUTES" => Plan::Answer(schema::attributes(of.as_ref())),
        // there are no annotations
        "GET-ANNOTATIONS" => Plan::Answer(map::<&str>([])),
        "GET-SCHEMA" => Plan::Answer(schema::whole()),
        "GET-JSON-SCHEMA" => Plan::Answer(schema::whole_json()),
        "GET-MGMT-NODES" => Plan::Ask(Question::Nodes),
        "UPDATE" => Plan::Ask(Question::Update(Update::read(request)?)),
        // these are not of the reference
        "RECORD" => match record::read(request)? {
            Some(order) => Plan::Record(order),
            None => Plan::Ask(Question::Recording),
        },
        "EXPLAIN" => Plan::Ask(Question::Explain(Explain::read(request)?)),
        "RELOAD" => Plan::Reload(if request.flag("dryRun")? == Some(true) { Reload::Plan } else { Reload::Apply }),
        other => return Err(Refused::NotImplemented(format!("operation '{other}' is not implemented"))),
    })
}

/// GET-MGMT-NODES: the management nodes of the network.
fn nodes(facts: &Facts) -> Value {
    Value::List(facts.nodes.iter().map(|node| text(format!("amqp:/_topo/0/{}/$management", node.id))).collect())
}

fn deletion(facts: &Facts, found: Selected) -> Result<Change, Refused> {
    let head = found.kind.head();
    let gone = || Refused::NotFound("no such entity".into());
    match head.name {
        "listener" => {
            let listener = facts.listeners.get(found.row).ok_or_else(gone)?;
            Ok(Change::DeleteListener(listener.endpoint.name.clone()))
        }
        "connector" => {
            let connector = facts.connectors.get(found.row).ok_or_else(gone)?;
            Ok(Change::DeleteConnector(connector.endpoint.name.clone()))
        }
        "router.config.address" => Ok(Change::DeleteAddress(facts.address_rules.get(found.row).ok_or_else(gone)?.id)),
        "router.config.linkRoute" => Ok(Change::DeleteLinkRoute(facts.link_routes.get(found.row).ok_or_else(gone)?.id)),
        "router.connection.linkRoute" => {
            Ok(Change::DeleteConnectionRoute(facts.connection_routes.get(found.row).ok_or_else(gone)?.id))
        }
        "router.config.autoLink" => Ok(Change::DeleteAutoLink(facts.auto_links.get(found.row).ok_or_else(gone)?.id)),
        "sslProfile" => Ok(Change::DeleteTls(facts.tls_profiles.get(found.row).ok_or_else(gone)?.name.clone())),
        "authServicePlugin" => {
            Ok(Change::DeleteAuthService(facts.auth_services.get(found.row).ok_or_else(gone)?.name.clone()))
        }
        _ => Err(Refused::NotImplemented(format!("operation 'DELETE' is not implemented for '{}'", head.full_name()))),
    }
}

impl Return {
    fn reply(self, answer: Result<(i32, Value), Refused>) -> Step {
        let (status, description, body) = match answer {
            Ok((status, body)) => (status, reason(status).to_owned(), body),
            Err(refused) => (refused.code(), refused.to_string(), map::<&str>([])),
        };
        self.send(status, description, body)
    }

    fn send(self, status: i32, description: String, body: Value) -> Step {
        let mut properties = OrderedMap::new();
        properties.insert("statusCode".to_owned(), status.into());
        properties.insert("statusDescription".to_owned(), description.into());
        let message = Message {
            header: None,
            delivery_annotations: None,
            message_annotations: None,
            properties: Some(Properties {
                to: Some(self.to.clone()),
                correlation_id: self.correlation,
                ..Properties::default()
            }),
            application_properties: Some(ApplicationProperties(properties)),
            body: AmqpValue(body),
            footer: None,
        };
        match serde_amqp::to_vec(&Serializable(message)) {
            Ok(message) => Step::Reply(Reply { to: self.to, message, status }),
            // every value comes from our own tables; nothing of them fails to encode
            Err(_) => Step::Silent,
        }
    }
}

const fn reason(status: i32) -> &'static str {
    match status {
        201 => "Created",
        204 => "No Content",
        _ => "OK",
    }
}
