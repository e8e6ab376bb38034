//! The `router`, `log` and `limits` nodes.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::num::NonZeroUsize;
use std::time::Duration;

use crosstie_model::settings::{Distribution, Log, LogFormat, LogLevel, LogOutput, ProcessLimits, Router, WORKERS_MAX};

use crate::block::{Block, Item, name_of};
use crate::loading::{Fault, Loading};
use crate::quantity::DURATION_MAX;
use crate::suggest;
use crate::tree::Node;
use crate::writable::{self, Hindrance};

/// Characters of a container-id that is generated, behind its prefix.
const GENERATED_ID_CHARS: usize = 15;
/// What is buffered at least: a few of the longest frames that peers use.
pub(crate) const BUFFERED_MIN_BYTES: u64 = 256 << 10;
/// Characters of a container-id. Source: features 1.1.
const ID_CHARS_MAX: usize = 127;

const LEVELS: [(&str, LogLevel); 5] = [
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

/// Areas of the log, as the configuration names them.
pub const LOG_AREAS: [&str; 11] = [
    "router",
    "listener",
    "connector",
    "connection",
    "link",
    "address",
    "message",
    "plugin",
    "management",
    "network",
    "config",
];

/// Words for a distribution.
pub(crate) const DISTRIBUTIONS: [(&str, Distribution); 4] = [
    ("balanced", Distribution::Balanced),
    ("closest", Distribution::Closest),
    ("multicast", Distribution::Multicast),
    ("unavailable", Distribution::Unavailable),
];

const UNSERVED: [&str; 13] = [
    "hello",
    "hello-interval",
    "hello-max-age",
    "area",
    "ra-interval",
    "ra-interval-flux",
    "remote-ls-max-age",
    "debug-dump-file",
    "sasl-config-dir",
    "sasl-config-name",
    "allow-unsettled-multicast",
    "timestamps-in-utc",
    "timestamp-format",
];

/// What stands when there is no `router` node.
pub(crate) fn default_router() -> Router {
    Router {
        id: generated_id(),
        workers: default_workers(),
        default_distribution: Distribution::default(),
        allow_resumable_link_route: true,
        shutdown_deadline: Duration::from_secs(5),
        metadata: None,
    }
}

/// Reads the `router` node.
pub(crate) fn read_router<'t>(loading: &'t Loading<'t>, node: &'t Node) -> Router {
    let mut router = default_router();
    let block = if node.args.is_empty() {
        Block::plain(loading, "router", Item::of_node(node))
    } else {
        if let Some(name) = name_of(loading, node, "router \"hub-1\"") {
            if name.text.chars().count() > ID_CHARS_MAX || name.text.chars().any(char::is_whitespace) {
                loading.report(
                    Fault::at(name.at, "not a container-id")
                        .hint("it has at most 127 characters and no white space, as in `router \"hub-1\"`"),
                );
            }
            name.text.clone_into(&mut router.id);
        }
        Block::with_qualifiers(loading, "router", Item::of_node(node), &[])
    };
    block.word("mode", &[("standalone", ())], &["interior", "edge"]);
    if let Some(workers) = block.integer("workers", 1..=WORKERS_MAX) {
        router.workers = NonZeroUsize::new(workers.into()).unwrap_or(NonZeroUsize::MIN);
    }
    if let Some(distribution) = block.word("default-distribution", &DISTRIBUTIONS, &["link-balanced"]) {
        router.default_distribution = distribution;
    }
    router.allow_resumable_link_route = block.flag("allow-resumable-link-route").unwrap_or(true);
    if let Some(deadline) = block.duration("shutdown-deadline", Duration::ZERO..=DURATION_MAX) {
        router.shutdown_deadline = deadline;
    }
    router.metadata = block.text("metadata").map(|text| text.text.to_owned());
    block.finish(&UNSERVED);
    router
}

/// What stands when there is no `log` node.
pub(crate) fn default_log() -> Log {
    Log { level: LogLevel::Info, of: Vec::new(), format: LogFormat::Text, output: LogOutput::Stderr }
}

/// Reads the `log` node.
pub(crate) fn read_log<'t>(loading: &'t Loading<'t>, node: &'t Node) -> Log {
    let mut log = default_log();
    let block = Block::plain(loading, "log", Item::of_node(node));
    read_levels(&block, &mut log);
    if let Some(format) = block.word("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)], &[]) {
        log.format = format;
    }
    if let Some(output) = block.text("output") {
        let words = [("stderr", LogOutput::Stderr), ("stdout", LogOutput::Stdout)];
        let word = words.into_iter().find(|(word, _)| *word == output.text);
        match (word, output.text.strip_prefix("file:")) {
            (Some((_, word)), _) => log.output = word,
            (None, Some(path)) if !path.is_empty() => {
                let path = loading.resolve(output.at, path);
                if let Some(Hindrance::Always(why) | Hindrance::ForThisUser(why)) = writable::file(&path) {
                    let hint = "make the directory first; a relative path starts at the directory of this file";
                    loading.report(Fault::at(output.at, format!("the log cannot be written: {why}")).hint(hint));
                }
                log.output = LogOutput::File(path);
            }
            _ => loading.report(
                Fault::at(output.at, "not a place for the log").hint("it is `stderr`, `stdout` or `file:PATH`"),
            ),
        }
    }
    block.finish(&[]);
    log
}

/// Reads the `limits` node.
pub(crate) fn read_limits<'t>(loading: &'t Loading<'t>, node: &'t Node) -> ProcessLimits {
    let mut limits = ProcessLimits::default();
    let block = Block::plain(loading, "limits", Item::of_node(node));
    if let Some(connections) = block.integer("connections", 1..=u32::MAX) {
        limits.connections = connections;
    }
    if let Some(buffered) = block.size("buffered", BUFFERED_MIN_BYTES..=u64::MAX) {
        limits.buffered_bytes = buffered;
    }
    block.finish(&[]);
    limits
}

fn read_levels<'t>(block: &Block<'t>, log: &mut Log) {
    let mut seen: Vec<(Option<&str>, crate::source::Place)> = Vec::new();
    for item in block.all("level") {
        let of = item.props.iter().find(|prop| prop.name == "of");
        let inner = Block::with_qualifiers(block.loading, "level", item, &["of"]);
        let level =
            item.args.first().and_then(|arg| inner.text_of(arg)).and_then(|text| inner.word_of(text, &LEVELS, &[]));
        inner.single(Item { props: &[], ..item });
        let areas = LOG_AREAS.map(|area| (area, area));
        let area = inner.word("of", &areas, &[]);
        inner.finish(&[]);
        if of.is_some() && area.is_none() {
            continue;
        }
        if let Some((_, first)) = seen.iter().find(|(known, _)| *known == area) {
            let whose = area.map_or("all areas".to_owned(), |area| suggest::list([area]));
            block.loading.report_again(*first, item.head, format!("the level of {whose} is given twice"));
        }
        seen.push((area, item.head));
        match (level, area) {
            (Some(level), Some(area)) => log.of.push((area.to_owned(), level)),
            (Some(level), None) => log.level = level,
            (None, _) => {}
        }
    }
}

/// `Standalone_` and random letters, as the reference generates it.
fn generated_id() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut random = RandomState::new().build_hasher();
    let mut bits = 0_u64;
    let mut id = String::from("Standalone_");
    for index in 0..GENERATED_ID_CHARS {
        if index % 12 == 0 {
            random.write_usize(index);
            bits = random.finish();
        }
        let letter = usize::try_from(bits % 32).ok().and_then(|at| LETTERS.get(at)).copied().unwrap_or(b'a');
        id.push(char::from(letter));
        bits /= 32;
    }
    id
}

fn default_workers() -> NonZeroUsize {
    let most = NonZeroUsize::new(WORKERS_MAX.into()).unwrap_or(NonZeroUsize::MIN);
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN).min(most)
}
