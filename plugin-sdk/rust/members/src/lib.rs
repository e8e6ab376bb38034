//! Lets in members, by name, and whoever comes from some networks; counts and limits the others. Without `std`.
#![no_std]

extern crate alloc;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crosstie_plugin::connection::{Answer, Grant, Limits, Quota, Request};
use crosstie_plugin::{InfoValue, Node, Plugin, Problems, Refusal, host, plugin, reads};

/// In the order of the file.
#[derive(Debug)]
pub struct Members(Vec<Rule>);

#[derive(Debug)]
enum Rule {
    Member {
        user: String,
        /// That may be open.
        connections: Option<u32>,
        tenant: Option<String>,
    },
    /// Whoever has an address that begins so.
    From(String),
}

impl Plugin for Members {
    const READS: &'static [&'static str] = reads!(connection: peer.user, peer.ip);

    fn configure(config: &Node) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        config.expect_children(&["member", "from"], &mut problems);
        let rules = config.children().iter().filter_map(|node| match node.name() {
            "member" => Some(Rule::member(node)),
            "from" => Some(Rule::from(node)),
            _ => None,
        });
        let rules = problems.keep_all(rules);
        problems.or(Self(rules))
    }

    fn on_connection(&mut self, request: &Request<'_>) -> Option<Answer> {
        let (user, ip) = (request.peer.user, request.peer.ip);
        let granted = self.0.iter().find_map(|rule| rule.grant(user, ip));
        Some(granted.map_or_else(|| Answer::Deny(refuse(ip)), Answer::Allow))
    }
}

impl Rule {
    fn member(node: &Node) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        node.expect_leaf(&["connections", "tenant"], &mut problems);
        let user = problems.keep(node.argument()).unwrap_or_default();
        let connections = problems.optional(node.property("connections"));
        if connections == Some(0) {
            problems.push(node.error("`connections` is 1 at least"));
        }
        let tenant = problems.optional(node.property("tenant"));
        problems.or(Self::Member { user, connections, tenant })
    }

    fn from(node: &Node) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        node.expect_leaf(&[], &mut problems);
        let network = problems.keep(node.argument()).unwrap_or_default();
        problems.or(Self::From(network))
    }

    fn grant(&self, of: Option<&str>, ip: &str) -> Option<Grant> {
        match self {
            Self::Member { user, connections, tenant } => (of == Some(user)).then(|| Grant {
                quotas: connections.iter().map(|max| Quota { key: ["user/", user].concat(), max: *max }).collect(),
                attributes: tenant.iter().map(|tenant| ("tenant".to_owned(), tenant.clone())).collect(),
                note: Some(["member ", user].concat()),
                ..Grant::default()
            }),
            Self::From(network) => ip.starts_with(network).then(|| Grant {
                limits: Some(Limits { links: Some(10), ..Limits::default() }),
                note: Some(["from ", network].concat()),
                ..Grant::default()
            }),
        }
    }
}

fn refuse(ip: &str) -> Refusal {
    host::counter_add("refused", 1);
    let mut refusal = Refusal::new("amqp:unauthorized-access", "members only");
    refusal.note = host::kv_add(["refused/", ip].concat().as_bytes(), 1, 60_000)
        .map(|times| format!("no member, {times} in a minute"));
    refusal.info.push(("address".to_owned(), InfoValue::Text(ip.to_owned())));
    refusal
}

plugin!(Members: connection);
