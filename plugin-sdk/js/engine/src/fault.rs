//! What a script threw, in words.

use rquickjs::{Coerced, Ctx, Error, Exception, Value};

/// `file:line:column: name: message`, and the stack, where there is one.
pub(crate) fn report(ctx: &Ctx<'_>, error: Error) -> String {
    match error {
        Error::Exception => thrown(ctx.catch()),
        Error::Utf8(_) => "a text has half of a surrogate pair, which is no character".to_owned(),
        Error::InvalidString(_) => "the script has a NUL character".to_owned(),
        other => other.to_string(),
    }
}

fn thrown(value: Value<'_>) -> String {
    if value.is_null() {
        // where there is no room for an Error
        return "threw `null`, as when it is out of memory".to_owned();
    }
    let Some(error) = value.as_object().cloned().and_then(Exception::from_object) else {
        return format!("threw {}, which is no Error", shown(&value));
    };
    let text = |name: &str| error.as_object().get::<_, Coerced<String>>(name).map(|text| text.0).unwrap_or_default();
    let (name, message, stack) = (text("name"), text("message"), text("stack"));
    let at = place(&stack).map(|place| format!("{place}: ")).unwrap_or_default();
    format!("{at}{name}: {message}\n{stack}")
}

/// A value that is no Error: its text, where it has one without the script's help.
fn shown(value: &Value<'_>) -> String {
    if value.is_object() || value.is_symbol() {
        return format!("a value of type {}", value.type_name());
    }
    match value.get::<Coerced<String>>() {
        Ok(text) => format!("`{}`", text.0),
        Err(_) => format!("a value of type {}", value.type_name()),
    }
}

/// Where it was thrown: `file:line:column` of the first line of a stack that has one, `at name (file:1:2)` or `at file:1:2`.
fn place(stack: &str) -> Option<&str> {
    let places = stack.lines().map(|line| {
        let line = line.trim().trim_start_matches("at ");
        line.rsplit_once('(').map_or(line, |(_, place)| place.trim_end_matches(')'))
    });
    let mut known = places.filter(|place| place.ends_with(|last: char| last.is_ascii_digit()));
    known.next()
}
