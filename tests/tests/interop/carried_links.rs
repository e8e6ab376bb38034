//! Links that policy has carried to a container, as by a link route.

use crosstie_tests::frame::Performative;
use crosstie_tests::peer::{DEADLINE, Peer};
use crosstie_tests::performative::{flow, receiver};
use crosstie_tests::plugin::{Cbor, Hook};
use crosstie_tests::proton::Proton;
use crosstie_tests::router::Router;

use crate::link_routes::{answer, container, detach, link_flow, named, next_detach, routed_attach};
use crate::plugins::router_with;

/// What `rules` answers to every address.
fn carried_by_policy(answer: &Cbor<'_>, more: &str) -> Router {
    let answer = Cbor::Map(vec![("apply", answer.clone())]).bytes();
    router_with(&[("on_address", Hook::Answer(answer))], "", more)
}

/// As by a `link-route` node: end to end, under the address that the peer knows.
#[test]
fn policy_has_a_link_carried_to_a_container() {
    let to = || Cbor::Map(vec![("link-route", Cbor::Text("containers"))]);
    let door = "listener \"containers\" {\n    host \"127.0.0.1\"\n    port 0\n    role \"route-container\"\n}\n";
    for (address, there) in [(None, "orders"), (Some("jobs"), "jobs")] {
        let mut ruling = vec![("treatment", to())];
        ruling.extend(address.map(|address| ("address", Cbor::Text(address))));
        let mut router = carried_by_policy(&Cbor::Map(ruling), door);
        let mut client = Peer::session(router.clients(), "client");
        client.send(0, &receiver(1, "orders"));
        let refused = client.expect("detach", |frame| match &frame.performative {
            Performative::Detach(detach) => Some((**detach).clone()),
            _ => None,
        });
        assert_eq!(named(&refused).as_deref(), Some("qd:no-route-to-dest"), "nobody is there");
        client.send(0, &detach(1, true, None));
        let mut container = container(&router);
        client.send(0, &receiver(5, "orders"));
        let (channel, attach) = routed_attach(&mut container);
        let source = attach.source.as_ref().and_then(|source| source.address.as_deref());
        assert_eq!(source, Some(there));
        answer(&mut container, channel, &attach, 7);
        let shown = client.expect_attach("receiver-5");
        assert_eq!(shown.source.as_ref().and_then(|source| source.address.as_deref()), Some("orders"));
        assert_eq!(shown.initial_delivery_count, Some(7), "it is the container's link");
        client.send(0, &flow(5, 7, 3));
        assert_eq!(link_flow(&mut container).link_credit, Some(3));
        client.send(0, &detach(5, true, None));
        assert!(next_detach(&mut container).closed);
        router.assert_healthy();
    }
}

/// A message is carried nowhere: on a link without an address this is a bad answer, and the built-in decides.
#[test]
fn policy_has_no_message_carried() {
    let ruling = Cbor::Map(vec![("treatment", Cbor::Map(vec![("link-route", Cbor::Text("containers"))]))]);
    let router = carried_by_policy(&ruling, "");
    let mut sender = Proton::start("send", router.clients(), "--to orders");
    assert_eq!(sender.event("outcome")["state"], "released", "nobody receives");
    router.wait_log(0, DEADLINE, &["`link-route` is for links"]);
}
