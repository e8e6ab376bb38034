//! `policy.wit` as the back ends need it: every record, enum and variant in its order, and what the hooks ask and answer.

use std::error::Error;

use wit_parser::{Interface, Resolve, Type as Wit, TypeDefKind, TypeId};

/// The schema.
#[derive(Debug)]
pub(crate) struct Schema {
    /// What a type is made of stands before it.
    pub(crate) types: Vec<Type>,
    /// In the order of the interface `plugin-hooks`, `configure` first.
    pub(crate) hooks: Vec<Hook>,
}

/// A type with a name.
#[derive(Debug)]
pub(crate) struct Type {
    /// As it stands in the interface `types`; of another interface with its name before it: `failover-candidate`.
    pub(crate) name: String,
    /// What the schema says of it, one line each.
    pub(crate) docs: Vec<String>,
    pub(crate) shape: Shape,
}

#[derive(Debug)]
pub(crate) enum Shape {
    /// A map, its keys the names of the fields, in this order.
    Record(Vec<Field>),
    /// One of these texts; a reader takes any other for an absent field.
    Enum(Vec<String>),
    /// A text of a case without payload, a map of one entry for a case with one.
    Variant(Vec<Case>),
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) form: Form,
    /// An absent one has no key. A list needs no key where it is empty, whatever this says.
    pub(crate) optional: bool,
}

#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) payload: Option<Form>,
}

/// What a field or payload holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    Bool,
    U8,
    U16,
    U32,
    U64,
    S64,
    F64,
    Text,
    Bytes,
    /// The KDL nodes of `config`, whose form ABI.md has: the schema cannot say it.
    Nodes,
    List(Box<Form>),
    /// The name of a type.
    Record(String),
    Enum(String),
    Variant(String),
}

/// An export that takes a request.
#[derive(Debug)]
pub(crate) struct Hook {
    /// `configure`, `on-failover`, …
    pub(crate) name: String,
    /// The name of a type.
    pub(crate) request: String,
    /// The same.
    pub(crate) answer: String,
}

impl Schema {
    /// The fields of a record, and those of the records in it: `peer`, `peer.user`.
    pub(crate) fn paths(&self, record: &str) -> Vec<String> {
        let shape = self.types.iter().find(|ty| ty.name == record).map(|ty| &ty.shape);
        let Some(Shape::Record(fields)) = shape else { return Vec::new() };
        let mut paths = Vec::new();
        for field in fields {
            paths.push(field.name.clone());
            if let Form::Record(name) = &field.form {
                paths.extend(self.paths(name).iter().map(|path| format!("{}.{path}", field.name)));
            }
        }
        paths
    }

    /// Reads the text of a WIT package.
    ///
    /// # Errors
    ///
    /// It is none, or has what the ABI has no form for.
    pub(crate) fn read(text: &str) -> Result<Self, Box<dyn Error>> {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("policy.wit", text)?;
        let (mut types, mut hooks) = (Vec::new(), Vec::new());
        for (name, interface) in &resolve.packages[package].interfaces {
            let interface = &resolve.interfaces[*interface];
            match name.as_str() {
                // its functions are imports, and take numbers
                "host" => {}
                "plugin-hooks" => hooks = Self::hooks(&resolve, interface)?,
                _ => {
                    for id in interface.types.values() {
                        types.extend(Type::read(&resolve, *id)?);
                    }
                }
            }
        }
        Ok(Self { types, hooks })
    }

    fn hooks(resolve: &Resolve, interface: &Interface) -> Result<Vec<Hook>, String> {
        let named = |form| match form {
            Form::Record(name) | Form::Variant(name) => Ok(name),
            other => Err(format!("a hook takes {other:?}")),
        };
        let hook = |function: &wit_parser::Function| {
            let [request] = function.params.as_slice() else {
                return Err(format!("{} takes no request", function.name));
            };
            let (answer, _) = optional(resolve, function.result.as_ref().ok_or("a hook has no answer")?);
            Ok(Hook {
                name: function.name.clone(),
                request: named(Form::read(resolve, &request.ty)?)?,
                answer: named(Form::read(resolve, &answer)?)?,
            })
        };
        interface.functions.values().map(hook).collect()
    }

    /// Whether a record is an optional field somewhere.
    pub(crate) fn is_optional(&self, record: &str) -> bool {
        let fields = self.types.iter().flat_map(|ty| match &ty.shape {
            Shape::Record(fields) => fields.as_slice(),
            Shape::Enum(_) | Shape::Variant(_) => &[],
        });
        fields.into_iter().any(|field| field.optional && field.form == Form::Record(record.to_owned()))
    }

    /// Whether there are lists of it.
    pub(crate) fn is_listed(&self, item: &Form) -> bool {
        let list = Form::List(Box::new(item.clone()));
        self.types.iter().any(|ty| match &ty.shape {
            Shape::Record(fields) => fields.iter().any(|field| field.form == list),
            Shape::Variant(cases) => cases.iter().any(|case| case.payload.as_ref() == Some(&list)),
            Shape::Enum(_) => false,
        })
    }
}

impl Type {
    /// None where it is another name of what stands elsewhere.
    fn read(resolve: &Resolve, id: TypeId) -> Result<Option<Self>, String> {
        let definition = &resolve.types[id];
        let shape = match &definition.kind {
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter().map(|field| {
                    let (ty, optional) = optional(resolve, &field.ty);
                    Ok(Field { name: field.name.clone(), form: Form::read(resolve, &ty)?, optional })
                });
                Shape::Record(fields.collect::<Result<_, String>>()?)
            }
            TypeDefKind::Enum(words) => Shape::Enum(words.cases.iter().map(|case| case.name.clone()).collect()),
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter().map(|case| {
                    let payload = case.ty.map(|ty| Form::read(resolve, &ty)).transpose()?;
                    Ok(Case { name: case.name.clone(), payload })
                });
                Shape::Variant(cases.collect::<Result<_, String>>()?)
            }
            TypeDefKind::Type(_) | TypeDefKind::List(_) => return Ok(None),
            other => return Err(format!("the ABI has no form for a {}", other.as_str())),
        };
        let docs = definition.docs.contents.as_deref().unwrap_or_default().lines().map(str::to_owned).collect();
        Ok(Some(Self { name: name(resolve, id)?, docs, shape }))
    }
}

impl Form {
    fn read(resolve: &Resolve, ty: &Wit) -> Result<Self, String> {
        Ok(match ty {
            Wit::Bool => Self::Bool,
            Wit::U8 => Self::U8,
            Wit::U16 => Self::U16,
            Wit::U32 => Self::U32,
            Wit::U64 => Self::U64,
            Wit::S64 => Self::S64,
            Wit::F64 => Self::F64,
            Wit::String => Self::Text,
            Wit::Id(id) => match &resolve.types[*id].kind {
                TypeDefKind::Type(same) => Self::read(resolve, same)?,
                TypeDefKind::List(_) if resolve.types[*id].name.as_deref() == Some("nodes") => Self::Nodes,
                TypeDefKind::List(Wit::U8) => Self::Bytes,
                TypeDefKind::List(item) => Self::List(Box::new(Self::read(resolve, item)?)),
                TypeDefKind::Record(_) => Self::Record(name(resolve, *id)?),
                TypeDefKind::Enum(_) => Self::Enum(name(resolve, *id)?),
                TypeDefKind::Variant(_) => Self::Variant(name(resolve, *id)?),
                other => return Err(format!("the ABI has no form for a {} in a field", other.as_str())),
            },
            other => return Err(format!("the ABI has no form for {other:?}")),
        })
    }
}

/// What may be absent, without that.
fn optional(resolve: &Resolve, ty: &Wit) -> (Wit, bool) {
    match ty {
        Wit::Id(id) => match &resolve.types[*id].kind {
            TypeDefKind::Option(inner) => (*inner, true),
            _ => (*ty, false),
        },
        _ => (*ty, false),
    }
}

fn name(resolve: &Resolve, id: TypeId) -> Result<String, String> {
    let definition = &resolve.types[id];
    let name = definition.name.as_deref().ok_or("a record without a name")?;
    let interface = match definition.owner {
        wit_parser::TypeOwner::Interface(id) => resolve.interfaces[id].name.as_deref(),
        _ => None,
    };
    match interface.ok_or_else(|| format!("`{name}` is of no interface"))? {
        "types" => Ok(name.to_owned()),
        interface => Ok(format!("{interface}-{name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &str) -> Result<Schema, Box<dyn Error>> {
        Schema::read(&format!(
            "package a:b; interface types {{ record leaf {{ x: u8 }} }} \
             interface door {{ use types.{{leaf}}; record question {{ {fields} }} }} \
             interface plugin-hooks {{ use door.{{question}}; use types.{{leaf}}; on-door: func(q: question) -> option<leaf>; }}"
        ))
    }

    #[test]
    fn types_are_named_by_their_interface_and_options_are_absent_keys() {
        let schema = read("a: option<leaf>, b: list<leaf>, c: list<u8>, d: option<list<string>>").unwrap();
        let [leaf, question] = schema.types.as_slice() else { panic!("{schema:?}") };
        assert_eq!((leaf.name.as_str(), question.name.as_str()), ("leaf", "door-question"));
        let Shape::Record(fields) = &question.shape else { panic!("{question:?}") };
        let fields: Vec<_> =
            fields.iter().map(|field| (field.name.as_str(), field.form.clone(), field.optional)).collect();
        let leaf = Form::Record("leaf".to_owned());
        let expected = [
            ("a", leaf.clone(), true),
            ("b", Form::List(Box::new(leaf)), false),
            ("c", Form::Bytes, false),
            ("d", Form::List(Box::new(Form::Text)), true),
        ];
        assert_eq!(fields, expected);
        assert!(schema.is_optional("leaf") && !schema.is_optional("door-question"));
        let [hook] = schema.hooks.as_slice() else { panic!("{schema:?}") };
        assert_eq!(
            (hook.name.as_str(), hook.request.as_str(), hook.answer.as_str()),
            ("on-door", "door-question", "leaf")
        );
    }

    #[test]
    fn what_the_abi_has_no_form_for_is_an_error() {
        for field in ["a: char", "a: tuple<u8, u8>", "a: f32", "a: option<option<u8>>", "a: missing"] {
            assert!(read(field).is_err(), "{field}");
        }
    }
}
