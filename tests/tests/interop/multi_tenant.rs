//! Tenants: peers that share a listener and open for different hosts have addresses of their own.

use crosstie_tests::frame::{AMQP_HEADER, Performative, condition, data_message};
use crosstie_tests::peer::{DEADLINE, Peer};
use crosstie_tests::performative::{flow, open, receiver, sender, transfer};
use crosstie_tests::place::TestDir;
use crosstie_tests::plugin::{Cbor, Hook, module, refusal};
use crosstie_tests::router::{Router, plain_kdl};
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState, Source, TargetArchetype};
use fe2o3_amqp_types::performatives::{Attach, Open};
use serde_amqp::Value;

use crate::distribution::{attach_anonymous, message_to};
use crate::link_routes::{answer, routed_attach};
use crate::reload::{edit, reload};

pub(crate) const LISTENERS: &str = r#"
listener "tenants" {
    host "127.0.0.1"
    port 0
    multi-tenant #true
}

listener "containers" {
    host "127.0.0.1"
    port 0
    role "route-container"
}
"#;

/// A client of a tenant, with a session.
pub(crate) fn tenant(router: &Router, hostname: &str) -> Peer {
    let hostname = (!hostname.is_empty()).then(|| hostname.to_owned());
    let (mut peer, _) = Peer::open_with(router.addr("tenants"), &Open { hostname, ..open("client") });
    peer.begin(0);
    peer
}

fn take(consumer: &mut Peer) -> Vec<u8> {
    let (delivery, message) = consumer.expect_transfer();
    consumer.settle(0, delivery.delivery_id.expect("an id"), Accepted {}.into());
    message
}

/// Whoever writes the whole name meets those that write what is behind the hostname.
#[test]
fn each_hostname_has_its_own_addresses() {
    let mut router = Router::start(&plain_kdl(LISTENERS));
    let names = [("a.example", "q"), ("b.example", "q"), ("", "q")];
    let mut consumers = names.map(|(hostname, address)| {
        let mut consumer = tenant(&router, hostname);
        consumer.attach_receiver(0, 0, address, 10);
        consumer.begin(1);
        consumer
    });
    let addresses: Vec<_> =
        router.stat("addresses").iter().map(|row| row["name"].as_str().map(str::to_owned)).collect();
    for (of, whole) in ["a.example/q", "b.example/q", "q"].into_iter().enumerate() {
        assert!(addresses.contains(&Some(format!("M0{whole}"))), "{addresses:?}");
        // by a link, from inside and outside, and by the address of a message
        let (hostname, address) = names[of];
        let mut inside = tenant(&router, hostname);
        inside.attach_sender(0, 0, address);
        inside.expect_credit();
        attach_anonymous(&mut inside, 1);
        let mut outside = Peer::session(router.clients(), "outside");
        outside.attach_sender(0, 0, whole);
        outside.expect_credit();
        for (producer, text) in [(&mut inside, "from inside"), (&mut outside, "from outside")] {
            producer.send_message(0, 0, 0, text.as_bytes());
            assert_eq!(take(&mut consumers[of]), data_message(text.as_bytes()), "{whole}");
            producer.expect_outcome(0);
        }
        let message = message_to(address);
        inside.send_with(0, &transfer(1, 1), &message);
        assert_eq!(take(&mut consumers[of]), message, "{whole}");
    }
    router.assert_healthy();
}

/// Management, replies and what is made for a link are the same for all.
#[test]
fn what_is_the_routers_own_has_no_tenant() {
    let mut router = Router::start(&plain_kdl(LISTENERS));
    let mut service = tenant(&router, "a.example");
    let source = Source { dynamic: true, ..Source::default() };
    service.send(0, &Attach { source: Some(Box::new(source)), ..receiver(0, "") });
    let reply_to = service.expect_attach("receiver-0").source.expect("a source").address.expect("an address");
    service.send(0, &flow(0, 0, 10));
    service.attach_sender(0, 1, "$management");
    service.begin(1);
    for hostname in ["a.example", "b.example", ""] {
        let mut other = tenant(&router, hostname);
        other.attach_sender(0, 0, &reply_to);
        other.expect_credit();
        other.send_message(0, 0, 0, hostname.as_bytes());
        assert_eq!(take(&mut service), data_message(hostname.as_bytes()));
    }
    let shown: Vec<_> = router.stat("connections").iter().map(|row| row["tenant"].clone()).collect();
    assert_eq!(shown.iter().filter(|tenant| *tenant == "a.example/").count(), 1, "{shown:?}");
    router.assert_healthy();
}

/// Rules, link routes and auto-links name the whole of an address, and the container hears it.
#[test]
fn the_configuration_means_whole_names() {
    let route = |prefix: &str, direction: &str, more: &str| {
        format!("link-route {{ prefix \"{prefix}\"; direction \"{direction}\"; container \"brk\"; {more} }}\n")
    };
    let more = [
        LISTENERS,
        "address { prefix \"a.example/shut\"; distribution \"unavailable\" }\n",
        &route("a.example/lr", "in", ""),
        &route("a.example/lr", "out", ""),
        &route("b.example/lr", "out", "del-external-prefix \"b.example/\""),
    ];
    let mut router = Router::start(&plain_kdl(&more.concat()));
    let mut container = Peer::open(router.addr("containers"), "brk");
    router.wait_log(0, DEADLINE, &["opened", "brk"]);
    let mut client = tenant(&router, "a.example");
    client.send(0, &sender(0, "lr.q"));
    let (channel, attach) = routed_attach(&mut container);
    let Some(TargetArchetype::Target(target)) = attach.target.as_deref() else { panic!("{attach:?}") };
    assert_eq!(target.address.as_deref(), Some("a.example/lr.q"));
    answer(&mut container, channel, &attach, 0);
    let answered = client.expect_attach("sender-0").target;
    let Some(TargetArchetype::Target(target)) = answered.as_deref() else { panic!("{answered:?}") };
    assert_eq!(target.address.as_deref(), Some("lr.q"), "as the client wrote it");
    let mut other = tenant(&router, "b.example");
    for (peer, told) in [(&mut client, "a.example/lr"), (&mut other, "lr")] {
        peer.send(0, &receiver(1, "lr"));
        let (channel, attach) = routed_attach(&mut container);
        assert_eq!(attach.source.as_ref().and_then(|source| source.address.as_deref()), Some(told));
        answer(&mut container, channel, &attach, 0);
        let source = peer.expect_attach("receiver-1").source.expect("a source");
        assert_eq!(source.address.as_deref(), Some("lr"));
    }
    // a node that the container makes, and whose name it chooses
    let properties = [("x-opt-qd.address".into(), Value::from("lr.made"))].into_iter().collect();
    let source = Source { dynamic: true, dynamic_node_properties: Some(properties), ..Source::default() };
    client.send(0, &Attach { source: Some(Box::new(source)), ..receiver(3, "") });
    let (channel, mut attach) = routed_attach(&mut container);
    let asked = attach.source.as_mut().expect("a source");
    assert!(asked.dynamic && asked.address.is_none(), "{asked:?}");
    asked.address = Some("a.example/lr.1".into());
    answer(&mut container, channel, &attach, 0);
    let given = client.expect_attach("receiver-3").source.expect("a source");
    assert_eq!(given.address.as_deref(), Some("lr.1"));
    // shut to one tenant, open to another
    other.attach_receiver(0, 2, "shut", 1);
    client.send(0, &receiver(2, "shut"));
    client.expect("detach", |frame| matches!(frame.performative, Performative::Detach(_)).then_some(()));
    router.assert_healthy();
}

/// What their addresses stand for has changed.
#[test]
fn connections_close_when_a_listener_gets_tenants() {
    let mut router = Router::start(&plain_kdl(LISTENERS));
    let mut client = tenant(&router, "a.example");
    edit(&router, &plain_kdl(&LISTENERS.replace("multi-tenant #true", "multi-tenant #false")));
    assert_eq!(reload(router.clients(), &[]).code, Some(0));
    client.expect("close", |frame| matches!(frame.performative, Performative::Close(_)).then_some(()));
    let mut client = tenant(&router, "a.example");
    client.attach_receiver(0, 0, "q", 1);
    client.begin(1);
    let addresses = router.stat("addresses");
    assert!(addresses.iter().any(|row| row["name"] == "M0q"), "{addresses:?}");
    router.assert_healthy();
}

/// Whatever a tenant calls itself, plugins are asked about its addresses.
#[test]
fn no_name_of_a_tenant_gets_past_a_plugin() {
    let dir = TestDir::new("tenants");
    let refusal = refusal("test:custom", "no", "rule");
    let denial = Cbor::Map(vec![("deny", Cbor::Map(vec![("refusal", refusal)]))]).bytes();
    dir.write("plugins/rules.wasm", module(&[("on_address", Hook::Answer(denial))]));
    let mut router = Router::start_in(dir, &plain_kdl(&["plugins \"plugins\"\n", LISTENERS].concat()));
    for hostname in ["a.example", "_x", "$x", "_topo", "$management", "_local", "_$temp."] {
        let mut peer = tenant(&router, hostname);
        peer.send(0, &receiver(0, "q"));
        let why = peer.expect("detach", |frame| match &frame.performative {
            Performative::Detach(detach) => detach.error.clone(),
            _ => None,
        });
        assert_eq!(condition(&why.condition), "test:custom", "{hostname}");
        attach_anonymous(&mut peer, 1);
        peer.send_with(0, &transfer(1, 0), &message_to("q"));
        assert!(matches!(peer.expect_outcome(0), DeliveryState::Rejected(_)), "{hostname}");
    }
    let mut long = Peer::dial(router.addr("tenants"));
    long.send_bytes(&AMQP_HEADER);
    long.send(0, &Open { hostname: Some("h".repeat(256)), ..open("client") });
    assert_eq!(long.fault(DEADLINE), Ok(Some("amqp:invalid-field".to_owned())));
    router.assert_healthy();
}
