//! Go: the records with their readers and writers, the hooks, and their exports. What is written by hand stands beside them in `go/`.

use crate::lines::line;
use crate::names::snake;
use crate::schema::{Case, Field, Form, Hook, Schema, Shape, Type};

const HEADER: &str = "// Code generated from policy.wit by plugin-sdk/generate (src/go.rs). DO NOT EDIT.\n\n";

/// Entries of a map whose length stands in its first byte.
const FIELDS_MAX: usize = 23;

/// `records.go`.
pub(crate) fn records(schema: &Schema) -> String {
    let mut out = format!("{HEADER}package crosstie\n\nimport \"math\"\n\n");
    for ty in &schema.types {
        declaration(&mut out, ty);
        match &ty.shape {
            Shape::Record(fields) => {
                assert!(fields.len() <= FIELDS_MAX, "{} has too many fields", ty.name);
                record_reader(&mut out, &ty.name, fields);
                record_writer(&mut out, &ty.name, fields);
            }
            Shape::Enum(words) => words_reader_and_writer(&mut out, &ty.name, words),
            Shape::Variant(cases) => {
                variant_reader(&mut out, &ty.name, cases);
                variant_writer(&mut out, &ty.name, cases);
            }
        }
    }
    echo(&mut out, schema);
    ended(out)
}

/// `hooks.go`: how a plugin says what it decides.
pub(crate) fn hooks(schema: &Schema) -> String {
    let mut out = format!("{HEADER}package crosstie\n\n");
    for hook in asked(schema) {
        let (name, request, answer) = (public(&hook.name), public(&hook.request), answer(schema, hook));
        let write = match shape(schema, &hook.answer) {
            Shape::Variant(_) => format!("write{answer}"),
            _ => format!("({answer}).write"),
        };
        let (var, short) = (private(&hook.name), hook.name.trim_start_matches("on-"));
        line(
            &mut out,
            format_args!("var {var} = hook[{request}, {answer}]{{read: (*{request}).read, write: {write}}}\n"),
        );
        line(
            &mut out,
            format_args!("// {name} says what decides the hook {short}. It answers nil where it has no opinion."),
        );
        line(&mut out, format_args!("func {name}(decide func(request *{request}) {answer}) {{"));
        line(&mut out, format_args!("\t{var}.ask = decide\n\thooks = append(hooks, \"{short}\")\n}}\n"));
    }
    ended(out)
}

/// `hooks_wasip1.go`: what a module exports of them.
pub(crate) fn exports(schema: &Schema) -> String {
    let mut out = format!("{HEADER}package crosstie\n\n");
    for hook in asked(schema) {
        line(&mut out, format_args!("//go:wasmexport {}", snake(&hook.name)));
        line(&mut out, format_args!("func export{}(at *byte, size uint32) uint64 {{", public(&hook.name)));
        line(&mut out, format_args!("\treturn give({}.decide(unsafe.Slice(at, size)))\n}}\n", private(&hook.name)));
    }
    ended(out).replacen("crosstie\n", "crosstie\n\nimport \"unsafe\"\n", 1)
}

fn ended(mut out: String) -> String {
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// All but `configure`.
fn asked(schema: &Schema) -> &[Hook] {
    let (configure, hooks) = schema.hooks.split_first().unwrap_or_else(|| unreachable!("there is `configure`"));
    assert_eq!(configure.name, "configure");
    hooks
}

fn shape<'a>(schema: &'a Schema, name: &str) -> &'a Shape {
    let ty = schema.types.iter().find(|ty| ty.name == name);
    &ty.unwrap_or_else(|| unreachable!("a hook takes `{name}`")).shape
}

fn answer(schema: &Schema, hook: &Hook) -> String {
    match shape(schema, &hook.answer) {
        Shape::Variant(_) => public(&hook.answer),
        _ => format!("*{}", public(&hook.answer)),
    }
}

/// A name that others see, with Go's spelling of abbreviations.
fn public(name: &str) -> String {
    let word = |word: &str| match word {
        "id" | "ip" | "tls" | "tcp" | "ttl" | "sni" | "rtt" | "ws" | "wss" | "amqp" | "amqps" => word.to_uppercase(),
        _ => word[..1].to_uppercase() + &word[1..],
    };
    name.split('-').map(word).collect()
}

/// A name that only this package sees.
fn private(name: &str) -> String {
    let first = name.split('-').next().unwrap_or_default();
    first.to_owned() + &public(name)[first.len()..]
}

/// The type of what is not absent.
fn go_type(form: &Form) -> String {
    match form {
        Form::Bool => "bool".to_owned(),
        Form::U8 => "uint8".to_owned(),
        Form::U16 => "uint16".to_owned(),
        Form::U32 => "uint32".to_owned(),
        Form::U64 => "uint64".to_owned(),
        Form::S64 => "int64".to_owned(),
        Form::F64 => "float64".to_owned(),
        Form::Text => "string".to_owned(),
        Form::Bytes => "[]byte".to_owned(),
        Form::Nodes => "[]Node".to_owned(),
        Form::List(item) => format!("[]{}", go_type(item)),
        Form::Record(name) | Form::Enum(name) | Form::Variant(name) => public(name),
    }
}

/// Whether it needs a mark beside it to be absent; the others are absent where they are zero or nil.
fn needs_option(form: &Form) -> bool {
    !matches!(form, Form::Bytes | Form::Nodes | Form::List(_) | Form::Record(_) | Form::Enum(_) | Form::Variant(_))
}

fn field_type(field: &Field) -> String {
    let ty = go_type(&field.form);
    match &field.form {
        form if field.optional && needs_option(form) => format!("Option[{ty}]"),
        Form::Record(_) if field.optional => format!("*{ty}"),
        _ => ty,
    }
}

/// The type of a case: that of its record, or one of its own.
fn case_type(variant: &str, case: &Case) -> String {
    match &case.payload {
        Some(Form::Record(name)) => format!("*{}", public(name)),
        _ => format!("{}{}", public(variant), public(&case.name)),
    }
}

fn declaration(out: &mut String, ty: &Type) {
    let name = public(&ty.name);
    line(out, format_args!("// {name} is {} of policy.wit.", ty.name));
    for docs in &ty.docs {
        line(out, format_args!("// {}", docs.trim()));
    }
    match &ty.shape {
        Shape::Enum(words) => {
            line(out, format_args!("type {name} uint8\n"));
            line(out, format_args!("// The words of {name}; 0 is none of them, or absent."));
            line(out, format_args!("const ("));
            for (index, word) in words.iter().enumerate() {
                let of = if index == 0 { format!(" {name} = iota + 1") } else { String::new() };
                line(out, format_args!("\t{name}{}{of}", public(word)));
            }
            line(out, format_args!(")\n"));
        }
        Shape::Record(fields) => {
            line(out, format_args!("type {name} struct {{"));
            let width = fields.iter().map(|field| public(&field.name).len()).max().unwrap_or_default();
            for field in fields {
                line(out, format_args!("\t{:width$} {}", public(&field.name), field_type(field)));
            }
            line(out, format_args!("}}\n"));
        }
        Shape::Variant(cases) => variant_declaration(out, &ty.name, cases),
    }
}

fn variant_declaration(out: &mut String, variant: &str, cases: &[Case]) {
    let name = public(variant);
    let types: Vec<_> = cases.iter().map(|case| case_type(variant, case)).collect();
    line(out, format_args!("//\n// It is one of {}.", types.join(", ")));
    line(out, format_args!("type {name} interface{{ is{name}() }}\n"));
    for (index, (case, ty)) in cases.iter().zip(&types).enumerate() {
        assert!(!types[..index].contains(ty), "two cases of {variant} are of one type");
        let of = match &case.payload {
            Some(Form::Record(_)) => None,
            Some(form) => Some(go_type(form)),
            None => Some("struct{}".to_owned()),
        };
        if let Some(of) = of {
            line(out, format_args!("// {ty} is the case {} of [{name}].\ntype {ty} {of}\n", case.name));
        }
    }
    let width = types.iter().map(String::len).max().unwrap_or_default();
    for ty in &types {
        line(out, format_args!("func ({ty}) is{name}(){:1$} {{}}", "", width - ty.len()));
    }
    out.push('\n');
}

/// The expression that reads it, where there is one.
fn value(form: &Form) -> String {
    match form {
        Form::Bool => "r.bool()".to_owned(),
        Form::U8 | Form::U16 | Form::U32 => format!("{0}(r.uint(math.MaxU{1}))", go_type(form), &go_type(form)[1..]),
        Form::U64 => "r.uint(math.MaxUint64)".to_owned(),
        Form::S64 => "r.int()".to_owned(),
        Form::F64 => "r.float()".to_owned(),
        Form::Text => "r.text()".to_owned(),
        Form::Bytes => "r.bytes()".to_owned(),
        Form::Nodes => "readNodes(r)".to_owned(),
        Form::Enum(name) | Form::Variant(name) => format!("read{}(r)", public(name)),
        Form::List(_) | Form::Record(_) => unreachable!("it is read in place"),
    }
}

/// The statements that read into PLACE.
fn read(out: &mut String, indent: &str, form: &Form, place: &str) {
    match form {
        Form::Record(_) => line(out, format_args!("{indent}{place}.read(r)")),
        Form::List(item) => {
            line(out, format_args!("{indent}{place} = make({}, r.list())", go_type(form)));
            line(out, format_args!("{indent}for i := range {place} {{"));
            read(out, &format!("{indent}\t"), item, &format!("{place}[i]"));
            line(out, format_args!("{indent}}}"));
        }
        _ => line(out, format_args!("{indent}{place} = {}", value(form))),
    }
}

/// The statements that write PLACE.
fn write(out: &mut String, indent: &str, form: &Form, place: &str) {
    match form {
        Form::Bool => line(out, format_args!("{indent}w.bool({place})")),
        Form::U64 => line(out, format_args!("{indent}w.uint({place})")),
        Form::U8 | Form::U16 | Form::U32 => line(out, format_args!("{indent}w.uint(uint64({place}))")),
        Form::S64 => line(out, format_args!("{indent}w.int({place})")),
        Form::F64 => line(out, format_args!("{indent}w.float({place})")),
        Form::Text => line(out, format_args!("{indent}w.text({place})")),
        Form::Bytes => line(out, format_args!("{indent}w.bytes({place})")),
        Form::Nodes => line(out, format_args!("{indent}writeNodes({place}, w)")),
        Form::Enum(_) | Form::Record(_) => line(out, format_args!("{indent}{place}.write(w)")),
        Form::Variant(name) => line(out, format_args!("{indent}write{}({place}, w)", public(name))),
        Form::List(item) => {
            line(out, format_args!("{indent}w.list(len({place}))"));
            line(out, format_args!("{indent}for i := range {place} {{"));
            write(out, &format!("{indent}\t"), item, &format!("{place}[i]"));
            line(out, format_args!("{indent}}}"));
        }
    }
}

fn record_reader(out: &mut String, name: &str, fields: &[Field]) {
    line(out, format_args!("func (v *{}) read(r *reader) {{", public(name)));
    line(out, format_args!("\tfor left := r.entries(); left > 0; left-- {{"));
    line(out, format_args!("\t\tkey := r.text()\n\t\tif r.null() {{\n\t\t\tcontinue\n\t\t}}\n\t\tswitch key {{"));
    for field in fields {
        let place = format!("v.{}", public(&field.name));
        line(out, format_args!("\t\tcase \"{}\":", field.name));
        match &field.form {
            form if field.optional && needs_option(form) => {
                line(out, format_args!("\t\t\t{place} = Some({})", value(form)));
            }
            form => {
                if let (Form::Record(of), true) = (form, field.optional) {
                    line(out, format_args!("\t\t\t{place} = new({})", public(of)));
                }
                read(out, "\t\t\t", form, &place);
            }
        }
    }
    line(out, format_args!("\t\tdefault:\n\t\t\tr.skip()\n\t\t}}\n\t}}\n}}\n"));
}

/// A text as it stands in an answer, its length before it: bytes of Go.
fn item(text: &str) -> String {
    let len = text.len();
    let head = if len < 24 { format!("{:#x}", 0x60 + len) } else { format!("0x78, {len}") };
    text.chars().fold(head, |bytes, letter| bytes + &format!(", '{letter}'"))
}

/// The statement that writes these bytes; text would be a call.
fn constant(bytes: &str) -> String {
    format!("w.out = append(w.out, {bytes})")
}

fn record_writer(out: &mut String, name: &str, fields: &[Field]) {
    line(out, format_args!("func (v *{}) write(w *writer) {{\n\tat, entries := w.open(), byte(0)", public(name)));
    for field in fields {
        let place = format!("v.{}", public(&field.name));
        let there = match &field.form {
            Form::List(_) | Form::Nodes | Form::Variant(_) => Some(format!("{place} != nil")),
            Form::Enum(_) => Some(format!("{place} != 0")),
            Form::Record(_) | Form::Bytes => field.optional.then(|| format!("{place} != nil")),
            _ => field.optional.then(|| format!("{place}.Present")),
        };
        let (place, indent) = match there {
            Some(there) => {
                line(out, format_args!("\tif {there} {{"));
                (if there.ends_with(".Present") { format!("{place}.Value") } else { place }, "\t\t")
            }
            None => (place, "\t"),
        };
        line(out, format_args!("{indent}entries++\n{indent}{}", constant(&item(&field.name))));
        write(out, indent, &field.form, &place);
        if indent.len() > 1 {
            line(out, format_args!("\t}}"));
        }
    }
    line(out, format_args!("\tw.out[at] += entries\n}}\n"));
}

fn words_reader_and_writer(out: &mut String, name: &str, words: &[String]) {
    let (ty, list) = (public(name), format!("{}Words", private(name)));
    let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    line(out, format_args!("var {list} = [...]string{{\"\", {}}}\n", quoted.join(", ")));
    line(out, format_args!("// String is the word in policy.wit, empty where there is none."));
    line(out, format_args!("func (v {ty}) String() string {{\n\tif int(v) >= len({list}) {{\n\t\treturn \"\"\n\t}}"));
    line(out, format_args!("\treturn {list}[v]\n}}\n"));
    line(out, format_args!("func read{ty}(r *reader) {ty} {{\n\tswitch r.text() {{"));
    for word in words {
        line(out, format_args!("\tcase \"{word}\":\n\t\treturn {ty}{}", public(word)));
    }
    line(out, format_args!("\t}}\n\treturn 0\n}}\n"));
    line(out, format_args!("func (v {ty}) write(w *writer) {{\n\tw.text({list}[v])\n}}\n"));
}

fn variant_reader(out: &mut String, name: &str, cases: &[Case]) {
    let ty = public(name);
    let (bare, loaded): (Vec<_>, Vec<_>) = cases.iter().partition(|case| case.payload.is_none());
    line(out, format_args!("func read{ty}(r *reader) {ty} {{\n\tword, bare := r.word()\n\tif bare {{"));
    if !bare.is_empty() {
        line(out, format_args!("\t\tswitch word {{"));
        for case in &bare {
            line(out, format_args!("\t\tcase \"{}\":\n\t\t\treturn {}{{}}", case.name, case_type(name, case)));
        }
        line(out, format_args!("\t\t}}"));
    }
    line(out, format_args!("\t\treturn nil\n\t}}\n\tswitch word {{"));
    for (case, payload) in loaded.iter().filter_map(|case| Some((case, case.payload.as_ref()?))) {
        line(out, format_args!("\tcase \"{}\":", case.name));
        match payload {
            Form::Record(of) => {
                line(out, format_args!("\t\tv := new({})\n\t\tv.read(r)\n\t\treturn v", public(of)));
            }
            _ => line(out, format_args!("\t\treturn {}({})", case_type(name, case), value(payload))),
        }
    }
    line(out, format_args!("\t}}\n\tr.skip()\n\treturn nil\n}}\n"));
}

fn variant_writer(out: &mut String, name: &str, cases: &[Case]) {
    let ty = public(name);
    line(out, format_args!("func write{ty}(v {ty}, w *writer) {{\n\tswitch v := v.(type) {{"));
    for case in cases {
        line(out, format_args!("\tcase {}:", case_type(name, case)));
        match &case.payload {
            None => line(out, format_args!("\t\t{}", constant(&item(&case.name)))),
            Some(payload) => {
                line(out, format_args!("\t\t{}", constant(&format!("0xa1, {}", item(&case.name)))));
                let place = match payload {
                    Form::Record(_) => "v".to_owned(),
                    _ => format!("{}(v)", go_type(payload)),
                };
                write(out, "\t\t", payload, &place);
            }
        }
    }
    line(out, format_args!("\tdefault:\n\t\tpanic(\"crosstie: a {ty} of no case\")\n\t}}\n}}\n"));
}

/// What golden.jsonl is checked by.
fn echo(out: &mut String, schema: &Schema) {
    line(
        out,
        format_args!(
            "// echo reads a request or an answer, and writes it again: 2 for each hook, and one more for its answer."
        ),
    );
    line(out, format_args!("func echo(number uint32, bytes []byte) []byte {{"));
    line(out, format_args!("\tr, w := &reader{{data: bytes}}, &writer{{}}\n\tswitch number {{"));
    let names = schema.hooks.iter().flat_map(|hook| [&hook.request, &hook.answer]);
    for (number, name) in names.enumerate() {
        line(out, format_args!("\tcase {number}:"));
        let ty = public(name);
        match shape(schema, name) {
            Shape::Variant(_) => line(out, format_args!("\t\tv := read{ty}(r)\n\t\tr.end()\n\t\twrite{ty}(v, w)")),
            _ => line(out, format_args!("\t\tv := new({ty})\n\t\tv.read(r)\n\t\tr.end()\n\t\tv.write(w)")),
        }
    }
    line(out, format_args!("\tdefault:\n\t\tpanic(\"crosstie: no such hook\")\n\t}}\n\treturn w.out\n}}\n"));
}
