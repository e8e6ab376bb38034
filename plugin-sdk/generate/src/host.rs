//! What the host has of the schema: what requests are made of.

use std::collections::BTreeSet;

use crate::lines::line;
use crate::schema::{Case, Field, Form, Schema, Shape, Type};

pub(crate) fn forms(schema: &Schema) -> String {
    let mut out = String::new();
    line(
        &mut out,
        format_args!("//! What requests are made of. Made from policy.wit by `cargo run -p crosstie-generate`.\n"),
    );
    line(
        &mut out,
        format_args!(
            "use crate::form::Form::{{self, Bytes, Flag, Float, Integer, List, Record, Text, Variant, Whole}};\n"
        ),
    );
    // `configure` is asked everything
    let hooks = || schema.hooks.iter().filter_map(|hook| Some((hook.name.strip_prefix("on-")?, &hook.request)));
    line(&mut out, format_args!("/// Hooks, and what they are asked.\n#[rustfmt::skip]"));
    line(&mut out, format_args!("pub(crate) const REQUESTS: &[(&str, Form)] = &["));
    for (word, request) in hooks() {
        line(&mut out, format_args!("    (\"{word}\", {}),", constant(request)));
    }
    line(&mut out, format_args!("];"));
    let mut used = BTreeSet::new();
    hooks().for_each(|(_, request)| add_used(schema, request, &mut used));
    for ty in schema.types.iter().filter(|ty| used.contains(ty.name.as_str())) {
        line(&mut out, format_args!("\n#[rustfmt::skip]\nconst {}: Form = {};", constant(&ty.name), shape(ty)));
    }
    out
}

/// A type, and those that it is made of.
fn add_used<'s>(schema: &'s Schema, name: &'s str, used: &mut BTreeSet<&'s str>) {
    used.insert(name);
    let forms: Vec<&Form> = match schema.types.iter().find(|ty| ty.name == name).map(|ty| &ty.shape) {
        Some(Shape::Record(fields)) => fields.iter().map(|field| &field.form).collect(),
        Some(Shape::Variant(cases)) => cases.iter().filter_map(|case| case.payload.as_ref()).collect(),
        Some(Shape::Enum(_)) | None => Vec::new(),
    };
    for mut form in forms {
        while let Form::List(item) = form {
            form = item;
        }
        if let Form::Record(name) | Form::Variant(name) = form {
            add_used(schema, name, used);
        }
    }
}

fn shape(ty: &Type) -> String {
    match &ty.shape {
        Shape::Record(fields) => {
            let field = |Field { name, form, .. }: &Field| format!("    (\"{name}\", {}),\n", self::form(form));
            format!("Record(&[\n{}])", fields.iter().map(field).collect::<String>())
        }
        Shape::Enum(_) => "Text".to_owned(),
        Shape::Variant(cases) => {
            let case = |Case { name, payload }: &Case| {
                let payload = payload.as_ref().map_or("None".to_owned(), |payload| format!("Some({})", form(payload)));
                format!("    (\"{name}\", {payload}),\n")
            };
            format!("Variant(&[\n{}])", cases.iter().map(case).collect::<String>())
        }
    }
}

fn form(form: &Form) -> String {
    match form {
        Form::Bool => "Flag".to_owned(),
        Form::U8 => "Whole(0xff)".to_owned(),
        Form::U16 => "Whole(0xffff)".to_owned(),
        Form::U32 => "Whole(0xffff_ffff)".to_owned(),
        Form::U64 => "Whole(u64::MAX)".to_owned(),
        Form::S64 => "Integer".to_owned(),
        Form::F64 => "Float".to_owned(),
        // a later version may have more words
        Form::Text | Form::Enum(_) => "Text".to_owned(),
        Form::Bytes => "Bytes".to_owned(),
        Form::Nodes => unreachable!("only `configure` is asked nodes"),
        Form::List(item) => format!("List(&{})", self::form(item)),
        Form::Record(name) | Form::Variant(name) => constant(name),
    }
}

fn constant(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}
