//! Peers that have much told: to themselves, which is read while they take it, or to others, which holds them up.

use std::io::Write;
use std::time::{Duration, Instant};

use crosstie_tests::frame::{self, Performative};
use crosstie_tests::peer::{Arrival, Peer};
use crosstie_tests::performative::{begin, open, sender};
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use crosstie_tests::server::Server;
use fe2o3_amqp_types::performatives::Attach;

/// More than the router lets wait for a peer, in answers to these.
const LINKS: u32 = 9_000;
/// Of one session.
const LINKS_OF_SESSION: u32 = 1_000;

/// Its last answers were written all at once, after which nobody told its task to read on.
#[test]
fn a_peer_that_reads_is_read() {
    let mut router = Router::plain();
    let mut peer = Peer::open(router.clients(), "many");
    let channels = 0..u16::try_from(LINKS / LINKS_OF_SESSION).expect("few");
    channels.for_each(|channel| peer.begin(channel));
    let mut writer = peer.writer();
    let address = "a".repeat(600);
    let writing = std::thread::spawn(move || {
        for link in 0..LINKS {
            let channel = u16::try_from(link / LINKS_OF_SESSION).expect("few");
            let attach = Attach { name: format!("sender-{link}"), ..sender(link % LINKS_OF_SESSION, &address) };
            writer.write_all(&frame::amqp(channel, &attach, &[])).expect("the router reads on");
        }
    });
    let mut answered = 0;
    let mut longest = Duration::ZERO;
    while answered < LINKS {
        let begun = Instant::now();
        match peer.next(DEADLINE) {
            Arrival::Frame(frame) if matches!(frame.performative, Performative::Attach(_)) => answered += 1,
            Arrival::Frame(_) => {}
            other => panic!("{answered} of {LINKS} are answered, and now {other:?}"),
        }
        longest = longest.max(begun.elapsed());
    }
    writing.join().expect("all is written");
    // its heartbeat is due every eight seconds
    assert!(longest < Duration::from_secs(6), "it waited for {longest:?}");
    router.assert_healthy();
}

#[test]
fn s05_who_has_a_container_told_more_than_it_takes_is_held_up() {
    const ROOM: usize = 64 << 20;
    let server = Server::new();
    let mut router = Router::start(&plain_kdl(&format!(
        "connector \"broker\" {{\n    role \"route-container\"\n    endpoint \"amqp://127.0.0.1:{}\"\n}}\n\
         link-route {{\n    prefix \"q\"\n    direction \"in\"\n    connection \"broker\"\n}}\n",
        server.port()
    )));
    let (mut container, _) = server.accept_open(&open("broker"));
    router.wait_log(0, DEADLINE, &["connected", "broker"]);
    let before = router.resident_memory_bytes();
    let mut client = Peer::session(router.clients(), "storming");
    client.set_send_deadline(Duration::from_secs(2));
    let address = format!("q.{}", "x".repeat(12_000));
    let mut sent = 0;
    let mut links = 0;
    loop {
        let attach = frame::amqp(0, &sender(links, &address), &[]);
        // sockets hold some megabytes
        assert!(sent < ROOM, "{sent} bytes were read for a container that takes none");
        if client.try_send_bytes(&attach).is_err() {
            break;
        }
        sent += attach.len();
        links += 1;
    }
    let grown = router.resident_memory_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more for {sent} that were sent");
    router.assert_healthy();
    // once it is taken, it goes on
    let channel = container
        .expect("begin", |frame| matches!(frame.performative, Performative::Begin(_)).then_some(frame.channel));
    container.send(0, &begin(Some(channel)));
    for _ in 0..links.saturating_sub(10) {
        container.expect("attach", |frame| matches!(frame.performative, Performative::Attach(_)).then_some(()));
    }
    router.assert_healthy();
}
