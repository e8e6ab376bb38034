//! Encoded values of attributes.

use crosstie_model::policy::InfoValue;
use crosstie_model::settings::{Direction, PropertyValue};
use serde_amqp::Value;
use serde_amqp::primitives::OrderedMap;

/// A text.
pub(crate) fn text(text: impl Into<String>) -> Value {
    Value::String(text.into())
}

/// A text, or null.
pub(crate) fn maybe(text: &Option<String>) -> Value {
    text.as_ref().map_or(Value::Null, |text| Value::String(text.clone()))
}

/// What the fact holds, or null.
pub(crate) fn or_null<T: Into<Value>>(value: Option<T>) -> Value {
    value.map_or(Value::Null, Into::into)
}

/// A list.
pub(crate) fn list<T: Into<Value> + Clone>(items: &[T]) -> Value {
    Value::List(items.iter().cloned().map(Into::into).collect())
}

/// A map with texts as keys.
pub(crate) fn map<K: Into<String>>(pairs: impl IntoIterator<Item = (K, Value)>) -> Value {
    let mut map = OrderedMap::new();
    for (key, value) in pairs {
        map.insert(Value::String(key.into()), value);
    }
    Value::Map(map)
}

/// Properties of an Open.
pub(crate) fn properties(properties: &[(String, InfoValue)]) -> Value {
    map(properties.iter().map(|(key, value)| (key.as_str(), info(value))))
}

/// Properties that an operator adds to an Open; of a secret only where it is.
pub(crate) fn open_properties(properties: &[(String, PropertyValue)]) -> Value {
    map(properties.iter().map(|(key, value)| (key.as_str(), property(value))))
}

fn property(value: &PropertyValue) -> Value {
    match value {
        PropertyValue::Text(words) => text(words),
        PropertyValue::Secret(secret) => text(&secret.reference),
        PropertyValue::Integer(number) => (*number).into(),
        PropertyValue::Float(number) => (*number).into(),
        PropertyValue::Bool(flag) => (*flag).into(),
        PropertyValue::Null => Value::Null,
        PropertyValue::List(items) => Value::List(items.iter().map(property).collect()),
        PropertyValue::Map(entries) => open_properties(entries),
    }
}

/// `in` or `out`.
pub(crate) fn direction(direction: Direction) -> Value {
    text(match direction {
        Direction::In => "in",
        Direction::Out => "out",
    })
}

fn info(value: &InfoValue) -> Value {
    match value {
        InfoValue::Flag(flag) => (*flag).into(),
        InfoValue::Int(number) => (*number).into(),
        InfoValue::Uint(number) => (*number).into(),
        InfoValue::Float(number) => (*number).into(),
        InfoValue::Text(words) => text(words),
        InfoValue::Bytes(bytes) => Value::Binary(bytes.clone().into()),
    }
}

/// The text of a string or a symbol.
pub(crate) fn as_text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Symbol(symbol) => Some(symbol.as_str()),
        _ => None,
    }
}

/// The number of any integer type that fits.
pub(crate) fn as_integer(value: &Value) -> Option<i64> {
    match *value {
        Value::Ubyte(number) => Some(number.into()),
        Value::Ushort(number) => Some(number.into()),
        Value::Uint(number) => Some(number.into()),
        Value::Ulong(number) => number.try_into().ok(),
        Value::Byte(number) => Some(number.into()),
        Value::Short(number) => Some(number.into()),
        Value::Int(number) => Some(number.into()),
        Value::Long(number) => Some(number),
        _ => None,
    }
}
