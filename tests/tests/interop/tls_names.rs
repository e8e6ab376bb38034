//! Whom a connector believes: the name that it asks for, the authorities of the machine, certificates before their time; and
//! passwords stay out of the clear on either side.

use std::process::Command;

use crosstie_tests::certificates::Subject;
use crosstie_tests::frame::{self, Performative, SASL_HEADER};
use crosstie_tests::peer::Peer;
use crosstie_tests::place::{TestDir, free_port};
use crosstie_tests::process::{Process, Stream};
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use fe2o3_amqp_types::primitives::{Binary, Symbol};
use fe2o3_amqp_types::sasl::{SaslCode, SaslInit};

use crate::tls::{HOSTS, Place, listener};

/// A connector to this endpoint by this profile.
fn dialling(endpoint: &str, profile: &str) -> String {
    plain_kdl(&format!(
        "tls \"mine\" {{\n    {profile}\n}}\nconnector \"up\" {{\n    endpoint \"amqps://{endpoint}\"\n    tls \"mine\"\n    \
         failover {{\n        backoff base=\"100ms\" cap=\"200ms\"\n    }}\n}}\n"
    ))
}

#[test]
fn s14_a_connector_asks_for_the_host_by_its_name_and_names_no_address() {
    let place = Place::new();
    for (name, host) in [("addressed", "127.0.0.1"), ("named", "localhost")] {
        let _ = place.ca.issue(&place.dir, name, &Subject { hosts: &[host], ..Subject::default() });
    }
    // a server of two names: who asks for `localhost` has the second, who asks for no name the first, and any other name ends
    // the handshake
    let port = free_port();
    let mut command = Command::new("openssl");
    command.args(["s_server", "-rev", "-servername_fatal", "-servername", "localhost"]);
    command.args(["-accept", &format!("127.0.0.1:{port}")]);
    for (option, file) in [("-cert", "addressed.pem"), ("-key", "addressed.key"), ("-cert2", "named.pem")] {
        command.arg(option).arg(place.path(file));
    }
    let server = Process::start("openssl s_server", command.arg("-key2").arg(place.path("named.key")));
    server.wait_line(Stream::Out, 0, DEADLINE, |line| line.contains("ACCEPT").then_some(())).expect("it listens");
    let ca = format!("ca \"{}\"", place.path("ca.pem"));
    for host in ["localhost", "127.0.0.1"] {
        let from = server.mark(Stream::Err);
        let _router = Router::start(&dialling(&format!("{host}:{port}"), &ca));
        // a connector that is shown the other certificate ends the handshake
        let done = |line: &str| line.contains("CONNECTION ESTABLISHED").then_some(());
        server.wait_line(Stream::Err, from, DEADLINE, done).unwrap_or_else(|error| panic!("{host}: {error}"));
    }
}

#[test]
fn s14_without_a_ca_the_authorities_of_the_machine_are_believed() {
    let place = Place::new();
    let server = Router::start(&plain_kdl(&[place.tls("t", ""), listener("secure", "tls \"t\"")].concat()));
    let kdl = dialling(&format!("localhost:{}", server.addr("secure").port()), "");
    let start = |roots: &str| {
        let roots = place.path(roots);
        Router::start_changed(TestDir::new("router"), &kdl, |command| {
            command.env("SSL_CERT_FILE", roots);
        })
    };
    start("ca.pem").wait_log(0, DEADLINE, &["connected", "up"]);
    // one that is there but has signed nothing
    start("server.pem").wait_log(0, DEADLINE, &["cannot connect", "up", "signed by nobody"]);
}

#[test]
fn s14_a_certificate_before_its_time_is_not_believed() {
    let place = Place::new();
    let _ = place.ca.issue_early(&place.dir, "server", HOSTS);
    let server = Router::start(&plain_kdl(&[place.tls("t", ""), listener("secure", "tls \"t\"")].concat()));
    let ca = format!("ca \"{}\"", place.path("ca.pem"));
    let router = Router::start(&dialling(&format!("localhost:{}", server.addr("secure").port()), &ca));
    router.wait_log(0, DEADLINE, &["cannot connect", "up", "the certificate is not valid yet"]);
}

#[test]
fn s14_a_password_in_the_clear_is_neither_asked_for_nor_taken() {
    let router = Router::start(&plain_kdl(
        "user \"alice\" password=\"literal:wonder-land\"\nlistener \"locked\" {\n    host \"127.0.0.1\"\n    port 0\n    \
         authenticate-peer\n}\n",
    ));
    let mut peer = Peer::dial(router.addr("locked"));
    peer.send_bytes(&SASL_HEADER);
    peer.expect_header(SASL_HEADER);
    let offered = peer.expect("mechanisms", |frame| match &frame.performative {
        Performative::SaslMechanisms(mechanisms) => Some(mechanisms.sasl_server_mechanisms.0.clone()),
        _ => None,
    });
    assert!(!offered.is_empty() && !offered.contains(&Symbol::from("PLAIN")), "{offered:?}");
    // and is not taken from one who says it all the same
    let secret = Binary::from(b"\0alice\0wonder-land".to_vec());
    let init = SaslInit { mechanism: Symbol::from("PLAIN"), initial_response: Some(secret), hostname: None };
    peer.send_bytes(&frame::sasl(&init));
    let code = peer.expect("outcome", |frame| match &frame.performative {
        Performative::SaslOutcome(outcome) => Some(outcome.code.clone()),
        _ => None,
    });
    assert_eq!(code, SaslCode::Auth);
}
