//! An entity: attributes by their names.

use serde_amqp::Value;

/// An entity of a reply.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    attributes: Vec<(String, Value)>,
}

impl Row {
    pub(super) fn new(attributes: impl IntoIterator<Item = (String, Value)>) -> Self {
        Self { attributes: attributes.into_iter().collect() }
    }

    /// An attribute; null where there is none.
    pub(super) fn get(&self, name: &str) -> &Value {
        self.attributes.iter().find(|(known, _)| known == name).map_or(&Value::Null, |(_, value)| value)
    }

    /// An attribute that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Value::String(text) => Some(text),
            Value::Symbol(symbol) => Some(symbol.as_str()),
            _ => None,
        }
    }

    /// An attribute that is a whole number.
    pub(super) fn number(&self, name: &str) -> Option<i128> {
        whole(self.get(name))
    }

    /// An attribute that is a flag, and set.
    pub(super) fn flag(&self, name: &str) -> bool {
        *self.get(name) == Value::Bool(true)
    }
}

/// Rows as a list of objects. What is null is left out.
pub(super) fn json(rows: &[Row]) -> String {
    let object = |row: &Row| -> serde_json::Map<String, serde_json::Value> {
        let known = row.attributes.iter().filter(|(_, value)| *value != Value::Null);
        known.map(|(name, value)| (name.clone(), to_json(value))).collect()
    };
    let list: serde_json::Value = rows.iter().map(object).collect();
    format!("{list:#}\n")
}

pub(super) fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(flag) => (*flag).into(),
        Value::Float(number) => f64::from(number.0).into(),
        Value::Double(number) => number.0.into(),
        Value::String(text) => text.as_str().into(),
        Value::Symbol(symbol) => symbol.as_str().into(),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Array(items) => items.0.iter().map(to_json).collect(),
        Value::Map(map) => {
            let key = |key: &Value| match key {
                Value::String(text) => text.clone(),
                Value::Symbol(symbol) => symbol.as_str().to_owned(),
                other => to_json(other).to_string(),
            };
            serde_json::Value::Object(map.iter().map(|(name, value)| (key(name), to_json(value))).collect())
        }
        other => match whole(other) {
            Some(number) => i64::try_from(number).map_or_else(|_| number.to_string().into(), Into::into),
            None => format!("{other:?}").into(),
        },
    }
}

pub(super) fn whole(value: &Value) -> Option<i128> {
    match *value {
        Value::Ubyte(number) => Some(number.into()),
        Value::Ushort(number) => Some(number.into()),
        Value::Uint(number) => Some(number.into()),
        Value::Ulong(number) => Some(number.into()),
        Value::Byte(number) => Some(number.into()),
        Value::Short(number) => Some(number.into()),
        Value::Int(number) => Some(number.into()),
        Value::Long(number) => Some(number.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_what_is_known_and_nothing_else() {
        let row = Row::new([
            ("name".to_owned(), Value::from("a\"b")),
            ("count".to_owned(), Value::Ulong(7)),
            ("huge".to_owned(), Value::Ulong(u64::MAX)),
            ("peer".to_owned(), Value::Null),
            ("list".to_owned(), Value::List(vec![Value::Bool(true), Value::Int(-1)])),
        ]);
        let read: serde_json::Value = serde_json::from_str(&json(&[row])).unwrap();
        let expected = serde_json::json!([
            { "name": "a\"b", "count": 7, "huge": "18446744073709551615", "list": [true, -1] }
        ]);
        assert_eq!(read, expected);
    }
}
