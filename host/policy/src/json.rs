//! Trees as JSON.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::answer::integral;
use crate::tree::Tree;

/// How bytes stand in JSON: an object with this key alone.
pub(crate) const BYTES: &str = "$bytes";

/// What JSON stands for. A field that is null is absent.
pub(crate) fn tree(value: Value) -> Result<Tree<'static>, String> {
    Ok(match value {
        Value::Null => Tree::Null,
        Value::Bool(flag) => Tree::Bool(flag),
        Value::String(text) => Tree::Text(text.into()),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => Tree::Uint(number),
            (None, Some(number), _) => Tree::Int(number),
            (None, None, number) => Tree::Float(number.unwrap_or(f64::MAX)),
        },
        Value::Array(items) => Tree::Array(items.into_iter().map(tree).collect::<Result<_, _>>()?),
        Value::Object(fields) => {
            if let (1, Some(bytes)) = (fields.len(), fields.get(BYTES)) {
                let text = bytes.as_str().ok_or_else(|| format!("`{BYTES}` is no text"))?;
                let bytes = BASE64_STANDARD.decode(text).map_err(|error| format!("`{BYTES}` is no base64: {error}"))?;
                return Ok(Tree::Bytes(bytes.into()));
            }
            let field = |(key, value): (String, Value)| Ok((key.into(), tree(value)?));
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            Tree::Map(fields.map(field).collect::<Result<_, String>>()?)
        }
    })
}

/// A tree as JSON.
pub(crate) fn shown(tree: &Tree<'_>) -> Value {
    match tree {
        Tree::Map(fields) => fields.iter().map(|(key, value)| ((**key).to_owned(), shown(value))).collect(),
        Tree::Array(items) => items.iter().map(shown).collect(),
        Tree::Text(text) => json!(text),
        Tree::Bytes(bytes) => json!({ BYTES: BASE64_STANDARD.encode(bytes) }),
        Tree::Uint(number) => json!(number),
        Tree::Int(number) => json!(number),
        Tree::Float(number) => json!(number),
        Tree::Bool(flag) => json!(flag),
        Tree::Null => Value::Null,
    }
}

/// A request as JSON, of the host's bytes: they can be read.
pub(crate) fn shown_request(bytes: &[u8]) -> Value {
    Tree::decode(bytes).as_ref().map_or(Value::Null, shown)
}

/// An answer as JSON, of bytes that are a good one.
pub(crate) fn shown_answer(bytes: &[u8]) -> Value {
    Tree::decode(bytes).as_ref().map_or(Value::Null, plain)
}

/// An answer as JSON, the same where it means the same: a field that is null is absent, a float that is whole an integer.
pub(crate) fn plain(answer: &Tree<'_>) -> Value {
    match answer {
        Tree::Map(fields) => {
            let fields = fields.iter().filter(|(_, value)| *value != Tree::Null);
            fields.map(|(key, value)| ((**key).to_owned(), plain(value))).collect()
        }
        Tree::Array(items) => items.iter().map(plain).collect(),
        Tree::Float(number) => integral(*number).map_or_else(|| json!(number), |number| json!(number)),
        other => shown(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_mean_the_same_are_the_same() {
        let read = |text: &str| plain(&tree(serde_json::from_str(text).expect("JSON")).expect("a tree"));
        assert_eq!(
            read(r#"{"allow":{"note":null,"limits":{"links":3.0}}}"#),
            json!({ "allow": { "limits": { "links": 3 } } })
        );
        assert_eq!(read(r#"{"a":[-2.0,0.5,9007199254740994.0]}"#), json!({ "a": [-2, 0.5, 9_007_199_254_740_994.0] }));
        let null = Tree::Map(vec![("note".into(), Tree::Null), ("key".into(), Tree::Bytes(vec![1].into()))]);
        assert_eq!(plain(&null), json!({ "key": { "$bytes": "AQ==" } }));
    }

    #[test]
    fn json_stands_for_trees() {
        let text = r#"{"a":[1,-2,0.5,true,null,"x"],"b":{"$bytes":"AQI="},"c":{"$bytes":"AQI=","d":1}}"#;
        let value: Value = serde_json::from_str(text).expect("JSON");
        let read = tree(value.clone()).expect("a tree");
        let Tree::Map(fields) = &read else { panic!("{read:?}") };
        assert!(fields.contains(&("b".into(), Tree::Bytes(vec![1, 2].into()))), "{fields:?}");
        assert_eq!(shown(&read), value);
        assert_eq!(tree(json!({ "a": { "b": null } })), Ok(Tree::Map(vec![("a".into(), Tree::Map(Vec::new()))])));
        assert!(tree(json!({ "$bytes": 1 })).is_err() && tree(json!({ "$bytes": "?" })).is_err());
    }
}
