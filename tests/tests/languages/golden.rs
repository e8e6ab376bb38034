//! `plugin-sdk/golden.jsonl` through an SDK: a module beside its plugins exports `echo (number, ptr, len) -> i64`, which reads a
//! request or an answer, writes it again, and answers as a hook does. `number` is 2 for each hook, in the order of `plugin-hooks`
//! in `policy.wit`, and one more for its answer. A plugin without such a module is asked what its own entries make of the requests.

use std::path::Path;

use crosstie_tests::place::workspace_dir;
use serde_json::Value;
use wasmtime::{Caller, Engine, ExternType, Instance, InstancePre, Linker, Memory, Module, Store, Trap, TypedFunc};

/// How an SDK gets at the bytes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// By pointers that it checks itself: a request that ends with the memory shows whether it does.
    Pointers,
    /// In slices that the language checks.
    Slices,
}

/// What reads a request.
enum Entries {
    Echo(TypedFunc<(u32, u32, u32), u64>),
    /// Those of a plugin, in the order of [`HOOKS`].
    Plugin(Vec<Option<TypedFunc<(u32, u32), u64>>>),
}

/// In the order of `plugin-hooks`.
const HOOKS: [&str; 6] = ["configure", "failover", "connection", "session", "link", "address"];

/// A byte that claims much to follow, of each kind; and bytes that the ABI does not allow.
const BAD_BYTES: [u8; 11] = [0x1b, 0x3b, 0x5b, 0x7b, 0x9b, 0xbb, 0x9f, 0xc0, 0xf6, 0x18, 0xff];

/// Values in values that a field which nobody knows has.
const DEPTH: usize = 10_000;

/// Calls of one instance, after which it has no more memory than the host gives it where nothing is set.
const MANY: usize = 50_000;

const MEMORY_BYTES_MAX: usize = 32 << 20;

const PAGE_BYTES: usize = 65_536;

const WASI: &str = "wasi_snapshot_preview1";

struct Line {
    name: String,
    number: u32,
    bytes: Vec<u8>,
}

/// Its place in [`HOOKS`].
fn hook(number: u32) -> usize {
    usize::try_from(number / 2).unwrap()
}

fn lines() -> Vec<Line> {
    let text = std::fs::read_to_string(workspace_dir().join("plugin-sdk/golden.jsonl")).unwrap();
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let (name, hex) = (line["name"].as_str().unwrap(), line["hex"].as_str().unwrap());
        let mut words = name.split(' ');
        let (kind, hook) = (words.next().unwrap(), words.next().unwrap().replace("setup", "configure"));
        let place = HOOKS.iter().position(|known| *known == hook).unwrap_or_else(|| panic!("{name}"));
        let bytes = (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect();
        let number = u32::try_from(2 * place).unwrap() + u32::from(kind == "answer");
        Line { name: name.to_owned(), number, bytes }
    };
    text.lines().map(line).collect()
}

/// A guest, made anew after each trap.
struct Guest {
    pre: InstancePre<()>,
    reads: Reads,
    live: Option<Live>,
}

struct Live {
    store: Store<()>,
    memory: Memory,
    alloc: TypedFunc<u32, u32>,
    entries: Entries,
    /// Where the page begins that nobody has but this test.
    page: usize,
}

impl Guest {
    fn new(file: &Path, reads: Reads) -> Self {
        let engine = Engine::default();
        let module = Module::from_file(&engine, file).unwrap();
        let mut linker = Linker::new(&engine);
        // of WASI a language runtime takes success for an answer, but for the time, which must not be 0
        for import in module.imports() {
            match import.ty() {
                _ if import.name() == "clock_time_get" => linker.func_wrap(WASI, import.name(), clock_time_get),
                ExternType::Func(ty) => {
                    linker.func_new(import.module(), import.name(), ty.clone(), move |_, _, results| {
                        results
                            .iter_mut()
                            .zip(ty.results())
                            .for_each(|(result, ty)| *result = ty.default_value().unwrap());
                        Ok(())
                    })
                }
                other => panic!("it imports {other:?}"),
            }
            .unwrap();
        }
        Self { pre: linker.instantiate_pre(&module).unwrap(), reads, live: None }
    }

    fn start(&self) -> Live {
        let mut store = Store::new(self.pre.module().engine(), ());
        let instance: Instance = self.pre.instantiate(&mut store).unwrap();
        if let Ok(initialize) = instance.get_typed_func::<(), ()>(&mut store, "_initialize") {
            initialize.call(&mut store, ()).unwrap();
        }
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        let alloc = instance.get_typed_func(&mut store, "policy_alloc").unwrap();
        let entries = match instance.get_typed_func(&mut store, "echo") {
            Ok(echo) => Entries::Echo(echo),
            Err(_) => Entries::Plugin(HOOKS.map(|hook| instance.get_typed_func(&mut store, &export(hook)).ok()).into()),
        };
        let page = match self.reads {
            Reads::Pointers => usize::try_from(memory.grow(&mut store, 1).unwrap()).unwrap() * PAGE_BYTES,
            Reads::Slices => 0,
        };
        Live { store, memory, alloc, entries, page }
    }

    /// What it makes of these bytes; none where it traps.
    fn echo(&mut self, number: u32, bytes: &[u8]) -> Option<Vec<u8>> {
        // a plugin is configured once
        let kept = self.live.take().filter(|live| number > 0 || matches!(live.entries, Entries::Echo(_)));
        let mut live = kept.unwrap_or_else(|| self.start());
        match live.echo(self.reads, number, bytes) {
            Ok(answer) => {
                self.live = Some(live);
                Some(answer)
            }
            Err(error) => {
                let trap = error.downcast_ref::<Trap>();
                assert!(
                    !matches!(trap, Some(Trap::MemoryOutOfBounds | Trap::StackOverflow)),
                    "{number} {bytes:02x?}: {error:?}"
                );
                None
            }
        }
    }

    /// What it makes of these bytes it makes of them with an unknown field, too; and it reads neither a part of them nor more.
    fn check_reading(&mut self, name: &str, number: u32, bytes: &[u8], has_fields: bool) {
        let answer = self.echo(number, bytes);
        assert!(answer.is_some(), "{name} is not read");
        if has_fields {
            let longer = with_unknown_field(bytes);
            assert!(self.echo(number, &longer) == answer, "{name}: an unknown field is not passed over");
        }
        for end in 0..bytes.len() {
            assert_eq!(self.echo(number, &bytes[..end]), None, "{name} is read though cut to {end} bytes");
        }
        assert_eq!(self.echo(number, &[bytes, &[0][..]].concat()), None, "{name} is read with a byte too many");
        for (at, bad) in (0..bytes.len()).zip(BAD_BYTES.iter().cycle()) {
            let mut spoilt = bytes.to_vec();
            spoilt[at] = *bad;
            // some can be read; a read beyond the end has failed in there
            self.echo(number, &spoilt);
        }
    }

    fn check_many(&mut self, lines: &[Line]) {
        for line in lines.iter().cycle().take(MANY) {
            assert!(self.echo(line.number, &line.bytes).is_some(), "{} is not read again", line.name);
        }
        let memory = self.live.as_ref().map_or(0, |live| live.memory.data_size(&live.store));
        assert!((1..=MEMORY_BYTES_MAX).contains(&memory), "{memory} bytes after {MANY} calls");
    }
}

fn export(hook: &str) -> String {
    format!("{}_{hook}", if hook == "configure" { "policy" } else { "on" })
}

fn clock_time_get(mut guest: Caller<'_, ()>, _: u32, _: u64, out: u32) -> u32 {
    let memory = guest.get_export("memory").unwrap().into_memory().unwrap();
    memory.write(&mut guest, usize::try_from(out).unwrap(), &1_u64.to_le_bytes()).unwrap();
    0
}

impl Live {
    fn echo(&mut self, reads: Reads, number: u32, bytes: &[u8]) -> wasmtime::Result<Vec<u8>> {
        let len = u32::try_from(bytes.len()).unwrap();
        let place = usize::try_from(self.alloc.call(&mut self.store, len)?).unwrap();
        assert_ne!(place, 0, "no room for {len} bytes");
        let place = match reads {
            Reads::Pointers => self.page + PAGE_BYTES - bytes.len(),
            Reads::Slices => place,
        };
        self.memory.write(&mut self.store, place, bytes).unwrap();
        let at = u32::try_from(place).unwrap();
        let answer = match &self.entries {
            Entries::Echo(echo) => echo.call(&mut self.store, (number, at, len))?,
            Entries::Plugin(entries) => {
                let entry = entries[hook(number)].as_ref().unwrap();
                entry.call(&mut self.store, (at, len))?
            }
        };
        let (start, len) = (usize::try_from(answer >> 32).unwrap(), usize::try_from(answer & 0xffff_ffff).unwrap());
        Ok(self.memory.data(&self.store)[start..start + len].to_vec())
    }
}

/// With a field that nobody knows, of nested lists.
fn with_unknown_field(bytes: &[u8]) -> Vec<u8> {
    let nested = [vec![0x81; DEPTH], vec![0x00]].concat();
    [&[bytes[0] + 1], &bytes[1..], b"\x65later", &nested].concat()
}

/// Of an SDK: its module `golden`.
pub(crate) fn check(file: &Path, reads: Reads) {
    let mut guest = Guest::new(file, reads);
    let lines = lines();
    assert!(lines.len() >= 16);
    for Line { name, number, bytes } in &lines {
        assert!(guest.echo(*number, bytes).as_ref() == Some(bytes), "{name} is written otherwise");
        // a variant has one entry
        let has_fields = bytes[0] != 0xa1 || name == "answer failover nobody";
        guest.check_reading(name, *number, bytes, has_fields);
    }
    guest.check_many(&lines);
    // nodes in nodes without end
    let deep = b"\xa1\x68children\x81".repeat(1000);
    let mut guest = Guest::new(file, reads);
    assert_eq!(guest.echo(0, &[b"\xa1\x66config\x81", deep.as_slice(), b"\xa0"].concat()), None);
}

/// Of a plugin without an SDK: what its own entries read.
pub(crate) fn check_plugin(file: &Path) {
    let mut guest = Guest::new(file, Reads::Pointers);
    let Entries::Plugin(entries) = guest.start().entries else { panic!("that is the module of an SDK") };
    let is_read = |line: &Line| line.name.starts_with("request") && entries[hook(line.number)].is_some();
    let lines: Vec<_> = lines().into_iter().filter(is_read).collect();
    assert!(!lines.is_empty());
    for Line { name, number, bytes } in &lines {
        guest.check_reading(name, *number, bytes, true);
    }
    guest.check_many(&lines);
}
