//! AssemblyScript: the records, which the hand-written modules beside them read and write by `cbor.ts`.

use std::collections::BTreeSet;

use crate::lines::{by_length, line};
use crate::names::{camel, pascal};
use crate::schema::{Case, Field, Form, Hook, Schema, Shape, Type};

/// Entries of a map whose length stands in its first byte.
const FIELDS_MAX: usize = 23;

/// The whole module.
pub(crate) fn file(schema: &Schema) -> String {
    let mut out = String::from(
        "// The records of policy.wit. Written by plugin-sdk/generate: change its src/assemblyscript.rs.\n\n\
         import * as cbor from \"./cbor\";\nimport { Node } from \"./nodes\";\n\n",
    );
    for ty in &schema.types {
        let docs: Vec<_> = ty.docs.iter().map(|line| line.trim_end()).collect();
        if !docs.is_empty() {
            line(&mut out, format_args!("/** {} */", docs.join("\n * ")));
        }
        match &ty.shape {
            Shape::Record(fields) => {
                assert!(fields.len() <= FIELDS_MAX, "{} has too many fields", ty.name);
                record(&mut out, schema, ty, fields);
            }
            Shape::Enum(words) => words_of(&mut out, &ty.name, words),
            Shape::Variant(cases) => variant(&mut out, schema, ty, cases),
        }
    }
    list_readers(&mut out, schema);
    for hook in &schema.hooks {
        request_reader(&mut out, hook);
    }
    let (_, hooks) = schema.hooks.split_first().unwrap_or_else(|| unreachable!("there is `configure`"));
    hooks.iter().for_each(|hook| paths(&mut out, schema, hook));
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// The type of what is not absent.
fn script_type(form: &Form) -> String {
    match form {
        Form::Bool => "bool".to_owned(),
        Form::U8 => "u8".to_owned(),
        Form::U16 => "u16".to_owned(),
        Form::U32 => "u32".to_owned(),
        Form::U64 => "u64".to_owned(),
        Form::S64 => "i64".to_owned(),
        Form::F64 => "f64".to_owned(),
        Form::Text => "string".to_owned(),
        Form::Bytes => "ArrayBuffer".to_owned(),
        Form::Nodes => "Node[]".to_owned(),
        Form::List(item) => format!("{}[]", script_type(item)),
        Form::Record(name) | Form::Enum(name) | Form::Variant(name) => pascal(name),
    }
}

/// How a field is kept.
enum Kept {
    /// As it is, with what it is at first.
    Plain(&'static str),
    /// Null where it is absent.
    Nullable,
    /// A number, and whether it is there: there is no null for it.
    Marked(&'static str),
    /// Null until somebody looks: what is made then is empty.
    Lazy(&'static str),
    /// The first of an enum.
    Word,
}

fn kept(form: &Form, optional: bool) -> Kept {
    match form {
        Form::Enum(_) => Kept::Word,
        Form::Bool if optional => Kept::Marked("false"),
        Form::U8 | Form::U16 | Form::U32 | Form::U64 | Form::S64 | Form::F64 if optional => Kept::Marked("0"),
        _ if optional => Kept::Nullable,
        Form::Bool => Kept::Plain("false"),
        Form::U8 | Form::U16 | Form::U32 | Form::U64 | Form::S64 | Form::F64 => Kept::Plain("0"),
        Form::Text => Kept::Plain("\"\""),
        Form::Bytes => Kept::Lazy("(0)"),
        Form::Nodes | Form::List(_) | Form::Record(_) | Form::Variant(_) => Kept::Lazy("()"),
    }
}

/// The members of a class for a field.
fn field(out: &mut String, name: &str, form: &Form, optional: bool) {
    let (name, of) = (camel(name), script_type(form));
    let has = pascal(&name);
    match kept(form, optional) {
        Kept::Plain(first) => line(out, format_args!("  {name}: {of} = {first};")),
        Kept::Nullable => line(out, format_args!("  {name}: {of} | null = null;")),
        Kept::Word => line(out, format_args!("  {name}: {of} = {of}.None;")),
        Kept::Marked(first) => {
            line(out, format_args!("  has{has}: bool = false;\n  private _{name}: {of} = {first};"));
            line(out, format_args!("  get {name}(): {of} {{ return this._{name}; }}"));
            line(
                out,
                format_args!(
                    "  set {name}(value: {of}) {{\n    this._{name} = value;\n    this.has{has} = true;\n  }}"
                ),
            );
        }
        Kept::Lazy(empty) => {
            let class = of.strip_suffix("[]").map_or_else(|| of.clone(), |item| format!("Array<{item}>"));
            line(out, format_args!("  private _{name}: {of} | null = null;\n  get {name}(): {of} {{"));
            line(out, format_args!("    const there = this._{name};\n    if (there !== null) return there;"));
            line(
                out,
                format_args!("    const made = new {class}{empty};\n    this._{name} = made;\n    return made;\n  }}"),
            );
            line(out, format_args!("  set {name}(value: {of}) {{ this._{name} = value; }}"));
        }
    }
}

/// The expression that reads; none for lists, which take statements.
fn read(form: &Form) -> String {
    match form {
        Form::Bool => "cbor.readBool()".to_owned(),
        Form::U8 | Form::U16 | Form::U32 | Form::U64 => format!("cbor.readNumber<{}>()", script_type(form)),
        Form::S64 => "cbor.readS64()".to_owned(),
        Form::F64 => "cbor.readF64()".to_owned(),
        Form::Text => "cbor.readText()".to_owned(),
        Form::Bytes => "cbor.readBytes()".to_owned(),
        Form::Nodes => "Node.readAll()".to_owned(),
        Form::List(item) => format!("{}()", list_reader(item)),
        Form::Enum(name) => format!("read{}()", pascal(name)),
        Form::Record(name) | Form::Variant(name) => format!("{}.read()", pascal(name)),
    }
}

/// The statement that writes PLACE.
fn write(form: &Form, place: &str) -> String {
    match form {
        Form::Bool => format!("cbor.writeBool({place});"),
        Form::U8 | Form::U16 | Form::U32 | Form::U64 => format!("cbor.writeNumber({place});"),
        Form::S64 => format!("cbor.writeS64({place});"),
        Form::F64 => format!("cbor.writeF64({place});"),
        Form::Text => format!("cbor.writeText({place});"),
        Form::Bytes => format!("cbor.writeBytes({place});"),
        Form::Nodes => format!("Node.writeAll({place});"),
        Form::List(item) => format!(
            "cbor.writeList({place}.length); for (let i = 0; i < {place}.length; i++) {}",
            write(item, &format!("{place}[i]"))
        ),
        Form::Enum(name) => format!("write{}({place});", pascal(name)),
        Form::Record(_) | Form::Variant(_) => format!("{place}.write();"),
    }
}

fn list_reader(item: &Form) -> String {
    format!("read{}List", pascal(&script_type(item)))
}

/// A reader of each kind of list that a field or payload has.
fn list_readers(out: &mut String, schema: &Schema) {
    let lists = schema.types.iter().flat_map(|ty| match &ty.shape {
        Shape::Record(fields) => fields.iter().map(|field| &field.form).collect(),
        Shape::Variant(cases) => cases.iter().filter_map(|case| case.payload.as_ref()).collect(),
        Shape::Enum(_) => Vec::new(),
    });
    let items = lists.filter_map(|form| match form {
        Form::List(item) => Some(&**item),
        _ => None,
    });
    for item in items.collect::<BTreeSet<_>>() {
        let of = script_type(item);
        line(out, format_args!("function {}(): {of}[] {{\n  const items: {of}[] = [];", list_reader(item)));
        line(out, format_args!("  for (let left = cbor.readList(); left > 0; left--) items.push({});", read(item)));
        line(out, format_args!("  return items;\n}}\n"));
    }
}

/// A switch over the text that was passed last, LEN bytes: by its length, then by what it is.
fn dispatch<'a>(out: &mut String, indent: &str, arms: impl Iterator<Item = (&'a str, String)>) {
    line(out, format_args!("{indent}switch (len) {{"));
    for (length, same) in by_length(arms) {
        line(out, format_args!("{indent}  case {length}:"));
        for (word, then) in same {
            line(out, format_args!("{indent}    if ({}) {{ {then} }} // {word}", is(word)));
        }
        line(out, format_args!("{indent}    break;"));
    }
    line(out, format_args!("{indent}}}"));
}

/// Whether the bytes at KEY are these.
fn is(word: &str) -> String {
    let same =
        parts(word.as_bytes()).map(|(bits, place, number)| format!("load<u{bits}>(key, {place}) == {number:#x}"));
    same.collect::<Vec<_>>().join(" && ")
}

/// The statements that write these bytes.
fn constant(bytes: &[u8]) -> String {
    let stores = parts(bytes).map(|(bits, place, number)| format!(" store<u{bits}>(to, {number:#x}, {place});"));
    format!("{{ const to = cbor.next({});{} }}", bytes.len(), stores.collect::<String>())
}

/// A text as it stands in an answer, its length before it.
fn item(text: &str) -> Vec<u8> {
    let len = u8::try_from(text.len()).unwrap_or_else(|_| unreachable!("a name is that long"));
    let head = if len < 24 { vec![0x60 + len] } else { vec![0x78, len] };
    [head.as_slice(), text.as_bytes()].concat()
}

/// Bytes as numbers of one width, little endian: its bits, the place, the number. The last overlaps.
fn parts(bytes: &[u8]) -> impl Iterator<Item = (usize, usize, u64)> {
    let len = bytes.len();
    let width = [8, 4, 2, 1].into_iter().find(|width| *width <= len).unwrap_or_else(|| unreachable!("a name is empty"));
    let places = (0..len - width).step_by(width).chain([len - width]);
    places.map(move |place| {
        let number = bytes[place..place + width].iter().rev().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
        (8 * width, place, number)
    })
}

fn record(out: &mut String, schema: &Schema, ty: &Type, fields: &[Field]) {
    let class = pascal(&ty.name);
    line(out, format_args!("export class {class} {{"));
    for Field { name, form, optional } in fields {
        field(out, name, form, *optional);
    }
    line(out, format_args!("\n  static read(): {class} {{\n    const value = new {class}();"));
    line(out, format_args!("    for (let left = cbor.readMap(); left > 0; left--) {{"));
    line(out, format_args!("      const len = cbor.readSpan();\n      const key = cbor.span;"));
    line(out, format_args!("      if (cbor.skipNull()) continue;"));
    let arms = fields.iter().map(|field| {
        let then = format!("value.{} = {}; continue;", camel(&field.name), read(&field.form));
        (field.name.as_str(), then)
    });
    dispatch(out, "      ", arms);
    line(out, format_args!("      cbor.skip();\n    }}\n    return value;\n  }}\n"));
    line(out, format_args!("  write(): void {{\n    const map = cbor.writeMap();"));
    line(out, format_args!("    let entries: u8 = 0;"));
    fields.iter().for_each(|field| field_writer(out, field));
    line(out, format_args!("    cbor.endMap(map, entries);\n  }}"));
    end_of_class(out, schema, &ty.name);
}

fn field_writer(out: &mut String, Field { name, form, optional }: &Field) {
    let member = camel(name);
    let key = format!("entries++; {}", constant(&item(name)));
    let none = match form {
        Form::Variant(of) => format!(" && {member}.kind != {}Kind.None", pascal(of)),
        _ => String::new(),
    };
    let place = match (kept(form, *optional), form) {
        (Kept::Plain(_), _) | (Kept::Lazy(_), Form::Record(_) | Form::Bytes) => {
            line(out, format_args!("    {key}\n    {}", write(form, &format!("this.{member}"))));
            return;
        }
        (Kept::Marked(_), _) => {
            let (has, body) = (pascal(name), write(form, &format!("this._{member}")));
            line(out, format_args!("    if (this.has{has}) {{ {key} {body} }}"));
            return;
        }
        (Kept::Word, _) => {
            let (of, body) = (script_type(form), write(form, &format!("this.{member}")));
            line(out, format_args!("    if (this.{member} != {of}.None) {{ {key} {body} }}"));
            return;
        }
        (Kept::Nullable, _) => format!("this.{member}"),
        (Kept::Lazy(_), _) => format!("this._{member}"),
    };
    line(out, format_args!("    const {member} = {place};"));
    line(out, format_args!("    if ({member} !== null{none}) {{ {key} {} }}", write(form, &member)));
}

/// Ends the class of a type, which is packed where a hook answers with it.
fn end_of_class(out: &mut String, schema: &Schema, name: &str) {
    if schema.hooks.iter().any(|hook| hook.answer == name) {
        line(out, format_args!("\n  /** What an export returns that answers this. */\n  pack(): u64 {{"));
        line(out, format_args!("    cbor.beginAnswer();\n    this.write();\n    return cbor.packed();\n  }}"));
    }
    line(out, format_args!("}}\n"));
}

/// An enum, 0 for what is absent or unknown.
fn kinds<'a>(out: &mut String, name: &str, words: impl Iterator<Item = &'a str>) {
    let words: Vec<_> = words.map(pascal).collect();
    line(out, format_args!("export enum {name} {{ None, {} }}\n", words.join(", ")));
}

fn words_of(out: &mut String, name: &str, words: &[String]) {
    let name = pascal(name);
    kinds(out, &name, words.iter().map(String::as_str));
    line(
        out,
        format_args!("function read{name}(): {name} {{\n  const len = cbor.readSpan();\n  const key = cbor.span;"),
    );
    dispatch(out, "  ", words.iter().map(|word| (word.as_str(), format!("return {name}.{};", pascal(word)))));
    line(out, format_args!("  return {name}.None;\n}}\n"));
    line(out, format_args!("function write{name}(word: {name}): void {{\n  switch (word) {{"));
    for word in words {
        line(out, format_args!("    case {name}.{}: {} break;", pascal(word), constant(&item(word))));
    }
    line(out, format_args!("    default: unreachable();\n  }}\n}}\n"));
}

fn variant(out: &mut String, schema: &Schema, ty: &Type, cases: &[Case]) {
    let class = pascal(&ty.name);
    let kind = format!("{class}Kind");
    kinds(out, &kind, cases.iter().map(|case| case.name.as_str()));
    line(out, format_args!("export class {class} {{\n  kind: {kind} = {kind}.None;"));
    for (case, payload) in cases.iter().filter_map(|case| Some((case, case.payload.as_ref()?))) {
        field(out, &case.name, payload, false);
    }
    line(out, format_args!("\n  static read(): {class} {{\n    const value = new {class}();"));
    line(out, format_args!("    const bare = cbor.textComes();\n    if (!bare && cbor.readMap() != 1) unreachable();"));
    line(out, format_args!("    const len = cbor.readSpan();\n    const key = cbor.span;"));
    let arms = cases.iter().map(|case| {
        let is = format!("value.kind = {kind}.{};", pascal(&case.name));
        let then = match &case.payload {
            None => format!("if (bare) {{ {is} return value; }}"),
            Some(payload) => {
                format!("if (!bare) {{ {is} value.{} = {}; return value; }}", camel(&case.name), read(payload))
            }
        };
        (case.name.as_str(), then)
    });
    dispatch(out, "    ", arms);
    line(out, format_args!("    if (!bare) cbor.skip();\n    return value;\n  }}\n"));
    line(out, format_args!("  write(): void {{\n    switch (this.kind) {{"));
    for case in cases {
        let body = match &case.payload {
            None => constant(&item(&case.name)),
            Some(payload) => format!(
                "{} {}",
                constant(&[&[0xa1], item(&case.name).as_slice()].concat()),
                write(payload, &format!("this.{}", camel(&case.name)))
            ),
        };
        line(out, format_args!("      case {kind}.{}: {body} break;", pascal(&case.name)));
    }
    line(out, format_args!("      default: unreachable();\n    }}\n  }}"));
    end_of_class(out, schema, &ty.name);
}

/// Of a hook, what its export begins with.
fn request_reader(out: &mut String, hook: &Hook) {
    let (name, request) = (camel(short(hook)), pascal(&hook.request));
    line(out, format_args!("/** What `{}` is asked. */", hook.name.replace('-', "_")));
    line(out, format_args!("export function {name}Request(at: usize, len: usize): {request} {{"));
    line(out, format_args!("  cbor.beginRequest(at, len);\n  const request = {request}.read();"));
    line(out, format_args!("  cbor.endRequest();\n  return request;\n}}\n"));
}

/// `connection` of `on-connection`.
fn short(hook: &Hook) -> &str {
    hook.name.strip_prefix("on-").unwrap_or(&hook.name)
}

/// The paths of all fields that a request has, so that one which is none does not compile.
fn paths(out: &mut String, schema: &Schema, hook: &Hook) {
    line(out, format_args!("/** What `reads` may ask of `{}`. */", hook.name.replace('-', "_")));
    line(out, format_args!("export namespace {}Reads {{", pascal(short(hook))));
    let mut names = BTreeSet::new();
    for path in schema.paths(&hook.request) {
        let name = camel(&path.replace('.', "-"));
        line(out, format_args!("  @lazy export const {name}: string = \"{path}\";"));
        assert!(names.insert(name), "two paths have the name of {path}");
    }
    line(out, format_args!("}}\n"));
}
