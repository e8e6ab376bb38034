//! Containers that dial in: auto-links and link routes on the connections of a listener, by its name and by their container-id.

use crosstie_tests::frame::Performative;
use crosstie_tests::peer::{DEADLINE, Peer};
use crosstie_tests::performative::{begin, flow, sender};
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{Router, plain_kdl};
use fe2o3_amqp_types::definitions::Role;
use fe2o3_amqp_types::messaging::Accepted;
use fe2o3_amqp_types::performatives::Attach;

use crate::link_routes::{answer, routed_attach};

fn kdl(container: &str) -> String {
    plain_kdl(&format!(
        "listener \"brokers\" {{\n    host \"127.0.0.1\"\n    port 0\n    role \"route-container\"\n}}\n\
         address {{\n    prefix \"q\"\n    waypoint\n}}\n\
         auto-link \"out\" {{\n    address \"q.one\"\n    direction \"out\"\n    external-address \"EXT.one\"\n    \
         {container}\n}}\n\
         auto-link \"in\" {{\n    address \"q.one\"\n    direction \"in\"\n    external-address \"EXT.one\"\n    \
         {container}\n}}\n\
         link-route {{\n    prefix \"lr\"\n    direction \"in\"\n    {container}\n}}\n"
    ))
}

/// A peer that dials in, with the auto-links that the router attaches there: the one that it receives by, and the other.
fn dial_in(router: &Router, container_id: &str) -> (Peer, [Attach; 2]) {
    let mut peer = Peer::open(router.addr("brokers"), container_id);
    let channel = peer.expect("begin", |frame| match &frame.performative {
        Performative::Begin(begin) if begin.remote_channel.is_none() => Some(frame.channel),
        _ => None,
    });
    peer.send(channel, &begin(Some(channel)));
    let attaches = ["auto-link.out", "auto-link.in"].map(|name| {
        let attach = peer.expect_attach(name);
        answer(&mut peer, channel, &attach, 0);
        attach
    });
    (peer, attaches)
}

fn address(attach: &Attach) -> Option<&str> {
    attach.source.as_ref()?.address.as_deref()
}

/// What one sends goes through the queue of the container that dialled in; a routed link leads there too.
fn assert_serves(router: &Router, broker: &mut Peer, [out, back]: &[Attach; 2]) {
    assert_eq!((&out.role, &back.role), (&Role::Sender, &Role::Receiver));
    assert_eq!(address(back), Some("EXT.one"));
    broker.send(0, &flow(out.handle.0, 0, 10));
    let mut send = Proton::start("send", router.clients(), "--address q.one --count 1");
    let (transfer, message) = broker.expect_transfer();
    assert_eq!(transfer.handle, out.handle);
    broker.settle(0, transfer.delivery_id.expect("an id"), Accepted {}.into());
    send.finish();
    let mut receive = Proton::start("receive", router.clients(), "--address q.one --count 1");
    receive.event("attached");
    broker.send_message(0, back.handle.0, 0, &message);
    receive.finish();
    let mut client = Peer::session(router.clients(), "client");
    client.send(0, &sender(3, "lr.x"));
    let (_, attach) = routed_attach(broker);
    assert_eq!(attach.name, "sender-3@client");
}

#[test]
fn auto_links_and_link_routes_lead_to_a_listeners_peers_by_its_name() {
    let router = Router::start(&kdl("connection \"brokers\""));
    let (mut broker, links) = dial_in(&router, "any");
    assert_serves(&router, &mut broker, &links);
    // each of its peers has them, and who goes leaves the other its own
    let (mut second, links) = dial_in(&router, "other");
    broker.close();
    router.wait_log(0, DEADLINE, &["closed by the peer", "brokers"]);
    assert_serves(&router, &mut second, &links);
    let states = router.stat("auto-links");
    assert!(states.iter().all(|row| row["operStatus"] == "active"), "{states:?}");
}

#[test]
fn auto_links_and_link_routes_lead_to_the_peer_of_a_container_id() {
    let router = Router::start(&kdl("container \"brk\""));
    let mut stranger = Peer::open(router.addr("brokers"), "stranger");
    let (mut broker, links) = dial_in(&router, "brk");
    assert_serves(&router, &mut broker, &links);
    stranger.begin(0);
    // nothing was attached at whoever else dialled in
    assert!(stranger.frames_until_begin(1).iter().all(|frame| !matches!(frame.performative, Performative::Attach(_))));
    // one of that name that comes by another listener is none of them
    let mut client = Peer::open(router.clients(), "brk");
    client.begin(0);
    assert!(client.frames_until_begin(1).iter().all(|frame| !matches!(frame.performative, Performative::Attach(_))));
}

/// As in the reference, where all of them are numbered in one row.
#[test]
fn the_identity_of_a_link_is_that_of_no_auto_link_and_no_link_route() {
    let router = Router::start(&kdl("container \"brk\""));
    let _broker = dial_in(&router, "brk");
    let rows: Vec<_> = ["auto-links", "link-routes", "links"].iter().flat_map(|what| router.stat(what)).collect();
    let identities: std::collections::BTreeSet<_> =
        rows.iter().map(|row| row["identity"].as_str().expect("an identity").to_owned()).collect();
    assert!(rows.len() >= 5 && identities.len() == rows.len(), "{rows:?}");
    assert!(!identities.contains("1"), "that is the rule for addresses: {identities:?}");
}
