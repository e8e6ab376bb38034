//! Modules and answers that nobody wrote: whatever a guest is, and whatever it says, it is refused or it plays by the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use crosstie_model::policy::{Hook, Occasion};
use crosstie_model::random::Random;
use crosstie_model::settings;
use wasm_encoder::{CodeSection, Function, RawSection};
use wasm_smith::{Config, Module};
use wasmparser::{Import, Parser, Payload, TypeRef};

use crate::cases::{Miss, read_cases};
use crate::directory::Code;
use crate::golden::{bytes, lines};
use crate::trial::play;
use crate::{Loader, Setup, answer, read_answer};

/// What a plugin exports.
const EXPORTS: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "policy_abi_v1") (result i32) (i32.const 0))
    (func (export "policy_alloc") (param i32) (result i32) (i32.const 0))
    CONFIGURE
    (func (export "on_failover") (param i32 i32) (result i64) (i64.const 0))
    (func (export "on_connection") (param i32 i32) (result i64) (i64.const 0))
    (func (export "on_session") (param i32 i32) (result i64) (i64.const 0))
    (func (export "on_link") (param i32 i32) (result i64) (i64.const 0))
    (func (export "on_address") (param i32 i32) (result i64) (i64.const 0)))"#;

const CONFIGURE: &str = r#"(func (export "policy_configure") (param i32 i32) (result i64) (i64.const 0))"#;

/// What it may import, and what nobody has.
const IMPORTS: &str = r#"(module
    (import "policy_host_v1" "log" (func (param i32 i32 i32)))
    (import "policy_host_v1" "counter_add" (func (param i32 i32 i64)))
    (import "policy_host_v1" "kv_get" (func (param i32 i32 i32 i32) (result i32)))
    (import "policy_host_v1" "kv_add" (func (param i32 i32 i64 i32) (result i64)))
    (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
    (import "nobody" "knows" (func (param i32))))"#;

/// Modules of a run, and of a long one.
const MODULES: u64 = 100;
const MODULES_LONG: u64 = 5000;

fn module(seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let bytes: Vec<u8> = (0..512).flat_map(|_| random.draw().to_le_bytes()).collect();
    let wat = |text: &str| Some(wat::parse_str(text).unwrap());
    let configure = if seed.is_multiple_of(4) { CONFIGURE } else { "" };
    let config = Config {
        exports: wat(&EXPORTS.replace("CONFIGURE", configure)),
        available_imports: wat(IMPORTS),
        max_instructions: if seed.is_multiple_of(5) { 100 } else { 8 },
        disallow_traps: !seed.is_multiple_of(3),
        allow_start_export: seed.is_multiple_of(8),
        max_imports: usize::from(seed.is_multiple_of(2)) * 7,
        max_memories: 1,
        max_memory32_bytes: 8 << 20,
        max_tables: 4,
        memory64_enabled: false,
        threads_enabled: false,
        compact_imports_enabled: false,
        reference_types_enabled: false,
        gc_enabled: false,
        wide_arithmetic_enabled: false,
        exceptions_enabled: false,
        custom_page_sizes_enabled: false,
        ..Config::default()
    };
    let module = Module::new(config, &mut arbitrary::Unstructured::new(&bytes)).unwrap().to_bytes();
    if seed.is_multiple_of(16) { module } else { with_room(&module) }
}

/// The same, but it says that it is a plugin and where a request goes: its hooks are entered.
fn with_room(module: &[u8]) -> Vec<u8> {
    let range = |at: Range<u64>| usize::try_from(at.start).unwrap()..usize::try_from(at.end).unwrap();
    let (mut imported, mut code, mut code_count, mut answers) = (0, 0, 0, BTreeMap::new());
    let mut code_section = CodeSection::new();
    let mut made = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.unwrap();
        match &payload {
            Payload::ImportSection(imports) => {
                let is_function = |import: &Import<'_>| matches!(import.ty, TypeRef::Func(_));
                imported =
                    imports.clone().into_imports().filter(|import| is_function(import.as_ref().unwrap())).count();
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone().into_iter().map(Result::unwrap) {
                    match export.name {
                        "policy_abi_v1" => drop(answers.insert(export.index, 0)),
                        "policy_alloc" => drop(answers.insert(export.index, 1024)),
                        _ => {}
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                let index = u32::try_from(imported + code).unwrap();
                code += 1;
                match answers.get(&index) {
                    Some(answer) => {
                        let mut function = Function::new([]);
                        function.instructions().i32_const(*answer).end();
                        code_section.function(&function);
                    }
                    None => drop(code_section.raw(&module[range(body.range())])),
                }
                if code == code_count {
                    made.section(&code_section);
                }
                continue;
            }
            Payload::CodeSectionStart { count, .. } => code_count = usize::try_from(*count).unwrap(),
            _ => {}
        }
        if let Some((id, at)) = payload.as_section().filter(|(id, _)| *id != 10) {
            made.section(&RawSection { id, data: &module[range(at)] });
        }
    }
    made.finish()
}

#[test]
fn modules_of_any_make_are_refused_or_play_by_the_rules() {
    let count = if std::env::var_os("CROSSTIE_LONG").is_some() { MODULES_LONG } else { MODULES };
    let nowhere = std::env::temp_dir().join(format!("crosstie-smith-{}", std::process::id()));
    let loader =
        Loader::new(Setup { router_id: "hub".to_owned(), state_dir: Some(nowhere.clone()), ..Setup::default() })
            .unwrap();
    let cases: String = Hook::ALL.map(|hook| format!("{{\"hook\":\"{}\",\"request\":{{}}}}\n", hook.as_str())).concat();
    let cases = read_cases(&cases).unwrap();
    let (mut loaded, mut answered, mut refusals) = (0, 0, BTreeSet::new());
    for seed in 0..count {
        let mut settings = settings::Plugin::unnamed("smith");
        settings.grants.push(settings::Grant::Kv);
        settings.limits.deadline = Duration::from_millis(10);
        settings.limits.configure_deadline = Duration::from_millis(200);
        settings.limits.memory_bytes = 16 << 20;
        match loader.load(settings, &Code::Module(module(seed))) {
            Ok(plugin) => {
                loaded += 1;
                let misses: Vec<Miss> = loader.runtime.block_on(play(&plugin, &cases));
                answered += cases.len() - misses.len();
            }
            Err(faults) => {
                let begin = |text: &str| text.split(':').next().unwrap_or_default().to_owned();
                refusals.extend(faults.iter().map(|fault| begin(&fault.message)));
            }
        }
    }
    let _ = std::fs::remove_dir_all(nowhere);
    eprintln!("{loaded} of {count} loaded, {answered} answers were in order; refused: {refusals:?}");
    assert!(loaded > count / 10 && answered > 0 && refusals.len() > 2, "{loaded} {answered} {refusals:?}");
}

#[test]
fn answers_of_any_bytes_are_read_or_refused() {
    let lines = lines().into_iter().filter(|(name, _)| name.starts_with("answer"));
    let answers: Vec<Vec<u8>> = lines.map(|(_, (hex, _))| bytes(&hex)).collect();
    let count = if std::env::var_os("CROSSTIE_LONG").is_some() { 2_000_000 } else { 50_000 };
    let mut random = Random::new(1);
    let mut below = |end: usize| usize::try_from(random.draw()).unwrap() % end;
    let (mut good, mut bad) = (0, 0);
    for _ in 0..count {
        let mut bytes = answers[below(answers.len())].clone();
        for _ in 0..=below(3) {
            let at = below(bytes.len());
            let byte = u8::try_from(below(256)).unwrap();
            match below(4) {
                0 => bytes.insert(at, byte),
                1 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => bytes[at] = byte,
            }
        }
        for hook in Hook::ALL.map(Some).into_iter().chain([None]) {
            match read_answer(hook, &bytes) {
                Ok(_) => good += 1,
                Err(why) => {
                    assert!(!why.is_empty());
                    // what is good to decide by can be shown
                    let decides = |hook| answer::check(hook, &"p".into(), (usize::MAX, Occasion::Attach), &bytes);
                    assert!(hook.is_none_or(|hook| decides(hook).is_err()), "{bytes:02x?}: {why}");
                    bad += 1;
                }
            }
        }
    }
    assert!(good > 100 && bad > good, "{good} {bad}");
}
