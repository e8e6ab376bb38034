//! Zig: one file, its hand-written parts from `zig/`. It uses no more of the language than has stayed the same for years.

use crate::lines::{by_length, line};
use crate::names::{camel, pascal, snake};
use crate::schema::{Case, Field, Form, Schema, Shape, Type};

const BEFORE: &str = include_str!("zig/before.zig");
const AFTER: &str = include_str!("zig/after.zig");

/// The whole file.
pub(crate) fn file(schema: &Schema) -> String {
    let mut out = String::from(
        "//! Crosstie policy plugins in Zig. Written by plugin-sdk/generate from policy.wit: change its src/zig.rs and src/zig/.\n",
    );
    out.push_str(BEFORE);
    out.push_str("// The records of policy.wit.\n// zig fmt: off\n\n");
    let mut types = String::new();
    schema.types.iter().for_each(|ty| declaration(&mut types, ty));
    out.push_str(&indented(&types));
    line(
        &mut out,
        format_args!("/// The name of a hook's function, its export, what it is asked and what it answers."),
    );
    line(&mut out, format_args!("pub const hooks = .{{"));
    for hook in schema.hooks.iter().filter(|hook| hook.name != "configure") {
        let (function, export) = (camel(&hook.name), snake(&hook.name));
        let (request, answer) = (pascal(&hook.request), pascal(&hook.answer));
        line(&mut out, format_args!("    .{{ \"{function}\", \"{export}\", {request}, {answer} }},"));
    }
    line(&mut out, format_args!("}};\n"));
    out.push_str("// zig fmt: on\n\n");
    out.push_str(AFTER);
    out
}

/// Lines with the indentation that their braces ask for.
fn indented(text: &str) -> String {
    let (mut out, mut depth) = (String::new(), 0_usize);
    for text in text.lines().map(str::trim) {
        let closes = usize::from(text.starts_with('}'));
        let indent = " ".repeat(if text.is_empty() { 0 } else { 4 * depth.saturating_sub(closes) });
        line(&mut out, format_args!("{indent}{text}"));
        depth = (depth + text.matches('{').count()).saturating_sub(text.matches('}').count());
    }
    out
}

/// The type of what is not absent.
fn zig_type(form: &Form) -> String {
    match form {
        Form::Bool => "bool".to_owned(),
        Form::U8 => "u8".to_owned(),
        Form::U16 => "u16".to_owned(),
        Form::U32 => "u32".to_owned(),
        Form::U64 => "u64".to_owned(),
        Form::S64 => "i64".to_owned(),
        Form::F64 => "f64".to_owned(),
        Form::Text => "Text".to_owned(),
        Form::Bytes => "[]const u8".to_owned(),
        Form::Nodes => "[]const Node".to_owned(),
        Form::List(item) => format!("[]const {}", zig_type(item)),
        Form::Record(name) | Form::Enum(name) | Form::Variant(name) => pascal(name),
    }
}

/// What a list is of.
fn item(form: &Form) -> Option<String> {
    match form {
        Form::List(item) => Some(zig_type(item)),
        Form::Nodes => Some("Node".to_owned()),
        _ => None,
    }
}

/// A word that may be unknown is as good as absent, so that enums and variants are always optional; lists never are.
fn is_optional(field: &Field) -> bool {
    item(&field.form).is_none() && (field.optional || matches!(field.form, Form::Enum(_) | Form::Variant(_)))
}

fn declaration(out: &mut String, ty: &Type) {
    for docs in &ty.docs {
        line(out, format_args!("/// {}", docs.trim_end()));
    }
    let name = pascal(&ty.name);
    match &ty.shape {
        Shape::Record(fields) => {
            line(out, format_args!("pub const {name} = struct {{"));
            fields.iter().for_each(|field| member(out, field));
            record_reader(out, &name, fields);
            record_writer(out, &name, fields);
        }
        Shape::Enum(words) => {
            line(out, format_args!("pub const {name} = enum {{"));
            words.iter().for_each(|word| line(out, format_args!("    {},", snake(word))));
            words_reader_and_writer(out, &name, words);
        }
        Shape::Variant(cases) => {
            line(out, format_args!("pub const {name} = union(enum) {{"));
            for case in cases {
                match &case.payload {
                    Some(payload) => line(out, format_args!("    {}: {},", snake(&case.name), zig_type(payload))),
                    None => line(out, format_args!("    {},", snake(&case.name))),
                }
            }
            variant_reader(out, &name, cases);
            variant_writer(out, &name, cases);
        }
    }
    line(out, format_args!("}};\n"));
}

fn member(out: &mut String, field: &Field) {
    let (name, of) = (snake(&field.name), zig_type(&field.form));
    let default = match &field.form {
        Form::List(_) | Form::Nodes => format!("{of} = absent({})", item(&field.form).unwrap_or_default()),
        _ if is_optional(field) => format!("?{of} = null"),
        Form::Bool => format!("{of} = false"),
        Form::Text | Form::Bytes => format!("{of} = \"\""),
        Form::Record(_) => format!("{of} = .{{}}"),
        _ => format!("{of} = 0"),
    };
    line(out, format_args!("    {name}: {default},"));
}

/// The expression that reads a value; a list is read by statements.
fn read(form: &Form) -> String {
    match form {
        Form::Bool => "from.flag()".to_owned(),
        Form::U8 | Form::U16 | Form::U32 | Form::U64 => format!("from.number({})", zig_type(form)),
        Form::S64 => "from.integer()".to_owned(),
        Form::F64 => "from.float()".to_owned(),
        Form::Text => "from.text()".to_owned(),
        Form::Bytes => "from.bytes()".to_owned(),
        Form::Nodes => "readNodes(from)".to_owned(),
        Form::List(item) => format!(
            "list: {{ const list = items({}, from.list()); for (list) |*item| item.* = {}; break :list list; }}",
            zig_type(item),
            read(item)
        ),
        Form::Record(name) | Form::Enum(name) | Form::Variant(name) => format!("{}.read(from)", pascal(name)),
    }
}

/// The statement that writes a value.
fn write(form: &Form, value: &str) -> String {
    match form {
        Form::Bool => format!("out.flag({value});"),
        Form::U8 | Form::U16 | Form::U32 | Form::U64 => format!("out.number({value});"),
        Form::S64 => format!("out.integer({value});"),
        Form::F64 => format!("out.float({value});"),
        Form::Text => format!("out.text({value});"),
        Form::Bytes => format!("out.bytes({value});"),
        Form::Nodes => format!("writeNodes(out, {value});"),
        Form::List(of) => {
            format!("out.list({value}.len); for ({value}) |item| {{ {} }}", write(of, "item"))
        }
        Form::Record(_) | Form::Enum(_) | Form::Variant(_) => format!("{value}.write(out);"),
    }
}

/// A switch over a text: by its length, then by what it is.
fn dispatch<'a>(out: &mut String, text: &str, arms: impl Iterator<Item = (&'a str, String)>) {
    line(out, format_args!("switch ({text}.len) {{"));
    for (length, same) in by_length(arms) {
        line(out, format_args!("{length} => {{"));
        for (word, then) in same {
            line(out, format_args!("if (is({text}, \"{word}\")) {{ {then} }}"));
        }
        line(out, format_args!("}},"));
    }
    line(out, format_args!("else => {{}},\n}}"));
}

fn record_reader(out: &mut String, name: &str, fields: &[Field]) {
    line(out, format_args!("\n    pub fn read(from: *Reader) {name} {{\n    var value: {name} = .{{}};"));
    line(out, format_args!("var left = from.map();\nwhile (left > 0) : (left -= 1) {{\nconst key = from.text();"));
    line(out, format_args!("if (from.skipNull()) continue;"));
    let arms = fields.iter().map(|field| {
        let then = format!("value.{} = {}; continue;", snake(&field.name), read(&field.form));
        (field.name.as_str(), then)
    });
    dispatch(out, "key", arms);
    line(out, format_args!("from.skip();\n}}\nreturn value;\n}}"));
}

fn record_writer(out: &mut String, name: &str, fields: &[Field]) {
    line(out, format_args!("\n    pub fn write(value: *const {name}, out: *Writer) void {{"));
    line(out, format_args!("const map = out.map();\nvar entries: u8 = 0;"));
    for field in fields {
        let place = format!("value.{}", snake(&field.name));
        let key = format!("entries += 1; out.word(\"{}\");", field.name);
        match item(&field.form) {
            Some(item) => {
                let body = write(&field.form, &place);
                line(out, format_args!("if (!isAbsent({item}, {place})) {{ {key} {body} }}"));
            }
            None if is_optional(field) => {
                line(out, format_args!("if ({place}) |there| {{ {key} {} }}", write(&field.form, "there")));
            }
            None => line(out, format_args!("{key} {}", write(&field.form, &place))),
        }
    }
    line(out, format_args!("map.* = 0xa0 + entries;\n}}"));
}

fn words_reader_and_writer(out: &mut String, name: &str, words: &[String]) {
    line(out, format_args!("\n    pub fn read(from: *Reader) ?{name} {{\nconst word = from.text();"));
    dispatch(out, "word", words.iter().map(|word| (word.as_str(), format!("return .{};", snake(word)))));
    line(out, format_args!("return null;\n}}"));
    line(out, format_args!("\n    pub fn write(value: {name}, out: *Writer) void {{\nswitch (value) {{"));
    words.iter().for_each(|word| line(out, format_args!(".{} => out.word(\"{word}\"),", snake(word))));
    line(out, format_args!("}}\n}}"));
}

fn variant_reader(out: &mut String, name: &str, cases: &[Case]) {
    line(out, format_args!("\n    pub fn read(from: *Reader) ?{name} {{\nconst bare = from.kind() == 3;"));
    line(out, format_args!("if (!bare and from.map() != 1) @trap();\nconst word = from.text();"));
    let arms = cases.iter().map(|case| {
        let ident = snake(&case.name);
        let then = match &case.payload {
            None => format!("if (bare) return .{ident};"),
            Some(payload) => format!("if (!bare) return .{{ .{ident} = {} }};", read(payload)),
        };
        (case.name.as_str(), then)
    });
    dispatch(out, "word", arms);
    line(out, format_args!("if (!bare) from.skip();\nreturn null;\n}}"));
}

fn variant_writer(out: &mut String, name: &str, cases: &[Case]) {
    line(out, format_args!("\n    pub fn write(value: *const {name}, out: *Writer) void {{\nswitch (value.*) {{"));
    for case in cases {
        let ident = snake(&case.name);
        match &case.payload {
            None => line(out, format_args!(".{ident} => out.word(\"{}\"),", case.name)),
            Some(payload) => {
                let body = write(payload, "payload");
                line(out, format_args!(".{ident} => |payload| {{ out.case(\"{}\"); {body} }},", case.name));
            }
        }
    }
    line(out, format_args!("}}\n}}"));
}
