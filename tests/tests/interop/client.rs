//! `crosstie send` and `crosstie receive`: what they say, and how they end.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use crosstie_tests::native::{Client, bytes, receive, runtime, within};
use crosstie_tests::place::{TestDir, router_binary};
use crosstie_tests::process::{Process, Stream};
use crosstie_tests::router::{Router, plain_kdl};
use crosstie_tests::server::Server;

const DEADLINE: Duration = Duration::from_secs(60);

/// A command with its options, at a router.
fn crosstie(line: &str, addr: SocketAddr) -> Process {
    start(&mut command(&format!("{line} --bus amqp://{addr}")))
}

fn command(line: &str) -> Command {
    let mut command = Command::new(router_binary());
    command.args(line.split_whitespace()).env("CROSSTIE_TEST_PASSWORD", "wonder-land");
    command
}

fn start(command: &mut Command) -> Process {
    Process::start("crosstie client", command)
}

/// Its exit status, and all that it printed.
fn ended(mut process: Process) -> (Option<i32>, Vec<String>, String) {
    let code = process.wait_exit(DEADLINE).code();
    // the streams end with the process
    for stream in [Stream::Out, Stream::Err] {
        let end = process.wait_line(stream, process.mark(stream), DEADLINE, |_| None::<()>);
        assert!(end.is_err());
    }
    (code, process.lines(Stream::Out), process.lines(Stream::Err).join("\n"))
}

/// Its listener takes a user, by these mechanisms.
fn locked(more: &str) -> Router {
    Router::start(&plain_kdl(&format!(
        "user \"alice\" password=\"literal:wonder-land\"\nlistener \"locked\" {{\n    host \"127.0.0.1\"\n    port 0\n    \
         authenticate-peer\n    {more}\n}}",
    )))
}

#[test]
fn what_is_sent_is_received_and_accepted() {
    let router = Router::plain();
    let receiver = crosstie("receive a --count 3", router.clients());
    let (code, _, text) = ended(crosstie("send a --count 3 --body hi", router.clients()));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("sent 3 in ") && text.contains("accepted 3"), "{text}");
    assert!(text.contains("time to outcome: min "), "{text}");
    let (code, lines, text) = ended(receiver);
    assert_eq!((code, lines), (Some(0), vec!["hi".to_owned(); 3]), "{text}");
    assert!(text.contains("received 3 in ") && text.contains("time from sending: min "), "{text}");
}

#[test]
fn each_outcome_reaches_the_sender_and_its_exit_status() {
    let router = Router::plain();
    for (answer, word, status) in
        [("accept", "accepted", 0), ("reject", "rejected", 1), ("release", "released", 1), ("modify", "modified", 1)]
    {
        let receiver = crosstie(&format!("receive a --count 2 --outcome {answer} --quiet"), router.clients());
        let (code, _, text) = ended(crosstie("send a --count 2", router.clients()));
        assert_eq!(code, Some(status), "{answer}: {text}");
        assert!(text.contains(&format!("{word} 2")), "{answer}: {text}");
        let (code, lines, text) = ended(receiver);
        assert_eq!((code, lines.len(), text.as_str()), (Some(0), 0, ""), "{answer}");
    }
}

#[test]
fn many_messages_are_on_their_way_at_once() {
    let router = Router::plain();
    let receiver = crosstie("receive a --count 5000 --quiet --credit 500", router.clients());
    let (code, _, text) = ended(crosstie("send a --count 5000 --size 100", router.clients()));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("accepted 5000"), "{text}");
    assert_eq!(ended(receiver).0, Some(0));
}

#[test]
fn presettled_messages_arrive_and_have_no_outcome() {
    let router = Router::plain();
    let receiver = crosstie("receive a --count 21 --quiet", router.clients());
    // once one was accepted there is credit: nothing is left behind when the sender goes
    assert_eq!(ended(crosstie("send a", router.clients())).0, Some(0));
    let (code, _, text) = ended(crosstie("send a --count 20 --presettled", router.clients()));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("presettled 20") && !text.contains("time to outcome"), "{text}");
    assert_eq!(ended(receiver).0, Some(0));
}

#[test]
fn a_message_has_what_the_options_say() {
    let router = Router::plain();
    let dir = TestDir::new("client");
    let file = dir.write("body", "from a file\n");
    let addr = router.clients();
    runtime().block_on(async {
        let mut client = Client::open(addr, "native").await;
        let mut receiver = client.receiver("r", "a", 10).await;
        let line = format!(
            "send a --durable --priority 7 --ttl 20s --to there --subject s --reply-to back --correlation-id c \
             --content-type text/plain --property k=v --property l= --body-file {}",
            file.display()
        );
        let sender = crosstie(&line, addr);
        let delivery = receive(&mut receiver).await;
        assert_eq!(bytes(&delivery), b"from a file\n");
        let message = delivery.message();
        let header = message.header.clone().expect("a header");
        assert_eq!((header.durable, header.priority.0, header.ttl), (true, 7, Some(20_000)));
        let properties = message.properties.clone().expect("properties");
        assert_eq!(properties.to.as_deref(), Some("there"));
        assert_eq!(properties.subject.as_deref(), Some("s"));
        assert_eq!(properties.reply_to.as_deref(), Some("back"));
        assert_eq!(properties.content_type.map(|symbol| symbol.0), Some("text/plain".to_owned()));
        assert_eq!(format!("{:?}", properties.correlation_id), "Some(String(\"c\"))");
        let more = message.application_properties.clone().expect("application properties").0;
        let more: Vec<String> = more.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
        assert_eq!(more, ["k=String(\"v\")", "l=String(\"\")"]);
        within("accept", receiver.accept(&delivery)).await.expect("accepted");
        assert_eq!(ended(sender).0, Some(0));
        client.close().await;
    });
}

#[test]
fn receive_prints_everything_when_asked() {
    let router = Router::plain();
    let receiver = crosstie("receive a --count 1 --print", router.clients());
    let (code, _, text) = ended(crosstie("send a --subject s --property k=v --body hi", router.clients()));
    assert_eq!(code, Some(0), "{text}");
    let (_, lines, _) = ended(receiver);
    for line in ["subject: s", "property k: v", "body: hi"] {
        assert!(lines.iter().any(|found| found == line), "no {line:?} in {lines:?}");
    }
}

#[test]
fn a_count_takes_no_message_more_than_that() {
    let router = Router::plain();
    let sender = crosstie("send a --count 10 --timeout 3s", router.clients());
    let (code, lines, text) = ended(crosstie("receive a --count 4 --credit 3", router.clients()));
    assert_eq!((code, lines.len()), (Some(0), 4), "{text}");
    // the others are RELEASED or not sent any more; MODIFIED would be one that had begun to arrive
    let (code, _, text) = ended(sender);
    let outcomes = text.lines().find(|line| line.starts_with("accepted ")).unwrap_or_default();
    assert!(outcomes == "accepted 4" || outcomes.starts_with("accepted 4, released "), "{text}");
    assert!(!outcomes.contains("modified"), "{text}");
    assert_eq!(code, Some(1));
}

#[test]
fn nothing_within_the_timeout_ends_both() {
    let router = Router::plain();
    let (code, _, text) = ended(crosstie("send a --timeout 300ms", router.clients()));
    assert_eq!(code, Some(1));
    assert!(text.contains("error: no credit came within the timeout"), "{text}");
    let (code, ..) = ended(crosstie("receive a --timeout 300ms", router.clients()));
    assert_eq!(code, Some(0), "without a count all that came was wanted");
    let (code, _, text) = ended(crosstie("receive a --timeout 300ms --count 1", router.clients()));
    assert_eq!(code, Some(1));
    assert!(text.contains("error: nothing came within the timeout"), "{text}");
}

#[test]
fn a_rate_holds_a_sender_back() {
    let router = Router::plain();
    let receiver = crosstie("receive a --count 6 --quiet", router.clients());
    let begun = Instant::now();
    let (code, ..) = ended(crosstie("send a --count 6 --rate 10", router.clients()));
    assert_eq!(code, Some(0));
    assert!(begun.elapsed() >= Duration::from_millis(500), "it took {:?}", begun.elapsed());
    drop(receiver);
}

#[test]
fn nobody_listening_is_one_clear_line() {
    let port = Server::new().port();
    for line in ["send a", "receive a"] {
        let (code, _, text) = ended(crosstie(line, ([127, 0, 0, 1], port).into()));
        assert_eq!(code, Some(1));
        assert!(text.starts_with(&format!("error: cannot connect to 127.0.0.1:{port}: ")), "{text}");
        assert!(text.contains("refused") && text.lines().count() == 1, "{text}");
    }
}

#[test]
fn what_makes_no_sense_has_exit_status_2_and_shows_no_password() {
    for (line, word) in [
        ("send a --bus http://alice:wonder-land@localhost", "amqp"),
        ("receive a --bus amqp://alice:wonder-land@localhost:99999", "port"),
        ("send a --user alice --password wonder-land", "literal:TEXT"),
        ("send a --user alice", "--password"),
        ("send a --count 0", "--count"),
        ("send a --size 1GB", "KiB"),
        ("send a --body-file /no/such/file", "/no/such/file"),
        ("send", "ADDRESS"),
    ] {
        let (code, _, text) = ended(start(&mut command(line)));
        assert_eq!(code, Some(2), "{line}: {text}");
        assert!(text.contains(word) && !text.contains("wonder-land"), "{line}: {text}");
    }
}

#[test]
fn a_password_lets_in_and_a_wrong_one_does_not() {
    let router = locked("");
    let addr = router.addr("locked");
    let receiver = crosstie("receive a --count 2 --user alice --password env:CROSSTIE_TEST_PASSWORD", addr);
    let (code, _, text) = ended(crosstie("send a --user alice --password literal:wonder-land", addr));
    assert_eq!(code, Some(0), "{text}");
    let url = format!("send a --bus amqp://alice:wonder%2dland@{addr}");
    let (code, _, text) = ended(start(&mut command(&url)));
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(ended(receiver).0, Some(0));
    let (code, _, text) = ended(crosstie("send a --user alice --password literal:looking-glass", addr));
    assert_eq!(code, Some(1));
    assert!(text.contains("authentication failed") && !text.contains("looking-glass"), "{text}");
}

/// Whoever listens would read it.
#[test]
fn a_password_goes_out_as_it_is_where_that_was_asked_for_alone() {
    let router = locked("sasl \"PLAIN\"\n    allow-plain-without-tls");
    let addr = router.addr("locked");
    let line = "send a --user alice --password literal:wonder-land";
    let (code, _, text) = ended(crosstie(line, addr));
    assert_eq!(code, Some(1));
    assert!(text.contains("the peer offers no SCRAM; --sasl plain"), "{text}");
    let receiver = crosstie("receive a --count 1 --user alice --password literal:wonder-land --sasl PLAIN", addr);
    let (code, _, text) = ended(crosstie(&format!("{line} --sasl plain"), addr));
    assert_eq!((code, ended(receiver).0), (Some(0), Some(0)), "{text}");
}

#[test]
fn an_address_that_is_refused_is_named_with_its_condition() {
    let router = Router::start(&plain_kdl("address {\n    prefix \"closed\"\n    distribution \"unavailable\"\n}"));
    for line in ["send closed", "receive closed"] {
        let (code, _, text) = ended(crosstie(line, router.clients()));
        assert_eq!(code, Some(1));
        assert!(text.starts_with("error: cannot attach to closed: amqp:not-found: "), "{text}");
    }
}

#[test]
fn a_connection_that_is_refused_is_named_with_its_condition() {
    let narrow =
        "listener \"narrow\" {\n    host \"127.0.0.1\"\n    port 0\n    limits {\n        connections 1\n    }\n}";
    let router = Router::start(&plain_kdl(narrow));
    let addr = router.addr("narrow");
    let receiver = crosstie("receive a", addr);
    router.wait_log(0, DEADLINE, &["link attached", "crosstie-receive"]);
    let (code, _, text) = ended(crosstie("send a", addr));
    assert_eq!(code, Some(1));
    let start = format!("error: cannot connect to {addr}: amqp:resource-limit-exceeded: ");
    assert!(text.starts_with(&start) || text.contains("amqp:resource-limit-exceeded: "), "{text}");
    drop(receiver);
}

#[test]
fn a_router_that_goes_ends_a_run_and_says_how_far_it_came() {
    let router = Router::plain();
    let addr = router.clients();
    let receiver = crosstie("receive a", addr);
    let sender = crosstie("send a --count 100000 --rate 200", addr);
    let seen = receiver.wait_line(Stream::Out, 0, DEADLINE, |line| (line == "hello").then_some(()));
    seen.expect("the first message");
    router.process().signal("KILL");
    let (code, _, text) = ended(sender);
    assert_eq!(code, Some(1), "{text}");
    let last = text.lines().last().unwrap_or_default();
    assert!(last.starts_with("error: the connection was lost; "), "{text}");
    assert!(last.contains(" of 100000 sent, ") && last.ends_with(" settled"), "{text}");
    let (code, _, text) = ended(receiver);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("error: the connection was lost; "), "{text}");
}

#[test]
fn a_signal_stops_a_receiver_with_a_report() {
    let router = Router::plain();
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let receiver = crosstie("receive a", router.clients());
        assert_eq!(ended(crosstie("send a", router.clients())).0, Some(0));
        receiver.signal(signal);
        let (code, lines, text) = ended(receiver);
        assert_eq!((code, lines.len()), (Some(status), 1), "{text}");
        assert!(text.contains("received 1 in "), "{text}");
    }
}
