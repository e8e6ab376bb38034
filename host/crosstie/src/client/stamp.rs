//! The time of sending in a message, for the latency that a receiver measures.

use std::time::{Duration, SystemTime};

use fe2o3_amqp_types::messaging::annotations::{AnnotationKey, OwnedKey};
use fe2o3_amqp_types::messaging::{Message, MessageAnnotations};
use fe2o3_amqp_types::primitives::SymbolRef;
use serde_amqp::Value;

/// The message annotation with microseconds since 1970; properties have a creation-time, which knows milliseconds only.
const SENT_US: &str = "x-opt-crosstie-sent-us";

/// Writes the time of sending into a message.
pub(crate) fn write<B>(message: &mut Message<B>) {
    let annotations = message.message_annotations.get_or_insert_with(MessageAnnotations::default);
    let sent = i64::try_from(now().as_micros()).unwrap_or(i64::MAX);
    annotations.0.insert(OwnedKey::from(SENT_US), Value::Long(sent));
}

/// How long a message was under way, where it says when it was sent and the clocks agree.
pub(crate) fn age<B>(message: &Message<B>) -> Option<Duration> {
    let annotation = message
        .message_annotations
        .as_ref()
        .and_then(|annotations| annotations.0.get(&SymbolRef(SENT_US) as &dyn AnnotationKey));
    let sent = match annotation {
        Some(Value::Long(sent)) => Duration::from_micros(u64::try_from(*sent).ok()?),
        _ => {
            let created = message.properties.as_ref()?.creation_time.as_ref()?.clone().into_inner();
            Duration::from_millis(u64::try_from(created).ok()?)
        }
    };
    now().checked_sub(sent)
}

fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use fe2o3_amqp_types::messaging::Properties;
    use serde_amqp::primitives::Timestamp;

    use super::*;

    fn message() -> Message<()> {
        Message {
            header: None,
            delivery_annotations: None,
            message_annotations: None,
            properties: None,
            application_properties: None,
            body: (),
            footer: None,
        }
    }

    #[test]
    fn a_stamped_message_knows_its_age() {
        let mut message = message();
        assert_eq!(age(&message), None);
        write(&mut message);
        assert!(age(&message).is_some_and(|age| age < Duration::from_secs(10)));
    }

    #[test]
    fn a_creation_time_will_do_and_one_of_tomorrow_will_not() {
        let mut message = message();
        let at = |ahead: i64| {
            let ms = i64::try_from(now().as_millis()).unwrap() + ahead;
            Some(Properties { creation_time: Some(Timestamp::from(ms)), ..Properties::default() })
        };
        message.properties = at(-5_000);
        let found = age(&message).unwrap();
        assert!(found >= Duration::from_secs(5) && found < Duration::from_secs(15), "{found:?}");
        message.properties = at(86_400_000);
        assert_eq!(age(&message), None);
    }
}
