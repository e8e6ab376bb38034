//! Requests as clients encode them, answered from a sample router.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod sample;

use crosstie_manage::{Access, Agent, AttributeValue, Change, Refused, Step};
use crosstie_model::facts::{
    AuthServiceFacts, AutoLinkFacts, ConnectionRouteFacts, Facts, LinkRouteFacts, TlsProfileFacts,
};
use crosstie_model::settings::Direction;
use fe2o3_amqp_types::messaging::{ApplicationProperties, MessageId, Properties};
use fe2o3_amqp_types::primitives::SimpleValue;
use proptest::prelude::*;
use sample::{Answer, REPLY_TO, ask, encode, facts, items, map, names_body, query, request, run, word};
use serde_amqp::Value;

const LISTENER: &str = "org.apache.qpid.dispatch.listener";
const LINK: &str = "org.apache.qpid.dispatch.router.link";

fn text(value: &str) -> Value {
    Value::from(value)
}

fn change(properties: &[(&str, SimpleValue)], body: Value) -> (Answer, Vec<Change>) {
    let mut changes = Vec::new();
    let answer = run(&request(properties, body), Access::Full, |change, facts| {
        apply(&change, facts);
        changes.push(change);
    });
    (answer.unwrap(), changes)
}

fn apply(change: &Change, facts: &mut Facts) {
    match change {
        Change::CreateListener(attributes) => {
            let port = attributes.text("port").unwrap_or("amqp");
            facts.listeners.push(sample::listener(attributes.text("name").unwrap(), port));
        }
        Change::CreateAddress(attributes) => {
            let (name, prefix) = (attributes.text("name"), attributes.text("prefix"));
            facts.address_rules.push(sample::rule(42, name, prefix, attributes.text("pattern")));
        }
        Change::CreateLinkRoute(attributes) => {
            let prefix = attributes.text("prefix").map(str::to_owned);
            let name = attributes.text("name").map(str::to_owned);
            let like = facts.link_routes[0].clone();
            facts.link_routes.push(LinkRouteFacts { id: 43, name, prefix, active: false, ..like });
        }
        Change::CreateConnectionRoute { name, pattern, direction } => {
            let (name, pattern, direction) = (name.clone(), pattern.clone(), *direction);
            let container_id = facts.connection_routes[0].container_id.clone();
            facts.connection_routes.push(ConnectionRouteFacts { id: 45, name, pattern, direction, container_id });
        }
        Change::CreateAutoLink(attributes) => {
            let like = facts.auto_links[0].clone();
            let name = attributes.text("name").map(str::to_owned);
            let address = attributes.text("address").unwrap().to_owned();
            facts.auto_links.push(AutoLinkFacts {
                id: 44,
                name,
                address,
                status: "attaching",
                last_error: None,
                ..like
            });
        }
        Change::CreateTls(attributes) => {
            let like = facts.tls_profiles[0].clone();
            facts.tls_profiles.push(TlsProfileFacts { name: attributes.text("name").unwrap().to_owned(), ..like });
        }
        Change::CreateAuthService(attributes) => {
            let like = facts.auth_services[0].clone();
            facts.auth_services.push(AuthServiceFacts { name: attributes.text("name").unwrap().to_owned(), ..like });
        }
        Change::UpdateLog { module, enable } => {
            let log = facts.log.iter_mut().find(|log| log.module == *module).unwrap();
            log.enable = Some(enable.clone());
        }
        _ => {}
    }
}

fn update(keys: &[(&'static str, &str)], body: &[(&str, Value)]) -> (Answer, Vec<Change>) {
    let mut properties = vec![word("operation", "UPDATE")];
    properties.extend(keys.iter().map(|(key, value)| word(key, value)));
    change(&properties, map(body))
}

fn create(of: &str, body: &[(&str, Value)]) -> (Answer, Vec<Change>) {
    change(&[word("operation", "CREATE"), word("type", of)], map(body))
}

#[test]
fn a_query_gives_the_attributes_asked_for_in_that_order() {
    let answer = query(LINK, &["linkDir", "identity", "acceptedCount", "peer"]);
    let (names, rows) = answer.table();
    assert_eq!(names, ["linkDir", "identity", "acceptedCount", "peer"]);
    assert_eq!(rows[0], [text("in"), text("10"), Value::Ulong(17), Value::Null]);
    assert_eq!(rows[1], [text("out"), text("11"), Value::Ulong(17), Value::Null]);
    assert_eq!((answer.description.as_str(), answer.correlation), ("OK", Some(MessageId::Ulong(1))));
}

#[test]
fn a_query_for_nothing_in_particular_gives_every_attribute() {
    for body in [names_body(&[]), Value::Null, Value::List(Vec::new()), map(&[])] {
        let answer = ask(&[word("operation", "QUERY"), word("entityType", LINK)], body);
        let (names, rows) = answer.table();
        assert_eq!(names[..3], ["name", "identity", "type"]);
        assert!(names.contains(&"zeroCreditSeconds".to_owned()));
        assert!(rows.iter().all(|row| row.len() == names.len()) && rows.len() == 2);
        assert_eq!(answer.column("type"), [text(LINK), text(LINK)]);
    }
}

#[test]
fn a_type_is_known_by_its_short_name_and_as_the_type_of_the_request() {
    for key in ["entityType", "type"] {
        for name in ["connection", "org.apache.qpid.dispatch.connection"] {
            let answer = ask(&[word("operation", "query"), word(key, name)], Value::Null);
            assert_eq!(answer.column("identity"), [text("1"), text("2")]);
        }
    }
}

#[test]
fn rows_come_in_pages() {
    let page = |offset: i32, count: i64| {
        let answer = ask(
            &[
                word("operation", "QUERY"),
                word("entityType", "connection"),
                ("offset", SimpleValue::Int(offset)),
                ("count", SimpleValue::Long(count)),
            ],
            names_body(&["identity"]),
        );
        answer.column("identity")
    };
    assert_eq!(page(0, 1), [text("1")]);
    assert_eq!(page(1, 1), [text("2")]);
    assert_eq!(page(1, 500), [text("2")]);
    for no_limit in [0, -1] {
        assert_eq!(page(0, no_limit), [text("1"), text("2")]);
    }
    for beyond in [2, 1_000, -1] {
        assert_eq!(page(beyond, 500), []);
    }
}

#[test]
fn s14_a_tls_profile_is_read_by_its_name_without_its_password() {
    let answer = ask(&[word("operation", "READ"), word("type", "sslProfile"), word("name", "server")], Value::Null);
    assert_eq!(answer.status, 200);
    for (attribute, value) in [
        ("identity", text("sslProfile/server")),
        ("certFile", text("/etc/server.pem")),
        ("privateKeyFile", text("/etc/server.key")),
        ("protocols", text("TLSv1.2 TLSv1.3")),
        ("uidFormat", text("n5")),
        ("caCertFile", Value::Null),
        ("password", Value::Null),
        ("certExpirySeconds", Value::Long(1_800_000_000)),
    ] {
        assert_eq!(answer.get(attribute), &value, "{attribute}");
    }
}

#[test]
fn s14_a_tls_profile_is_created_under_a_free_name() {
    let body = [
        ("name", text("other")),
        ("certDb", text("/etc/ca.pem")),
        ("certFile", text("/etc/other.pem")),
        ("keyFile", text("/etc/other.key")),
        ("password", text("pass:secret")),
        ("uidFormat", Value::Null),
    ];
    let (answer, changes) = create("sslProfile", &body);
    assert_eq!((answer.status, answer.get("name")), (201, &text("other")), "{answer:?}");
    assert_eq!(answer.get("password"), &Value::Null);
    let [Change::CreateTls(attributes)] = changes.as_slice() else { panic!("{changes:?}") };
    for (name, value) in
        [("caCertFile", "/etc/ca.pem"), ("privateKeyFile", "/etc/other.key"), ("password", "pass:secret")]
    {
        assert_eq!(attributes.text(name), Some(value), "{name}");
    }
    assert_eq!(attributes.get("uidFormat"), None);
    let (answer, changes) = create("sslProfile", &body[1..]);
    assert_eq!((answer.status, answer.get("identity")), (201, &text("sslProfile/sslProfile/0")), "{answer:?}");
    assert!(
        matches!(changes.as_slice(), [Change::CreateTls(attributes)] if attributes.text("name") == Some("sslProfile/0"))
    );
    for body in [[("name", text("server"))], [("certSubject", text("x"))], [("nonsense", text("x"))]] {
        let (answer, changes) = create("sslProfile", &body);
        assert_eq!((answer.status, changes), (400, vec![]), "{answer:?}");
    }
}

#[test]
fn an_auth_service_is_read_and_created_under_a_free_name() {
    let read = [word("operation", "READ"), word("type", "authServicePlugin"), word("name", "sso")];
    let answer = ask(&read, Value::Null);
    for (attribute, value) in [
        ("identity", text("authServicePlugin/sso")),
        ("host", text("sso.example.com")),
        ("port", text("5671")),
        ("realm", text("example.com")),
        ("sslProfile", text("server")),
        ("authService", Value::Null),
    ] {
        assert_eq!(answer.get(attribute), &value, "{attribute}");
    }
    let body = [("host", text("h")), ("saslInitHostname", text("r")), ("authSslProfile", text("server"))];
    let (answer, changes) = create("authServicePlugin", &body);
    assert_eq!((answer.status, answer.get("name")), (201, &text("authServicePlugin/0")), "{answer:?}");
    let [Change::CreateAuthService(attributes)] = changes.as_slice() else { panic!("{changes:?}") };
    for (name, value) in [("host", "h"), ("realm", "r"), ("sslProfile", "server")] {
        assert_eq!(attributes.text(name), Some(value), "{name}");
    }
    for body in [[("name", text("sso"))], [("nonsense", text("x"))]] {
        let (answer, changes) = create("authServicePlugin", &body);
        assert_eq!((answer.status, changes), (400, vec![]), "{answer:?}");
    }
}

#[test]
fn a_query_over_all_types_makes_identities_unique() {
    let answer = ask(&[word("operation", "QUERY")], names_body(&["type", "identity", "name"]));
    let (_, rows) = answer.table();
    let known = facts();
    // beside the rows of the facts: the router and the management node
    let count = known.listeners.len() + known.connectors.len() + known.connections.len() + known.links.len();
    let rest = known.addresses.len() + known.address_rules.len() + known.auto_links.len() + known.log.len();
    let routes = known.link_routes.len() + known.connection_routes.len();
    assert_eq!(rows.len(), count + rest + routes + known.tls_profiles.len() + known.auth_services.len() + 2);
    let names = answer.column("name");
    for name in ["router/hub", "log/DEFAULT", "clients"] {
        assert!(names.contains(&text(name)), "{name} is not in {names:?}");
    }
    let mut identities: Vec<String> = answer.column("identity").iter().map(|value| format!("{value:?}")).collect();
    identities.sort();
    identities.dedup();
    assert_eq!(identities.len(), rows.len());
}

#[test]
fn entities_without_any_of_the_attributes_are_left_out_over_all_types() {
    let answer = ask(&[word("operation", "QUERY")], names_body(&["linkName", "host"]));
    // listeners, a connector, an auth service, connections, links
    assert_eq!(answer.table().1.len(), 2 + 1 + 1 + 2 + 2);
}

#[test]
fn a_base_type_stands_for_all_that_extend_it() {
    let types = query("operationalEntity", &[]).column("type");
    assert!(types.contains(&text(LINK)) && !types.contains(&text(LISTENER)));
}

#[test]
fn what_is_unknown_is_said_so() {
    let unknown = query(LISTENER, &["name", "nosuch"]);
    assert_eq!(unknown.status, 404);
    assert!(unknown.description.contains("nosuch") && !unknown.description.contains("name\""), "{unknown:?}");
    assert_eq!(query("nosuch", &[]).status, 400);
    assert_eq!(ask(&[word("entityType", LISTENER)], Value::Null).status, 400);
    assert_eq!(ask(&[word("operation", "NOT-IMPL"), word("type", "org.amqp.management")], Value::Null).status, 501);
}

#[test]
fn a_malformed_body_is_the_peers_fault() {
    let query = [word("operation", "QUERY"), word("entityType", LISTENER)];
    let many = Value::List(vec![text("name"); 300]);
    for body in [text("x"), map(&[("attributeNames", text("x"))]), map(&[("attributeNames", many)])] {
        assert_eq!(ask(&query, body).status, 400);
    }
    let number = [word("operation", "QUERY"), word("entityType", LISTENER), ("count", SimpleValue::Bool(true))];
    assert_eq!(ask(&number, Value::Null).status, 400);
}

/// A correlation-id is a ulong, a UUID, bytes or a text.
#[test]
fn who_asks_with_a_strange_correlation_id_is_answered() {
    let good = request(&[word("operation", "QUERY"), word("entityType", LISTENER)], Value::Null);
    // the ulong 1 becomes the uint 1
    let at = good.windows(2).position(|two| two == [0x53, 1]).expect("a small ulong");
    let mut strange = good.clone();
    strange[at] = 0x52;
    for (message, status) in [(good, 200), (strange, 400)] {
        let answer = run(&message, Access::Read, |change, _| panic!("{change:?}")).expect("an answer");
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

#[test]
fn an_entity_is_read_by_name_or_identity() {
    let read = |keys: &[(&str, &str)]| {
        let mut properties = vec![("operation", SimpleValue::String("READ".into()))];
        properties.extend(keys.iter().map(|(key, value)| (*key, SimpleValue::String((*value).into()))));
        ask(&properties, Value::Null)
    };
    let listener = read(&[("type", LISTENER), ("name", "clients")]);
    assert_eq!((listener.status, listener.get("port")), (200, &text("5672")));
    assert_eq!(listener.get("identity"), &text("listener/:5672:clients"));
    assert_eq!(read(&[("identity", "listener/:0:monitoring")]).get("name"), &text("monitoring"));
    assert_eq!(read(&[("type", "router.address"), ("name", "M0orders")]).get("subscriberCount"), &Value::Uint(1));
    assert_eq!(read(&[("type", "router.config.address"), ("identity", "8")]).get("pattern"), &text("a.*.b"));
    assert_eq!(read(&[("identity", "router.config.address/8")]).get("pattern"), &text("a.*.b"));
    assert_eq!(read(&[("name", "router/hub")]).get("id"), &text("hub"));
    assert_eq!(read(&[]).get("identity"), &text("self"));

    assert_eq!(read(&[("type", LISTENER), ("name", "nosuch")]).status, 404);
    assert_eq!(read(&[("type", "router.address"), ("name", "clients")]).status, 404);
    assert_eq!(read(&[("type", "connector"), ("name", "clients")]).status, 400);
    assert_eq!(read(&[("type", LISTENER)]).status, 400);
    assert_eq!(read(&[("type", "nosuch"), ("name", "clients")]).status, 400);
    let conflict = [("type", LISTENER), ("identity", "listener/:5672:clients"), ("name", "monitoring")];
    assert_eq!(read(&conflict).status, 400);
}

#[test]
fn a_password_is_never_told() {
    let answer = ask(&[word("operation", "READ"), word("type", "connector"), word("name", "broker")], Value::Null);
    assert_eq!((answer.get("saslUsername"), answer.get("saslPassword")), (&text("alice"), &Value::Null));
}

#[test]
fn the_schema_is_told_in_every_form() {
    let of = |operation: &str, of: Option<&str>| {
        let mut properties = vec![word("operation", operation)];
        properties.extend(of.map(|name| word("entityType", name)));
        ask(&properties, Value::Null)
    };
    let bases = [text("org.apache.qpid.dispatch.configurationEntity"), text("org.apache.qpid.dispatch.entity")];
    assert_eq!(items(of("GET-TYPES", None).get(LISTENER)), bases);
    let Value::Map(extending) = of("GET-TYPES", Some("operationalEntity")).body else { panic!("no map") };
    assert!(extending.contains_key(&text(LINK)) && !extending.contains_key(&text(LISTENER)));
    assert_eq!(
        of("GET-OPERATIONS", Some("listener")).body,
        map(&[(LISTENER, Value::List(vec![text("CREATE"), text("DELETE"), text("READ")]))])
    );
    assert!(items(of("GET-ATTRIBUTES", None).get(LINK)).contains(&text("owningAddr")));
    assert_eq!(of("GET-ANNOTATIONS", None).body, map(&[]));
    assert_eq!(of("GET-MGMT-NODES", None).body, Value::List(Vec::new()));
    assert_eq!(of("GET-SCHEMA", None).get("prefix"), &text("org.apache.qpid.dispatch"));

    let Value::String(json) = of("GET-JSON-SCHEMA", None).body else { panic!("no text") };
    let schema: serde_json::Value = serde_json::from_str(&json).unwrap();
    let port = &schema["entityTypes"]["listener"]["attributes"]["port"];
    assert_eq!((&port["type"], &port["default"]), (&"string".into(), &"amqp".into()));
    let rule = &schema["entityTypes"]["address"];
    assert_eq!(rule["fullyQualifiedType"], "org.apache.qpid.dispatch.router.config.address");
    assert_eq!(rule["attributes"]["distribution"]["type"][0], "multicast");
    assert_eq!(rule["attributes"].get("type"), None);
}

#[test]
fn a_peer_that_may_read_changes_nothing() {
    for operation in ["CREATE", "UPDATE", "DELETE", "RELOAD", "create"] {
        let answer = ask(&[word("operation", operation), word("type", LISTENER), word("name", "clients")], map(&[]));
        assert_eq!(answer.status, 403);
    }
}

#[test]
fn a_listener_is_created_from_what_the_schema_allows() {
    let body = [
        ("port", Value::Long(5999)),
        ("name", text("extra")),
        ("authenticatePeer", text("no")),
        ("idleTimeoutSeconds", text("30")),
        ("failoverList", text("amqp://spare")),
        ("sslProfile", Value::Null),
        ("openProperties", map(&[("site", text("A")), ("rack", Value::Uint(4))])),
    ];
    let (answer, changes) = create(LISTENER, &body);
    assert_eq!((answer.status, answer.description.as_str()), (201, "Created"), "{answer:?}");
    assert_eq!(answer.get("identity"), &text("listener/:5999:extra"));
    let [Change::CreateListener(attributes)] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!((attributes.text("name"), attributes.text("port")), (Some("extra"), Some("5999")));
    assert_eq!(
        (attributes.flag("authenticatePeer"), attributes.integer("idleTimeoutSeconds")),
        (Some(false), Some(30))
    );
    assert_eq!((attributes.text("failoverUrls"), attributes.get("sslProfile")), (Some("amqp://spare"), None));
    let properties = [("site", AttributeValue::Text("A".into())), ("rack", AttributeValue::Integer(4))];
    let properties = properties.map(|(key, value)| (key.to_owned(), value)).to_vec();
    assert_eq!(attributes.get("openProperties"), Some(&AttributeValue::Map(properties)));
}

#[test]
fn a_listener_without_a_name_is_named_by_its_host_and_port() {
    let (answer, _) = create("listener", &[("port", text("5999")), ("host", text("::1"))]);
    assert_eq!((answer.status, answer.get("name")), (201, &text("listener/::1:5999")));
}

#[test]
fn what_the_schema_does_not_allow_is_not_created() {
    let listener = |body: &[(&str, Value)]| create(LISTENER, body);
    for (body, word) in [
        (("nosuch", text("x")), "nosuch"),
        (("boundPort", Value::Int(1)), "boundPort"),
        (("role", text("client")), "role"),
        (("cost", text("dear")), "cost"),
        (("http", text("maybe")), "http"),
        (("openProperties", text("x")), "openProperties"),
        (("name", text("clients")), "clients"),
        (("name", text("broker")), "broker"),
        (("identity", text("x")), "identity"),
    ] {
        let (answer, changes) = listener(&[body]);
        assert_eq!((answer.status, changes.as_slice()), (400, [].as_slice()), "{answer:?}");
        assert!(answer.description.contains(word), "{answer:?}");
    }
    let role = listener(&[("role", text("inter-router")), ("port", text("77777"))]).0;
    let tools = "role='standalone' not allowed to connect to or accept connections from other routers.";
    assert_eq!((role.status, role.description.as_str()), (400, tools));
    assert_eq!(create("router.link", &[]).0.status, 501);
    assert_eq!(create("nosuch", &[]).0.status, 400);
    assert_eq!(change(&[word("operation", "CREATE")], map(&[])).0.status, 400);
    assert_eq!(change(&[word("operation", "CREATE"), word("type", LISTENER)], Value::Null).0.status, 400);
}

#[test]
fn an_address_rule_is_created_with_and_without_a_name() {
    let (answer, changes) = create("router.config.address", &[("prefix", text("new"))]);
    assert_eq!((answer.status, answer.get("identity")), (201, &text("42")));
    assert_eq!((answer.get("prefix"), answer.get("pattern")), (&text("new"), &Value::Null));
    assert!(matches!(changes.as_slice(), [Change::CreateAddress(_)]));
    let named = create("router.config.address", &[("pattern", text("x.#")), ("name", text("n"))]).0;
    assert_eq!((named.status, named.get("name")), (201, &text("n")));
}

#[test]
fn an_address_rule_that_contradicts_itself_or_another_is_not_created() {
    let both = [("prefix", text("a")), ("pattern", text("b"))];
    let fallback = [("prefix", text("a")), ("enableFallback", true.into()), ("waypoint", true.into())];
    for body in [
        both.as_slice(),
        &fallback,
        &[],
        &[("prefix", text("/./"))],
        &[("prefix", text("/orders/"))],
        &[("pattern", text("a.*.b"))],
        &[("prefix", text("a")), ("name", text("orders"))],
        &[("prefix", text("a")), ("egressPhase", Value::Int(10))],
        &[("prefix", text("a")), ("priority", Value::Int(10))],
        &[("prefix", text("a")), ("distribution", text("random"))],
    ] {
        let (answer, changes) = create("router.config.address", body);
        assert_eq!((answer.status, changes.len()), (400, 0), "{body:?}");
    }
}

#[test]
fn a_link_route_is_created_unless_it_contradicts_itself() {
    let of = "router.config.linkRoute";
    let good = [("prefix", text("x")), ("dir", text("in")), ("connection", text("broker"))];
    let (answer, changes) = create(of, &good);
    assert_eq!(
        (answer.status, answer.get("identity"), answer.get("operStatus")),
        (201, &text("43"), &text("inactive"))
    );
    // both names are there to be read, as in the reference
    assert_eq!((answer.get("direction"), answer.get("dir")), (&text("in"), &text("in")));
    let [Change::CreateLinkRoute(attributes)] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!(attributes.text("direction"), Some("in"));
    for wrong in [
        [("prefix", text("x")), ("connection", text("broker"))].as_slice(),
        &[("direction", text("in")), ("connection", text("broker"))],
        &[("prefix", text("x")), ("pattern", text("y")), ("direction", text("in")), ("connection", text("broker"))],
        &[("prefix", text("x")), ("direction", text("in")), ("connection", text("b")), ("containerId", text("c"))],
        &[("prefix", text("x")), ("direction", text("both")), ("connection", text("b"))],
        &[("prefix", text("x")), ("direction", text("in")), ("connection", text("b")), ("operStatus", text("active"))],
    ] {
        let (answer, changes) = create(of, wrong);
        assert_eq!((answer.status, changes.len()), (400, 0), "{wrong:?}");
    }
    // to nobody, as in the reference
    let (answer, changes) = create(of, &[("prefix", text("x")), ("direction", text("in"))]);
    assert_eq!((answer.status, changes.len()), (201, 1));
}

#[test]
fn a_link_route_of_a_connection_has_a_pattern_a_direction_and_nothing_else() {
    let of = "router.connection.linkRoute";
    let (answer, changes) = create(of, &[("pattern", text("*/b")), ("direction", text("in")), ("name", text("new"))]);
    assert_eq!((answer.status, answer.get("identity"), answer.get("containerId")), (201, &text("45"), &text("asker")));
    let (name, pattern) = (Some("new".to_owned()), "*/b".to_owned());
    assert_eq!(changes, [Change::CreateConnectionRoute { name, pattern, direction: Direction::In }]);
    for (wrong, why) in [
        (vec![("direction", text("in"))], "Pattern field is required"),
        (vec![("pattern", text("./")), ("direction", text("in"))], "Pattern must be a non-empty string type"),
        (vec![("pattern", text("a"))], "Missing value for 'direction'"),
        (vec![("pattern", text("a")), ("direction", text("bad"))], "wrong value"),
        (vec![("pattern", Value::Int(7)), ("direction", text("in"))], "wrong value"),
        (vec![("pattern", text("a")), ("direction", text("in")), ("name", text("mine"))], "conflicts"),
        (vec![("pattern", text("a")), ("direction", text("in")), ("containerId", text("x"))], "cannot set"),
        (vec![("prefix", text("a")), ("direction", text("in"))], "unknown attribute"),
    ] {
        let (answer, changes) = create(of, &wrong);
        assert_eq!((answer.status, changes.len()), (400, 0), "{wrong:?}");
        assert!(answer.description.contains(why), "{}", answer.description);
    }
}

#[test]
fn an_auto_link_is_created_unless_it_contradicts_itself() {
    let of = "router.config.autoLink";
    let good = [("addr", text("q")), ("dir", text("out")), ("containerId", text("brk")), ("externalAddr", text("Q"))];
    let (answer, changes) = create(of, &good);
    assert_eq!(
        (answer.status, answer.get("identity"), answer.get("operStatus"), answer.get("name")),
        (201, &text("44"), &text("attaching"), &text("autoLink/0"))
    );
    let [Change::CreateAutoLink(attributes)] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!((attributes.text("address"), attributes.text("direction")), (Some("q"), Some("out")));
    assert_eq!((attributes.text("externalAddress"), attributes.text("containerId")), (Some("Q"), Some("brk")));
    let mut wrong = vec![
        vec![("address", text("q")), ("connection", text("broker"))],
        vec![("direction", text("in")), ("connection", text("broker"))],
        vec![("address", text("q")), ("direction", text("in"))],
    ];
    for more in [
        ("containerId", text("brk")),
        ("name", text("in")),
        ("phase", Value::Int(10)),
        ("direction", text("both")),
        ("lastError", text("none")),
    ] {
        wrong.push(vec![("address", text("q")), ("direction", text("in")), ("connection", text("broker")), more]);
    }
    for body in wrong {
        let (answer, changes) = create(of, &body);
        assert_eq!((answer.status, changes.len()), (400, 0), "{body:?}");
    }
}

#[test]
fn the_levels_of_a_module_are_updated_and_read_again() {
    let log = [("type", "log"), ("name", "log/DEFAULT")];
    // what is given as it is does no harm
    let (answer, changes) = update(&log, &[("enable", text("debug+")), ("module", text("DEFAULT"))]);
    assert_eq!((answer.status, answer.get("enable")), (200, &text("debug+")), "{answer:?}");
    assert_eq!(changes, [Change::UpdateLog { module: "DEFAULT", enable: "debug+".into() }]);
    let (answer, changes) = update(&[("identity", "log/DEFAULT")], &[("enable", Value::Null)]);
    assert_eq!(
        (answer.status, changes),
        (200, vec![Change::UpdateLog { module: "DEFAULT", enable: "default".into() }])
    );
    let (answer, changes) = update(&log, &[("enable", text("info+"))]);
    assert_eq!((answer.status, answer.get("enable"), changes.len()), (200, &text("info+"), 0));
    for (body, status) in [
        (vec![("module", text("SERVER"))], 400),
        (vec![("nosuch", text("x"))], 400),
        (vec![("enable", Value::List(Vec::new()))], 400),
        (vec![("outputFile", text("/tmp/x"))], 501),
    ] {
        let (answer, changes) = update(&log, &body);
        assert_eq!((answer.status, changes.len()), (status, 0), "{body:?}: {answer:?}");
    }
    assert_eq!(update(&[("type", "log"), ("name", "log/NOSUCH")], &[("enable", text("info+"))]).0.status, 404);
    assert_eq!(update(&[("type", LISTENER), ("name", "clients")], &[("port", text("1"))]).0.status, 501);
    assert_eq!(change(&[word("operation", "UPDATE"), word("type", "log")], Value::Null).0.status, 400);
}

#[test]
fn a_connection_is_deleted_by_its_admin_status_alone() {
    let one = [("type", "connection"), ("identity", "1")];
    let (answer, changes) = update(&one, &[("adminStatus", text("deleted"))]);
    assert_eq!((answer.status, answer.get("adminStatus")), (200, &text("deleted")));
    assert_eq!((answer.get("operStatus"), changes), (&text("closing"), vec![Change::DropConnection(1)]));
    let (answer, changes) = update(&one, &[("adminStatus", text("enabled"))]);
    assert_eq!((answer.status, changes.len()), (200, 0));
    let (answer, changes) = update(&one, &[("adminStatus", text("deleted")), ("host", text("elsewhere"))]);
    assert_eq!((answer.status, changes.len()), (400, 0));
    for body in [vec![("adminStatus", text("down"))], vec![("adminStatus", Value::Int(7))], vec![]] {
        let (answer, changes) = update(&one, &body);
        assert_eq!((answer.status, changes.len()), (400, 0), "{body:?}");
    }
    // to the reference whoever is not there is a bad request
    let nobody = [("type", "connection"), ("identity", "77")];
    assert_eq!(update(&nobody, &[("adminStatus", text("deleted"))]).0.status, 400);
}

#[test]
fn the_frames_of_a_connection_are_not_logged_and_whoever_asks_hears_it() {
    let one = [("type", "connection"), ("identity", "1")];
    for on in [Value::Bool(true), text("yes")] {
        let (answer, changes) = update(&one, &[("enableProtocolTrace", on)]);
        assert_eq!((answer.status, changes.len()), (501, 0));
        assert!(answer.description.contains("does not log frames"), "{}", answer.description);
    }
    for off in [Value::Bool(false), text("no")] {
        let (answer, changes) = update(&one, &[("enableProtocolTrace", off)]);
        assert_eq!((answer.status, changes.len()), (200, 0));
        assert_eq!(answer.get("enableProtocolTrace"), &Value::Bool(false));
    }
    // nothing is deleted on the way
    let both = [("adminStatus", text("deleted")), ("enableProtocolTrace", Value::Bool(true))];
    assert_eq!((update(&one, &both).0.status, update(&one, &both).1.len()), (501, 0));
    let (answer, changes) = update(&one, &[("enableProtocolTrace", text("perhaps"))]);
    assert_eq!((answer.status, changes.len()), (400, 0));
}

#[test]
fn connections_between_routers_are_not_deleted() {
    for role in ["inter-router", "edge"] {
        let mut known = facts();
        known.connections[0].role = role;
        let properties = [word("operation", "UPDATE"), word("type", "connection"), word("identity", "1")];
        let bytes = request(&properties, map(&[("adminStatus", text("deleted"))]));
        let Step::Gather(pending) = Agent::new(1 << 16).begin(&bytes, Access::Full) else { panic!("no facts wanted") };
        let Step::Reply(reply) = pending.facts(&known) else { panic!("a change") };
        assert_eq!(sample::decode(&reply).status, 403);
    }
}

#[test]
fn a_reload_is_applied_unless_only_its_plan_is_asked_for() {
    let reload = |more: &[(&'static str, SimpleValue)]| {
        let mut properties = vec![word("operation", "RELOAD")];
        properties.extend_from_slice(more);
        run(&request(&properties, Value::Null), Access::Full, |change, _| panic!("{change:?}")).unwrap()
    };
    assert_eq!(items(reload(&[]).get("plan")), [text("Apply")]);
    assert_eq!(items(reload(&[("dryRun", SimpleValue::Bool(false))]).get("plan")), [text("Apply")]);
    assert_eq!(items(reload(&[("dryRun", SimpleValue::Bool(true))]).get("plan")), [text("Plan")]);
    assert_eq!(reload(&[word("dryRun", "yes")]).status, 400);
    let bytes = request(&[word("operation", "RELOAD")], Value::Null);
    let Step::Reload(reloading, _) = Agent::new(1 << 16).begin(&bytes, Access::Full) else { panic!("no reload") };
    let Step::Reply(reply) = reloading.done(Err("two problems".into())) else { panic!("no reply") };
    let answer = sample::decode(&reply);
    assert_eq!((answer.status, answer.get("problems")), (400, &text("two problems")));
}

#[test]
fn what_can_be_created_is_deleted_and_nothing_else() {
    let delete = |of: &str, key: &'static str, value: &str| {
        let (answer, changes) = change(&[word("operation", "DELETE"), word("type", of), word(key, value)], map(&[]));
        (answer.status, changes)
    };
    assert_eq!(delete("listener", "name", "clients"), (204, vec![Change::DeleteListener("clients".into())]));
    let identity = "connector/broker.example.com:5672:broker";
    assert_eq!(delete("connector", "identity", identity), (204, vec![Change::DeleteConnector("broker".into())]));
    assert_eq!(delete("router.config.address", "identity", "8"), (204, vec![Change::DeleteAddress(8)]));
    assert_eq!(delete("router.config.linkRoute", "identity", "12"), (204, vec![Change::DeleteLinkRoute(12)]));
    let of = "router.connection.linkRoute";
    assert_eq!(delete(of, "name", "mine"), (204, vec![Change::DeleteConnectionRoute(13)]));
    assert_eq!(delete(of, "name", "of another connection"), (404, vec![]));
    assert_eq!(delete("router.config.autoLink", "name", "in"), (204, vec![Change::DeleteAutoLink(9)]));
    assert_eq!(delete("sslProfile", "name", "server"), (204, vec![Change::DeleteTls("server".into())]));
    assert_eq!(delete("authServicePlugin", "name", "sso"), (204, vec![Change::DeleteAuthService("sso".into())]));
    assert_eq!(delete("connection", "identity", "1"), (501, vec![]));
    assert_eq!(delete("listener", "name", "broker"), (400, vec![]));
    assert_eq!(delete("listener", "name", "nosuch"), (404, vec![]));
}

#[test]
fn a_refusal_of_the_router_reaches_the_peer() {
    let bytes = request(&[word("operation", "DELETE"), word("type", LISTENER), word("name", "clients")], map(&[]));
    let Step::Gather(pending) = Agent::new(1 << 16).begin(&bytes, Access::Full) else { panic!("no facts wanted") };
    let Step::Change(changing, _) = pending.facts(&facts()) else { panic!("no change wanted") };
    let Step::Reply(reply) = changing.changed(Err(Refused::Failed("the port is taken".into()))) else { panic!("none") };
    let answer = sample::decode(&reply);
    assert_eq!((answer.status, answer.description.as_str()), (500, "the port is taken"));
}

#[test]
fn the_correlation_is_that_of_the_request() {
    let application = || {
        let mut properties = serde_amqp::primitives::OrderedMap::new();
        properties.insert("operation".to_owned(), SimpleValue::String("GET-TYPES".into()));
        Some(ApplicationProperties(properties))
    };
    let answered = |correlation: Option<&str>, id: Option<u64>| {
        let head = Properties {
            reply_to: Some(REPLY_TO.into()),
            correlation_id: correlation.map(|text| MessageId::String(text.into())),
            message_id: id.map(MessageId::Ulong),
            ..Properties::default()
        };
        run(&encode(Some(head), application(), Value::Null), Access::Read, |_, _| ()).unwrap().correlation
    };
    assert_eq!(answered(Some("C1"), Some(7)), Some(MessageId::String("C1".into())));
    assert_eq!(answered(None, Some(7)), Some(MessageId::Ulong(7)));
    assert_eq!(answered(None, None), None);
}

#[test]
fn nobody_is_answered_without_a_reply_to() {
    let head = Properties { correlation_id: Some(MessageId::Ulong(1)), ..Properties::default() };
    for bytes in [encode(Some(head), None, Value::Null), encode(None, None, Value::Null), Vec::new()] {
        assert!(run(&bytes, Access::Full, |_, _| panic!("a change")).is_none());
    }
}

#[test]
fn a_long_request_is_refused() {
    let bytes = request(&[word("operation", "QUERY")], text(&"x".repeat(1 << 16)));
    let answer = run(&bytes, Access::Full, |_, _| ()).unwrap();
    assert_eq!((answer.status, answer.correlation), (400, Some(MessageId::Ulong(1))));
}

#[test]
fn deep_nesting_is_refused() {
    let mut body = Value::Null;
    for _ in 0..100 {
        body = Value::List(vec![body]);
    }
    let bytes = request(&[word("operation", "QUERY")], body);
    assert_eq!(run(&bytes, Access::Full, |_, _| ()).unwrap().status, 400);
    let mut open = map(&[]);
    for _ in 0..20 {
        open = map(&[("deeper", open)]);
    }
    assert_eq!(create(LISTENER, &[("openProperties", open)]).0.status, 400);
}

#[test]
fn a_waiting_request_may_change_threads() {
    fn sent<T: Send>() {}
    sent::<crosstie_manage::Pending>();
    sent::<crosstie_manage::Changing>();
    sent::<Step>();
}

proptest! {
    #[test]
    fn no_bytes_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), access in prop::bool::ANY) {
        let access = if access { Access::Full } else { Access::Read };
        run(&bytes, access, |_, _| ());
    }

    /// A good request with some bytes of it changed.
    #[test]
    fn no_damaged_request_harms(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        operation in prop::sample::select(vec!["QUERY", "READ", "CREATE", "DELETE", "GET-TYPES"]),
    ) {
        let body = map(&[("attributeNames", Value::List(vec![text("name")])), ("port", Value::Int(1))]);
        let mut bytes = request(&[word("operation", operation), word("type", LISTENER), word("name", "clients")], body);
        for (at, byte) in damage {
            *at.get_mut(&mut bytes) = byte;
        }
        run(&bytes, Access::Full, |change, facts| apply(&change, facts));
    }
}
