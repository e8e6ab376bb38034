//! JSON: values with their places. Source: features 1.16.

use jsonc_parser::ast::{ObjectProp, ObjectPropName, Value};
use jsonc_parser::common::{Range, Ranged};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use crate::connection::LIST_ITEM;
use crate::loading::{Fault, Loading};
use crate::reference::entity::{Attribute, Entity, Given, camel_case};
use crate::source::Place;

/// What the reference takes: JSON, and a comma too many.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Text that is JSON once lines of comments are blanked out, and where it starts in its file.
pub(super) struct Json<'l, 'e> {
    pub(super) loading: &'l Loading<'e>,
    pub(super) file: usize,
    pub(super) base: usize,
    /// For whoever wrote what is no JSON.
    pub(super) hint: &'static str,
}

impl Json<'_, '_> {
    /// The entities of a whole file: a list of pairs of a name and a map.
    pub(super) fn entities(&self, text: &str) -> Vec<Entity> {
        let text = without_comments(text);
        let found = self.parsed(&text, |value| match value {
            Value::Array(list) => list.elements.iter().filter_map(|pair| self.entity(pair)).collect(),
            other => {
                self.report(other.range(), "a configuration in JSON is a list of pairs");
                Vec::new()
            }
        });
        found.unwrap_or_default()
    }

    /// One value, in a text without comments.
    pub(super) fn value(&self, text: &str) -> Given {
        self.parsed(text, |value| self.given(value)).unwrap_or(Given::Broken)
    }

    fn parsed<T>(&self, text: &str, read: impl FnOnce(&Value<'_>) -> T) -> Option<T> {
        let fault = match parse_to_ast(text, &CollectOptions::default(), &OPTIONS) {
            Ok(parsed) => match parsed.value {
                Some(value) => return Some(read(&value)),
                None => (Range::new(0, 0), "this is no JSON: it is empty".to_owned()),
            },
            Err(error) => (error.range(), format!("this is no JSON: {}", error.kind().to_string().to_lowercase())),
        };
        self.report(fault.0, &fault.1);
        None
    }

    fn report(&self, range: Range, message: &str) {
        self.loading.report(Fault::at(self.place(range), message).hint(self.hint));
    }

    fn place(&self, range: Range) -> Place {
        let len = range.end.saturating_sub(range.start);
        Place { file: self.file, start: self.base + range.start, len }
    }

    fn entity(&self, pair: &Value<'_>) -> Option<Entity> {
        let parts = match pair {
            Value::Array(pair) => pair.elements.as_slice(),
            _ => &[],
        };
        let [Value::StringLit(kind), Value::Object(map)] = parts else {
            self.report(pair.range(), "an entity is a pair of its name and its attributes");
            return None;
        };
        let mut entity = Entity::new(&kind.value, self.place(kind.range));
        entity.end = self.base + pair.range().end;
        entity.attributes = map.properties.iter().map(|prop| self.attribute(prop)).collect();
        for attribute in &mut entity.attributes {
            attribute.name = camel_case(&attribute.name);
        }
        Some(entity)
    }

    fn attribute(&self, prop: &ObjectProp<'_>) -> Attribute {
        let at = match &prop.name {
            ObjectPropName::String(name) => name.range,
            ObjectPropName::Word(name) => name.range,
        };
        Attribute {
            name: prop.name.as_str().to_owned(),
            at: self.place(at),
            value: self.given(&prop.value),
            value_at: self.place(prop.value.range()),
        }
    }

    fn item(&self, value: &Value<'_>) -> Attribute {
        let at = self.place(value.range());
        Attribute { name: LIST_ITEM.to_owned(), at, value: self.given(value), value_at: at }
    }

    /// The depth of the recursion is limited by the parser: 512.
    fn given(&self, value: &Value<'_>) -> Given {
        match value {
            Value::StringLit(text) => Given::Text(text.value.to_string()),
            Value::NumberLit(number) => number.value.parse().map(Given::Integer).unwrap_or_else(|_| {
                let number = number.value.parse();
                number.map(Given::Float).unwrap_or(Given::Broken)
            }),
            Value::BooleanLit(truth) => Given::Bool(truth.value),
            Value::NullKeyword(_) => Given::Null,
            Value::Array(list) => Given::List(list.elements.iter().map(|value| self.item(value)).collect()),
            Value::Object(map) => Given::Map(map.properties.iter().map(|prop| self.attribute(prop)).collect()),
        }
    }
}

/// Blanks out each line that starts with `#`, byte for byte.
pub(super) fn without_comments(text: &str) -> String {
    let mut blanked = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('#') {
            let ending = line.ends_with('\n');
            blanked.extend(std::iter::repeat_n(' ', line.len() - usize::from(ending)));
            blanked.push_str(if ending { "\n" } else { "" });
        } else {
            blanked.push_str(line);
        }
    }
    blanked
}
