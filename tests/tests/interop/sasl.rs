//! Who may come in: ANONYMOUS, PLAIN, no SASL layer, and those who may not.

use std::time::Duration;

use crosstie_tests::native::{Client, runtime};
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::open;
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{Router, plain_kdl};
use fe2o3_amqp::sasl_profile::SaslProfile;

const DEADLINE: Duration = Duration::from_secs(30);

fn locked() -> Router {
    Router::start(&plain_kdl(
        r#"
user "alice" password="literal:wonder-land"
listener "locked" {
    host "127.0.0.1"
    port 0
    sasl "PLAIN"
    authenticate-peer
    allow-plain-without-tls
}"#,
    ))
}

fn plain(name: &str, password: &str) -> Option<SaslProfile> {
    Some(SaslProfile::Plain { username: name.into(), password: password.into() })
}

#[test]
fn anonymous_and_no_sasl_layer_come_in() {
    let router = Router::plain();
    for args in ["--mechanisms ANONYMOUS", "--no-sasl"] {
        let args = format!("--address a --keep {args}");
        let mut client = Proton::start("receive", router.clients(), &args);
        assert_eq!(client.event("open")["container"], "hub");
        client.event("attached");
    }
    runtime().block_on(async {
        Client::open(router.clients(), "native").await.close().await;
        let anonymous = Some(SaslProfile::Anonymous);
        Client::open_with(router.clients(), "native", anonymous).await.expect("ANONYMOUS").close().await;
    });
}

#[test]
fn plain_with_the_right_password_comes_in() {
    let router = locked();
    let addr = router.addr("locked");
    let args = "--address a --keep --user alice --password wonder-land --mechanisms PLAIN";
    let mut client = Proton::start("receive", addr, args);
    client.event("attached");
    runtime().block_on(async {
        let client = Client::open_with(addr, "native", plain("alice", "wonder-land")).await;
        client.expect("PLAIN with the right password").close().await;
    });
}

#[test]
fn plain_with_a_wrong_password_or_name_stays_out() {
    let mut router = locked();
    let addr = router.addr("locked");
    for (user, password) in [("alice", "wonderland"), ("alice", "x"), ("mallory", "wonder-land")] {
        let args = format!("--address a --user {user} --password {password} --mechanisms PLAIN");
        let mut client = Proton::start("receive", addr, &args);
        let event = client.any_of(&["open", "transport-error"], DEADLINE);
        assert_eq!(event["event"], "transport-error", "{user}/{password} came in: {event}");
        assert_eq!(event["condition"], "amqp:unauthorized-access", "{event}");
    }
    runtime().block_on(async {
        let refused = Client::open_with(addr, "native", plain("alice", "wrong")).await;
        assert!(refused.is_err(), "a wrong password came in");
    });
    let log = router.process().lines(crosstie_tests::process::Stream::Err).join("\n");
    assert!(!log.contains("wonder"), "a password stands in the log");
    router.assert_healthy();
}

#[test]
fn without_authentication_nobody_comes_in_where_it_is_required() {
    let router = locked();
    let addr = router.addr("locked");
    let mut client = Proton::start("receive", addr, "--address a --mechanisms ANONYMOUS");
    let event = client.any_of(&["open", "transport-error"], DEADLINE);
    assert_eq!(event["event"], "transport-error", "ANONYMOUS came in");

    let mut peer = Peer::dial(addr);
    peer.send_bytes(&crosstie_tests::frame::AMQP_HEADER);
    let _ = peer.try_send_bytes(&crosstie_tests::frame::amqp(0, &open("no-sasl"), &[]));
    let mut seen = Vec::new();
    loop {
        match peer.next(DEADLINE) {
            crosstie_tests::peer::Arrival::End => break,
            crosstie_tests::peer::Arrival::Nothing => {
                panic!("a peer without SASL is still connected: {seen:?}")
            }
            arrival => seen.push(format!("{arrival:?}")),
        }
    }
}
