//! What stands in the Rust SDK for each type of the schema: one item, or two where requests lend what answers own.

use std::collections::BTreeMap;

use crate::rust::MODULES;
use crate::schema::{Form, Schema, Shape, Type};

/// Where each type stands in the SDK, and its docs: `# TYPE module::Name`, a line for the type, a line for each member of it. Behind the
/// name stands what answers have for it where that is another: `module::Name`, which has the next line; or `pair`, a tuple of its two
/// fields; or `owned`, the same, which owns its texts for requests too.
const DOCS: &str = include_str!("docs.txt");

#[derive(Clone)]
pub(crate) struct Item<'s> {
    pub(crate) ty: &'s Type,
    pub(crate) module: &'s str,
    /// A pair has none of its own.
    pub(crate) name: &'s str,
    pub(crate) docs: &'s str,
    members: BTreeMap<&'s str, &'s str>,
    /// It has texts, and they are its own.
    pub(crate) is_owned: bool,
    pub(crate) is_pair: bool,
    /// It is read.
    pub(crate) is_asked: bool,
    /// It is written, and not by tests alone.
    pub(crate) is_answered: bool,
}

impl Item<'_> {
    /// The docs of a field, word or case.
    pub(crate) fn member(&self, name: &str) -> Option<&str> {
        self.members.get(name).copied()
    }
}

/// All of them, in the order of the schema.
pub(crate) struct Items<'s> {
    all: Vec<Item<'s>>,
}

impl<'s> Items<'s> {
    pub(crate) fn new(schema: &'s Schema) -> Self {
        let (mut asked, mut answered) = (Vec::new(), Vec::new());
        for hook in &schema.hooks {
            reach(schema, &hook.request, &mut asked);
            reach(schema, &hook.answer, &mut answered);
        }
        let mut told: BTreeMap<&str, Told<'_>> = DOCS.split("# ").skip(1).map(Told::read).collect();
        let mut all = Vec::new();
        for ty in &schema.types {
            let of = told
                .remove(ty.name.as_str())
                .unwrap_or_else(|| unreachable!("docs.txt does not say where `{}` is", ty.name));
            of.expect_members(ty);
            let (is_asked, is_answered) = (asked.contains(&ty.name), answered.contains(&ty.name));
            let (module, name) = place(of.path);
            assert!(MODULES.contains(&module), "there is no module `{module}` of records");
            let (docs, of_answer) = (of.docs[0], of.docs.get(1).copied().unwrap_or_default());
            let members = of.members;
            let item = Item { ty, module, name, docs, members, is_owned: false, is_pair: false, is_asked, is_answered };
            match (is_asked && is_answered, of.answered) {
                (true, None) => all.push(item),
                (true, Some("owned")) => all.push(Item { is_owned: true, ..item }),
                (true, Some(answered)) => {
                    let is_pair = answered == "pair";
                    let (module, name) = if is_pair { (module, name) } else { place(answered) };
                    all.push(Item { is_answered: false, ..item.clone() });
                    all.push(Item { module, name, docs: of_answer, is_owned: true, is_pair, is_asked: false, ..item });
                }
                (false, None) => all.push(Item { is_owned: is_answered, ..item }),
                (false, Some(_)) => unreachable!("docs.txt tells answers from requests for `{}`", ty.name),
            }
        }
        assert!(told.is_empty(), "docs.txt has types that policy.wit lacks: {:?}", told.keys());
        Self { all }
    }

    pub(crate) fn of_module<'i>(&'i self, module: &'i str) -> impl Iterator<Item = &'i Item<'s>> {
        self.all.iter().filter(move |item| item.module == module)
    }

    /// What stands for a type: in what is owned, or in what is borrowed.
    pub(crate) fn named(&self, ty: &str, is_owned: bool) -> &Item<'s> {
        let mut items: Vec<_> = self.all.iter().filter(|item| item.ty.name == ty).collect();
        if items.len() > 1 {
            items.retain(|item| item.is_owned == is_owned);
        }
        items.pop().unwrap_or_else(|| unreachable!("`{ty}` is of the schema"))
    }

    /// Whether it is a field of a request, or of a record in one.
    pub(crate) fn is_inside(&self, item: &Item<'_>) -> bool {
        let form = Form::Record(item.ty.name.clone());
        self.all.iter().any(|outer| match &outer.ty.shape {
            Shape::Record(fields) => outer.is_asked && fields.iter().any(|field| field.form == form),
            Shape::Enum(_) | Shape::Variant(_) => false,
        })
    }

    /// Whether it has texts of the request.
    pub(crate) fn borrows(&self, item: &Item<'s>) -> bool {
        let (forms, inner) = self.parts(item);
        !item.is_owned && forms.iter().any(|form| is_text(form)) || inner.iter().any(|inner| self.borrows(inner))
    }

    pub(crate) fn is_copy(&self, item: &Item<'s>) -> bool {
        let (forms, inner) = self.parts(item);
        let is_own = |form: &Form| matches!(form, Form::List(_) | Form::Nodes) || item.is_owned && is_text(form);
        !forms.into_iter().any(is_own) && inner.iter().all(|inner| self.is_copy(inner))
    }

    pub(crate) fn is_eq(&self, item: &Item<'s>) -> bool {
        let (forms, inner) = self.parts(item);
        !forms.iter().any(|form| matches!(form, Form::F64 | Form::Nodes)) && inner.iter().all(|inner| self.is_eq(inner))
    }

    /// What its fields or cases hold, lists and their items; and the items among these.
    fn parts(&self, item: &Item<'s>) -> (Vec<&'s Form>, Vec<&Item<'s>>) {
        let mut forms = forms(item.ty);
        let items: Vec<_> = forms.iter().map(|form| innermost(form)).collect();
        let named = items.iter().filter_map(|form| Some(self.named(type_name(form)?, item.is_owned)));
        let inner = named.collect();
        forms.extend(items);
        (forms, inner)
    }
}

/// Module and name.
fn place(path: &str) -> (&str, &str) {
    path.split_once("::").unwrap_or_else(|| unreachable!("docs.txt has no module for `{path}`"))
}

/// What docs.txt tells of a type.
struct Told<'s> {
    path: &'s str,
    answered: Option<&'s str>,
    docs: Vec<&'s str>,
    members: BTreeMap<&'s str, &'s str>,
}

impl<'s> Told<'s> {
    fn read(section: &'s str) -> (&'s str, Self) {
        let mut lines = section.lines().filter(|line| !line.is_empty());
        let mut head = lines.next().unwrap_or_default().split(' ');
        let (ty, path) = (head.next().unwrap_or_default(), head.next().unwrap_or_default());
        let (members, docs): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("- "));
        let members = members.iter().filter_map(|line| line.strip_prefix("- ")?.split_once(": ")).collect();
        assert!(!docs.is_empty(), "docs.txt has no docs of `{ty}`");
        (ty, Self { path, answered: head.next(), docs, members })
    }

    fn expect_members(&self, ty: &Type) {
        let names: Vec<&str> = match &ty.shape {
            Shape::Record(fields) => fields.iter().map(|field| field.name.as_str()).collect(),
            Shape::Enum(words) => words.iter().map(String::as_str).collect(),
            Shape::Variant(cases) => cases.iter().map(|case| case.name.as_str()).collect(),
        };
        for member in self.members.keys() {
            assert!(names.contains(member), "docs.txt has a `{member}` that `{}` lacks", ty.name);
        }
    }
}

/// What its fields or cases hold.
fn forms(ty: &Type) -> Vec<&Form> {
    match &ty.shape {
        Shape::Record(fields) => fields.iter().map(|field| &field.form).collect(),
        Shape::Variant(cases) => cases.iter().filter_map(|case| case.payload.as_ref()).collect(),
        Shape::Enum(_) => Vec::new(),
    }
}

fn innermost(form: &Form) -> &Form {
    match form {
        Form::List(item) => innermost(item),
        other => other,
    }
}

const fn is_text(form: &Form) -> bool {
    matches!(form, Form::Text | Form::Bytes)
}

fn type_name(form: &Form) -> Option<&str> {
    match form {
        Form::Record(name) | Form::Enum(name) | Form::Variant(name) => Some(name),
        _ => None,
    }
}

/// Adds a type, and all that is in it.
fn reach(schema: &Schema, name: &str, found: &mut Vec<String>) {
    if found.iter().any(|known| known == name) {
        return;
    }
    found.push(name.to_owned());
    let ty = schema.types.iter().find(|ty| ty.name == name);
    for form in ty.map(forms).unwrap_or_default() {
        if let Some(name) = type_name(innermost(form)) {
            reach(schema, name, found);
        }
    }
}
