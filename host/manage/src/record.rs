//! RECORD: the record of what plugins decide, on and off. Not of the reference.

use crosstie_model::facts::{Facts, RecordFacts};
use crosstie_model::policy::RecordOrder;
use crosstie_model::settings::RECORD_BYTES;
use serde_amqp::Value;

use crate::refused::Refused;
use crate::request::Request;
use crate::value::{map, maybe, text};

/// Reads it from the properties of a request: `action` is `on` (with `sample`, a text from 0 to 1, and `maxSize`, bytes, where they are to
/// change), `off`, or `status`, which changes nothing.
///
/// # Errors
///
/// [`Refused::BadRequest`].
pub(crate) fn read(request: &Request) -> Result<Option<RecordOrder>, Refused> {
    let bad = |why: String| Refused::BadRequest(why);
    match request.text("action")? {
        Some("on") => {
            let sample =
                request.text("sample")?.map(|text| text.parse::<f64>().ok().filter(|sample| is_share(*sample)));
            let max_bytes =
                request.text("maxSize")?.map(|text| text.parse::<u64>().ok().filter(|most| *most >= RECORD_BYTES.0));
            if sample == Some(None) {
                return Err(bad("'sample' is a number above 0 and up to 1".to_owned()));
            }
            if max_bytes == Some(None) {
                return Err(bad(format!("'maxSize' is a number of bytes, {} at least", RECORD_BYTES.0)));
            }
            Ok(Some(RecordOrder::On { sample: sample.flatten(), max_bytes: max_bytes.flatten() }))
        }
        Some("off") | None | Some("status") if request.text("sample")?.or(request.text("maxSize")?).is_some() => {
            Err(bad("'sample' and 'maxSize' go with the action 'on'".to_owned()))
        }
        Some("off") => Ok(Some(RecordOrder::Off)),
        None | Some("status") => Ok(None),
        Some(_) => Err(bad("'action' is 'on', 'off' or 'status'".to_owned())),
    }
}

fn is_share(sample: f64) -> bool {
    sample > 0.0 && sample <= 1.0
}

/// How it is with the record.
///
/// # Errors
///
/// [`Refused::NotFound`] where there are no plugins.
pub(crate) fn told(facts: &Facts) -> Result<Value, Refused> {
    let Some(RecordFacts { is_on, file, sample, max_bytes, written, dropped, fault }) = &facts.record else {
        return Err(Refused::NotFound("there are no plugins, and so no decisions to record".to_owned()));
    };
    let whole = |number: u64| Value::Long(i64::try_from(number).unwrap_or(i64::MAX));
    Ok(map([
        ("state", text(if *is_on { "on" } else { "off" })),
        ("file", text(file)),
        ("sample", (*sample).into()),
        ("maxSize", whole(*max_bytes)),
        ("written", whole(*written)),
        ("dropped", whole(*dropped)),
        ("fault", maybe(fault)),
    ]))
}
