//! The plugin `address-table` in a router: tenants, and addresses that are read or written alone.

use crosstie_tests::frame::{Performative, condition, data_message};
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::{flow, receiver, sender, transfer};
use crosstie_tests::router::{Router, plain_kdl};
use fe2o3_amqp_types::definitions::Error;
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState, Source};
use fe2o3_amqp_types::performatives::Attach;

use crate::distribution::{attach_anonymous, message_to};
use crate::link_routes::{answer, container, routed_attach};
use crate::multi_tenant::tenant;
use crate::ready_made::with_plugin;

/// Asked about peers of the listener `tenants`.
fn router_with(config: &str) -> Router {
    let door = |name: &str, role: &str| format!("listener \"{name}\" {{\n host \"127.0.0.1\"\n port 0\n {role}\n}}\n");
    let plugin = format!(
        "plugins \"plugins\"\nplugin \"address-table\" {{\n only listener=\"tenants\"\n on-failure address=\"deny\"\n \
         config {{\n{config}\n}}\n}}\n"
    );
    let kdl = [door("tenants", ""), door("containers", "role \"route-container\""), plugin].concat();
    Router::start_in(with_plugin("address-table"), &plain_kdl(&kdl))
}

fn take(consumer: &mut Peer) -> Vec<u8> {
    let (delivery, message) = consumer.expect_transfer();
    consumer.settle(0, delivery.delivery_id.expect("an id"), Accepted {}.into());
    message
}

/// Why a link is refused: condition, description, and what else is said.
fn refusal(peer: &mut Peer) -> (String, String, String) {
    let error = peer.expect("detach", |frame| match &frame.performative {
        Performative::Detach(detach) => detach.error.clone(),
        _ => None,
    });
    told(&error)
}

fn told(error: &Error) -> (String, String, String) {
    let description = error.description.clone().unwrap_or_default();
    (condition(&error.condition), description, format!("{:?}", error.info))
}

#[test]
fn tenants_have_addresses_of_their_own() {
    let mut router = router_with("tenant by=\"vhost\" prefix=\"at/{}/\"\ndenial description=\"say a host\"");
    let mut consumers = ["a.example", "b.example"].map(|hostname| {
        let mut consumer = tenant(&router, hostname);
        let attach = consumer.attach_receiver(0, 0, "q", 10);
        assert_eq!(attach.source.and_then(|source| source.address).as_deref(), Some("q"), "as it wrote it");
        consumer.begin(1);
        (hostname, consumer)
    });
    for (hostname, consumer) in &mut consumers {
        let mut inside = tenant(&router, hostname);
        inside.attach_sender(0, 0, "q");
        inside.expect_credit();
        attach_anonymous(&mut inside, 1);
        let mut outside = Peer::session(router.clients(), "service");
        outside.attach_sender(0, 0, &format!("at/{hostname}/q"));
        outside.expect_credit();
        for (producer, text) in [(&mut inside, "from inside"), (&mut outside, "from outside")] {
            producer.send_message(0, 0, 0, text.as_bytes());
            assert_eq!(take(consumer), data_message(text.as_bytes()), "{hostname}");
            producer.expect_outcome(0);
        }
        let message = message_to("q");
        inside.send_with(0, &transfer(1, 1), &message);
        assert_eq!(take(consumer), message, "{hostname}");
        assert!(matches!(inside.expect_outcome(1), DeliveryState::Accepted(_)));
    }
    let mut nobody = tenant(&router, "");
    nobody.send(0, &sender(0, "at/a.example/q"));
    let (condition, description, info) = refusal(&mut nobody);
    assert_eq!((&*condition, &*description), ("amqp:not-allowed", "say a host"));
    assert!(info.contains("no tenant: the peer has no vhost"), "{info}");
    router.assert_healthy();
}

/// Where an answer is to go is the router's own name, of which nobody is asked.
#[test]
fn replies_and_management_have_no_tenant() {
    let mut router = router_with("tenant by=\"vhost\"");
    let mut client = tenant(&router, "a.example");
    let source = Source { dynamic: true, ..Source::default() };
    client.send(0, &Attach { source: Some(Box::new(source)), ..receiver(0, "") });
    let reply_to = client.expect_attach("receiver-0").source.expect("a source").address.expect("an address");
    client.send(0, &flow(0, 0, 10));
    client.attach_sender(0, 1, "$management");
    client.begin(1);
    // a service outside, and a peer of another tenant, by link and by message
    let mut service = Peer::session(router.clients(), "service");
    for (peer, text) in [(&mut service, "outside"), (&mut tenant(&router, "b.example"), "other")] {
        peer.attach_sender(0, 0, &reply_to);
        peer.expect_credit();
        peer.send_message(0, 0, 0, text.as_bytes());
        assert_eq!(take(&mut client), data_message(text.as_bytes()));
        attach_anonymous(peer, 1);
        let message = message_to(&reply_to);
        peer.send_with(0, &transfer(1, 1), &message);
        assert_eq!(take(&mut client), message);
    }
    router.assert_healthy();
}

#[test]
fn what_is_carried_to_a_container_is_its_tenants_there_too() {
    let mut router = router_with("tenant by=\"vhost\"\ncarry prefix=\"jobs/\" to=\"containers\"");
    let mut container = container(&router);
    let mut client = tenant(&router, "a.example");
    client.send(0, &receiver(5, "jobs/1"));
    let (channel, attach) = routed_attach(&mut container);
    assert_eq!(attach.source.as_ref().and_then(|source| source.address.as_deref()), Some("a.example/jobs/1"));
    answer(&mut container, channel, &attach, 0);
    let shown = client.expect_attach("receiver-5");
    assert_eq!(shown.source.and_then(|source| source.address).as_deref(), Some("jobs/1"));
    router.assert_healthy();
}

#[test]
fn an_address_is_read_or_written_alone() {
    let table = "read-only prefix=\"prices/\"\nwrite-only \"audit\"\nrewrite \"quotes\" to=\"prices/gold\"";
    let mut router = router_with(table);
    let (sent, received) = ("nothing may be sent to this address", "nothing may be received from this address");
    for address in ["prices/gold", "quotes"] {
        let mut peer = tenant(&router, "");
        peer.attach_receiver(0, 0, address, 1);
        peer.send(0, &sender(1, address));
        let (condition, description, info) = refusal(&mut peer);
        assert_eq!((&*condition, &*description), ("amqp:not-allowed", sent), "{address}");
        assert!(info.contains("read-only prefix `prices/`"), "{info}");
    }
    let mut peer = tenant(&router, "");
    peer.attach_sender(0, 0, "audit");
    peer.send(0, &receiver(1, "audit"));
    let (_, description, info) = refusal(&mut peer);
    assert_eq!(description, received);
    assert!(info.contains("write-only address `audit`"), "{info}");
    // a message is refused as a link is, and the link goes on
    attach_anonymous(&mut peer, 2);
    peer.send_with(0, &transfer(2, 0), &message_to("prices/gold"));
    let DeliveryState::Rejected(rejected) = peer.expect_outcome(0) else { panic!("not rejected") };
    assert_eq!(told(&rejected.error.expect("an error")).1, sent);
    let mut auditor = Peer::session(router.clients(), "auditor");
    auditor.attach_receiver(0, 0, "audit", 10);
    auditor.begin(1);
    let message = message_to("audit");
    peer.send_with(0, &transfer(2, 1), &message);
    assert_eq!(take(&mut auditor), message);
    router.assert_healthy();
}
