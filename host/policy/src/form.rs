//! What a value of a request may be: which fields there are, and what is wrong with a request in JSON.

use serde_json::{Map, Value};

use crate::forms::REQUESTS;
use crate::json::BYTES;

/// Bytes of a text that is shown where it is wrong.
const SHOWN_MAX_BYTES: usize = 60;

/// What may stand somewhere in a request. `forms.rs` has that of all requests.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    Flag,
    /// From 0 to this.
    Whole(u64),
    Integer,
    Float,
    /// One of an enum as well: a later version may have more words than this one.
    Text,
    Bytes,
    List(&'static Form),
    Record(&'static [(&'static str, Form)]),
    /// A case that holds nothing is its name, or that of a later version; another one an object with it.
    Variant(&'static [(&'static str, Option<Form>)]),
}

/// Whether a request has this field outside of lists: `peer.user`.
pub(crate) fn is_path(path: &str) -> bool {
    REQUESTS.iter().any(|(_, form)| form.has(path, false))
}

/// Whether a request has this field, or items of a list in it have: `candidates.host`.
pub(crate) fn is_path_into(path: &str) -> bool {
    REQUESTS.iter().any(|(_, form)| form.has(path, true))
}

/// Whether this is a request of a hook, in JSON. What is absent, or null, may be.
///
/// # Errors
///
/// The first field that no such request has, or that holds something else than there.
pub(crate) fn check(hook: &str, request: &Map<String, Value>) -> Result<(), String> {
    let Some((_, Form::Record(fields))) = REQUESTS.iter().find(|(known, _)| *known == hook) else { return Ok(()) };
    check_fields(fields, request, "").map_err(|flaw| match flaw {
        Flaw::Unknown(path) => format!("a request of `{hook}` has no `{}`", path.escape_debug()),
        Flaw::Other { path, wanted, found } => {
            format!("`{path}` of a request of `{hook}`: {wanted} is expected, this is {found}")
        }
    })
}

/// What is wrong with a request.
enum Flaw {
    /// There is no such field.
    Unknown(String),
    Other {
        path: String,
        wanted: String,
        found: String,
    },
}

fn check_fields(known: &[(&str, Form)], fields: &Map<String, Value>, above: &str) -> Result<(), Flaw> {
    for (key, value) in fields {
        let path = format!("{above}{key}");
        let Some((_, form)) = known.iter().find(|(name, _)| name == key) else { return Err(Flaw::Unknown(path)) };
        if !value.is_null() {
            form.check(value, path)?;
        }
    }
    Ok(())
}

impl Form {
    fn has(&self, path: &str, through_lists: bool) -> bool {
        path.split('.').try_fold(self, |form, name| form.field(name, through_lists)).is_some()
    }

    fn field(&self, name: &str, through_lists: bool) -> Option<&Self> {
        match self {
            Self::Record(fields) => fields.iter().find(|(known, _)| *known == name).map(|(_, form)| form),
            Self::Variant(cases) => cases.iter().find(|(known, _)| *known == name)?.1.as_ref(),
            Self::List(item) if through_lists => item.field(name, through_lists),
            _ => None,
        }
    }

    fn check(&self, value: &Value, path: String) -> Result<(), Flaw> {
        let is_so = match (self, value) {
            (Self::Record(known), Value::Object(fields)) => {
                return check_fields(known, fields, &format!("{path}."));
            }
            (Self::List(item), Value::Array(items)) => {
                return items.iter().try_for_each(|value| item.check(value, format!("{path}[]")));
            }
            (Self::Variant(cases), Value::Object(fields)) if fields.len() == 1 => {
                let (name, value) = fields.iter().next().unwrap_or((&path, value));
                let inside = format!("{path}.{name}");
                let Some((_, payload)) = cases.iter().find(|(known, _)| known == name) else {
                    return Err(Flaw::Unknown(inside));
                };
                match payload {
                    Some(form) => return form.check(value, inside),
                    None => false,
                }
            }
            (Self::Variant(cases), Value::String(_)) => cases.iter().any(|(_, payload)| payload.is_none()),
            (Self::Whole(most), value) => value.as_u64().is_some_and(|number| number <= *most),
            (Self::Integer, value) => value.is_i64(),
            // as it is sent
            (Self::Float, value) => value.is_f64(),
            (Self::Flag, Value::Bool(_)) | (Self::Text, Value::String(_)) => true,
            (Self::Bytes, Value::Object(fields)) => fields.len() == 1 && fields.contains_key(BYTES),
            _ => false,
        };
        if is_so { Ok(()) } else { Err(Flaw::Other { path, wanted: self.wanted(), found: found(value) }) }
    }

    fn wanted(&self) -> String {
        match self {
            Self::Flag => "`true` or `false`".to_owned(),
            Self::Whole(most) => format!("an integer from 0 to {most}"),
            Self::Integer => "an integer".to_owned(),
            Self::Float => "a number with a point, such as 1.0".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::Bytes => format!("an object with `{BYTES}`"),
            Self::List(_) => "a list".to_owned(),
            Self::Record(_) => "an object".to_owned(),
            Self::Variant(cases) => {
                let case = |(name, payload): &(&str, Option<Self>)| match payload {
                    None => format!("`{name}`"),
                    Some(_) => format!("an object with `{name}`"),
                };
                format!("one of {}", cases.iter().map(case).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// As a person calls it; what is short is shown.
fn found(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) if text.len() > SHOWN_MAX_BYTES => "a text".to_owned(),
        value => format!("`{value}`"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_is_one_of_the_schema() {
        for path in ["ctx", "peer", "peer.user", "peer.tls.subject", "candidates", "source.address", "limits.links"] {
            assert!(is_path(path) && is_path_into(path), "{path}");
        }
        for path in ["", "per", "peer.", "peer.usr", "peer.tls.subjct", "user"] {
            assert!(!is_path(path) && !is_path_into(path), "{path}");
        }
        // an item of a list is not sent alone
        for path in ["candidates.host", "peer.attributes.val", "properties.val.text", "source.filters.name"] {
            assert!(!is_path(path) && is_path_into(path), "{path}");
        }
        for path in ["candidates.hots", "peer.attributes.vla", "peer.user.name", "candidates[].host"] {
            assert!(!is_path(path) && !is_path_into(path), "{path}");
        }
    }

    #[test]
    fn what_no_request_has_is_found_however_deep_it_lies() {
        for (hook, request, wanted) in [
            ("failover", json!({ "candidates": [{ "host": "a" }, { "hots": "a" }] }), "has no `candidates[].hots`"),
            ("connection", json!({ "peer": { "tls": { "x": 1 } } }), "has no `peer.tls.x`"),
            (
                "connection",
                json!({ "properties": [{ "key": "k", "val": { "txt": "v" } }] }),
                "no `properties[].val.txt`",
            ),
            (
                "connection",
                json!({ "peer": { "user": 5 } }),
                "`peer.user` of a request of `connection`: a text is expected, this is `5`",
            ),
            ("connection", json!({ "peer": { "user": { "x": 1 } } }), "a text is expected, this is an object"),
            ("connection", json!({ "peer": "alice" }), "an object is expected, this is `\"alice\"`"),
            (
                "connection",
                json!({ "peer": { "port": 70_000 } }),
                "an integer from 0 to 65535 is expected, this is `70000`",
            ),
            ("connection", json!({ "peer": { "port": 1.5 } }), "this is `1.5`"),
            (
                "connection",
                json!({ "peer": { "tls": { "sans": "a" } } }),
                "`peer.tls.sans` of a request of `connection`: a list is",
            ),
            ("connection", json!({ "peer": { "tls": { "sans": [1] } } }), "`peer.tls.sans[]` of"),
            ("connection", json!({ "recheck": "yes" }), "`true` or `false` is expected"),
            ("connection", json!({ "ctx": { "now-ms": "5" } }), "`ctx.now-ms` of"),
            (
                "connection",
                json!({ "properties": [{ "key": "k", "val": { "bytes": "AA==" } }] }),
                "an object with `$bytes`",
            ),
            ("link", json!({ "role": 1 }), "a text is expected, this is `1`"),
            (
                "address",
                json!({ "configured": 1 }),
                "`multicast`, an object with `link-route`, `unavailable` is expected",
            ),
            ("address", json!({ "configured": { "link-route": 1 } }), "`configured.link-route` of"),
            ("address", json!({ "configured": { "closest": 1 } }), "this is an object"),
        ] {
            let found = check(hook, request.as_object().unwrap()).expect_err("that is no request");
            assert!(found.contains(wanted), "{found}, and not {wanted}");
        }
    }

    #[test]
    fn what_is_fixed_is_a_request_and_so_is_less() {
        let lines = include_str!("../../../plugin-sdk/golden.jsonl").lines();
        let mut count = 0;
        for line in lines {
            let line: Value = serde_json::from_str(line).unwrap();
            let mut words = line["name"].as_str().unwrap().split(' ');
            if let (Some("request"), Some(hook)) = (words.next(), words.next()) {
                assert_eq!(check(hook, line["json"].as_object().unwrap()), Ok(()), "{line}");
                count += 1;
            }
        }
        assert!(count >= 8, "{count}");
        let less = json!({ "peer": { "user": null }, "properties": [{ "key": "k" }, { "key": "k", "val": { "bytes": { "$bytes": "AA==" } } }] });
        assert_eq!(check("connection", less.as_object().unwrap()), Ok(()));
        // words of later versions, too
        for configured in [json!({ "link-route": "broker" }), json!("closest"), json!("later")] {
            let address = json!({ "configured": configured, "occasion": "later" });
            assert_eq!(check("address", address.as_object().unwrap()), Ok(()));
        }
    }
}
