//! What a decision costs as a worker asks for it: the request made of what the router knows, one call, the answer checked. Beside it, what
//! wasmtime takes to enter a function that does nothing.
//!
//! `no-guests` is the plugin in WebAssembly text, which takes next to nothing itself; with the whole request sent to it, it
//! is what the host takes for that. `admission` is the ready-made one, where `tests/run` built it.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a bench ends by panicking")]

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use crosstie_model::policy::{ConnectionRequest, Counts, Hook, InfoValue, Limits, Peer, PeerTls, Policy};
use crosstie_model::settings::{ConfigNode, Plugin, Plugins, PropertyValue};
use crosstie_policy::{PolicyEngine, Setup, load};
use divan::Bencher;
use divan::counter::ItemsCount;
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;
use wasmtime::{Config, Engine, Instance, Module, Store, UpdateDeadline};

/// Decisions between two looks at the clock.
const BATCH: u32 = 1000;

fn main() {
    divan::main();
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

#[divan::bench]
fn an_empty_call(bencher: Bencher<'_, '_>) {
    let mut config = Config::new();
    config.epoch_interruption(true);
    let engine = Engine::new(&config).unwrap();
    let empty = r#"(module (func (export "f") (param i32 i32) (result i64) (i64.const 0)))"#;
    let module = Module::new(&engine, wat::parse_str(empty).unwrap()).unwrap();
    let mut store = Store::new(&engine, ());
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|_| Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))));
    let runtime = runtime();
    let call = runtime.block_on(async {
        let instance = Instance::new_async(&mut store, &module, &[]).await.unwrap();
        instance.get_typed_func::<(i32, i32), i64>(&mut store, "f").unwrap()
    });
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        runtime.block_on(async {
            for _ in 0..BATCH {
                divan::black_box(call.call_async(&mut store, (1, 2)).await.unwrap());
            }
        });
    });
}

/// Plugins alone in a directory, which is gone afterwards.
struct Home(PathBuf);

impl Home {
    fn new(name: &str, module: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("crosstie-decide-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join(format!("{name}.wasm")), module).unwrap();
        Self(path)
    }

    /// Compiled modules are kept beside it.
    fn load(&self, plugin: Plugin) -> PolicyEngine {
        let plugins = Plugins { directory: self.0.clone(), named: vec![plugin], record: None };
        load(
            &plugins,
            Setup { router_id: "bench".to_owned(), state_dir: Some(self.0.join("state")), ..Setup::default() },
        )
        .unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text(text: &str) -> PropertyValue {
    PropertyValue::Text(text.to_owned())
}

fn node(name: &str, args: &[&str], props: &[(&str, &str)], children: Vec<ConfigNode>) -> ConfigNode {
    let props = props.iter().map(|(key, value)| ((*key).to_owned(), text(value))).collect();
    ConfigNode { name: name.to_owned(), args: args.iter().map(|arg| text(arg)).collect(), props, children }
}

/// A client as banks have them: some 830 bytes for a plugin that is sent all of it.
fn request() -> ConnectionRequest {
    let tls = PeerTls {
        version: "TLSv1.3".to_owned(),
        cipher: "TLS_AES_256_GCM_SHA384".to_owned(),
        sni: Some("hub.example.com".to_owned()),
        subject: Some("CN=billing,OU=Payments,O=Example Bank,C=DE".to_owned()),
        issuer: Some("CN=Example CA,O=Example Bank,C=DE".to_owned()),
        ..PeerTls::default()
    };
    let peer = Peer {
        connection_id: 4711,
        listener: Some("clients".into()),
        connector: None,
        remote: ([192, 0, 2, 7], 41_234).into(),
        local: ([192, 0, 2, 1], 5671).into(),
        vhost: Some("hub.example.com".to_owned()),
        user: Some("billing".to_owned()),
        mechanism: Some("EXTERNAL"),
        container_id: "billing-7f3b".to_owned(),
        tls: Some(Arc::new(tls)),
        attributes: Vec::new(),
    };
    let property = |key: &str, value: &str| (key.to_owned(), InfoValue::Text(value.to_owned()));
    ConnectionRequest {
        peer,
        max_frame_size: 65_536,
        channel_max: 255,
        idle_timeout: Some(std::time::Duration::from_secs(16)),
        offered_capabilities: vec!["ANONYMOUS-RELAY".to_owned()],
        desired_capabilities: vec!["DELAYED_DELIVERY".to_owned(), "ANONYMOUS-RELAY".to_owned()],
        properties: vec![property("product", "QpidJMS"), property("version", "2.5.0"), property("platform", "JVM: 17")],
        counts: Counts { total: 431, listener: 400, user: 3, peer_host: 3 },
        limits: Limits { sessions: Some(256), links: Some(1000), ..Limits::default() },
        recheck: false,
    }
}

fn decide(bencher: Bencher<'_, '_>, engine: &PolicyEngine) {
    let (runtime, local) = (runtime(), LocalSet::new());
    let worker: Rc<dyn Policy> = engine.worker();
    let request = request();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        local.block_on(&runtime, async {
            for _ in 0..BATCH {
                divan::black_box(worker.connection(request.clone()).await);
            }
        });
    });
}

/// What the bench itself needs to hand over a request.
#[divan::bench]
fn a_request_alone(bencher: Bencher<'_, '_>) {
    let request = request();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            divan::black_box(request.clone());
        }
    });
}

const NO_GUESTS: &str = include_str!("../../../plugin-sdk/wat/no-guests.wat");

#[divan::bench]
fn no_guests_that_is_sent_a_user(bencher: Bencher<'_, '_>) {
    let home = Home::new("no-guests", &wat::parse_str(NO_GUESTS).unwrap());
    decide(bencher, &home.load(Plugin::unnamed("no-guests")));
}

#[divan::bench]
fn no_guests_that_is_sent_everything(bencher: Bencher<'_, '_>) {
    let whole = NO_GUESTS.replace("policy_configure", "unused");
    let home = Home::new("no-guests", &wat::parse_str(whole).unwrap());
    decide(bencher, &home.load(Plugin::unnamed("no-guests")));
}

/// The ready-made plugin, with rules.
fn admission() -> (Home, Plugin) {
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins/admission.wasm");
    let module = std::fs::read(&built).unwrap_or_else(|error| panic!("{}: {error}; see tests/run", built.display()));
    let attribute = node("attribute", &["tenant", "acme"], &[], Vec::new());
    let rules = vec![
        node("deny", &[], &[("container-id", "intruder-*")], Vec::new()),
        node("deny", &[], &[("user", "guest")], Vec::new()),
        node("allow", &[], &[("network", "192.0.2.0/24")], vec![attribute]),
    ];
    let plugin = Plugin { hooks: Some(vec![Hook::Connection]), config: rules, ..Plugin::unnamed("admission") };
    (Home::new("admission", &module), plugin)
}

#[divan::bench]
fn admission_by_three_rules(bencher: Bencher<'_, '_>) {
    let (home, plugin) = admission();
    decide(bencher, &home.load(plugin));
}

/// From nothing to a plugin that is configured, where its module was compiled before.
#[divan::bench]
fn a_start_with_a_kept_module(bencher: Bencher<'_, '_>) {
    let (home, plugin) = admission();
    drop(home.load(plugin.clone()));
    bencher.bench_local(|| home.load(plugin.clone()));
}
