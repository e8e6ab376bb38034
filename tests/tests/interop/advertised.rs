//! What a listener tells its peers about elsewhere, and what Qpid JMS makes of it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crosstie_tests::driver::{Driver, Library};
use crosstie_tests::place::{TestDir, router_binary};
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{DEADLINE, Router, check, plain_kdl};
use serde_json::{Value, json};

/// `plain_kdl` with these failover URLs, as KDL writes them.
fn kdl(urls: &str) -> String {
    plain_kdl("").replace("port 0\n", &format!("port 0\n    failover-urls {urls}\n"))
}

fn opened(addr: SocketAddr) -> Value {
    Proton::start("receive", addr, "--address a").event("open")
}

#[test]
fn s01_the_list_has_the_shape_of_the_reference() {
    let router = Router::start(&kdl("\"secondary.example.com:20000\" \"tertiary.example.com\""));
    let opened = opened(router.clients());
    assert_eq!(
        opened["properties"]["failover-server-list"],
        json!([
            { "network-host": "secondary.example.com", "port": "20000" },
            { "network-host": "tertiary.example.com", "port": "5672" },
        ])
    );
    let item = json!({ "network-host": ["symbol", "str"], "port": ["symbol", "str"] });
    assert_eq!(opened["kinds"]["failover-server-list"], json!(["list", item, item]));
}

/// Point 3 of the reference's defects.
#[test]
fn s01_every_form_of_url_arrives_with_its_scheme_and_port() {
    let urls = [
        ("amqps://h", json!({ "network-host": "h", "port": "5671", "scheme": "amqps" })),
        ("amqp://i:20000", json!({ "network-host": "i", "port": "20000", "scheme": "amqp" })),
        ("ws://j", json!({ "network-host": "j", "port": "80", "scheme": "ws" })),
        ("ws://k:8080", json!({ "network-host": "k", "port": "8080", "scheme": "ws" })),
        ("wss://l", json!({ "network-host": "l", "port": "443", "scheme": "wss" })),
        ("[2001:db8::1]:5671", json!({ "network-host": "2001:db8::1", "port": "5671" })),
        ("amqp://[2001:db8::7]", json!({ "network-host": "2001:db8::7", "port": "5672", "scheme": "amqp" })),
        ("10.0.0.1", json!({ "network-host": "10.0.0.1", "port": "5672" })),
    ];
    let texts: Vec<String> = urls.iter().map(|(url, _)| format!("\"{url}\"")).collect();
    let router = Router::start(&kdl(&texts.join(" ")));
    let expected: Vec<Value> = urls.into_iter().map(|(_, item)| item).collect();
    assert_eq!(opened(router.clients())["properties"]["failover-server-list"], Value::Array(expected));
}

#[test]
fn s01_no_list_is_handed_out_where_none_is_configured() {
    let router = Router::plain();
    assert_eq!(opened(router.clients())["properties"].get("failover-server-list"), None);
}

#[test]
fn s01_every_connection_of_the_listener_hears_it_and_of_no_other() {
    let other = "listener \"containers\" {\n    host \"127.0.0.1\"\n    port 0\n    role \"route-container\"\n    \
                 failover-urls \"b\"\n}\nlistener \"others\" {\n    host \"127.0.0.1\"\n    port 0\n}\n";
    let router = Router::start(&format!("{}{other}", kdl("\"a\"")));
    for (listener, host) in [("clients", Some("a")), ("containers", Some("b")), ("others", None)] {
        for _ in 0..2 {
            let opened = opened(router.addr(listener));
            let list = opened["properties"].get("failover-server-list");
            assert_eq!(list.map(|list| list[0]["network-host"].as_str().unwrap()), host, "{listener}");
        }
    }
}

/// Point 3 of the reference's defects.
#[test]
fn s01_a_bad_item_is_a_problem_at_its_place_and_nothing_listens() {
    for (item, why) in [
        ("", "an empty text"),
        ("ftp://x", "unknown scheme `ftp`"),
        ("h:99999", "`99999` is not a port"),
        ("h:0", "`0` is not a port"),
        ("a b", "has no place in a host name"),
        ("a,b", "has no place in a host name"),
        ("2001:db8::1", "an IPv6 address stands in brackets"),
        ("[2001:db8::1", "`[` without `]`"),
        ("amqp://", "the host is missing"),
        ("amqp://user@h", "a user or a password has no place here"),
        ("amqp://h/path", "a path has no place here"),
    ] {
        let dir = TestDir::new("advertised");
        let text = kdl(&format!("\"good.example.com\" \"{item}\""));
        let line = 1 + text.lines().position(|line| line.contains("failover-urls")).expect("a line");
        let column = 1 + text.lines().nth(line - 1).and_then(|line| line.rfind(" \"")).expect("an item") + 1;
        let found = check(&dir, &text);
        assert_eq!(found.code, Some(78), "{item:?}: {}", found.stderr);
        for part in [why, &format!("check.kdl:{line}:{column}")] {
            assert!(found.stderr.contains(part), "{item:?}: no {part} in\n{}", found.stderr);
        }
        let run = std::process::Command::new(router_binary()).arg("run").arg(&found.file).output().expect("it runs");
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(78), "{said}");
        assert!(!said.contains("listening"), "a listener was started: {said}");
    }
}

#[test]
fn s01_the_references_own_writing_has_the_references_result() {
    let conf = |urls: &str| {
        format!(
            "router {{\n    id: hub\n}}\nlistener {{\n    name: clients\n    host: 127.0.0.1\n    port: 0\n    \
             authenticatePeer: no\n    failoverUrls: {urls}\n}}\n"
        )
    };
    let urls = "amqp:// third-host\t:5671, 127.0.0.1 : 21003 ,\tamqps://tls-host,";
    let router = Router::start_qdrouterd_conf(&conf(urls), &["clients"]);
    assert_eq!(
        opened(router.clients())["properties"]["failover-server-list"],
        json!([
            { "network-host": "third-host", "port": "5671", "scheme": "amqp" },
            { "network-host": "127.0.0.1", "port": "21003" },
            { "network-host": "tls-host", "port": "5672", "scheme": "amqps" },
        ])
    );
    for urls in ["a,,b", ",a", "ftp://x", "a:99999", "\"\""] {
        let dir = TestDir::new("advertised");
        let file = dir.write("qdrouterd.conf", conf(urls));
        let command = ["run", "--qdrouterd-conf"];
        let run = std::process::Command::new(router_binary()).args(command).arg(file).output().expect("it runs");
        let said = String::from_utf8_lossy(&run.stderr);
        // as the reference does
        assert_eq!(run.status.code(), Some(1), "{urls}: {said}");
        assert!(said.contains("qdrouterd.conf:9:"), "{urls}: no place in {said}");
        assert!(!said.contains("listening"), "{urls}: a listener was started: {said}");
    }
}

/// The first tells its peers about the second.
fn pair() -> (Router, Router) {
    let second = Router::plain();
    let first = Router::start(&kdl(&format!("\"amqp://{}\"", second.clients())));
    (first, second)
}

fn kill(router: &mut Router) {
    router.process().signal("KILL");
    router.wait_exit(DEADLINE);
}

#[test]
fn s01_a_jms_consumer_that_waits_comes_back_on_the_second_router() {
    let (mut first, second) = pair();
    let mut consumer = Driver::start(Library::Jms, "receive", first.clients(), "--address a --count 3 --reconnect");
    consumer.event("attached");
    Proton::start("send", first.clients(), "--address a").finish();
    consumer.event("message");
    kill(&mut first);
    assert_eq!(consumer.event("restored")["peer"], second.clients().to_string());
    let mut sender = Proton::start("send", second.clients(), "--address a --count 2");
    sender.finish();
    assert!(sender.events_so_far("outcome").iter().all(|outcome| outcome["state"] == "accepted"));
    consumer.finish();
    let ids: Vec<u64> = consumer.events_so_far("message").iter().filter_map(|message| message["id"].as_u64()).collect();
    assert_eq!(ids, [0, 0, 1], "one from the first sender and two from the second, each once");
}

#[test]
fn s01_jms_loses_nothing_that_it_was_told_was_accepted() {
    const COUNT: usize = 3000;
    const WINDOW: usize = 20;
    let (mut first, second) = pair();
    let addr = first.clients();
    let mut consumer = Driver::start(Library::Jms, "receive", addr, "--address a --count 1000000 --reconnect");
    consumer.event("attached");
    let args = format!("--address a --count {COUNT} --window {WINDOW} --reconnect");
    let mut producer = Driver::start(Library::Jms, "send", addr, &args);
    for _ in 0..COUNT / 3 {
        producer.event("outcome");
    }
    let known: BTreeSet<u64> = accepted(&producer);
    kill(&mut first);
    for driver in [&mut consumer, &mut producer] {
        assert_eq!(driver.event("restored")["peer"], second.clients().to_string());
    }
    producer.event_within("done", Duration::from_secs(90));
    let outcomes = producer.events_so_far("outcome");
    let once: BTreeSet<u64> = outcomes.iter().filter_map(|outcome| outcome["index"].as_u64()).collect();
    assert_eq!((outcomes.len(), once.len()), (COUNT, COUNT), "each message has one outcome");
    let accepted = accepted(&producer);
    assert!(accepted.len() > COUNT * 9 / 10, "{} of {COUNT} were accepted", accepted.len());
    let end = Instant::now() + Duration::from_secs(60);
    let received = loop {
        let received = consumer.events_so_far("message");
        let received: Vec<u64> = received.iter().filter_map(|message| message["id"].as_u64()).collect();
        let distinct: BTreeSet<u64> = received.iter().copied().collect();
        let missing: Vec<_> = accepted.difference(&distinct).collect();
        if missing.is_empty() {
            break received;
        }
        assert!(Instant::now() < end, "accepted, but never delivered: {missing:?}");
        consumer.event("message");
    };
    // whoever was not told an outcome sends once more: that is what was on its way when the first one was killed, and nothing else
    let mut once = BTreeSet::new();
    let again: Vec<u64> = received.into_iter().filter(|id| !once.insert(*id)).collect();
    let distinct: BTreeSet<u64> = again.iter().copied().collect();
    assert!(again.len() == distinct.len() && again.len() <= WINDOW, "came more often than they were sent: {again:?}");
    assert!(distinct.is_disjoint(&known), "accepted, and came once more: {again:?}");
}

/// Which messages a producer was told were accepted, so far.
fn accepted(producer: &Driver) -> BTreeSet<u64> {
    let outcomes = producer.events_so_far("outcome");
    let accepted = outcomes.iter().filter(|outcome| outcome["state"] == "accepted");
    accepted.filter_map(|outcome| outcome["index"].as_u64()).collect()
}
