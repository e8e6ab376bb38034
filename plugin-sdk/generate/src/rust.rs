//! Rust: a module for the records of each hook, and some that they share. Requests are borrowed and read, answers are owned and written;
//! what tests need to write a request again is there for tests alone.

mod item;

use std::collections::{BTreeMap, BTreeSet};

use crate::lines::{by_length, line};
use crate::names::{pascal, snake};
use crate::rust::item::{Item, Items};
use crate::schema::{Case, Field, Form, Schema, Shape};

/// Each is a file.
pub(crate) const MODULES: [&str; 8] =
    ["address", "connection", "failover", "link", "peer", "refusal", "session", "setup"];

/// Fields of answers that are there even where they are empty (ABI.md, "CBOR").
const ALWAYS: [(&str, &str); 1] = [("failover-answer", "order")];

/// One module, by its name.
pub(crate) fn module(schema: &Schema, name: &str) -> String {
    let items = Items::new(schema);
    let mut module = Module { items: &items, name, body: String::new(), imports: BTreeMap::new() };
    for item in items.of_module(name) {
        module.item(item);
    }
    module.file()
}

struct Module<'s> {
    items: &'s Items<'s>,
    name: &'s str,
    body: String,
    /// What is used of other modules.
    imports: BTreeMap<&'s str, BTreeSet<&'s str>>,
}

impl<'s> Module<'s> {
    fn file(self) -> String {
        let mut out = String::from(
            "//! Written by plugin-sdk/generate from policy.wit: change its src/rust.rs and src/rust/docs.txt.\n\n",
        );
        let used = |names: &[(&str, &'static str)]| -> Vec<&'static str> {
            names.iter().filter(|(word, _)| self.body.contains(word)).map(|(_, name)| *name).collect()
        };
        let of_alloc = used(&[("String", "string::String"), ("Vec<", "vec::Vec")]);
        of_alloc.iter().for_each(|path| line(&mut out, format_args!("use alloc::{path};")));
        if !of_alloc.is_empty() {
            out.push('\n');
        }
        let mut paths: Vec<String> = Vec::new();
        paths.extend(used(&[("Node", "crate::config::Node")]).into_iter().map(str::to_owned));
        let of_reader = used(&[("impl<'b> Read<", "Read"), ("&mut Reader<", "Reader"), (" is(", "is")]);
        if !of_reader.is_empty() {
            paths.push(format!("crate::reader::{}", braced(of_reader.into_iter())));
        }
        paths.extend(used(&[("impl Inside for", "crate::reads::Inside")]).into_iter().map(str::to_owned));
        let names = |of: &BTreeSet<&str>| braced(of.iter().copied());
        paths.extend(self.imports.iter().map(|(module, of)| format!("crate::records::{module}::{}", names(of))));
        paths.iter().for_each(|path| line(&mut out, format_args!("use {path};")));
        if !self.items.of_module(self.name).any(|item| item.is_answered) {
            line(&mut out, format_args!("#[cfg(test)]"));
        }
        line(&mut out, format_args!("use crate::writer::{{Write, Writer}};"));
        out + "\n" + self.body.trim_end() + "\n"
    }

    fn item(&mut self, item: &'s Item<'s>) {
        if !item.is_pair {
            self.declaration(item);
        }
        match &item.ty.shape {
            Shape::Record(fields) => {
                if item.is_asked {
                    self.record_reader(item, fields);
                }
                self.record_writer(item, fields);
            }
            Shape::Enum(words) => self.words_reader_and_writer(item, words),
            Shape::Variant(cases) => {
                if item.is_asked {
                    self.variant_reader(item, cases);
                }
                self.variant_writer(item, cases);
            }
        }
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        line(&mut self.body, text);
    }

    /// How an item is called here.
    fn name_of(&mut self, item: &'s Item<'s>) -> &'s str {
        if item.module != self.name {
            self.imports.entry(item.module).or_default().insert(item.name);
        }
        item.name
    }

    /// The type of what is not absent.
    fn type_of(&mut self, form: &'s Form, of: &Item<'s>) -> String {
        match form {
            Form::Bool => "bool".to_owned(),
            Form::U8 => "u8".to_owned(),
            Form::U16 => "u16".to_owned(),
            Form::U32 => "u32".to_owned(),
            Form::U64 => "u64".to_owned(),
            Form::S64 => "i64".to_owned(),
            Form::F64 => "f64".to_owned(),
            Form::Text if of.is_owned => "String".to_owned(),
            Form::Text => "&'a str".to_owned(),
            Form::Bytes if of.is_owned => "Vec<u8>".to_owned(),
            Form::Bytes => "&'a [u8]".to_owned(),
            Form::Nodes => "Node".to_owned(),
            Form::List(item) => format!("Vec<{}>", self.type_of(item, of)),
            Form::Record(name) | Form::Enum(name) | Form::Variant(name) => {
                let item = self.items.named(name, of.is_owned);
                match &item.ty.shape {
                    Shape::Record(fields) if item.is_pair => {
                        let types: Vec<_> = fields.iter().map(|field| self.type_of(&field.form, item)).collect();
                        format!("({})", types.join(", "))
                    }
                    _ => format!("{}{}", self.name_of(item), if self.items.borrows(item) { "<'a>" } else { "" }),
                }
            }
        }
    }

    fn docs(&mut self, indent: &str, docs: Option<&str>) {
        if let Some(docs) = docs {
            self.line(format_args!("{indent}/// {docs}"));
        }
    }

    fn declaration(&mut self, item: &'s Item<'s>) {
        let members: Vec<&str> = match &item.ty.shape {
            Shape::Record(fields) => fields.iter().map(|field| field.name.as_str()).collect(),
            Shape::Enum(words) => words.iter().map(String::as_str).collect(),
            Shape::Variant(cases) => cases.iter().map(|case| case.name.as_str()).collect(),
        };
        self.docs("", Some(item.docs));
        let is_record = matches!(item.ty.shape, Shape::Record(_));
        let traits = [
            ("Copy", self.items.is_copy(item)),
            ("Default", is_record),
            ("PartialEq", true),
            ("Eq", self.items.is_eq(item)),
        ];
        let derived: Vec<_> = traits.iter().filter(|(_, is_it)| *is_it).map(|(name, _)| *name).collect();
        self.line(format_args!("#[derive(Debug, Clone, {})]", derived.join(", ")));
        if members.iter().any(|member| item.member(member).is_none()) {
            self.line(format_args!("#[expect(missing_docs, reason = \"the words say it\")]"));
        }
        let kind = if is_record { "struct" } else { "enum" };
        let of = if self.items.borrows(item) { "<'a>" } else { "" };
        let sees = visibility(item);
        self.line(format_args!("{sees} {kind} {}{of} {{", item.name));
        match &item.ty.shape {
            Shape::Record(fields) => {
                for field in fields {
                    self.docs("    ", item.member(&field.name));
                    let ty = self.type_of(&field.form, item);
                    let ty = if is_optional(field, item) { format!("Option<{ty}>") } else { ty };
                    self.line(format_args!("    {sees} {}: {ty},", snake(&field.name)));
                }
            }
            Shape::Enum(words) => {
                for word in words {
                    self.docs("    ", item.member(word));
                    self.line(format_args!("    {},", pascal(word)));
                }
            }
            Shape::Variant(cases) => {
                for case in cases {
                    self.docs("    ", item.member(&case.name));
                    let payload = case.payload.as_ref().map(|form| format!("({})", self.type_of(form, item)));
                    self.line(format_args!("    {}{},", pascal(&case.name), payload.unwrap_or_default()));
                }
            }
        }
        self.line(format_args!("}}\n"));
    }

    /// What stands behind `impl`, and behind the name.
    fn lifetimes(&self, item: &Item<'_>) -> (&'static str, &'static str) {
        if self.items.borrows(item) { ("<'b>", "<'b>") } else { ("", "") }
    }

    fn record_reader(&mut self, item: &'s Item<'s>, fields: &'s [Field]) {
        let (name, of) = (item.name, self.lifetimes(item).1);
        self.line(format_args!("impl<'b> Read<'b> for {name}{of} {{"));
        self.line(format_args!("    fn read(&mut self, from: &mut Reader<'b>) {{"));
        self.line(format_args!("        for _ in 0..from.map() {{\n            let key = from.word();"));
        self.line(format_args!("            if from.null() {{\n                continue;\n            }}"));
        self.line(format_args!("            match key.len() {{"));
        let arms = fields.iter().map(|field| (field.name.as_str(), self.read_field(item, field)));
        for (length, same) in by_length(arms.collect::<Vec<_>>().into_iter()) {
            for (word, then) in same {
                self.line(format_args!("                {length} if is(key, b\"{word}\") => {then},"));
            }
        }
        self.line(format_args!("                _ => from.skip(),\n            }}\n        }}\n    }}\n}}\n"));
        if self.items.is_inside(item) {
            let of = if of.is_empty() { "" } else { "<'_>" };
            self.line(format_args!("impl Inside for {name}{of} {{\n    type Record = Self;\n"));
            self.line(format_args!("    fn inside(&self) -> &Self {{\n        self\n    }}\n}}\n"));
        }
    }

    /// The statement that reads a field.
    fn read_field(&self, item: &Item<'_>, field: &Field) -> String {
        let place = format!("self.{}", snake(&field.name));
        match &field.form {
            Form::Record(_) if field.optional => format!("{place}.get_or_insert_default().read(from)"),
            Form::Record(_) => format!("{place}.read(from)"),
            form @ (Form::Enum(_) | Form::Variant(_)) => format!("{place} = {}", self.value(form, item)),
            form if field.optional => format!("{place} = Some({})", self.value(form, item)),
            form => format!("{place} = {}", self.value(form, item)),
        }
    }

    /// The expression that reads it.
    fn value(&self, form: &Form, of: &Item<'_>) -> String {
        match form {
            Form::Bool => "from.bool()".to_owned(),
            Form::U8 => "from.u8()".to_owned(),
            Form::U16 => "from.u16()".to_owned(),
            Form::U32 => "from.u32()".to_owned(),
            Form::U64 => "from.u64()".to_owned(),
            Form::S64 => "from.i64()".to_owned(),
            Form::F64 => "from.f64()".to_owned(),
            Form::Text if of.is_owned => "String::from(from.text())".to_owned(),
            Form::Text => "from.text()".to_owned(),
            Form::Bytes => "from.bytes()".to_owned(),
            Form::Nodes => "Node::read_block(from)".to_owned(),
            Form::List(item) if **item == Form::Text => "from.texts()".to_owned(),
            Form::List(item) if matches!(**item, Form::Record(_)) => "from.records()".to_owned(),
            Form::Enum(name) => format!("{}::named(from.word())", self.items.named(name, of.is_owned).name),
            Form::Variant(name) => format!("{}::read(from)", self.items.named(name, of.is_owned).name),
            Form::List(_) | Form::Record(_) => unreachable!("no request has {form:?}"),
        }
    }

    fn record_writer(&mut self, item: &'s Item<'s>, fields: &'s [Field]) {
        self.begin_writer(item, Some(fields));
        self.line(format_args!("        let map = out.map();"));
        for (index, field) in fields.iter().enumerate() {
            let place = if item.is_pair { format!("self.{index}") } else { format!("self.{}", snake(&field.name)) };
            let key = format!("out.key(map, b\"{}\");", key(&field.name));
            let is_always = !item.is_answered || ALWAYS.contains(&(item.ty.name.as_str(), field.name.as_str()));
            if is_optional(field, item) {
                self.line(format_args!("        if let Some(value) = &{place} {{\n            {key}"));
                self.line(format_args!("            {}\n        }}", write(&field.form, "value")));
            } else if matches!(field.form, Form::List(_)) && !is_always {
                self.line(format_args!("        if !{place}.is_empty() {{\n            {key}"));
                self.line(format_args!("            {}\n        }}", write(&field.form, &place)));
            } else {
                self.line(format_args!("        {key}\n        {}", write(&field.form, &place)));
            }
        }
        self.line(format_args!("    }}\n}}\n"));
    }

    fn begin_writer(&mut self, item: &'s Item<'s>, pair: Option<&'s [Field]>) {
        let ty = match pair {
            Some(fields) if item.is_pair => {
                let types: Vec<_> = fields.iter().map(|field| self.type_of(&field.form, item)).collect();
                format!("({})", types.join(", "))
            }
            _ => format!("{}{}", item.name, if self.items.borrows(item) { "<'_>" } else { "" }),
        };
        let cfg = if item.is_answered { "" } else { "#[cfg(test)]\n" };
        self.line(format_args!("{cfg}impl Write for {ty} {{\n    fn write(&self, out: &mut Writer) {{"));
    }

    fn words_reader_and_writer(&mut self, item: &'s Item<'s>, words: &[String]) {
        self.line(format_args!("impl {} {{", item.name));
        self.line(format_args!("    /// The word that stands for it in requests and answers.\n    #[must_use]"));
        self.line(format_args!("    pub fn word(self) -> &'static str {{\n        match self {{"));
        for word in words {
            self.line(format_args!("            Self::{} => \"{word}\",", pascal(word)));
        }
        self.line(format_args!("        }}\n    }}"));
        if item.is_asked {
            self.line(format_args!(
                "\n    pub(crate) fn named(word: &[u8]) -> Option<Self> {{\n        match word.len() {{"
            ));
            let arms = words.iter().map(|word| (word.as_str(), format!("Some(Self::{})", pascal(word))));
            for (length, same) in by_length(arms) {
                for (word, then) in same {
                    self.line(format_args!("            {length} if is(word, b\"{word}\") => {then},"));
                }
            }
            self.line(format_args!("            _ => None,\n        }}\n    }}"));
        }
        self.line(format_args!("}}\n"));
        self.begin_writer(item, None);
        self.line(format_args!("        self.word().write(out);\n    }}\n}}\n"));
    }

    fn variant_reader(&mut self, item: &'s Item<'s>, cases: &[Case]) {
        let (before, of) = self.lifetimes(item);
        let lifetime = if of.is_empty() { "'_" } else { "'b" };
        self.line(format_args!("impl{before} {}{of} {{\n    /// None where the case is unknown.", item.name));
        self.line(format_args!("    pub(crate) fn read(from: &mut Reader<{lifetime}>) -> Option<Self> {{"));
        self.line(format_args!("        let (bare, word) = from.case();\n        match (bare, word.len()) {{"));
        let arms = cases.iter().map(|case| {
            let name = pascal(&case.name);
            let then = match &case.payload {
                None => format!("Some(Self::{name})"),
                Some(payload) => format!("Some(Self::{name}({}))", self.value(payload, item)),
            };
            (case.name.as_str(), then)
        });
        for (length, same) in by_length(arms.collect::<Vec<_>>().into_iter()) {
            for (word, then) in same {
                let bare = cases.iter().any(|case| case.name == word && case.payload.is_none());
                self.line(format_args!("            ({bare}, {length}) if is(word, b\"{word}\") => {then},"));
            }
        }
        self.line(format_args!("            (true, _) => None,\n            (false, _) => {{"));
        self.line(format_args!(
            "                from.skip();\n                None\n            }}\n        }}\n    }}\n}}\n"
        ));
    }

    fn variant_writer(&mut self, item: &'s Item<'s>, cases: &[Case]) {
        self.begin_writer(item, None);
        self.line(format_args!("        match self {{"));
        for case in cases {
            let name = pascal(&case.name);
            match &case.payload {
                None => self.line(format_args!("            Self::{name} => \"{}\".write(out),", case.name)),
                Some(payload) => {
                    self.line(format_args!("            Self::{name}(value) => {{"));
                    self.line(format_args!("                let map = out.map();"));
                    self.line(format_args!("                out.key(map, b\"{}\");", key(&case.name)));
                    self.line(format_args!("                {}\n            }}", write(payload, "value")));
                }
            }
        }
        self.line(format_args!("        }}\n    }}\n}}\n"));
    }
}

/// Plugins are told their configuration alone of what comes before the hooks.
fn visibility(item: &Item<'_>) -> &'static str {
    if item.module == "setup" { "pub(crate)" } else { "pub" }
}

/// A word that may be unknown is as good as absent, so that enums and variants of a request are always optional; lists of one never are.
fn is_optional(field: &Field, of: &Item<'_>) -> bool {
    match field.form {
        Form::Enum(_) | Form::Variant(_) => field.optional || of.is_asked,
        _ => field.optional,
    }
}

/// The statement that writes a value.
fn write(form: &Form, place: &str) -> String {
    match form {
        Form::Bytes => format!("crate::writer::Bytes({place}).write(out);"),
        Form::Nodes => format!("{place}.children().write(out);"),
        _ => format!("{place}.write(out);"),
    }
}

/// A key as the bytes that stand for it, its head included.
fn key(name: &str) -> String {
    match name.len() {
        len @ 0..24 => format!("\\x{:02x}{name}", 0x60 + len),
        len => format!("\\x78\\x{len:02x}{name}"),
    }
}

fn braced<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    match names.as_slice() {
        [name] => (*name).to_owned(),
        names => format!("{{{}}}", names.join(", ")),
    }
}
