//! A plugin that decides about addresses by a table: what they stand for, which way their messages may go, and whose they are. Exact
//! entries go before prefixes, and the longest prefix before others.

mod access;
mod names;
mod tenant;

use crosstie_plugin::address::{Answer, Denial, Occasion, Request, Ruling, Scope, Treatment, usable};
use crosstie_plugin::config::Millis;
use crosstie_plugin::{Node, Plugin, Problems, Refusal, plugin, reads};

use crate::access::Access;
use crate::names::{Name, Names};
use crate::tenant::Tenants;

/// What becomes of addresses.
const ACTIONS: [&str; 3] = ["rewrite", "carry", "deny"];

/// The table, as configured.
#[derive(Debug, Clone, PartialEq)]
pub struct AddressTable {
    actions: Names<Action>,
    access: Names<Access>,
    tenants: Option<Tenants>,
    denial: Refusal,
    ttl_ms: u32,
}

#[derive(Debug, Clone, PartialEq)]
enum Action {
    /// To this address, or with this in place of the prefix.
    Rewrite(String),
    /// The link to a connection of this name.
    Carry(String),
    Deny(Refusal),
}

impl Plugin for AddressTable {
    const READS: &'static [&'static str] =
        reads!(address: address, occasion, direction, peer.user, peer.mechanism, peer.vhost, peer.attributes);

    fn configure(config: &Node) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let known = [&ACTIONS[..], &access::NODES, &["tenant", "denial", "ttl"]].concat();
        config.expect_children(&known, &mut problems);
        let built_in = Refusal::new("amqp:not-allowed", "address not allowed");
        let denial = problems.keep(Refusal::from_child(config, "denial", &built_in)).unwrap_or(built_in);
        let ttl = problems.optional(config.child_argument::<Millis>("ttl"));
        let tenant = problems.optional(config.child("tenant")).map(Tenants::read);
        let (mut actions, mut access) = (Names::default(), Names::default());
        for node in config.children() {
            if ACTIONS.contains(&node.name())
                && let Some((name, action)) = problems.keep(Action::read(node, &denial))
            {
                actions.add(node, name, action, &mut problems);
            }
            if access::NODES.contains(&node.name())
                && let Some((name, way)) = problems.keep(Access::read(node, &denial))
            {
                access.add(node, name, way, &mut problems);
            }
        }
        let tenants = tenant.and_then(|tenant| problems.keep(tenant));
        problems.or(Self { actions, access, tenants, denial, ttl_ms: ttl.map_or(60_000, |ttl| ttl.0) })
    }

    fn on_address(&mut self, request: &Request<'_>) -> Option<Answer> {
        match self.rule(request) {
            Ok(None) => None,
            Ok(Some((address, treatment))) => Some(Answer::Apply(Ruling {
                address,
                treatment,
                ttl_ms: Some(self.ttl_ms),
                shared_by: Some(self.scope()),
                ..Ruling::default()
            })),
            Err(refusal) => {
                let (ttl_ms, shared_by) = (Some(self.ttl_ms), Some(self.scope()));
                Some(Answer::Deny(Denial { refusal, ttl_ms, shared_by }))
            }
        }
    }
}

/// The address that takes the place of what a peer names, and what the link is carried to.
type Verdict = (Option<String>, Option<Treatment>);

impl AddressTable {
    fn rule(&self, request: &Request<'_>) -> Result<Option<Verdict>, Refusal> {
        let named = request.address;
        let prefix = match &self.tenants {
            Some(tenants) => tenants.prefix(request.peer.as_ref()).map_err(|why| self.denial.clone().with_note(why))?,
            None => None,
        };
        let (rewritten, treatment) = match self.actions.find(named) {
            Some((Action::Rewrite(to), rest)) => (Some(format!("{to}{rest}")), None),
            // a message is carried nowhere
            Some((Action::Carry(to), _)) if request.occasion != Some(Occasion::Anonymous) => {
                (None, Some(Treatment::LinkRoute(to.clone())))
            }
            Some((Action::Deny(refusal), _)) => return Err(refusal.clone()),
            Some((Action::Carry(_), _)) | None => (None, None),
        };
        let becomes = match &rewritten {
            Some(address) => usable(address).ok_or_else(|| no_address("the table"))?,
            None => named,
        };
        if let Some((Action::Deny(refusal), _)) = self.actions.find(becomes) {
            return Err(refusal.clone());
        }
        // by whatever name it is reached
        for name in [named, becomes] {
            if let Some(refusal) = self.access.find(name).and_then(|(access, _)| access.refuses(request.direction)) {
                return Err(refusal.clone());
            }
        }
        let Some(prefix) = prefix else {
            return Ok((rewritten.is_some() || treatment.is_some()).then_some((rewritten, treatment)));
        };
        let whole = format!("{prefix}{becomes}");
        // nothing of its own leads a name elsewhere, and no other form of it past the table
        if usable(&whole) != Some(whole.as_str()) {
            return Err(no_address("its tenant"));
        }
        Ok(Some((Some(whole), treatment)))
    }

    /// What depends on nobody holds for every peer.
    fn scope(&self) -> Scope {
        self.tenants.as_ref().map_or(Scope::Everyone, Tenants::scope)
    }
}

/// A bad answer would be a failure of the plugin, which any peer could cause.
fn no_address(by: &str) -> Refusal {
    Refusal::new("amqp:invalid-field", "the address is too long, names nothing, or has a form that it should not")
        .with_note(format!("with what {by} puts in front"))
}

impl Action {
    fn read(node: &Node, denial: &Refusal) -> Result<(Name, Self), Problems> {
        match node.name() {
            "rewrite" => Self::rewrite(node),
            "carry" => Self::carry(node),
            _ => Self::deny(node, denial),
        }
    }

    fn rewrite(node: &Node) -> Result<(Name, Self), Problems> {
        let mut problems = Problems::default();
        node.expect_leaf(&["prefix", "to"], &mut problems);
        let name = problems.keep(Name::read(node));
        let to = problems.keep(node.property::<String>("to"));
        if to == Some(None) {
            let error = node.error("`rewrite` needs `to`");
            problems.push(error.with_hint("as in `rewrite \"orders\" to=\"eu/orders\"`"));
        }
        if let (Some(name), Some(Some(to))) = (&name, &to) {
            let sample = if name.is_prefix { format!("{to}x") } else { to.clone() };
            if usable(&sample).is_none() {
                let error = node.error(format!("no address can become `{to}`"));
                problems.push(error.with_hint("1 to 2048 bytes without control characters, and no `$` or `_` first"));
            }
        }
        problems.or((name.unwrap_or_default(), Self::Rewrite(to.flatten().unwrap_or_default())))
    }

    fn carry(node: &Node) -> Result<(Name, Self), Problems> {
        let mut problems = Problems::default();
        node.expect_leaf(&["prefix", "to"], &mut problems);
        let name = problems.keep(Name::read(node)).unwrap_or_default();
        let to = problems.keep(node.property::<String>("to"));
        if to.as_ref().is_some_and(|to| to.as_ref().is_none_or(String::is_empty)) {
            let error = node.error("`carry` needs `to`, the name of a listener or connector");
            problems.push(error.with_hint("as in `carry prefix=\"jobs/\" to=\"broker\"`"));
        }
        problems.or((name, Self::Carry(to.flatten().unwrap_or_default())))
    }

    fn deny(node: &Node, denial: &Refusal) -> Result<(Name, Self), Problems> {
        let mut problems = Problems::default();
        node.expect_leaf(&["prefix", "condition", "description"], &mut problems);
        let name = problems.keep(Name::read(node)).unwrap_or_default();
        let refusal = problems.keep(Refusal::from_node(node, denial)).unwrap_or_else(|| denial.clone());
        let refusal = refusal.with_note(name.told());
        problems.or((name, Self::Deny(refusal)))
    }
}

plugin!(AddressTable: address);

#[cfg(test)]
mod tests {
    use crosstie_plugin::address::Direction;
    use crosstie_plugin::peer::{Attribute, Peer};

    use super::*;

    fn table(nodes: impl IntoIterator<Item = Node>) -> AddressTable {
        AddressTable::configure(&Node::config(nodes)).unwrap()
    }

    fn ask(table: &AddressTable, address: &str) -> Option<Answer> {
        table.clone().on_address(&Request { address, ..Request::default() })
    }

    fn rewritten(table: &AddressTable, address: &str) -> Option<String> {
        match ask(table, address)? {
            Answer::Apply(ruling) => ruling.address,
            Answer::Deny(denial) => Some(format!("denied: {}", denial.refusal.description)),
        }
    }

    fn rewrite(from: &str, to: &str) -> Node {
        Node::new("rewrite").with_argument(from).with_property("to", to)
    }

    fn rewrite_prefix(prefix: &str, to: &str) -> Node {
        Node::new("rewrite").with_property("prefix", prefix).with_property("to", to)
    }

    fn deny_prefix(prefix: &str) -> Node {
        Node::new("deny").with_property("prefix", prefix)
    }

    #[test]
    fn an_exact_entry_goes_before_prefixes_and_the_longest_prefix_before_others() {
        let table = table([
            rewrite_prefix("a", "1:"),
            rewrite_prefix("a/b/", "2:"),
            rewrite_prefix("a/c", "3:"),
            rewrite("a/b/c", "exact"),
            deny_prefix("a/b/secret"),
        ]);
        for (address, expected) in [
            ("a/b/c", Some("exact")),
            ("a/b/c/d", Some("2:c/d")),
            ("a/b/", Some("2:")),
            ("a/b", Some("1:/b")),
            ("a/bb", Some("1:/bb")),
            ("a/b/secrets", Some("denied: address not allowed")),
            ("a/z", Some("1:/z")),
            ("b", None),
            ("", None),
        ] {
            assert_eq!(rewritten(&table, address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn links_are_carried_and_messages_are_not() {
        let mut table = table([Node::new("carry").with_property("prefix", "jobs/").with_property("to", "broker")]);
        let mut on = |occasion| table.on_address(&Request { address: "jobs/a", occasion, ..Request::default() });
        let Some(Answer::Apply(ruling)) = on(Some(Occasion::Attach)) else { panic!() };
        assert_eq!((ruling.treatment, ruling.address), (Some(Treatment::LinkRoute("broker".to_owned())), None));
        assert_eq!(on(Some(Occasion::Anonymous)), None);
        let without = Node::new("carry").with_argument("jobs");
        let problems = AddressTable::configure(&Node::config([without])).unwrap_err();
        assert!(problems.errors()[0].message.starts_with("`carry` needs `to`"));
    }

    #[test]
    fn a_prefix_may_be_taken_away() {
        let table = table([rewrite_prefix("legacy/", "")]);
        assert_eq!(rewritten(&table, "legacy/orders").as_deref(), Some("orders"));
    }

    #[test]
    fn an_answer_holds_for_everyone_for_a_while() {
        let nodes = |ttl: Option<&str>| {
            let ttl = ttl.map(|ttl| Node::new("ttl").with_argument(ttl));
            ttl.into_iter().chain([rewrite("a", "b")])
        };
        for (ttl, expected) in [(None, 60_000), (Some("5s"), 5000), (Some("0s"), 0)] {
            let Some(Answer::Apply(ruling)) = ask(&table(nodes(ttl)), "a") else { panic!("not rewritten") };
            assert_eq!(ruling.ttl_ms, Some(expected));
            assert_eq!(ruling.shared_by, Some(Scope::Everyone));
        }
    }

    #[test]
    fn a_refusal_says_what_the_entry_says_and_else_what_denial_says() {
        let table = table([
            Node::new("denial").with_property("description", "ask the operator"),
            Node::new("deny").with_argument("a").with_property("condition", "acme:no"),
            deny_prefix("b/"),
        ]);
        for (address, condition, note) in [("a", "acme:no", "address `a`"), ("b/c", "amqp:not-allowed", "prefix `b/`")]
        {
            let Some(Answer::Deny(denial)) = ask(&table, address) else { panic!("{address} is not denied") };
            let expected = Refusal::new(condition, "ask the operator").with_note(note);
            assert_eq!(denial.refusal, expected);
        }
    }

    fn access(node: &str, name: &str) -> Node {
        Node::new(node).with_argument(name)
    }

    fn access_prefix(node: &str, prefix: &str) -> Node {
        Node::new(node).with_property("prefix", prefix)
    }

    fn refused(table: &AddressTable, address: &str, direction: Direction) -> Option<Refusal> {
        let request = Request { address, direction: Some(direction), ..Request::default() };
        match table.clone().on_address(&request) {
            Some(Answer::Deny(denial)) => Some(denial.refusal),
            _ => None,
        }
    }

    #[test]
    fn messages_go_the_way_that_is_open() {
        let table = table([
            access_prefix("read-only", "prices/"),
            access("write-only", "prices/in"),
            access_prefix("read-write", "prices/desk/"),
            access_prefix("write-only", "audit/").with_property("description", "for auditors alone"),
            Node::new("denial").with_property("condition", "acme:no").with_property("description", "ask the operator"),
        ]);
        let (sent, received) = ("nothing may be sent to this address", "nothing may be received from this address");
        let auditors = "for auditors alone";
        for (address, direction, expected) in [
            ("prices/gold", Direction::Inbound, Some((sent, "read-only prefix `prices/`"))),
            ("prices/gold", Direction::Outbound, None),
            ("prices/in", Direction::Outbound, Some((received, "write-only address `prices/in`"))),
            ("prices/in", Direction::Inbound, None),
            ("prices/desk/1", Direction::Inbound, None),
            ("prices/desk/1", Direction::Outbound, None),
            ("audit/1", Direction::Outbound, Some((auditors, "write-only prefix `audit/`"))),
            ("audit/1", Direction::Inbound, None),
            ("prices", Direction::Inbound, None),
        ] {
            let expected = expected.map(|(description, note)| Refusal::new("acme:no", description).with_note(note));
            assert_eq!(refused(&table, address, direction), expected, "{address} {direction:?}");
        }
    }

    #[test]
    fn another_name_opens_no_other_way() {
        let table = table([
            rewrite("quotes", "prices"),
            access("read-only", "prices"),
            rewrite("old", "audit"),
            access("write-only", "old"),
        ]);
        for address in ["quotes", "prices"] {
            assert!(refused(&table, address, Direction::Inbound).is_some(), "{address}");
        }
        assert!(refused(&table, "old", Direction::Outbound).is_some());
        assert!(refused(&table, "audit", Direction::Outbound).is_none());
        assert_eq!(rewritten(&table, "quotes").as_deref(), Some("denied: nothing may be sent to this address"));
    }

    fn tenant(by: &str) -> Node {
        Node::new("tenant").with_property("by", by)
    }

    /// The address and who it is carried to; else what a refusal notes.
    fn of_peer(table: &AddressTable, peer: Peer<'_>, address: &str) -> Result<(Option<String>, bool), String> {
        let request = Request { address, peer: Some(peer), direction: Some(Direction::Inbound), ..Request::default() };
        match table.clone().on_address(&request) {
            None => Ok((None, false)),
            Some(Answer::Apply(ruling)) => Ok((ruling.address, ruling.treatment.is_some())),
            Some(Answer::Deny(denial)) => Err(denial.refusal.note.unwrap_or_default()),
        }
    }

    fn user(user: &str) -> Peer<'_> {
        Peer { user: Some(user), ..Peer::default() }
    }

    #[test]
    fn a_tenant_has_addresses_below_its_prefix() {
        let whole = |address: &str| Ok((Some(address.to_owned()), false));
        let by_user = table([tenant("user")]);
        assert_eq!(of_peer(&by_user, user("alice"), "q"), whole("alice/q"));
        let by_host = table([tenant("vhost").with_property("prefix", "hosts.{}.")]);
        let at_host = |vhost| Peer { vhost: Some(vhost), ..Peer::default() };
        assert_eq!(of_peer(&by_host, at_host("a/b"), "q"), whole("hosts.a/b.q"));
        assert_eq!(of_peer(&by_host, at_host("a.example"), "q"), Err("no tenant: the peer's vhost has a `.`".into()));
        let by_team = table([tenant("attribute:team").with_property("otherwise", "share")]);
        let attributes = vec![Attribute { key: "team", val: "blue" }];
        let of_team = Peer { attributes, ..Peer::default() };
        assert_eq!(of_peer(&by_team, of_team.clone(), "q"), whole("blue/q"));
        assert_eq!(of_peer(&by_team, user("alice"), "q"), Ok((None, false)));
        let scope = |table: &AddressTable, peer| {
            let request = Request { address: "q", peer: Some(peer), ..Request::default() };
            let Some(Answer::Apply(ruling)) = table.clone().on_address(&request) else { panic!() };
            ruling.shared_by
        };
        assert_eq!(scope(&by_team, of_team), Some(Scope::Attributes));
        assert_eq!(scope(&by_user, user("alice")), Some(Scope::Connection));
    }

    #[test]
    fn whoever_has_no_tenant_has_no_address() {
        let table = table([tenant("user"), Node::new("denial").with_property("description", "log in")]);
        let anonymous = Peer { mechanism: Some("ANONYMOUS"), ..user("anonymous") };
        for peer in [Peer::default(), user(""), anonymous] {
            assert_eq!(of_peer(&table, peer, "q"), Err("no tenant: the peer has no user".to_owned()));
        }
        let Some(Answer::Deny(denial)) = ask(&table, "q") else { panic!("not denied") };
        assert_eq!((&*denial.refusal.condition, &*denial.refusal.description), ("amqp:not-allowed", "log in"));
    }

    #[test]
    fn the_table_is_of_the_names_that_a_tenant_writes() {
        let table = table([
            tenant("user"),
            rewrite("old", "new"),
            deny_prefix("secret/"),
            access("write-only", "in"),
            access("read-only", "new"),
            Node::new("carry").with_property("prefix", "jobs/").with_property("to", "broker"),
        ]);
        assert_eq!(of_peer(&table, user("a"), "secret/x"), Err("prefix `secret/`".to_owned()));
        assert_eq!(of_peer(&table, user("a"), "old"), Err("read-only address `new`".to_owned()));
        assert_eq!(of_peer(&table, user("a"), "in"), Ok((Some("a/in".to_owned()), false)));
        // in the container too they are the tenant's own
        assert_eq!(of_peer(&table, user("a"), "jobs/1"), Ok((Some("a/jobs/1".to_owned()), true)));
        let message = Request {
            address: "jobs/1",
            occasion: Some(Occasion::Anonymous),
            peer: Some(user("a")),
            ..Request::default()
        };
        let Some(Answer::Apply(ruling)) = table.clone().on_address(&message) else { panic!() };
        assert_eq!((ruling.address.as_deref(), ruling.treatment), (Some("a/jobs/1"), None));
    }

    #[test]
    fn no_name_leads_out_of_a_tenant_and_none_is_a_bad_answer() {
        let longest = "x".repeat(2046);
        let tables = [
            table([tenant("user")]),
            table([tenant("user").with_property("prefix", "t.{}:")]),
            table([rewrite_prefix("legacy/", ""), rewrite_prefix("a", "aaaa")]),
        ];
        let users = ["a", "b", "a/b", "amqp:", "amqp:/", "$a", "_a", "a\u{1}", "/", ":", "amqp://h"];
        let names = ["q", "a/q", "b/q", "/q", "//h/b/q", "amqp:/b/q", ".", "legacy/$x", "legacy/.", &longest];
        let mut whose = std::collections::BTreeMap::new();
        for (number, table) in tables.iter().enumerate() {
            for (of, name) in users.iter().flat_map(|of| names.iter().map(move |name| (*of, *name))) {
                let Ok((Some(address), _)) = of_peer(table, user(of), name) else { continue };
                let reached = usable(&address).unwrap_or_else(|| panic!("{address:?} is a bad answer"));
                if number < 2 {
                    let other = whose.insert((number, reached.to_owned()), of);
                    assert!(other.is_none_or(|other| other == of), "{reached} is of {of} and of {other:?}");
                }
            }
        }
        assert!(whose.len() > 20, "{whose:?}");
        assert_eq!(of_peer(&tables[0], user("abc"), &longest), Err("with what its tenant puts in front".to_owned()));
        assert_eq!(of_peer(&tables[2], user("a"), "legacy/$x"), Err("with what the table puts in front".to_owned()));
    }

    #[test]
    fn what_makes_no_table_is_told() {
        let message = |node: Node| {
            let problems = AddressTable::configure(&Node::config([node])).unwrap_err();
            problems.errors().iter().map(|error| error.message.clone()).collect::<Vec<_>>().join("; ")
        };
        let prefix = |text: &str| tenant("user").with_property("prefix", text);
        for (node, expected) in [
            (Node::new("tenant"), "`tenant` needs `by`, one of the three"),
            (tenant("group"), "`tenant` needs `by`, one of the three"),
            (tenant("attribute:"), "`tenant` needs `by`, one of the three"),
            (prefix("tenants/"), "`tenants/` is no prefix of tenants"),
            (prefix("{}"), "`{}` is no prefix of tenants"),
            (prefix("{}/{}/"), "`{}/{}/` is no prefix of tenants"),
            (prefix("_{}/"), "`_{}/` is no prefix of tenants"),
            (prefix("/{}/"), "`/{}/` is no prefix of tenants"),
            (tenant("user").with_property("otherwise", "ask"), "`otherwise` is `deny` or `share`, not `ask`"),
            (tenant("user").with_argument("x"), "`tenant` takes no argument"),
            (access("read-only", "/prices"), "no address that is asked about is `/prices`"),
            (access_prefix("write-only", "amqp:/a"), "no address that is asked about is `amqp:/a`"),
            (
                access("read-write", "a").with_property("condition", "a:b"),
                "unknown property `condition` of `read-write`",
            ),
            (Node::new("read-only"), "`read-only` takes an address or a prefix"),
            (rewrite("a", "$management"), "no address can become `$management`"),
            (rewrite_prefix("a", "_topo/"), "no address can become `_topo/`"),
        ] {
            assert_eq!(message(node.clone()), expected, "{node:?}");
        }
        let both = [access("read-only", "a"), access("write-only", "a"), tenant("user"), tenant("vhost")];
        let problems = AddressTable::configure(&Node::config(both)).unwrap_err();
        let mut paths: Vec<_> = problems.errors().iter().map(|error| error.path.clone()).collect();
        paths.sort();
        assert_eq!(paths, [[1], [3]]);
    }

    #[test]
    fn every_problem_stands_at_its_node() {
        let config = Node::config([
            rewrite("a", "b"),
            rewrite("a", "c"),
            Node::new("rewrite").with_argument("d"),
            rewrite("e", ""),
            deny_prefix(""),
            Node::new("deny").with_argument("f").with_property("prefix", "f"),
            Node::new("dney").with_argument("g"),
            Node::new("ttl").with_argument(60),
            Node::new("deny").with_argument(1),
        ]);
        let problems = AddressTable::configure(&config).unwrap_err();
        let mut paths: Vec<_> = (problems.errors().iter()).map(|error| error.path.clone()).collect();
        paths.sort();
        let expected: [&[u32]; 8] = [&[1], &[2], &[3], &[4], &[5], &[6], &[7], &[8]];
        assert_eq!(paths, expected);
    }
}
