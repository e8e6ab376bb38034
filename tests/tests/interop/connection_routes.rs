//! Link routes that a peer makes for its own connection, by `$management` on that connection.

use crosstie_tests::frame::{Performative, data_message};
use crosstie_tests::management::Management;
use crosstie_tests::native::runtime;
use crosstie_tests::peer::{DEADLINE, Peer};
use crosstie_tests::performative::{disposition, flow, receiver, sender, transfer};
use crosstie_tests::router::{Router, plain_kdl};
use fe2o3_amqp_types::definitions::Role;
use fe2o3_amqp_types::messaging::message::__private::{Deserializable, Serializable};
use fe2o3_amqp_types::messaging::{
    Accepted, AmqpValue, ApplicationProperties, Body, Message, Properties, TargetArchetype,
};
use fe2o3_amqp_types::primitives::{OrderedMap, SimpleValue};
use serde_amqp::Value;

use crate::link_routes::{answer, routed_attach};
use crate::multi_tenant::{LISTENERS, tenant};

const OF: &str = "org.apache.qpid.dispatch.router.connection.linkRoute";
const REQUESTS: u32 = 100;
const REPLIES: u32 = 101;

/// A container that manages its own connection.
struct Container {
    peer: Peer,
    reply_to: String,
    asked: u32,
}

impl Container {
    fn open(router: &Router, listener: &str) -> Self {
        Self::of(Peer::session(router.addr(listener), "service"))
    }

    /// By a connection with a session.
    fn of(mut peer: Peer) -> Self {
        peer.attach_sender(0, REQUESTS, "$management");
        let mut attach = receiver(REPLIES, "");
        if let Some(source) = attach.source.as_deref_mut() {
            (source.address, source.dynamic) = (None, true);
        }
        peer.send(0, &attach);
        let attached = peer.expect_attach(&attach.name);
        let reply_to = attached.source.and_then(|source| source.address).expect("a dynamic address");
        peer.send(0, &flow(REPLIES, 0, 100));
        Self { peer, reply_to, asked: 0 }
    }

    /// The status and the body of the answer.
    fn ask(&mut self, operation: &str, name: &str, body: &[(&str, &str)]) -> (i32, Value) {
        let words = [("operation", operation), ("type", OF), ("name", name)];
        let properties: OrderedMap<String, SimpleValue> =
            words.iter().map(|(key, value)| ((*key).to_owned(), SimpleValue::String((*value).to_owned()))).collect();
        let body = body.iter().map(|(key, value)| (Value::from(*key), Value::from(*value))).collect();
        let request = Message {
            header: None,
            delivery_annotations: None,
            message_annotations: None,
            properties: Some(Properties { reply_to: Some(self.reply_to.clone()), ..Properties::default() }),
            application_properties: Some(ApplicationProperties(properties)),
            body: AmqpValue(Value::Map(body)),
            footer: None,
        };
        let bytes = serde_amqp::to_vec(&Serializable(request)).expect("a request encodes");
        self.peer.send_with(0, &transfer(REQUESTS, self.asked), &bytes);
        self.asked += 1;
        let (head, reply) = self.peer.expect_transfer();
        self.peer.send(0, &disposition(head.delivery_id.expect("an id"), Accepted {}.into()));
        let reply: Deserializable<Message<Body<Value>>> = serde_amqp::from_slice(&reply).expect("a message");
        let properties = reply.0.application_properties.expect("properties").0;
        let Some(SimpleValue::Int(status)) = properties.get("statusCode") else { panic!("no status: {properties:?}") };
        let Body::Value(AmqpValue(body)) = reply.0.body else { panic!("the body is no value") };
        (*status, body)
    }
}

fn member<'v>(body: &'v Value, key: &str) -> Option<&'v Value> {
    let Value::Map(map) = body else { panic!("no map: {body:?}") };
    map.get(&Value::from(key))
}

fn addresses(router: &Router) -> Vec<(String, u64)> {
    let rows = router.stat("addresses");
    let found = rows.iter().map(|row| (row["key"].as_str().unwrap_or_default(), row["containerCount"].as_u64()));
    found.filter(|(key, _)| key.contains("flea")).map(|(key, count)| (key.to_owned(), count.unwrap_or(0))).collect()
}

#[test]
fn s05_a_route_of_a_connection_is_seen_and_used_there_alone_and_ends_with_it() {
    let door = "listener \"containers\" {\n    host \"127.0.0.1\"\n    port 0\n    role \"route-container\"\n}\n";
    let mut router = Router::start(&plain_kdl(door));
    // as in the reference, the role of the connection does not matter
    for listener in ["containers", "clients"] {
        assert_lives_and_ends(&router, listener);
    }
    router.assert_healthy();
}

fn assert_lives_and_ends(router: &Router, listener: &str) {
    let mut container = Container::open(router, listener);
    for (name, direction) in [("one", "in"), ("two", "out")] {
        let (status, made) = container.ask("CREATE", name, &[("pattern", "flea.*"), ("direction", direction)]);
        assert_eq!((status, member(&made, "containerId")), (201, Some(&Value::from("service"))), "{made:?}");
    }
    assert_eq!(container.ask("CREATE", "one", &[("pattern", "x"), ("direction", "in")]).0, 400);
    assert_eq!(container.ask("CREATE", "bad", &[("direction", "in")]).0, 400);
    let (status, read) = container.ask("READ", "two", &[]);
    assert_eq!((status, member(&read, "direction")), (200, Some(&Value::from("out"))));
    // another connection sees none of it, and has no say in it
    runtime().block_on(async {
        let mut other = Management::open(router.clients()).await;
        for operation in ["READ", "DELETE"] {
            assert_eq!(other.named(operation, OF, "one").await.status, 404);
        }
        let listed = other.ask(&[("operation", "QUERY"), ("entityType", OF)], &[]).await;
        assert_eq!(listed.get("results"), Value::List(Vec::new()));
        other.close().await;
    });
    assert_eq!(addresses(router), [("Eflea.*".to_owned(), 1), ("Fflea.*".to_owned(), 1)]);
    assert_eq!(router.stat("link-routes").len(), 0);

    let mut client = Peer::session(router.clients(), "client");
    client.send(0, &sender(3, "flea.b"));
    let (channel, attach) = routed_attach(&mut container.peer);
    assert_eq!((attach.name.as_str(), &attach.role), ("sender-3@client", &Role::Sender));
    answer(&mut container.peer, channel, &attach, 0);
    client.expect_attach("sender-3");
    container.peer.send(channel, &flow(attach.handle.0, 0, 1));
    client.expect_credit();
    client.send_with(0, &transfer(3, 0), &data_message(b"bite"));
    let (head, payload) = container.peer.expect_transfer();
    assert_eq!(payload, data_message(b"bite"));
    container.peer.settle(channel, head.delivery_id.expect("an id"), Accepted {}.into());
    client.expect_outcome(0);

    // deleted: the router itself answers the next attach
    assert_eq!(container.ask("DELETE", "one", &[]).0, 204);
    assert_eq!(container.ask("DELETE", "one", &[]).0, 404);
    client.attach_sender(0, 4, "flea.c");
    assert_eq!(addresses(router).iter().filter(|(key, _)| key.ends_with("flea.*")).count(), 1);
    // and the other one ends with its connection, as do its links
    let mark = router.log_mark();
    container.peer.close();
    client.expect("detach", |frame| match &frame.performative {
        Performative::Detach(detach) => detach.error.clone(),
        _ => None,
    });
    router.wait_log(mark, DEADLINE, &["closed"]);
    client.attach_receiver(0, 5, "flea.d", 1);
    assert!(!addresses(router).iter().any(|(key, _)| key.ends_with("flea.*")));
}

/// One tenant has no say in the addresses of others, nor in those that have no tenant.
#[test]
fn s05_a_route_of_a_tenants_connection_is_for_its_own_addresses() {
    let mut router = Router::start(&plain_kdl(LISTENERS));
    let mut container = Container::of(tenant(&router, "a.example"));
    let (status, made) = container.ask("CREATE", "all", &[("pattern", "#"), ("direction", "in")]);
    assert_eq!(status, 201, "{made:?}");
    for mut other in [tenant(&router, "b.example"), Peer::session(router.clients(), "client")] {
        other.attach_sender(0, 0, "flea.b");
    }
    let mut client = tenant(&router, "a.example");
    client.send(0, &sender(3, "flea.b"));
    let (channel, attach) = routed_attach(&mut container.peer);
    let Some(TargetArchetype::Target(target)) = attach.target.as_deref() else { panic!("{attach:?}") };
    assert_eq!(target.address.as_deref(), Some("flea.b"));
    answer(&mut container.peer, channel, &attach, 0);
    client.expect_attach("sender-3");
    // a hostname that is a pattern would mean them all
    let mut greedy = Container::of(tenant(&router, "*"));
    assert_eq!(greedy.ask("CREATE", "all", &[("pattern", "#"), ("direction", "in")]).0, 400);
    router.assert_healthy();
}
