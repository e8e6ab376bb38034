//! C: one header for freestanding wasm, its hand-written parts from `c/`.

use crate::lines::{by_length, line};
use crate::names::{snake, upper};
use crate::schema::{Case, Field, Form, Hook, Schema, Shape, Type};

const BEFORE: &str = include_str!("c/before.h");
const NODES: &str = include_str!("c/nodes.h");
const AFTER: &str = include_str!("c/after.h");

/// Entries of a map whose length stands in its first byte.
const FIELDS_MAX: usize = 23;

/// The whole header.
pub(crate) fn file(schema: &Schema) -> String {
    let mut out = String::from(
        "/* Crosstie policy plugins in C. Written by plugin-sdk/generate from policy.wit: change its src/c.rs and src/c/. */\n\n",
    );
    out.push_str(BEFORE);
    out.push_str(NODES);
    out.push_str("/* ---- The records of policy.wit: what is absent is zero ---- */\n\n");
    for ty in &schema.types {
        declaration(&mut out, schema, ty);
    }
    for ty in &schema.types {
        match &ty.shape {
            Shape::Record(fields) => {
                assert!(fields.len() <= FIELDS_MAX, "{} has too many fields", ty.name);
                record_reader(&mut out, schema, &ty.name, fields);
                record_writer(&mut out, &ty.name, fields);
            }
            Shape::Enum(words) => words_reader_and_writer(&mut out, &ty.name, words),
            Shape::Variant(cases) => {
                variant_reader(&mut out, &ty.name, cases);
                variant_writer(&mut out, &ty.name, cases);
            }
        }
    }
    let (configure, hooks) = schema.hooks.split_first().unwrap_or_else(|| unreachable!("there is `configure`"));
    assert_eq!(configure.name, "configure");
    for hook in hooks {
        let (name, request, answer) = (snake(&hook.name), snake(&hook.request), snake(&hook.answer));
        line(&mut out, format_args!("typedef ct_{request} ct_{name}_request;"));
        line(&mut out, format_args!("typedef ct_{answer} ct_{name}_answer;"));
    }
    out.push('\n');
    out.push_str(AFTER);
    hooks.iter().for_each(|hook| hook_macro(&mut out, hook));
    out.push_str("\n#endif\n");
    out
}

/// The name of a field or payload.
fn member(name: &str) -> String {
    match name {
        "int" | "float" | "double" | "char" | "default" | "switch" | "case" | "register" | "static" => {
            format!("{name}_")
        }
        _ => snake(name),
    }
}

/// The end of the names of its type, reader and writer.
fn noun(form: &Form) -> String {
    match form {
        Form::Bool => "bool".to_owned(),
        Form::U8 => "u8".to_owned(),
        Form::U16 => "u16".to_owned(),
        Form::U32 => "u32".to_owned(),
        Form::U64 => "u64".to_owned(),
        Form::S64 => "s64".to_owned(),
        Form::F64 => "f64".to_owned(),
        Form::Text => "text".to_owned(),
        Form::Bytes => "bytes".to_owned(),
        Form::Nodes => "node_list".to_owned(),
        Form::List(item) => format!("{}_list", noun(item)),
        Form::Record(name) | Form::Enum(name) | Form::Variant(name) => snake(name),
    }
}

/// The type of what is not absent.
fn c_type(form: &Form) -> String {
    match form {
        Form::Bool => "bool".to_owned(),
        Form::U8 | Form::U16 | Form::U32 | Form::U64 => format!("uint{}_t", &noun(form)[1..]),
        Form::S64 => "int64_t".to_owned(),
        Form::F64 => "double".to_owned(),
        _ => format!("ct_{}", noun(form)),
    }
}

/// Whether it needs a mark beside it to be absent; the others are absent where they are zero.
fn needs_option(form: &Form) -> bool {
    matches!(form, Form::Bool | Form::U8 | Form::U16 | Form::U32 | Form::U64 | Form::S64 | Form::F64)
}

fn declaration(out: &mut String, schema: &Schema, ty: &Type) {
    if !ty.docs.is_empty() {
        let docs: Vec<_> = ty.docs.iter().map(|line| line.trim_end()).collect();
        line(out, format_args!("/* {} */", docs.join("\n   ")));
    }
    let name = snake(&ty.name);
    match &ty.shape {
        Shape::Enum(words) => kinds(out, &ty.name, &name, words.iter().map(String::as_str)),
        Shape::Record(fields) => {
            line(out, format_args!("typedef struct ct_{name} {{"));
            if schema.is_optional(&ty.name) {
                line(out, format_args!("    bool present;"));
            }
            for field in fields {
                let of = if field.optional && needs_option(&field.form) {
                    format!("ct_{}_option", noun(&field.form))
                } else {
                    c_type(&field.form)
                };
                line(out, format_args!("    {of} {};", member(&field.name)));
            }
            line(out, format_args!("}} ct_{name};\n"));
        }
        Shape::Variant(cases) => {
            kinds(out, &ty.name, &format!("{name}_kind"), cases.iter().map(|case| case.name.as_str()));
            line(out, format_args!("typedef struct ct_{name} {{\n    ct_{name}_kind kind;\n    union {{"));
            for (case, payload) in cases.iter().filter_map(|case| Some((case, case.payload.as_ref()?))) {
                line(out, format_args!("        {} {};", c_type(payload), member(&case.name)));
            }
            line(out, format_args!("    }};\n}} ct_{name};\n"));
        }
    }
    let form = Form::Record(ty.name.clone());
    if [form, Form::Enum(ty.name.clone()), Form::Variant(ty.name.clone())].iter().any(|form| schema.is_listed(form)) {
        line(
            out,
            format_args!(
                "typedef struct ct_{name}_list {{\n    ct_{name} *items;\n    uint32_t len;\n}} ct_{name}_list;\n"
            ),
        );
    }
}

/// An enum of C, 0 for what is absent or unknown.
fn kinds<'a>(out: &mut String, prefix: &str, name: &str, words: impl Iterator<Item = &'a str>) {
    let prefix = upper(prefix);
    line(out, format_args!("typedef enum ct_{name} {{\n    CT_{prefix}_NONE,"));
    for word in words {
        line(out, format_args!("    CT_{prefix}_{},", upper(word)));
    }
    line(out, format_args!("}} ct_{name};\n"));
}

/// The statement that reads into PLACE.
fn read(form: &Form, place: &str) -> String {
    match form {
        Form::List(item) => format!(
            "at = ct_read_list(at, end, &{place}.len); {place}.items = ct_alloc({place}.len, sizeof *{place}.items); \
             for (uint32_t i = 0; i < {place}.len; i++) {}",
            read(item, &format!("{place}.items[i]"))
        ),
        _ => format!("at = ct_read_{}(at, end, &{place});", noun(form)),
    }
}

/// The statement that writes PLACE.
fn write(form: &Form, place: &str) -> String {
    match form {
        Form::U8 | Form::U16 | Form::U32 | Form::U64 => format!("at = ct_write_number(at, {place});"),
        Form::Record(name) | Form::Variant(name) => format!("at = ct_write_{}(at, &{place});", snake(name)),
        Form::List(item) => format!(
            "at = ct_write_list(at, {place}.len); for (uint32_t i = 0; i < {place}.len; i++) {}",
            write(item, &format!("{place}.items[i]"))
        ),
        _ => format!("at = ct_write_{}(at, {place});", noun(form)),
    }
}

/// A text as it stands in an answer, its length before it: literals of C, one after the other.
fn item(text: &str) -> String {
    let head =
        if text.len() < 24 { format!("\\x{:x}", 0x60 + text.len()) } else { format!("\\x78\\x{:02x}", text.len()) };
    format!("\"{head}\" \"{text}\"")
}

/// A switch over a text: by its length, then by what it is.
fn dispatch<'a>(out: &mut String, indent: &str, text: &str, arms: impl Iterator<Item = (&'a str, String)>) {
    line(out, format_args!("{indent}switch ({text}.len) {{"));
    for (length, same) in by_length(arms) {
        line(out, format_args!("{indent}case {length}:"));
        for (word, then) in same {
            line(out, format_args!("{indent}    if (ct_same({text}.ptr, \"{word}\", {length})) {{ {then} }}"));
        }
        line(out, format_args!("{indent}    break;"));
    }
    line(out, format_args!("{indent}default:\n{indent}    break;\n{indent}}}"));
}

fn record_reader(out: &mut String, schema: &Schema, name: &str, fields: &[Field]) {
    let ident = snake(name);
    line(out, format_args!("/* Into zeroes. */"));
    line(
        out,
        format_args!(
            "CT_ONCE const uint8_t *ct_read_{ident}(const uint8_t *at, const uint8_t *end, ct_{ident} *value) {{"
        ),
    );
    if schema.is_optional(name) {
        line(out, format_args!("    value->present = true;"));
    }
    line(out, format_args!("    uint32_t left;"));
    line(out, format_args!("    for (at = ct_read_map(at, end, &left); left > 0; left--) {{"));
    line(out, format_args!("        ct_text key;"));
    line(out, format_args!("        at = ct_read_key(at, end, &key);"));
    line(out, format_args!("        if (ct_null_comes(at, end)) {{ at++; continue; }}"));
    let arms = fields.iter().map(|field| {
        let place = format!("value->{}", member(&field.name));
        let then = if field.optional && needs_option(&field.form) {
            format!("{place}.present = true; {}", read(&field.form, &format!("{place}.value")))
        } else {
            read(&field.form, &place)
        };
        (field.name.as_str(), format!("{then} continue;"))
    });
    dispatch(out, "        ", "key", arms);
    line(out, format_args!("        at = ct_skip(at, end);\n    }}\n    return at;\n}}\n"));
}

fn record_writer(out: &mut String, name: &str, fields: &[Field]) {
    let ident = snake(name);
    line(out, format_args!("CT_ONCE uint8_t *ct_write_{ident}(uint8_t *at, const ct_{ident} *value) {{"));
    line(out, format_args!("    uint8_t *map = at, entries = 0;\n    at = ct_write_map(at, 0);"));
    for field in fields {
        let place = format!("value->{}", member(&field.name));
        let (there, value) = match &field.form {
            Form::List(_) | Form::Nodes => (Some(format!("{place}.items != NULL")), place),
            Form::Enum(_) => (Some(format!("{place} != 0")), place),
            Form::Variant(_) => (Some(format!("{place}.kind != 0")), place),
            Form::Record(_) => (field.optional.then(|| format!("{place}.present")), place),
            form if needs_option(form) && field.optional => {
                (Some(format!("{place}.present")), format!("{place}.value"))
            }
            _ => (field.optional.then(|| format!("{place}.ptr != NULL")), place),
        };
        let body = format!("entries++; at = CT_WRITE(at, {}); {}", item(&field.name), write(&field.form, &value));
        match there {
            Some(there) => line(out, format_args!("    if ({there}) {{ {body} }}")),
            None => line(out, format_args!("    {body}")),
        }
    }
    line(out, format_args!("    *map = CT_KIND_MAP + entries;\n    return at;\n}}\n"));
}

fn words_reader_and_writer(out: &mut String, name: &str, words: &[String]) {
    let (ident, prefix) = (snake(name), upper(name));
    line(
        out,
        format_args!(
            "CT_ONCE const uint8_t *ct_read_{ident}(const uint8_t *at, const uint8_t *end, ct_{ident} *value) {{"
        ),
    );
    line(out, format_args!("    ct_text word;\n    at = ct_read_key(at, end, &word);"));
    let arms = words.iter().map(|word| (word.as_str(), format!("*value = CT_{prefix}_{}; return at;", upper(word))));
    dispatch(out, "    ", "word", arms);
    line(out, format_args!("    return at;\n}}\n"));
    line(out, format_args!("CT_ONCE uint8_t *ct_write_{ident}(uint8_t *at, ct_{ident} value) {{"));
    line(out, format_args!("    switch (value) {{"));
    for word in words {
        line(out, format_args!("    case CT_{prefix}_{}: return CT_WRITE(at, {});", upper(word), item(word)));
    }
    line(out, format_args!("    case CT_{prefix}_NONE: break;\n    }}\n    __builtin_trap();\n}}\n"));
}

fn variant_reader(out: &mut String, name: &str, cases: &[Case]) {
    let (ident, prefix) = (snake(name), upper(name));
    line(out, format_args!("/* Into zeroes. */"));
    line(
        out,
        format_args!(
            "CT_ONCE const uint8_t *ct_read_{ident}(const uint8_t *at, const uint8_t *end, ct_{ident} *value) {{"
        ),
    );
    line(out, format_args!("    bool bare = ct_text_comes(at, end);"));
    line(out, format_args!("    if (!bare) at = ct_read_one_entry(at, end);"));
    line(out, format_args!("    ct_text word;\n    at = ct_read_key(at, end, &word);"));
    let arms = cases.iter().map(|case| {
        let kind = format!("value->kind = CT_{prefix}_{};", upper(&case.name));
        let then = match &case.payload {
            None => format!("if (bare) {{ {kind} return at; }}"),
            Some(payload) => {
                format!(
                    "if (!bare) {{ {kind} {} return at; }}",
                    read(payload, &format!("value->{}", member(&case.name)))
                )
            }
        };
        (case.name.as_str(), then)
    });
    dispatch(out, "    ", "word", arms);
    line(out, format_args!("    return bare ? at : ct_skip(at, end);\n}}\n"));
}

fn variant_writer(out: &mut String, name: &str, cases: &[Case]) {
    let (ident, prefix) = (snake(name), upper(name));
    line(out, format_args!("CT_ONCE uint8_t *ct_write_{ident}(uint8_t *at, const ct_{ident} *value) {{"));
    line(out, format_args!("    switch (value->kind) {{"));
    for case in cases {
        let key = item(&case.name);
        let body = match &case.payload {
            None => format!("return CT_WRITE(at, {key});"),
            Some(payload) => {
                let payload = write(payload, &format!("value->{}", member(&case.name)));
                format!(r#"at = CT_WRITE(at, "\xa1" {key}); {payload} return at;"#)
            }
        };
        line(out, format_args!("    case CT_{prefix}_{}: {body}", upper(&case.name)));
    }
    line(out, format_args!("    case CT_{prefix}_NONE: break;\n    }}\n    __builtin_trap();\n}}\n"));
}

fn hook_macro(out: &mut String, hook: &Hook) {
    let (name, request, answer) = (snake(&hook.name), snake(&hook.request), snake(&hook.answer));
    line(
        out,
        format_args!(
            "#define CT_{}(request) CT_HOOK({name}, ct_read_{request}, ct_write_{answer}, request)",
            name.to_uppercase()
        ),
    );
}
