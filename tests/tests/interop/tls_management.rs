//! TLS profiles that management creates, uses and deletes.

use crosstie_tests::certificates::{Authority, Subject};
use crosstie_tests::management::Management;
use crosstie_tests::native::runtime;
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use serde_amqp::Value;
use tokio::runtime::Runtime;

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
    // as in the reference: EXTERNAL beside others lets nobody in without a certificate
    assert!(!comes_in(addr, &format!("{} --mechanisms ANONYMOUS", place.trusting("ca.pem"))));
    router.wait_log(mark, DEADLINE, &["TLS failed", "late", "certificate"]);
    assert!(comes_in(addr, &format!("{} --mechanisms ANONYMOUS", place.showing(&place.client))));
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
    assert!(comes_in(addr, &format!("{} --mechanisms ANONYMOUS", place.showing(&place.client))));
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

/// A router with a listener of the file and one that management created, which name the `tls` of the file.
struct Named {
    place: Place,
    next: Authority,
    kdl: String,
    router: Router,
    runtime: Runtime,
    management: Management,
}

impl Named {
    fn new() -> Self {
        let (place, next) = (Place::new(), Authority::new("next"));
        let _ = next.write(&place.dir, "next");
        let kdl = plain_kdl(&[place.tls("t", ""), listener("filed", "tls \"t\"")].concat());
        let (router, runtime) = (Router::start(&kdl), runtime());
        let mut management = runtime.block_on(Management::open(router.clients()));
        let body = [("name", "late"), ("host", "127.0.0.1"), ("port", "0"), ("sslProfile", "t")];
        assert_eq!(runtime.block_on(management.create("listener", &body)).status, 201);
        let named = Self { place, next, kdl, router, runtime, management };
        named.show("ca.pem", "next.pem");
        named
    }

    /// Whether clients come in by both listeners.
    fn come_in(&self, args: &str, wanted: bool) {
        for name in ["late", "filed"] {
            assert_eq!(comes_in(self.router.addr(name), args), wanted, "{name} {args}");
        }
    }

    /// Both show a certificate of this authority, and not of the other one.
    fn show(&self, ca: &str, other: &str) {
        self.come_in(&self.place.trusting(ca), true);
        self.come_in(&self.place.trusting(other), false);
    }

    fn reload(&mut self, kdl: &str, said: &str) {
        self.router.dir().write("crosstie.kdl", kdl);
        let mark = self.router.log_mark();
        self.router.process().signal("HUP");
        self.router.wait_log(mark, DEADLINE, &[said]);
    }

    fn delete(&mut self) {
        assert_eq!(self.runtime.block_on(self.management.named("DELETE", OF, "t")).status, 204);
    }

    /// The files are renewed, and both listeners go by them.
    fn renewed(mut self) {
        let mark = self.router.log_mark();
        let subject = Subject { names: &[("CN", "server")], hosts: HOSTS, expired: false };
        let _ = self.next.issue(&self.place.dir, "server", &subject);
        self.router.wait_log(mark, DEADLINE, &["certificates read again"]);
        self.show("next.pem", "ca.pem");
        self.router.assert_healthy();
    }
}

#[test]
fn s14_s20_a_created_listener_goes_by_what_its_profile_is_after_a_reload() {
    let mut named = Named::new();
    let (ca, shown) = (named.place.trusting("ca.pem"), named.place.showing(&named.place.client));
    let mut client = Proton::start("receive", named.router.addr("late"), &format!("--address a --keep {ca}"));
    client.event("attached");
    // peers have to show certificates: those that showed none have to go
    let after = named.kdl.replace("    ca \"", "    client-certificate \"require\"\n    ca \"");
    named.reload(&after, "reload: change tls \"t\"");
    client.any_of(&["closed", "transport-error", "disconnected", "connection-error"], DEADLINE);
    named.come_in(&ca, false);
    named.come_in(&shown, true);
    // another certificate
    let subject = Subject { names: &[("CN", "other")], hosts: HOSTS, expired: false };
    let _ = named.next.issue(&named.place.dir, "other", &subject);
    let after = named.kdl.replace("server.", "other.");
    named.reload(&after, "reload: change tls \"t\"");
    named.show("next.pem", "ca.pem");
    named.router.assert_healthy();
}

#[test]
fn s14_s20_a_profile_that_a_reload_brings_back_is_that_of_those_that_named_it() {
    let mut named = Named::new();
    named.delete();
    named.show("ca.pem", "next.pem");
    named.reload(&named.kdl.clone(), "reload: nothing has changed");
    named.renewed();
}

#[test]
fn s14_a_profile_that_is_created_again_is_that_of_those_that_name_it() {
    let mut named = Named::new();
    named.delete();
    let (server, key, ca) =
        (named.place.path("server.pem"), named.place.path("server.key"), named.place.path("ca.pem"));
    let body = [("name", "t"), ("certFile", &server), ("privateKeyFile", &key), ("caCertFile", &ca)];
    assert_eq!(named.runtime.block_on(named.management.create(OF, &body)).status, 201);
    named.renewed();
}

#[test]
fn s14_s15_a_key_that_cannot_be_used_is_refused_with_those_that_can() {
    let place = Place::new();
    let (server, short) = (place.path("server.pem"), place.path("short.key"));
    let mut openssl = std::process::Command::new("openssl");
    assert!(openssl.args(["genrsa", "-out", &short, "1024"]).status().expect("openssl runs").success());
    let (router, runtime) = (Router::start(&plain_kdl("")), runtime());
    let mut management = runtime.block_on(Management::open(router.clients()));
    let body = [("name", "bad"), ("certFile", &server), ("privateKeyFile", &short), ("caCertFile", &server)];
    let answer = runtime.block_on(management.create(OF, &body));
    let wanted = "is RSA of 1024 bits, which cannot be used: a key is RSA of 2048 to 4096 bits";
    assert!(answer.status == 400 && answer.description.contains(wanted), "{answer:?}");
}
