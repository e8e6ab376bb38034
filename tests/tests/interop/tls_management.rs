//! TLS profiles that management creates, uses and deletes.

use crosstie_tests::certificates::{Authority, Subject};
use crosstie_tests::management::Management;
use crosstie_tests::native::runtime;
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use serde_amqp::Value;

use crate::tls::{HOSTS, Place, comes_in, listener};

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
    let late = [("name", "late"), ("host", "127.0.0.1"), ("port", "0"), ("sslProfile", "made")];
    let mark = router.log_mark();
    let answer = runtime
        .block_on(management.create("listener", &[&late[..], &[("saslMechanisms", "EXTERNAL ANONYMOUS")]].concat()));
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

#[test]
fn s14_s20_a_listener_goes_by_the_profile_that_has_its_name() {
    let place = Place::new();
    let next = Authority::new("next");
    let _ = next.write(&place.dir, "next");
    let _ = next.issue(&place.dir, "other", &Subject { names: &[("CN", "other")], hosts: HOSTS, expired: false });
    let before = plain_kdl(&[place.tls("t", ""), listener("filed", "tls \"t\"")].concat());
    let mut router = Router::start(&before);
    let runtime = runtime();
    let mut management = runtime.block_on(Management::open(router.clients()));
    let body = [("name", "late"), ("host", "127.0.0.1"), ("port", "0"), ("sslProfile", "t")];
    assert_eq!(runtime.block_on(management.create("listener", &body)).status, 201);
    let addrs = [router.addr("late"), router.addr("filed")];
    let all =
        |args: &str, wanted: bool| addrs.iter().for_each(|addr| assert_eq!(comes_in(*addr, args), wanted, "{args}"));
    let reload = |router: &mut Router, kdl: &str, said: &str| {
        router.dir().write("crosstie.kdl", kdl);
        let mark = router.log_mark();
        router.process().signal("HUP");
        router.wait_log(mark, DEADLINE, &[said]);
    };
    let (old, new, shown) = (place.trusting("ca.pem"), place.trusting("next.pem"), place.showing(&place.client));
    all(&old, true);
    // another certificate, and peers have to show theirs: so says the file
    let mut client = Proton::start("receive", addrs[0], &format!("--address a --keep {old}"));
    client.event("attached");
    let after = before.replace("    ca \"", "    client-certificate \"require\"\n    ca \"");
    reload(&mut router, &after, "reload: change tls \"t\"");
    client.any_of(&["closed", "transport-error", "disconnected", "connection-error"], DEADLINE);
    all(&old, false);
    all(&shown, true);
    reload(&mut router, &before.replace("server.", "other."), "reload: change tls \"t\"");
    all(&old, false);
    all(&new, true);
    reload(&mut router, &before, "reload: change tls \"t\"");
    // deleted and, as the file still has it, there again: renewed files reach those that have named it all the time
    assert_eq!(runtime.block_on(management.named("DELETE", OF, "t")).status, 204);
    all(&old, true);
    reload(&mut router, &before, "reload: nothing has changed");
    let mark = router.log_mark();
    let _ = next.issue(&place.dir, "server", &Subject { names: &[("CN", "server")], hosts: HOSTS, expired: false });
    router.wait_log(mark, DEADLINE, &["certificates read again"]);
    all(&old, false);
    all(&new, true);
    // deleted and created
    assert_eq!(runtime.block_on(management.named("DELETE", OF, "t")).status, 204);
    let (server, key, ca) = (place.path("server.pem"), place.path("server.key"), place.path("ca.pem"));
    let body = [("name", "t"), ("certFile", &server), ("privateKeyFile", &key), ("caCertFile", &ca)];
    assert_eq!(runtime.block_on(management.create(OF, &body)).status, 201);
    let mark = router.log_mark();
    let _ = place.ca.issue(&place.dir, "server", &Subject { names: &[("CN", "server")], hosts: HOSTS, expired: false });
    router.wait_log(mark, DEADLINE, &["certificates read again"]);
    all(&new, false);
    all(&old, true);
    router.assert_healthy();
}
