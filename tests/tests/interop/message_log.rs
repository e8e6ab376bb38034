//! The log of messages: what listeners and connectors with `log-messages` tell of those that come in and go out. Source: features 1.2,
//! `messageLoggingComponents`.

use crosstie_tests::frame::data_message;
use crosstie_tests::native::{Client, receive, runtime, within};
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::{flow, open, receiver, sender, transfer};
use crosstie_tests::process::Stream;
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use crosstie_tests::server::Server;
use fe2o3_amqp_types::messaging::{Accepted, ApplicationProperties, Message, Properties};
use fe2o3_amqp_types::performatives::Transfer;
use fe2o3_amqp_types::primitives::{Binary, Timestamp};

use crate::link_routes::{answer, routed_attach};
use crate::reload::{edit, reload};

const LISTENERS: &str = r#"
listener "all" {
    host "127.0.0.1"
    port 0
    log-messages "all"
}

listener "containers" {
    host "127.0.0.1"
    port 0
    role "route-container"
    log-messages "subject"
}

link-route {
    prefix "b2"
    direction "in"
    container "brk"
}

link-route {
    prefix "b2"
    direction "out"
    container "brk"
}
"#;

fn kdl(level: &str, more: &str) -> String {
    plain_kdl(more)
        .replace("    level \"debug\"\n", &format!("    level \"debug\"\n    level \"{level}\" of=\"message\"\n"))
}

/// Lines of the log that tell of messages. What is logged stands before what is sent, and a connection more has its line after both.
fn told(router: &Router) -> Vec<String> {
    let mark = router.log_mark();
    let _last = Peer::session(router.clients(), "last");
    router.wait_log(mark, DEADLINE, &["opened", "last"]);
    router.process().lines(Stream::Err).into_iter().filter(|line| line.contains(" message: ")).collect()
}

fn take(consumer: &mut Peer) -> Vec<u8> {
    let (delivery, message) = consumer.expect_transfer();
    consumer.settle(0, delivery.delivery_id.expect("an id"), Accepted {}.into());
    message
}

/// A message with a subject.
fn about(subject: &[u8]) -> Vec<u8> {
    let length = u8::try_from(subject.len()).expect("a short subject");
    let mut message = vec![0x00, 0x53, 0x73, 0xc0, length + 6, 4, 0x40, 0x40, 0x40, 0xa1, length];
    message.extend_from_slice(subject);
    message.extend(data_message(b"the body"));
    message
}

#[test]
fn a_client_of_a_listener_that_logs_messages_has_a_line_for_each_way() {
    let router = Router::start(&kdl("trace", LISTENERS));
    let runtime = runtime();
    runtime.block_on(async {
        for listener in ["all", "clients"] {
            let mut client = Client::open(router.addr(listener), "native").await;
            let mut consumer = client.receiver("takes", "logged/q", 10).await;
            let mut producer = client.sender("gives", "logged/q", false).await;
            let properties = Properties::builder()
                .message_id("123455".to_owned())
                .user_id(Binary::from("testuser"))
                .subject("two\nlines")
                .correlation_id(89_u64)
                .content_type("text/html")
                .creation_time(Timestamp::from(1_487_772_623_883))
                .group_sequence(0_u32);
            let message = Message::builder()
                .properties(properties.build())
                .application_properties(ApplicationProperties::builder().insert("count", 10_i32).build())
                .data(b"the body".to_vec())
                .build();
            let outcome = within("send", producer.send_batchable(message)).await.expect("sent");
            let delivery = receive(&mut consumer).await;
            within("accept", consumer.accept(&delivery)).await.expect("accepted");
            assert!(within("outcome", outcome).await.expect("an outcome").is_accepted());
            client.close().await;
        }
    });
    let wanted = "Message{message-id=\"123455\", user-id=b\"testuser\", subject=\"two\\nlines\", correlation-id=89, \
                  content-type=:\"text/html\", creation-time=\"2017-02-22 14:10:23.883 +0000\", group-sequence=0, \
                  app-properties={\"count\"=10}}";
    let told = told(&router);
    assert_eq!(told.len(), 2, "the other listener logs none: {told:#?}");
    for (line, (way, link)) in told.iter().zip([("Received", "gives"), ("Sent", "takes")]) {
        let fields = format!(
            "{way} {wanted} address=\"logged/q\" link.name=\"{link}\" container.id=\"native\" peer.addr=\"127.0.0.1:"
        );
        assert!(line.contains("TRACE message: ") && line.contains(&fields), "{line}\nis not\n{fields}");
    }
}

#[test]
fn nothing_is_told_below_the_level_of_the_reference() {
    let router = Router::start(&kdl("debug", LISTENERS));
    let mut peer = Peer::session(router.addr("all"), "peer");
    peer.attach_receiver(0, 0, "q", 10);
    peer.attach_sender(0, 1, "q");
    peer.expect_credit();
    peer.send_with(0, &transfer(1, 0), &about(b"s"));
    assert_eq!(take(&mut peer), about(b"s"));
    assert_eq!(told(&router), Vec::<String>::new());
}

/// Each end goes by its own listener.
#[test]
fn both_ends_of_a_routed_link_are_told() {
    let mut router = Router::start(&kdl("trace", LISTENERS));
    let mut container = Peer::open(router.addr("containers"), "brk");
    router.wait_log(0, DEADLINE, &["opened", "brk"]);
    let mut client = Peer::session(router.addr("all"), "client");
    client.send(0, &sender(0, "b2.q"));
    let (channel, there) = routed_attach(&mut container);
    answer(&mut container, channel, &there, 0);
    client.expect_attach("sender-0");
    container.send(channel, &flow(there.handle.0, 0, 10));
    client.expect_credit();
    client.send_with(0, &transfer(0, 0), &about(b"there"));
    assert_eq!(container.expect_transfer().1, about(b"there"));

    client.send(0, &receiver(1, "b2.q"));
    let (channel, back) = routed_attach(&mut container);
    answer(&mut container, channel, &back, 0);
    client.expect_attach("receiver-1");
    client.send(0, &flow(1, 0, 10));
    container.expect_credit();
    // in two frames, of which the first ends in the subject
    let message = about(b"back");
    let begins = Transfer { more: true, ..transfer(back.handle.0, 0) };
    container.send_with(channel, &begins, &message[..12]);
    container.send_with(channel, &transfer(back.handle.0, 0), &message[12..]);
    let mut came = client.expect_transfer().1;
    came.extend(client.expect_transfer().1);
    assert_eq!(came, message);

    let told = told(&router);
    let wanted = [
        ("Received Message{subject=\"there\"} address=\"b2.q\"", "container.id=\"client\""),
        ("Sent Message{subject=\"there\"} address=\"b2.q\"", "container.id=\"brk\""),
        ("Received Message{subject=\"back\"} address=\"b2.q\"", "container.id=\"brk\""),
        ("Sent Message{subject=\"back\"} address=\"b2.q\"", "container.id=\"client\""),
    ];
    assert_eq!(told.len(), wanted.len(), "{told:#?}");
    for (line, (what, of)) in told.iter().zip(wanted) {
        assert!(line.contains(what) && line.contains(of), "{what} {of} is not in {line}");
    }
    router.assert_healthy();
}

/// What is told of a message takes nothing from it.
#[test]
fn messages_that_are_no_messages_pass_as_they_are() {
    let mut router = Router::start(&kdl("trace", LISTENERS));
    let mut peer = Peer::session(router.addr("all"), "peer");
    peer.attach_receiver(0, 0, "q", 10);
    peer.attach_sender(0, 1, "q");
    peer.expect_credit();
    let forged = b"x\"}\n2026-11-26T00:00:00Z ERROR router: \x1b[31mon fire".as_slice();
    let mut long = about(b"s");
    long.truncate(long.len() - data_message(b"the body").len());
    // application properties of 200 KiB, in many frames
    let value = vec![b'v'; 200 << 10];
    let size = u32::try_from(value.len()).expect("a size");
    long.extend(b"\x00\x53\x74\xd1".iter().chain(&(size + 12).to_be_bytes()).chain(b"\x00\x00\x00\x02\xa1\x01k\xb1"));
    long.extend(size.to_be_bytes().iter().chain(&value));
    long.extend(data_message(b"the body"));
    let messages = [
        (about(forged), "subject=\"x\\\"}\\n2026-11-26T00:00:00Z ERROR router: \\u{1b}[31mon fire\"}"),
        (b"\x00\x53\x73\xc0\x04\x7f\xa1\x02i".to_vec(), "Message{...}"),
        (b"\x00\x53\x73\xd0\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(), "Message{...}"),
        (vec![0xff; 100], "Message{}"),
        (long.clone(), "Message{subject=\"s\", app-properties={\"k\"=...}"),
    ];
    for (id, (message, _)) in (0..).zip(&messages) {
        for (at, piece) in message.chunks(8 << 10).enumerate() {
            let more = (at + 1) * (8 << 10) < message.len();
            peer.send_with(0, &Transfer { more, ..transfer(1, id) }, piece);
        }
        let mut came = Vec::new();
        let mut last;
        loop {
            let (frame, piece) = peer.expect_transfer();
            came.extend(piece);
            last = frame;
            if !last.more {
                break;
            }
        }
        assert_eq!(&came, message);
        peer.settle(0, id, Accepted {}.into());
        drop(last);
    }
    let told = told(&router);
    assert_eq!(told.len(), 2 * messages.len(), "{told:#?}");
    for (lines, (_, wanted)) in told.chunks(2).zip(&messages) {
        for (line, way) in lines.iter().zip(["Received", "Sent"]) {
            assert!(line.contains(way) && line.contains(wanted) && line.len() < 2500, "{wanted} is not in {line}");
        }
    }
    router.assert_healthy();
}

#[test]
fn a_connector_logs_messages_too() {
    let server = Server::new();
    let connector = format!(
        "connector \"up\" {{\n    host \"127.0.0.1\"\n    port {}\n    log-messages \"subject\"\n}}\n",
        server.port()
    );
    let router = Router::start(&kdl("trace", &connector));
    let (mut up, _) = server.accept_open(&open("up"));
    up.begin(0);
    up.attach_receiver(0, 0, "q", 10);
    up.attach_sender(0, 1, "q");
    up.expect_credit();
    up.send_with(0, &transfer(1, 0), &about(b"s"));
    take(&mut up);
    let told = told(&router);
    assert!(told.len() == 2 && told[0].contains("Received Message{subject=\"s\"}"), "{told:#?}");
    assert!(told[1].contains("Sent Message{subject=\"s\"}") && told[1].contains("container.id=\"up\""), "{told:#?}");
}

/// The log of those that are there stays as it is, as the plan says.
#[test]
fn a_reload_holds_for_new_connections() {
    let mut router = Router::start(&kdl("trace", LISTENERS));
    let mut before = Peer::session(router.clients(), "before");
    let clients = "listener \"clients\" {\n    host \"127.0.0.1\"\n    port 0\n";
    edit(&router, &kdl("trace", LISTENERS).replace(clients, &format!("{clients}    log-messages \"subject\"\n")));
    assert_eq!(reload(router.clients(), &[]).code, Some(0));
    let mut after = Peer::session(router.clients(), "after");
    for peer in [&mut before, &mut after] {
        peer.attach_receiver(0, 0, "q", 1);
        peer.attach_sender(0, 1, "q");
        peer.expect_credit();
        peer.send_with(0, &transfer(1, 0), &about(b"s"));
        take(peer);
    }
    let told = told(&router);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told.iter().all(|line| line.contains("container.id=\"after\"")), "{told:#?}");
    router.assert_healthy();
}
