//! A request, as it comes: an encoded message with all its sections.

use crosstie_amqp::guard;
use crosstie_amqp::raw::{code, skip};
use fe2o3_amqp_types::messaging::{MessageId, Properties};
use serde_amqp::Value;
use serde_amqp::primitives::OrderedMap;

use crate::refused::Refused;
use crate::value::{as_integer, as_text};

const PROPERTIES: u64 = 0x73;
const APPLICATION_PROPERTIES: u64 = 0x74;
const AMQP_VALUE: u64 = 0x77;

/// Where the reply to a request goes.
#[derive(Debug, Clone)]
pub(crate) struct Return {
    pub(crate) to: String,
    /// The correlation-id of the request, or else its message-id.
    pub(crate) correlation: Option<MessageId>,
}

/// What a request says.
#[derive(Debug, Default)]
pub(crate) struct Request {
    properties: OrderedMap<Value, Value>,
    /// Null where the message has no body.
    pub(crate) body: Value,
}

impl Request {
    /// A property that is a text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Refused> {
        match self.property(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let wrong = || Refused::BadRequest(format!("property '{name}' is no string"));
                as_text(value).map(Some).ok_or_else(wrong)
            }
        }
    }

    /// A property that is a number.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Refused> {
        match self.property(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let wrong = || Refused::BadRequest(format!("property '{name}' is no integer"));
                as_integer(value).map(Some).ok_or_else(wrong)
            }
        }
    }

    /// A property that is a flag.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Refused> {
        match self.property(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(Refused::BadRequest(format!("property '{name}' is no boolean"))),
        }
    }

    fn property(&self, name: &str) -> Option<&Value> {
        self.properties.iter().find(|(key, _)| as_text(key) == Some(name)).map(|(_, value)| value)
    }
}

/// Reads an encoded message. `None`: it has no readable reply-to, so nobody can be answered.
pub(crate) fn read(message: &[u8]) -> Option<(Return, Result<Request, Refused>)> {
    let mut back = None;
    let mut request = Request::default();
    let outcome = read_sections(message, &mut back, &mut request);
    Some((back?, outcome.map(|()| request)))
}

fn read_sections(mut rest: &[u8], back: &mut Option<Return>, request: &mut Request) -> Result<(), Refused> {
    while !rest.is_empty() {
        let length = skip(rest).map_err(malformed)?;
        let (section, after) = rest.split_at_checked(length).ok_or_else(|| malformed("it is cut off"))?;
        rest = after;
        match code(section) {
            Some((PROPERTIES, _)) => {
                let passed = guard::pass(section).map_err(malformed)?;
                let properties: Properties = serde_amqp::from_slice(&passed).map_err(|error| {
                    // whoever asked hears what is wrong with the rest
                    *back = reply_to(&passed).map(|to| Return { to, correlation: None });
                    malformed(error)
                })?;
                *back = properties
                    .reply_to
                    .map(|to| Return { to, correlation: properties.correlation_id.or(properties.message_id) });
            }
            Some((APPLICATION_PROPERTIES, offset)) => match inside(section, offset)? {
                Value::Map(map) => request.properties = map,
                _ => return Err(malformed("the application properties are no map")),
            },
            Some((AMQP_VALUE, offset)) => request.body = inside(section, offset)?,
            Some(_) => {}
            None => return Err(malformed("a section has no descriptor")),
        }
    }
    Ok(())
}

/// The field of properties that says where the reply goes, whatever the others are.
fn reply_to(section: &[u8]) -> Option<String> {
    const PLACE: usize = 4;
    let Ok(Value::Described(described)) = serde_amqp::from_slice(section) else { return None };
    let Value::List(fields) = described.value else { return None };
    as_text(fields.get(PLACE)?).map(str::to_owned)
}

/// The value behind the descriptor of a section.
fn inside(section: &[u8], offset: usize) -> Result<Value, Refused> {
    let value = section.get(offset..).unwrap_or_default();
    let passed = guard::pass(value).map_err(malformed)?;
    serde_amqp::from_slice(&passed).map_err(malformed)
}

fn malformed(fault: impl std::fmt::Display) -> Refused {
    Refused::BadRequest(format!("malformed request: {fault}"))
}
