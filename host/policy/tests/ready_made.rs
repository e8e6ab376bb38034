//! The ready-made plugins as native policies, by the Rust SDK: they decide their cases as they do in WebAssembly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use std::marker::PhantomData;
use std::path::Path;
use std::rc::Rc;

use crosstie_model::policy::Hook;
use crosstie_model::settings;
use crosstie_plugin::host::Level;
use crosstie_plugin::native::{Functions, with};
use crosstie_plugin::{Plugin, guest};
use crosstie_policy::native::{Deciding, Guest, Host, Natives, Policy};
use crosstie_policy::{Entry, Setup, Trial, read_case_file};

/// A plugin of the SDK.
struct Sdk<P>(Hook, PhantomData<fn() -> P>);

impl<P: Plugin + Send + 'static> Policy for Sdk<P> {
    fn hooks(&self) -> Vec<Hook> {
        vec![self.0]
    }

    fn start(&self) -> Box<dyn Guest> {
        Box::new(Instance(guest::Guest::<P>::new()))
    }
}

struct Instance<P>(guest::Guest<P>);

impl<P: Plugin + Send> Guest for Instance<P> {
    fn enter<'g>(&'g mut self, entry: Entry, request: &'g [u8], host: Host) -> Deciding<'g> {
        let entry: guest::Entry<P> = match entry {
            Entry::Configure => guest::Guest::configure,
            Entry::Hook(Hook::Failover) => guest::Guest::failover,
            Entry::Hook(Hook::Connection) => guest::Guest::connection,
            Entry::Hook(Hook::Session) => guest::Guest::session,
            Entry::Hook(Hook::Link) => guest::Guest::link,
            Entry::Hook(Hook::Address) => guest::Guest::address,
        };
        Box::pin(async move { Ok(with(Rc::new(Lent(host)), || self.0.call(entry, request))) })
    }
}

/// The host, as the SDK calls it.
struct Lent(Host);

impl Functions for Lent {
    fn log(&self, level: Level, text: &str) {
        self.0.log(level as u8, text);
    }

    fn counter_add(&self, name: &str, by: u64) {
        self.0.counter_add(name, by);
    }

    fn kv_get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.kv_get(key)
    }

    fn kv_put(&self, key: &[u8], value: &[u8], ttl_ms: u32) -> bool {
        self.0.kv_put(key, value, ttl_ms)
    }

    fn kv_add(&self, key: &[u8], by: i64, ttl_ms: u32) -> Option<i64> {
        self.0.kv_add(key, by, ttl_ms)
    }

    fn kv_delete(&self, key: &[u8]) {
        self.0.kv_delete(key);
    }
}

const fn sdk<P: Plugin + Send + 'static>(hook: Hook) -> Sdk<P> {
    Sdk(hook, PhantomData)
}

/// As its example configures it.
fn configured(root: &Path, name: &str) -> settings::Plugin {
    let loaded = crosstie_config::load(&root.join("plugins").join(name).join("example.kdl")).unwrap();
    let plugins = loaded.settings.plugins.unwrap();
    plugins.named.into_iter().find(|plugin| plugin.name == name).unwrap()
}

#[test]
fn ready_made_plugins_decide_their_cases_natively() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let natives = Natives::default()
        .with("address-table", sdk::<address_table::AddressTable>(Hook::Address))
        .with("admission", sdk::<admission::Admission>(Hook::Connection))
        .with("connection-rate", sdk::<connection_rate::ConnectionRate>(Hook::Connection))
        .with("failover-order", sdk::<failover_order::FailoverOrder>(Hook::Failover));
    for name in ["admission", "connection-rate", "address-table", "failover-order"] {
        let settings = configured(&root, name);
        let setup = Setup { router_id: "r".to_owned(), natives: natives.clone(), ..Setup::default() };
        let trial = Trial::native(settings, setup).unwrap();
        let cases = read_case_file(&root.join("plugins").join(name).join("cases.jsonl")).unwrap();
        assert_eq!(trial.play(&cases), [], "{name}");
        // they read as little as they do in WebAssembly
        assert!(trial.describe().1.is_some_and(|reads| !reads.is_empty()), "{name}");
    }
}
