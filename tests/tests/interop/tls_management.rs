//! TLS profiles that management creates, uses and deletes.

use crosstie_tests::management::Management;
use crosstie_tests::native::runtime;
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use serde_amqp::Value;

use crate::tls::{Place, comes_in};

const OF: &str = "sslProfile";

#[test]
fn s14_s15_a_profile_is_created_used_and_deleted_while_the_router_runs() {
    let place = Place::new();
    let (server, key, ca) = (place.path("server.pem"), place.path("server.key"), place.path("ca.pem"));
    let mut router = Router::start(&plain_kdl(""));
    let runtime = runtime();
    let mut management = runtime.block_on(Management::open(router.clients()));
    let body = [("name", "made"), ("certFile", &server), ("privateKeyFile", &key), ("caCertFile", &ca)];
    let answer = runtime.block_on(management.create(OF, &[&body[..], &[("uidFormat", "no")]].concat()));
    assert_eq!(
        (answer.status, answer.text("certFile"), answer.text("uidFormat")),
        (201, server.clone(), "no".to_owned()),
        "{answer:?}"
    );
    assert!(matches!(answer.get("certExpirySeconds"), Value::Long(_)), "{answer:?}");
    // what is wrong is said, and nothing is made of it
    let pipe = place.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    for (name, more, part) in [
        ("made", [("protocols", "TLSv1.2")], "Name conflicts"),
        ("bad", [("caCertFile", pipe.as_str())], "caCertFile: cannot read"),
        ("bad", [("privateKeyFile", "/nowhere/x.key")], "privateKeyFile: cannot read"),
        ("bad", [("password", "file:/etc/hostname")], "password: only a configuration file"),
        ("bad", [("ciphers", "HIGH:!aNULL")], "ciphers: cipher strings of OpenSSL"),
        ("bad", [("protocols", "TLSv1")], "protocols: none of these versions"),
        ("bad", [("uidFormat", "x")], "uidFormat: `x` is no letter"),
    ] {
        let (mut body, mut more) = (body, more);
        body[0].1 = name;
        for (key, value) in &mut more {
            body.iter_mut().filter(|pair| pair.0 == *key).for_each(|pair| pair.1 = *value);
        }
        let extra = more.iter().filter(|(key, _)| !body.iter().any(|pair| pair.0 == *key));
        let all: Vec<(&str, &str)> = body.iter().chain(extra).copied().collect();
        let answer = runtime.block_on(management.create(OF, &all));
        assert!(answer.status == 400 && answer.description.contains(part), "{part}: {answer:?}");
    }
    assert_eq!(runtime.block_on(management.named("READ", OF, "bad")).status, 404);
    // a listener and a connector use it
    let listener = [("name", "late"), ("host", "127.0.0.1"), ("port", "0"), ("sslProfile", "made")];
    let mark = router.log_mark();
    let answer = runtime.block_on(
        management.create("listener", &[&listener[..], &[("saslMechanisms", "EXTERNAL ANONYMOUS")]].concat()),
    );
    assert_eq!((answer.status, answer.text("sslProfile")), (201, "made".to_owned()), "{answer:?}");
    router.wait_log(mark, DEADLINE, &["listening", "late"]);
    let addr = router.addr("late");
    let port = addr.port().to_string();
    assert!(comes_in(addr, &format!("{} --mechanisms ANONYMOUS", place.trusting("ca.pem"))));
    assert!(comes_in(addr, &format!("{} --mechanisms EXTERNAL", place.showing(&place.client))));
    router.wait_log(mark, DEADLINE, &["opened", "late", "alice;Bank"]);
    let connector = [("name", "up"), ("host", "127.0.0.1"), ("port", &port), ("sslProfile", "made")];
    assert_eq!(runtime.block_on(management.create("connector", &connector)).status, 201);
    runtime.block_on(management.wait("connector", "up", |answer| answer.text("connectionStatus") == "SUCCESS"));
    // it goes: nobody else finds it, and those that use it keep it
    assert_eq!(runtime.block_on(management.named("DELETE", OF, "made")).status, 204);
    assert_eq!(runtime.block_on(management.named("READ", OF, "made")).status, 404);
    assert_eq!(runtime.block_on(management.named("DELETE", OF, "made")).status, 404);
    let again = [("name", "later"), ("host", "127.0.0.1"), ("port", "0"), ("sslProfile", "made")];
    let answer = runtime.block_on(management.create("listener", &again));
    assert!(answer.status == 400 && answer.description.contains("sslProfile"), "{answer:?}");
    assert!(comes_in(addr, &format!("{} --mechanisms ANONYMOUS", place.trusting("ca.pem"))));
    // the way of the reference's own test: connector and profile deleted and created again
    assert_eq!(runtime.block_on(management.named("DELETE", "connector", "up")).status, 204);
    assert_eq!(runtime.block_on(management.create(OF, &body)).status, 201);
    assert_eq!(runtime.block_on(management.create("connector", &connector)).status, 201);
    runtime.block_on(management.wait("connector", "up", |answer| answer.text("connectionStatus") == "SUCCESS"));
    // a reload leaves alone what is in no file
    let mark = router.log_mark();
    router.process().signal("HUP");
    router.wait_log(mark, DEADLINE, &["reload: nothing has changed"]);
    assert_eq!(runtime.block_on(management.named("READ", OF, "made")).status, 200);
    router.assert_healthy();
}
