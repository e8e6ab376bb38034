//! SCRAM with clients and a broker that others wrote, and passwords in their salted form.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use crosstie_tests::artemis::Artemis;
use crosstie_tests::broker::Broker;
use crosstie_tests::native::{Client, runtime};
use crosstie_tests::place::{TestDir, router_binary};
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{Router, check, plain_kdl};
use fe2o3_amqp::sasl_profile::{SaslProfile, SaslScramSha256, SaslScramSha512};

const DEADLINE: Duration = Duration::from_secs(30);
const MECHANISMS: [&str; 2] = ["SCRAM-SHA-256", "SCRAM-SHA-512"];

/// What `crosstie password` prints for a password on its standard input.
fn salted(password: &str) -> String {
    let mut command = Command::new(router_binary());
    let command = command.arg("password").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().expect("crosstie runs");
    process.stdin.take().expect("its input").write_all(format!("{password}\nmore\n").as_bytes()).expect("it reads");
    let output = process.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(!text.contains(password) && text.lines().count() == 1, "{text}");
    text
}

/// Alice's password is written plainly, Bob's in the salted form.
fn locked() -> Router {
    let dir = TestDir::new("scram");
    dir.write("bob", salted("hat-ter"));
    Router::start_in(
        dir,
        &plain_kdl(
            r#"
user "alice" password="literal:wonder-land"
user "bob" password="file:bob"
listener "locked" {
    host "127.0.0.1"
    port 0
    authenticate-peer
    allow-plain-without-tls
}"#,
        ),
    )
}

#[test]
fn cyrus_sasl_comes_in_by_scram_and_plain_with_both_forms_of_a_password() {
    let router = locked();
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] {
        for (user, password) in [("alice", "wonder-land"), ("bob", "hat-ter")] {
            let args = format!("--address a --keep --user {user} --password {password} --mechanisms {mechanism}");
            let mut client = Proton::start("receive", router.addr("locked"), &args);
            let event = client.any_of(&["open", "transport-error"], DEADLINE);
            assert_eq!(event["event"], "open", "{user} by {mechanism}: {event}");
        }
    }
}

#[test]
fn cyrus_sasl_stays_out_with_a_wrong_password_or_name() {
    let mut router = locked();
    for mechanism in MECHANISMS {
        for (user, password) in [("alice", "hat-ter"), ("bob", "x"), ("mallory", "wonder-land")] {
            let args = format!("--address a --user {user} --password {password} --mechanisms {mechanism}");
            let mut client = Proton::start("receive", router.addr("locked"), &args);
            let event = client.any_of(&["open", "transport-error"], DEADLINE);
            assert_eq!(event["event"], "transport-error", "{user}/{password} came in: {event}");
            assert_eq!(event["condition"], "amqp:unauthorized-access", "{event}");
        }
    }
    router.assert_healthy();
}

#[test]
fn a_client_without_a_name_is_still_anonymous_where_users_exist() {
    let router = locked();
    let mut client = Proton::start("receive", router.clients(), "--address a --keep");
    client.event("attached");
}

#[test]
fn fe2o3_comes_in_by_scram_and_stays_out_with_a_wrong_password() {
    let router = locked();
    let addr = router.addr("locked");
    let profiles = |user: &str, password: &str| -> [SaslProfile; 2] {
        [SaslScramSha256::new(user, password).into(), SaslScramSha512::new(user, password).into()]
    };
    runtime().block_on(async {
        for (user, password) in [("alice", "wonder-land"), ("bob", "hat-ter")] {
            for profile in profiles(user, password) {
                let opened = Client::open_with(addr, "native", Some(profile)).await;
                opened.unwrap_or_else(|error| panic!("{user}: {error}")).close().await;
            }
        }
        for profile in profiles("alice", "hat-ter").into_iter().chain(profiles("mallory", "wonder-land")) {
            assert!(Client::open_with(addr, "native", Some(profile)).await.is_err(), "a wrong password came in");
        }
    });
}

fn connector(addr: SocketAddr, password: &str, more: &str) -> Router {
    Router::start(&plain_kdl(&format!(
        "connector \"broker\" {{\n    endpoint \"amqp://{addr}\"\n    sasl-username \"artemis\"\n    \
         sasl-password \"literal:{password}\"\n    {more}\n}}\n"
    )))
}

#[test]
fn a_connector_authenticates_to_artemis_by_scram() {
    for mechanism in MECHANISMS {
        let broker = Artemis::start_with_scram(mechanism);
        let router = connector(broker.addr(), "artemis", "");
        router.wait_log(0, DEADLINE, &["connected", "connector=\"broker\""]);
        let stranger = connector(broker.addr(), "wrong", "");
        stranger.wait_log(0, DEADLINE, &["cannot connect", "the peer does not accept these credentials"]);
    }
}

/// A server with the SASL of Cyrus and one user, alice, and where it listens.
fn cyrus(mechanism: &str) -> (TestDir, Proton, SocketAddr) {
    cyrus_with(&format!("--mechanisms {mechanism}"))
}

/// The same with these options.
pub(crate) fn cyrus_with(more: &str) -> (TestDir, Proton, SocketAddr) {
    let dir = TestDir::new("cyrus");
    let directory = dir.path().display();
    let args = format!("--directory {directory} --user alice --password wonder-land {more}");
    let mut server = Proton::start("cyrus", SocketAddr::from(([127, 0, 0, 1], 0)), &args);
    let port = server.event("listening")["port"].as_u64().and_then(|port| u16::try_from(port).ok());
    (dir, server, SocketAddr::from(([127, 0, 0, 1], port.expect("a port"))))
}

fn as_alice(addr: SocketAddr, password: &str) -> Router {
    Router::start(&plain_kdl(&format!(
        "connector \"cyrus\" {{\n    endpoint \"amqp://{addr}\"\n    sasl-username \"alice\"\n    \
         sasl-password \"literal:{password}\"\n    allow-plain-without-tls\n}}\n"
    )))
}

#[test]
fn a_connector_authenticates_to_cyrus_sasl_and_says_as_whom() {
    for mechanism in ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] {
        let (_dir, mut server, addr) = cyrus(mechanism);
        let router = as_alice(addr, "wonder-land");
        router.wait_log(0, DEADLINE, &["connected", "connector=\"cyrus\""]);
        let open = server.event("open");
        assert_eq!((open["mechanism"].as_str(), open["user"].as_str()), (Some(mechanism), Some("alice")), "{open}");
        let connections = router.stat("connections");
        let ours = connections.iter().find(|one| one["dir"] == "out").expect("the connector's");
        assert_eq!((&ours["sasl"], &ours["user"]), (&mechanism.into(), &"alice".into()), "{ours}");
        let connector = &router.stat("connectors")[0];
        let said = connector["connectionMsg"].as_str().unwrap_or_default();
        assert!(said.contains(&format!("auth={mechanism} user=alice ")), "{connector}");

        let stranger = as_alice(addr, "wonder");
        stranger.wait_log(0, DEADLINE, &["cannot connect", "the peer does not accept these credentials"]);
    }
}

#[test]
fn a_connector_says_that_a_peer_offers_nothing_it_could_use() {
    let (_dir, _server, addr) = cyrus("SCRAM-SHA-1");
    let router = as_alice(addr, "wonder-land");
    router.wait_log(0, DEADLINE, &["cannot connect", "the peer offers no mechanism that the connector may use"]);
}

#[test]
fn a_connector_sends_no_password_to_a_peer_that_takes_only_plain() {
    let peer = Router::start(&plain_kdl(
        "user \"artemis\" password=\"literal:artemis\"\nlistener \"locked\" {\n    host \"127.0.0.1\"\n    port 0\n    \
         sasl \"PLAIN\"\n    authenticate-peer\n    allow-plain-without-tls\n}\n",
    ));
    let router = connector(peer.addr("locked"), "artemis", "");
    router.wait_log(0, DEADLINE, &["cannot connect", "PLAIN is not allowed here"]);
    let router = connector(peer.addr("locked"), "artemis", "allow-plain-without-tls");
    router.wait_log(0, DEADLINE, &["connected", "connector=\"broker\""]);
    let router = connector(peer.addr("locked"), "artemis", "allow-plain-without-tls\n    sasl \"SCRAM-SHA-256\"");
    router.wait_log(0, DEADLINE, &["cannot connect", "PLAIN is not allowed here"]);
}

#[test]
fn a_damaged_salted_password_is_a_problem_at_its_place() {
    let dir = TestDir::new("scram");
    dir.write("bob", salted("hat-ter").replace("scram:4096", "scram:96"));
    let found = check(&dir, &plain_kdl("user \"bob\" password=\"file:bob\"\n"));
    assert_eq!(found.code, Some(78), "{}", found.stderr);
    for part in ["malformed salted password", "check.kdl:11:", "crosstie password"] {
        assert!(found.stderr.contains(part), "no {part} in\n{}", found.stderr);
    }
}
