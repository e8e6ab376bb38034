//! Uses of keys and values as they stand in a line of a record: `{"get": "k", "value": "v"}`. Bytes that are no plain text are
//! `{"$bytes": base64}`.

use serde_json::{Map, Value, json};

use crate::json::{shown, tree};
use crate::tape::Use;
use crate::tree::Tree;

/// As JSON.
pub(crate) fn shown_uses(uses: &[Use]) -> Value {
    uses.iter().map(shown_use).collect()
}

/// From JSON.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn read_uses(value: Value) -> Result<Vec<Use>, String> {
    let Value::Array(items) = value else { return Err("`kv` is no list".to_owned()) };
    items.into_iter().map(read_use).collect()
}

fn shown_use(one: &Use) -> Value {
    match one {
        Use::Get { key, value } => json!({ "get": bytes(key), "value": value.as_deref().map(bytes) }),
        Use::Put { key, value, ttl_ms, stored } => {
            json!({ "put": bytes(key), "value": bytes(value), "ttl-ms": ttl_ms, "stored": stored })
        }
        Use::Add { key, by, ttl_ms, value } => json!({ "add": bytes(key), "by": by, "ttl-ms": ttl_ms, "value": value }),
        Use::Delete { key } => json!({ "delete": bytes(key) }),
    }
}

fn bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(char::is_control) => json!(text),
        _ => shown(&Tree::Bytes(bytes.into())),
    }
}

fn read_use(item: Value) -> Result<Use, String> {
    let Value::Object(mut fields) = item else { return Err("an entry of `kv` is no object".to_owned()) };
    let ttl_ms = fields.get("ttl-ms").and_then(Value::as_u64).and_then(|ms| u32::try_from(ms).ok()).unwrap_or(0);
    if let Some(key) = take(&mut fields, "get")? {
        return Ok(Use::Get { key, value: take(&mut fields, "value")? });
    }
    if let Some(key) = take(&mut fields, "put")? {
        let value = take(&mut fields, "value")?.ok_or("a `put` of `kv` has no `value`")?;
        let stored = fields.get("stored").and_then(Value::as_bool).unwrap_or(true);
        return Ok(Use::Put { key, value, ttl_ms, stored });
    }
    if let Some(key) = take(&mut fields, "add")? {
        let by = fields.get("by").and_then(Value::as_i64).ok_or("an `add` of `kv` has no `by`")?;
        return Ok(Use::Add { key, by, ttl_ms, value: fields.get("value").and_then(Value::as_i64) });
    }
    match take(&mut fields, "delete")? {
        Some(key) => Ok(Use::Delete { key }),
        None => Err("an entry of `kv` is none of `get`, `put`, `add` and `delete`".to_owned()),
    }
}

/// Bytes, or text that stands for its bytes.
fn take(fields: &mut Map<String, Value>, name: &str) -> Result<Option<Vec<u8>>, String> {
    let Some(value) = fields.remove(name) else { return Ok(None) };
    match tree(value)? {
        Tree::Null => Ok(None),
        Tree::Text(text) => Ok(Some(text.into_owned().into_bytes())),
        Tree::Bytes(bytes) => Ok(Some(bytes.into_owned())),
        _ => Err(format!("`{name}` of `kv` is neither text nor bytes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_read_as_they_were_written() {
        let all = vec![
            Use::Get { key: b"k".to_vec(), value: Some(vec![0, 1]) },
            Use::Get { key: vec![255], value: None },
            Use::Put { key: b"k".to_vec(), value: b"v".to_vec(), ttl_ms: 7, stored: false },
            Use::Add { key: b"n".to_vec(), by: -1, ttl_ms: 0, value: Some(5) },
            Use::Add { key: b"n".to_vec(), by: 1, ttl_ms: 0, value: None },
            Use::Delete { key: b"k".to_vec() },
        ];
        let json = shown_uses(&all);
        assert_eq!(json[0], json!({ "get": "k", "value": { "$bytes": "AAE=" } }));
        assert_eq!(read_uses(json), Ok(all));
        for bad in [json!({}), json!([1]), json!([{ "take": "k" }]), json!([{ "put": "k" }]), json!([{ "add": "k" }])] {
            assert!(read_uses(bad.clone()).is_err(), "{bad}");
        }
    }
}
