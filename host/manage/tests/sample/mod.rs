//! A sample router, and requests to it as a client encodes them.

use crosstie_manage::{Access, Agent, Change, Reply, Step};
use crosstie_model::facts::{
    AddressFacts, AddressRuleFacts, AuthServiceFacts, AutoLinkFacts, ConnectionFacts, ConnectionRouteFacts,
    ConnectorFacts, ConnectorStatus, EndpointFacts, Facts, LinkFacts, LinkRouteFacts, ListenerFacts, LogFacts,
    OutcomeCounts, Part, RouterFacts, TlsProfileFacts, TrafficCounts,
};
use crosstie_model::policy::InfoValue;
use crosstie_model::settings::Direction;
use crosstie_model::trail::Trail;
use fe2o3_amqp_types::messaging::message::__private::{Deserializable, Serializable};
use fe2o3_amqp_types::messaging::{AmqpValue, ApplicationProperties, Body, Message, MessageId, Properties};
use fe2o3_amqp_types::primitives::SimpleValue;
use serde_amqp::Value;
use serde_amqp::primitives::OrderedMap;

pub(crate) const REPLY_TO: &str = "amqp:/_topo/0/hub/temp.QkVvK7qpnpLPLMi";

/// Of the connection that asks.
fn connection_route() -> ConnectionRouteFacts {
    ConnectionRouteFacts {
        id: 13,
        name: Some("mine".into()),
        pattern: "a/#".into(),
        direction: Direction::Out,
        container_id: "asker".into(),
    }
}

/// A router with two listeners, a connector, and a sender and a receiver on one address.
pub(crate) fn facts() -> Facts {
    let outcomes = OutcomeCounts { accepted: 17, released: 2, ..OutcomeCounts::default() };
    let traffic = TrafficCounts { ingress: 20, egress: 19, ..TrafficCounts::default() };
    Facts {
        router: RouterFacts {
            id: "hub".into(),
            mode: "standalone",
            version: "0.1.0".into(),
            metadata: Some("selftest".into()),
            workers: 2,
            default_distribution: "balanced",
            allow_resumable_link_route: true,
            uptime_seconds: 90_061,
            memory_bytes: Some(64 << 20),
            addresses: 2,
            links: 2,
            auto_links: 1,
            connections: 2,
            outcomes,
            traffic,
            ..RouterFacts::default()
        },
        listeners: vec![listener("clients", "5672"), listener("monitoring", "0")],
        tls_profiles: vec![tls_profile()],
        auth_services: vec![auth_service()],
        connectors: vec![connector()],
        connections: vec![connection(1, Some("UPTIME-TEST")), connection(2, None)],
        links: vec![link(10, Direction::In, Some("M0orders")), link(11, Direction::Out, Some("M0orders"))],
        addresses: vec![
            AddressFacts { key: "L$management".into(), distribution: "closest", ..AddressFacts::default() },
            AddressFacts {
                key: "M0orders".into(),
                distribution: "balanced",
                consumers: 1,
                traffic,
                ..AddressFacts::default()
            },
        ],
        address_rules: vec![rule(7, Some("orders"), Some("orders"), None), rule(8, None, None, Some("a.*.b"))],
        auto_links: vec![AutoLinkFacts {
            id: 9,
            name: Some("in".into()),
            address: "queue".into(),
            direction: Direction::In,
            phase: 1,
            connection: Some("broker".into()),
            container_id: None,
            external_address: None,
            fallback: false,
            link_id: None,
            status: "failed",
            last_error: Some("amqp:not-found".into()),
        }],
        connection_routes: vec![connection_route()],
        link_routes: vec![LinkRouteFacts {
            id: 12,
            name: None,
            prefix: Some("b2".into()),
            pattern: None,
            direction: Direction::In,
            connection: Some("broker".into()),
            container_id: None,
            add_external_prefix: None,
            del_external_prefix: None,
            active: true,
        }],
        log: vec![LogFacts { module: "DEFAULT", enable: Some("info+".into()), ..LogFacts::default() }],
        ..Facts::default()
    }
}

pub(crate) fn endpoint(name: &str, port: &str) -> EndpointFacts {
    EndpointFacts {
        name: name.into(),
        port: port.into(),
        role: "normal",
        cost: 1,
        max_frame_size_bytes: 16_384,
        max_sessions: 256,
        idle_timeout_seconds: 16,
        strip_annotations: "both",
        link_capacity: 250,
        ..EndpointFacts::default()
    }
}

fn connector() -> ConnectorFacts {
    ConnectorFacts {
        endpoint: EndpointFacts { host: "broker.example.com".into(), ..endpoint("broker", "5672") },
        sasl_username: Some("alice".into()),
        failover_urls: Some("amqp://broker.example.com:5672, amqp://spare.example.com:5672".into()),
        status: ConnectorStatus::Success,
        ..ConnectorFacts::default()
    }
}

fn tls_profile() -> TlsProfileFacts {
    TlsProfileFacts {
        name: "server".into(),
        protocols: "TLSv1.2 TLSv1.3".into(),
        certificate_file: Some("/etc/server.pem".into()),
        private_key_file: Some("/etc/server.key".into()),
        user_name_format: Some("n5".into()),
        expires_at_seconds: Some(1_800_000_000),
        ..TlsProfileFacts::default()
    }
}

fn auth_service() -> AuthServiceFacts {
    AuthServiceFacts {
        name: "sso".into(),
        host: "sso.example.com".into(),
        port: "5671".into(),
        realm: Some("example.com".into()),
        tls: Some("server".into()),
    }
}

pub(crate) fn listener(name: &str, port: &str) -> ListenerFacts {
    ListenerFacts { endpoint: endpoint(name, port), bound_port: Some(5672), ..ListenerFacts::default() }
}

pub(crate) fn rule(id: u64, name: Option<&str>, prefix: Option<&str>, pattern: Option<&str>) -> AddressRuleFacts {
    AddressRuleFacts {
        id,
        name: name.map(Into::into),
        prefix: prefix.map(Into::into),
        pattern: pattern.map(Into::into),
        distribution: "closest",
        ..AddressRuleFacts::default()
    }
}

fn connection(id: u64, container: Option<&str>) -> ConnectionFacts {
    ConnectionFacts {
        id,
        host: format!("127.0.0.1:4{id}000"),
        role: "normal",
        owner: "clients".into(),
        direction: Direction::In,
        container: container.map(Into::into),
        sasl_mechanism: Some("ANONYMOUS".into()),
        is_authenticated: true,
        user: Some("anonymous".into()),
        tls: None,
        properties: vec![
            ("connection".into(), InfoValue::Text("properties".into())),
            ("int_property".into(), InfoValue::Int(6451)),
        ],
        tenant: None,
        opened: true,
        closing: false,
        frames_logged: false,
        uptime_seconds: 61,
        last_delivery_seconds: container.map(|_| 3),
        trail: Trail::default(),
    }
}

fn link(id: u64, direction: Direction, address: Option<&str>) -> LinkFacts {
    LinkFacts {
        id,
        connection_id: 1,
        name: "orders-link".into(),
        kind: "endpoint",
        direction,
        address_key: address.map(Into::into),
        capacity: 250,
        peer_id: None,
        undelivered: 1,
        unsettled: 2,
        deliveries: 20,
        status: "up",
        outcomes: OutcomeCounts { accepted: 17, released: 2, ..OutcomeCounts::default() },
        ingress_histogram: None,
        priority: 4,
        settled_per_second: 5,
        credit: 230,
        zero_credit_seconds: 0,
        trail: Trail::default(),
    }
}

/// A request as a client encodes it.
pub(crate) fn request(properties: &[(&str, SimpleValue)], body: Value) -> Vec<u8> {
    let mut application = OrderedMap::new();
    for (key, value) in properties {
        application.insert((*key).to_owned(), value.clone());
    }
    let head = Properties {
        reply_to: Some(REPLY_TO.into()),
        correlation_id: Some(MessageId::Ulong(1)),
        ..Properties::default()
    };
    encode(Some(head), Some(ApplicationProperties(application)), body)
}

pub(crate) fn encode(
    properties: Option<Properties>,
    application: Option<ApplicationProperties>,
    body: Value,
) -> Vec<u8> {
    let message = Message {
        header: None,
        delivery_annotations: None,
        message_annotations: None,
        properties,
        application_properties: application,
        body: AmqpValue(body),
        footer: None,
    };
    serde_amqp::to_vec(&Serializable(message)).unwrap()
}

/// The decoded reply.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: i32,
    pub(crate) description: String,
    pub(crate) correlation: Option<MessageId>,
    pub(crate) body: Value,
}

pub(crate) fn decode(reply: &Reply) -> Answer {
    let message: Deserializable<Message<Body<Value>>> = serde_amqp::from_slice(&reply.message).unwrap();
    let properties = message.0.properties.unwrap();
    assert_eq!(properties.to.as_deref(), Some(reply.to.as_str()));
    let application = message.0.application_properties.unwrap().0;
    let Some(SimpleValue::Int(status)) = application.get("statusCode") else { panic!("no statusCode") };
    let Some(SimpleValue::String(description)) = application.get("statusDescription") else { panic!("none") };
    let Body::Value(AmqpValue(body)) = message.0.body else { panic!("no body") };
    assert_eq!(*status, reply.status);
    Answer { status: *status, description: description.clone(), correlation: properties.correlation_id, body }
}

/// Answers a request from the sample router; `change` makes changes to it.
pub(crate) fn run(request: &[u8], access: Access, mut change: impl FnMut(Change, &mut Facts)) -> Option<Answer> {
    let mut known = facts();
    let mut step = Agent::new(1 << 16).begin(request, access);
    loop {
        step = match step {
            Step::Reply(reply) => return Some(decode(&reply)),
            Step::Silent => return None,
            Step::Gather(pending) => {
                // only what is asked for is there
                let mut part = known.clone();
                let wanted = |wanted| pending.wants(wanted);
                keep(wanted(Part::TlsProfiles), &mut part.tls_profiles);
                keep(wanted(Part::AuthServices), &mut part.auth_services);
                keep(wanted(Part::Listeners), &mut part.listeners);
                keep(wanted(Part::Connectors), &mut part.connectors);
                keep(wanted(Part::Connections), &mut part.connections);
                keep(wanted(Part::Links), &mut part.links);
                keep(wanted(Part::Addresses), &mut part.addresses);
                keep(wanted(Part::AddressRules), &mut part.address_rules);
                keep(wanted(Part::AutoLinks), &mut part.auto_links);
                keep(wanted(Part::LinkRoutes), &mut part.link_routes);
                keep(wanted(Part::ConnectionRoutes), &mut part.connection_routes);
                keep(wanted(Part::Log), &mut part.log);
                pending.facts(&part)
            }
            Step::Change(changing, wanted) => {
                change(wanted, &mut known);
                changing.changed(Ok(()))
            }
            Step::Reload(reloading, reload) => reloading.done(Ok(vec![format!("{reload:?}")])),
        };
    }
}

fn keep<T>(wanted: bool, rows: &mut Vec<T>) {
    if !wanted {
        rows.clear();
    }
}

/// Answers a request that changes nothing.
pub(crate) fn ask(properties: &[(&str, SimpleValue)], body: Value) -> Answer {
    run(&request(properties, body), Access::Read, |change, _| panic!("{change:?}")).unwrap()
}

/// A QUERY of a type, for these attributes.
pub(crate) fn query(of: &str, names: &[&str]) -> Answer {
    ask(&[word("operation", "QUERY"), word("entityType", of)], names_body(names))
}

pub(crate) fn names_body(names: &[&str]) -> Value {
    map(&[("attributeNames", Value::List(names.iter().map(|name| Value::from(*name)).collect()))])
}

pub(crate) fn map(pairs: &[(&str, Value)]) -> Value {
    let mut map = OrderedMap::new();
    for (key, value) in pairs {
        map.insert(Value::from(*key), value.clone());
    }
    Value::Map(map)
}

pub(crate) fn word(key: &'static str, value: &str) -> (&'static str, SimpleValue) {
    (key, SimpleValue::String(value.into()))
}

impl Answer {
    /// A member of the body.
    pub(crate) fn get(&self, key: &str) -> &Value {
        let Value::Map(map) = &self.body else { panic!("{:?}", self.body) };
        map.get(&Value::from(key)).unwrap_or_else(|| panic!("no {key} in {map:?}"))
    }

    /// The names and rows of a QUERY.
    pub(crate) fn table(&self) -> (Vec<String>, Vec<Vec<Value>>) {
        assert_eq!(self.status, 200, "{}", self.description);
        let texts = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        (
            items(self.get("attributeNames")).iter().map(texts).collect(),
            items(self.get("results")).iter().map(|row| items(row).to_vec()).collect(),
        )
    }

    /// One column of a QUERY.
    pub(crate) fn column(&self, name: &str) -> Vec<Value> {
        let (names, rows) = self.table();
        let at = names.iter().position(|known| known == name).unwrap();
        rows.iter().map(|row| row[at].clone()).collect()
    }
}

pub(crate) fn items(value: &Value) -> &[Value] {
    match value {
        Value::List(items) => items,
        other => panic!("{other:?}"),
    }
}
