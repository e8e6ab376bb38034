//! A configuration of Qpid Dispatch does the same when it is run as it is and when it is imported first.

use std::net::SocketAddr;
use std::process::Command;

use crosstie_tests::artemis::Artemis;
use crosstie_tests::broker::Broker;
use crosstie_tests::certificates::{Authority, Subject};
use crosstie_tests::driver::{Driver, Library};
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::open;
use crosstie_tests::place::{TestDir, router_binary};
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{DEADLINE, Router};
use fe2o3_amqp_types::primitives::Symbol;

/// As the guide of the reference writes it, with a comment and names that are deprecated.
const CONF: &str = r"# edge of the data centre
router {
    mode: standalone
    id: Router.A
}
log {
    module: DEFAULT
    enable: debug+
    outputFile: stderr
}
sslProfile {
    name: service-tls
    caCertFile: {ca}
    certFile: {certificate}
    privateKeyFile: {key}
}
listener {
    name: clients
    host: 127.0.0.1
    port: 0
    role: normal
    authenticatePeer: no
    saslMechanisms: ANONYMOUS
    failoverUrls: secondary.example.com:20000, tertiary.example.com
}
listener {
    name: secure
    host: 127.0.0.1
    port: 0
    sslProfile: service-tls
    requireSsl: yes
    saslMechanisms: ANONYMOUS
}
connector {
    name: broker
    host: 127.0.0.1
    port: {port}
    role: route-container
    saslMechanisms: ANONYMOUS
}
address {
    prefix: q
    waypoint: yes
}
address {
    prefix: news
    distribution: multicast
}
autoLink {
    addr: q.one
    externalAddr: EXT.one
    dir: out
    connection: broker
}
autoLink {
    addr: q.one
    externalAddr: EXT.one
    dir: in
    connection: broker
}
linkRoute {
    prefix: kept
    direction: in
    connection: broker
}
linkRoute {
    prefix: kept
    direction: out
    connection: broker
}
linkRoute {
    prefix: lr
    direction: in
    connection: broker
    addExternalPrefix: ext.
}
linkRoute {
    prefix: ext.lr
    direction: out
    connection: broker
}
";

fn conf(dir: &TestDir, broker: SocketAddr) -> String {
    let mut conf = CONF.replace("{port}", &broker.port().to_string());
    for (word, file) in [("{ca}", "ca.pem"), ("{certificate}", "server.pem"), ("{key}", "server.key")] {
        conf = conf.replace(word, &dir.path().join(file).display().to_string());
    }
    conf
}

/// Imports a configuration and gives the KDL, and what was said of it.
fn imported(dir: &TestDir, conf: &str) -> (String, String) {
    let file = dir.write("qdrouterd.conf", conf);
    let output = Command::new(router_binary()).arg("import").arg(file).output().expect("crosstie runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    (String::from_utf8(output.stdout).expect("KDL is UTF-8"), said)
}

/// What is sent and then received, whole and in order.
fn passes(addr: SocketAddr, (to, from): (&str, &str), (sender, receiver): (Library, Library)) {
    let mut sender = Driver::start(sender, "send", addr, &format!("--address {to} --count 20 --sizes 1,1000,20000"));
    sender.finish();
    let outcomes = sender.events_so_far("outcome");
    assert!(outcomes.len() == 20 && outcomes.iter().all(|outcome| outcome["state"] == "accepted"), "{outcomes:?}");
    let mut receiver = Driver::start(receiver, "receive", addr, &format!("--address {from} --count 20"));
    receiver.finish();
    let digests = |driver: &Driver, name| driver.events_so_far(name).iter().map(|one| one["sha256"].clone()).collect();
    let (sent, received): (Vec<_>, Vec<_>) = (digests(&sender, "sent"), digests(&receiver, "message"));
    assert_eq!(sent, received, "{to} to {from}");
}

/// The scenarios S1, S4, S5, S6, S10 and S14, as far as this configuration has them.
fn assert_does_what_it_says(mut router: Router, ca: &str) {
    for name in ["autoLink/0", "autoLink/1"] {
        router.wait_log(0, DEADLINE, &["auto-link attached", name]);
    }
    let addr = router.clients();
    let (mut peer, theirs) = Peer::open_with(addr, &open("client"));
    assert_eq!(
        (theirs.container_id.as_str(), theirs.max_frame_size.0, theirs.idle_time_out),
        ("Router.A", 16_384, Some(8_000))
    );
    let list = format!("{:?}", theirs.properties.expect("properties").get(&Symbol::from("failover-server-list")));
    for word in ["secondary.example.com", "20000", "tertiary.example.com", "5672"] {
        assert!(list.contains(word), "{list}");
    }
    peer.close();

    passes(addr, ("q.one", "q.one"), (Library::Jms, Library::Proton));
    passes(addr, ("kept.orders", "kept.orders"), (Library::Rhea, Library::GoAmqp));
    passes(addr, ("lr.two", "ext.lr.two"), (Library::Proton, Library::Jms));

    let mut readers = [(); 2].map(|()| Proton::start("receive", addr, "--address news --count 5"));
    for reader in &mut readers {
        reader.event("attached");
    }
    Proton::start("send", addr, "--address news --count 5").finish();
    readers.iter_mut().for_each(|reader| reader.finish());

    let comes_in = |args: &str| {
        let mut client = Proton::start("receive", router.addr("secure"), &format!("--address a --keep {args}"));
        client.any_of(&["attached", "transport-error", "connection-error"], DEADLINE)["event"] == "attached"
    };
    assert!(comes_in(&format!("--ca {ca}")) && !comes_in("--mechanisms ANONYMOUS"));
    router.assert_healthy();
}

#[test]
fn s21_a_configuration_of_the_reference_does_the_same_as_it_is_and_imported() {
    let dir = TestDir::new("migration");
    let ca = Authority::new("tests");
    let _ = ca.write(&dir, "ca");
    let hosts = &["localhost", "127.0.0.1"];
    let _ = ca.issue(&dir, "server", &Subject { names: &[("CN", "server")], hosts, expired: false });
    let trusted = dir.path().join("ca.pem").display().to_string();
    let broker = Artemis::start();
    let conf = conf(&dir, broker.addr());
    assert_does_what_it_says(Router::start_qdrouterd_conf(&conf, &["clients", "secure"]), &trusted);

    let (kdl, said) = imported(&dir, &conf);
    assert!(kdl.contains("// edge of the data centre"), "{kdl}");
    assert!(said.contains("deprecated") && said.contains("addr"), "each difference is named: {said}");
    assert_does_what_it_says(Router::start(&kdl), &trusted);
}
