//! The types of `plugin-sdk/js/policy.d.ts` are those of `policy.wit`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const WIT: &str = include_str!("../../../plugin-sdk/spec/policy.wit");

/// What stands before the types of the schema, and after them.
const HEAD: &str = "// Types of what a policy in JavaScript gets, answers and calls. Made from policy.wit by `cargo test -p crosstie-policy --test types`,
// which says where they differ; `CROSSTIE_WRITE=1` before it writes them anew. Numbers are whole and at most 2^53 - 1 where the schema has integers.
// Fields that the script's `reads` leaves out are absent: lists are empty then, all else is undefined.

type Scalar = string | number | boolean | null;

/** A node of the plugin's `config`. */
interface ConfigNode {
    name: string;
    args: Scalar[];
    props: { [name: string]: Scalar };
    children: ConfigNode[];
}
";

const TAIL: &str = "
type Configure = (request: SetupRequest) => SetupAnswer | null | undefined | void;
type OnFailover = (request: FailoverRequest) => FailoverAnswer | null | undefined | void;
type OnConnection = (request: Connection) => AdmissionAnswer | null | undefined | void;
type OnSession = (request: Session) => AdmissionAnswer | null | undefined | void;
type OnLink = (request: Link) => AdmissionAnswer | null | undefined | void;
type OnAddress = (request: AddressRequest) => AddressAnswer | null | undefined | void;

/** What the host does for a plugin. What is not granted throws. A text stands for its bytes in UTF-8. */
declare const host: {
    log(level: Level, text: string): void;
    /** `by` is 1 where it is absent. */
    counterAdd(name: string, by?: number): void;
    kvGet(key: string | Uint8Array): Uint8Array | undefined;
    /** As `kvGet`, read as UTF-8. */
    kvGetText(key: string | Uint8Array): string | undefined;
    /** False where there is no room. `ttlMs` 0 or absent: never expires. */
    kvPut(key: string | Uint8Array, value: string | Uint8Array, ttlMs?: number): boolean;
    /** The new value; absent where there is no room, or the value is no counter. `by` is 1 where it is absent. */
    kvAdd(key: string | Uint8Array, by?: number, ttlMs?: number): number | undefined;
    kvDelete(key: string | Uint8Array): void;
};
";

/// A type of the schema, with what is said of it.
struct Type {
    doc: Vec<String>,
    /// `record`, `variant` or `enum`.
    kind: String,
    /// Name and type of each field or case; no type: none.
    parts: Vec<(String, Option<String>)>,
}

/// The types of the schema by interface and name, in their order.
fn types() -> Vec<((String, String), Type)> {
    let (mut found, mut interface, mut doc) = (Vec::new(), String::new(), Vec::new());
    let mut lines = WIT.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if let Some(said) = line.strip_prefix("///") {
            doc.push(said.trim().to_owned());
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["interface", name, "{"] => interface = name.to_owned(),
            [kind @ ("record" | "variant" | "enum"), name, ..] => {
                let mut text = line.to_owned();
                while !text.ends_with('}') {
                    text.push(' ');
                    text.push_str(lines.next().expect("its end"));
                }
                let (_, parts) = text.trim_end_matches('}').split_once('{').unwrap();
                let part = |part: &str| {
                    let (name, kind) = match part.split_once(':').or(part.split_once('(')) {
                        Some((name, kind)) => (name, Some(kind.trim().trim_end_matches(')').to_owned())),
                        None => (part, None),
                    };
                    (name.trim().to_owned(), kind)
                };
                let parts = parts.split(',').map(str::trim).filter(|part| !part.is_empty()).map(part).collect();
                let doc = std::mem::take(&mut doc);
                found.push(((interface.clone(), name.to_owned()), Type { doc, kind: kind.to_owned(), parts }));
            }
            _ => {}
        }
        doc.clear();
    }
    found
}

/// `request` of `failover` is called `failover-request` where it is used.
fn aliases() -> BTreeMap<(String, String), String> {
    let used = WIT.lines().filter_map(|line| line.trim().strip_prefix("use ")?.strip_suffix("};"));
    let all = used.flat_map(|used| {
        let (interface, names) = used.split_once(".{").unwrap();
        names.split(',').filter_map(move |name| {
            let (name, alias) = name.split_once(" as ")?;
            Some(((interface.to_owned(), name.trim().to_owned()), pascal(alias.trim())))
        })
    });
    all.collect()
}

fn pascal(name: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('-').map(word).collect()
}

/// A type in TypeScript; the type inside of an option.
fn typescript(kind: &str) -> String {
    let inside = |of: &str| kind.strip_prefix(of).and_then(|rest| rest.strip_suffix('>'));
    match kind {
        "u8" | "u16" | "u32" | "u64" | "s64" | "f64" => "number".to_owned(),
        "bool" => "boolean".to_owned(),
        "string" => "string".to_owned(),
        "list<u8>" => "Uint8Array".to_owned(),
        "nodes" => "ConfigNode[]".to_owned(),
        _ => match (inside("option<"), inside("list<")) {
            (Some(kind), _) => typescript(kind),
            (None, Some(kind)) => typescript(kind) + "[]",
            // there is a `Pick` in every TypeScript
            (None, None) if kind == "pick" => "FailoverPick".to_owned(),
            (None, None) => pascal(kind),
        },
    }
}

/// The names that `start` is made of.
fn reached(all: &[((String, String), Type)], start: &str, found: &mut BTreeSet<String>) {
    if !found.insert(start.to_owned()) {
        return;
    }
    for (_, of) in all.iter().filter(|((interface, name), _)| named(interface, name) == start) {
        for kind in of.parts.iter().filter_map(|(_, kind)| kind.as_deref()) {
            reached(all, typescript(kind).trim_end_matches("[]"), found);
        }
    }
}

fn named(interface: &str, name: &str) -> String {
    let key = (interface.to_owned(), name.to_owned());
    aliases().get(&key).cloned().unwrap_or_else(|| typescript(name))
}

fn declared() -> String {
    let all = types();
    let mut answers = BTreeSet::new();
    for answer in ["SetupAnswer", "FailoverAnswer", "AdmissionAnswer", "AddressAnswer"] {
        reached(&all, answer, &mut answers);
    }
    let mut out = HEAD.to_owned();
    for ((interface, name), of) in &all {
        let name = named(interface, name);
        out.push('\n');
        match of.doc.join(" ") {
            doc if doc.is_empty() => {}
            doc => out.push_str(&format!("/** {doc} */\n")),
        }
        if of.kind != "record" {
            let case = |(case, kind): &(String, Option<String>)| match kind {
                Some(kind) => format!("{{ {}: {} }}", quoted(case), typescript(kind)),
                None => format!("\"{case}\""),
            };
            let cases: Vec<_> = of.parts.iter().map(case).collect();
            out.push_str(&format!("type {name} = {};\n", cases.join(" | ")));
            continue;
        }
        out.push_str(&format!("interface {name} {{\n"));
        for (field, kind) in &of.parts {
            let kind = kind.as_deref().expect("a field has a type");
            // a list that an answer lacks is empty, but for that of picks
            let may_lack = answers.contains(&name) && kind.starts_with("list<") && field != "order";
            let mark = if kind.starts_with("option<") || may_lack { "?" } else { "" };
            out.push_str(&format!("    {}{mark}: {};\n", quoted(field), typescript(kind)));
        }
        out.push_str("}\n");
    }
    out + TAIL
}

fn quoted(name: &str) -> String {
    if name.contains('-') { format!("\"{name}\"") } else { name.to_owned() }
}

#[test]
fn the_types_are_those_of_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugin-sdk/js/policy.d.ts");
    if std::env::var_os("CROSSTIE_WRITE").is_some() {
        std::fs::write(&path, declared()).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap();
    for (kept, made) in kept.lines().zip(declared().lines()) {
        assert_eq!(kept, made);
    }
    assert_eq!(kept, declared());
}

#[test]
fn hooks_and_functions_of_the_host_are_those_of_the_schema() {
    let (_, host) = WIT.split_once("interface host {").unwrap();
    let (host, hooks) = host.split_once("interface plugin-hooks {").unwrap();
    let functions = |text: &str| -> Vec<String> {
        let name = |line: &str| Some(line.trim().split_once(": func(")?.0.to_owned());
        text.lines().filter_map(name).collect()
    };
    let camel = |name: &str| pascal(name)[..1].to_lowercase() + &pascal(name)[1..];
    let (host, hooks) = (functions(host), functions(hooks));
    assert_eq!((host.len(), hooks.len()), (6, 6));
    assert!(host.iter().all(|name| TAIL.contains(&format!("\n    {}(", camel(name)))), "{host:?}");
    assert!(hooks.iter().all(|name| TAIL.contains(&format!("\ntype {} = ", pascal(name)))), "{hooks:?}");
}

/// What scripts read as empty lists where a request lacks them.
#[test]
fn lists_of_requests_are_known_to_the_engine() {
    let all = types();
    let mut requests = BTreeSet::new();
    for request in ["SetupRequest", "FailoverRequest", "Connection", "Session", "Link", "AddressRequest"] {
        reached(&all, request, &mut requests);
    }
    // of nodes of the configuration, which the schema cannot name
    let mut lists = BTreeSet::from(["args".to_owned(), "children".to_owned()]);
    for (_, of) in all.iter().filter(|((interface, name), _)| requests.contains(&named(interface, name))) {
        let list = |kind: &str| kind == "nodes" || (kind.starts_with("list<") && kind != "list<u8>");
        let fields = of.parts.iter().filter(|(_, kind)| kind.as_deref().is_some_and(list));
        lists.extend(fields.map(|(field, _)| field.clone()));
    }
    let engine = include_str!("../../../plugin-sdk/js/engine/src/record.js");
    let (_, known) = engine.split_once("const lists = [").unwrap();
    let known = known.split_once(']').unwrap().0.split(',').map(|word| word.trim().trim_matches('"').to_owned());
    assert_eq!(known.filter(|word| !word.is_empty()).collect::<BTreeSet<_>>(), lists);
}
