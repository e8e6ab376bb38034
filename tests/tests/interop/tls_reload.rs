//! A changed `tls` node: connections stay, and new ones go by what it is now.

use crosstie_tests::certificates::{Authority, Subject};
use crosstie_tests::place::free_port;
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};

use crate::tls::{HOSTS, Place, comes_in, command, listener};

#[test]
fn s20_a_changed_tls_node_is_for_connections_from_then_on() {
    let place = Place::new();
    let next = Authority::new("next");
    let _ = next.write(&place.dir, "next");
    let _ = next.issue(&place.dir, "other", &Subject { names: &[("CN", "other")], hosts: HOSTS, expired: false });
    let before = plain_kdl(&[place.tls("t", ""), listener("secure", "tls \"t\"")].concat());
    let mut router = Router::start(&before);
    let addr = router.addr("secure");
    let (old, new) = (place.path("ca.pem"), place.path("next.pem"));
    let mut receiver = Proton::start("receive", addr, &format!("--address a --count 2 {}", place.trusting("ca.pem")));
    receiver.event("attached");
    let send = |ca: &str, more: &str| {
        let mut sender = Proton::start("send", addr, &format!("--address a {more} {}", place.trusting(ca)));
        sender.any_of(&["outcome", "transport-error"], DEADLINE)["state"] == "accepted"
    };
    // other files, and TLS 1.2 alone, by `crosstie reload` over TLS
    let after = before.replace("server.pem", "other.pem").replace("server.key", "other.key");
    let after = after.replace("    ca \"", "    versions \"1.2\"\n    ca \"");
    assert_ne!(after, before);
    router.dir().write("crosstie.kdl", &after);
    let plan = [
        "change tls \"t\" (certificate, private-key, versions)",
        "change listener \"secure\" (tls): open connections stay",
    ];
    for options in ["reload --dry-run", "reload"] {
        let (went_well, said) = command(addr, options, Some(&old));
        assert!(went_well && plan.iter().all(|line| said.contains(line)), "{options}: {said}");
    }
    assert!(!comes_in(addr, &place.trusting("ca.pem")));
    assert!(send("next.pem", ""));
    let (went_well, said) = command(addr, "stat connections --json", Some(&new));
    assert!(
        went_well && said.contains("TLSv1.3") && said.contains("TLSv1.2"),
        "the old one stays, and this one is new: {said}"
    );
    // what cannot be used changes nothing
    router.dir().write("crosstie.kdl", after.replace("other.key", "server.key"));
    let (went_well, said) = command(addr, "reload", Some(&new));
    assert!(
        !went_well && said.contains("not that of the certificate") && said.contains("nothing was changed"),
        "{said}"
    );
    assert!(comes_in(addr, &place.trusting("next.pem")));
    // back, by SIGHUP
    router.dir().write("crosstie.kdl", &before);
    let mark = router.log_mark();
    router.process().signal("HUP");
    router.wait_log(mark, DEADLINE, &["reload: change tls \"t\""]);
    assert!(!comes_in(addr, &place.trusting("next.pem")));
    assert!(send("ca.pem", ""));
    receiver.finish();
    // certificates of peers are asked for: those that showed none have to go
    let mut client = Proton::start("receive", addr, &format!("--address a --keep {}", place.trusting("ca.pem")));
    client.event("attached");
    router.dir().write("crosstie.kdl", before.replace("    ca \"", "    client-certificate \"require\"\n    ca \""));
    router.process().signal("HUP");
    client.any_of(&["closed", "transport-error", "disconnected", "connection-error"], DEADLINE);
    assert!(!comes_in(addr, &place.trusting("ca.pem")));
    assert!(comes_in(addr, &place.showing(&place.client)));
    router.assert_healthy();
}

#[test]
fn s20_a_user_who_goes_takes_no_certificate_of_the_same_name_along() {
    let place = Place::new();
    let user = |name: &str| format!("user \"{name}\" password=\"literal:pw-{name}\"\n");
    let tls = place.tls("t", "client-certificate \"request\"\n    user-name \"common-name\"");
    let kdl = [user("bob"), tls, listener("secure", "tls \"t\"\n    sasl \"EXTERNAL\" \"PLAIN\"")].concat();
    let mut router = Router::start(&plain_kdl(&[user("alice"), kdl.clone()].concat()));
    let come = |more: &str| {
        let args = format!("--address a --keep {} {more}", place.showing(&place.client));
        let mut client = Proton::start("receive", router.addr("secure"), &args);
        client.event("attached");
        client
    };
    let external = come("--mechanisms EXTERNAL");
    router.wait_log(0, DEADLINE, &["opened", "secure", "user=\"alice\""]);
    let mut by_password = come("--user alice --password pw-alice --mechanisms PLAIN");
    router.dir().write("crosstie.kdl", plain_kdl(&kdl));
    router.process().signal("HUP");
    assert_eq!(by_password.event("closed")["condition"], "amqp:connection:forced");
    // somebody else comes and is served: what was to close has closed
    drop(come("--user bob --password pw-bob --mechanisms PLAIN"));
    for event in ["closed", "transport-error", "disconnected", "connection-error"] {
        assert_eq!(external.events_so_far(event).len(), 0, "{event}");
    }
    router.assert_healthy();
}

/// Whom a connector believes: its connection stays when that changes, and the next one is judged by it.
#[test]
fn s14_a_connector_dials_by_the_authorities_that_its_file_has_then() {
    let (place, next) = (Place::new(), Authority::new("next"));
    let _ = next.write(&place.dir, "next");
    let read = |name: &str| std::fs::read_to_string(place.path(name)).expect("a file");
    let believed = place.dir.write("believed.pem", read("ca.pem"));
    let port = free_port();
    let door = listener("secure", "tls \"t\"").replace("port 0", &format!("port {port}"));
    let server = || Router::start(&plain_kdl(&[place.tls("t", ""), door.clone()].concat()));
    let mut first = server();
    let mut router = Router::start(&plain_kdl(&format!(
        "tls \"mine\" {{\n    ca \"{}\"\n}}\nconnector \"up\" {{\n    endpoint \"amqps://127.0.0.1:{port}\"\n    tls \"mine\"\n    \
         failover {{\n        backoff base=\"50ms\" cap=\"100ms\"\n    }}\n}}\n",
        believed.display()
    )));
    let (_, connected) = router.wait_log(0, DEADLINE, &["connected", "up"]);
    place.dir.write("believed.pem", read("next.pem"));
    router.wait_log(connected, DEADLINE, &["certificates read again", "mine"]);
    let shown = &router.stat("connectors")[0];
    assert_eq!((&shown["connectionStatus"], &shown["attempts"]), (&"SUCCESS".into(), &1.into()), "{shown}");
    assert!(first.terminate().success());
    let mark = router.log_mark();
    let _second = server();
    router.wait_log(mark, DEADLINE, &["cannot connect", "up", "signed by nobody that `ca` names"]);
    place.dir.write("believed.pem", read("next.pem") + &read("ca.pem"));
    router.wait_log(mark, DEADLINE, &["connected", "up"]);
    router.assert_healthy();
}
