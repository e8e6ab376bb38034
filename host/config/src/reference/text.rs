//! Text: the reference's own form, `name { key: value }`, a line for each. Source: features 1.16.

use crate::loading::{Fault, Loading};
use crate::reference::entity::{Attribute, Entity, Given, camel_case};
use crate::reference::json::{Json, without_comments};
use crate::source::Place;

/// Attributes whose value is one word that may hold `#`.
const HASH_IN_VALUE: [&str; 3] = ["pattern", "bindingKey", "hostname"];
/// Attributes whose value is JSON; other maps belong to entities that are not served.
const JSON_MAPS: [&str; 1] = ["openProperties"];

const FORM: &str = "a line is `name {`, `attribute: value` or `}`";

/// The entities of a text, and every line that is none of theirs reported.
pub(super) fn entities(loading: &Loading<'_>, file: usize, text: &str) -> Vec<Entity> {
    let text = without_comments(text);
    let mut reader = Lines { loading, file, text: &text, next: 0, open: None, closed: Vec::new(), is_lost: false };
    while let Some(line) = reader.next_line() {
        reader.line(line);
    }
    if let Some(entity) = reader.open.take() {
        reader.report(entity.at, "`{` without `}`", "an entity ends with `}` on a line by itself");
        reader.closed.push(entity);
    }
    reader.closed
}

/// A part of a line, without white space around it, and where it starts.
#[derive(Debug, Clone, Copy)]
struct Part<'t> {
    text: &'t str,
    start: usize,
}

impl<'t> Part<'t> {
    fn trim(self) -> Self {
        let tail = self.text.trim_start();
        Self { text: tail.trim_end(), start: self.start + self.text.len() - tail.len() }
    }

    /// What stands before a trailing comment.
    fn without_comment(self) -> Self {
        let text = self.text.split('#').next().unwrap_or("");
        Self { text, ..self }.trim()
    }

    /// A name, and what stands behind it.
    fn split_name(self) -> Option<(Self, Self)> {
        let in_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        let len = self.text.find(|c: char| !in_name(c)).unwrap_or(self.text.len());
        let (name, rest) = self.text.split_at(len);
        let rest = Self { text: rest, start: self.start + len };
        (len > 0).then_some((Self { text: name, ..self }, rest.trim()))
    }
}

struct Lines<'t, 'l, 'e> {
    loading: &'l Loading<'e>,
    file: usize,
    text: &'t str,
    /// Where the next line starts.
    next: usize,
    open: Option<Entity>,
    closed: Vec<Entity>,
    /// The line before is none of this form, and stands for those behind it.
    is_lost: bool,
}

impl<'t> Lines<'t, '_, '_> {
    fn next_line(&mut self) -> Option<Part<'t>> {
        let rest = self.text.get(self.next..).filter(|rest| !rest.is_empty())?;
        let text = rest.split_inclusive('\n').next().unwrap_or("");
        let line = Part { text, start: self.next };
        self.next += text.len();
        Some(line.trim())
    }

    fn place(&self, part: Part<'_>) -> Place {
        Place { file: self.file, start: part.start, len: part.text.len() }
    }

    fn report(&self, at: Place, message: &str, hint: &str) {
        self.loading.report(Fault::at(at, message).hint(hint));
    }

    fn line(&mut self, line: Part<'t>) {
        let bare = line.without_comment();
        if bare.text.is_empty() && line.text.is_empty() {
            return;
        }
        let was_lost = std::mem::take(&mut self.is_lost);
        if bare.text == "}" {
            match self.open.take() {
                Some(entity) => self.closed.push(Entity { end: bare.start, ..entity }),
                None => self.report(self.place(bare), "`}` without `{`", FORM),
            }
            return;
        }
        match line.split_name() {
            Some((name, rest)) if rest.without_comment().text == "{" => self.start(name),
            Some((name, rest)) if self.open.is_some() && rest.text.starts_with(':') => {
                let value = Part { text: rest.text.get(1..).unwrap_or(""), start: rest.start + 1 };
                self.attribute(name, value.trim());
            }
            _ => {
                self.is_lost = true;
                if !was_lost {
                    self.report(self.place(bare), "not a line of this form", FORM);
                }
            }
        }
    }

    fn start(&mut self, name: Part<'t>) {
        if let Some(entity) = self.open.take() {
            self.report(entity.at, "`{` without `}`", "an entity ends with `}` on a line by itself");
            self.closed.push(entity);
        }
        self.open = Some(Entity::new(name.text, self.place(name)));
    }

    fn attribute(&mut self, name: Part<'t>, written: Part<'t>) {
        let key = camel_case(name.text);
        let value = if HASH_IN_VALUE.contains(&key.as_str()) {
            Part { text: written.text.split_whitespace().next().unwrap_or(""), ..written }
        } else {
            written.without_comment()
        };
        let (given, value) = match value.text {
            "" => {
                self.report(self.place(name), "an attribute without a value", FORM);
                (Given::Broken, name)
            }
            "{" => self.map(&key, value).unwrap_or((Given::Broken, value)),
            text if text.starts_with('{') => {
                let hint = "behind the `{` of a map the line ends, and its `}` stands on a line by itself";
                self.report(self.place(value), "a map in one line", hint);
                (Given::Broken, value)
            }
            text if text.contains(['"', '\\']) => (self.escaped(value), value),
            text => (Given::Text(text.to_owned()), value),
        };
        let attribute = Attribute { name: key, at: self.place(name), value: given, value_at: self.place(value) };
        if let Some(entity) = &mut self.open {
            entity.attributes.push(attribute);
        }
    }

    /// The reference puts a value between the quotes of a JSON text, so escapes are those of JSON.
    fn escaped(&self, value: Part<'_>) -> Given {
        let hint = "in a value `\"` is written `\\\"`, and `\\` is written `\\\\`";
        let base = value.start.saturating_sub(1);
        Json { loading: self.loading, file: self.file, base, hint }.value(&format!("\"{}\"", value.text))
    }

    /// The map from an opening brace on, and all of its text; absent where it does not end.
    fn map(&mut self, key: &str, brace: Part<'t>) -> Option<(Given, Part<'t>)> {
        let rest = self.text.get(brace.start..).unwrap_or("");
        let Some(len) = map_len(rest) else {
            self.report(self.place(brace), "`{` without `}`", "a map ends with `}`");
            self.next = self.text.len();
            return None;
        };
        let map = Part { text: rest.get(..len).unwrap_or(""), start: brace.start };
        self.next = map.start + len;
        let behind = self.next_line().map(|part| (part, part.without_comment()));
        if let Some((_, bare)) = behind
            && !matches!(bare.text, "" | ",")
        {
            self.report(self.place(bare), "nothing stands behind the `}` of a map", FORM);
        }
        let hint = "the value is a map in JSON: `{`, then `\"key\": \"value\",` a line, then `}`";
        let json = Json { loading: self.loading, file: self.file, base: map.start, hint };
        let given = if JSON_MAPS.contains(&key) { json.value(map.text) } else { Given::Map(Vec::new()) };
        Some((given, map))
    }
}

/// Bytes up to the brace that closes the first; braces in quotes do not count.
fn map_len(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'\n' => quoted = false,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}
