//! A plugin that admits peers by user, container-id, network and certificate: the first rule that fits decides.

mod network;

use crosstie_plugin::connection::{Answer, Grant, Quota, Request};
use crosstie_plugin::peer::Peer;
use crosstie_plugin::{ConfigError, Node, Pattern, Plugin, Problems, Refusal, plugin, reads};

use crate::network::Network;

/// What says whom a rule is about.
const CONDITIONS: [&str; 5] = ["user", "container-id", "anonymous", "network", "tls-subject"];

/// The rules, as configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Admission {
    rules: Vec<Rule>,
    default: Verdict,
}

/// Whom a rule is about; every condition that is set must hold.
#[derive(Debug, Clone, PartialEq)]
struct Rule {
    user: Option<Pattern>,
    container_id: Option<Pattern>,
    anonymous: Option<bool>,
    network: Option<Network>,
    tls_subject: Option<Pattern>,
    verdict: Verdict,
}

/// What an `allow` grants.
#[derive(Debug, Clone, Default, PartialEq)]
struct Allowance {
    grant: Grant,
    /// Connections of one user that may be open by this rule.
    per_user: Option<u32>,
    /// The same of one address.
    per_host: Option<u32>,
}

impl Allowance {
    fn to(&self, peer: &Peer<'_>) -> Grant {
        let mut grant = self.grant.clone();
        let user = peer.user.unwrap_or_default();
        let quota = |kind: &str, of: &str, max: Option<u32>| max.map(|max| Quota { key: key(kind, of), max });
        grant.quotas.extend(quota("user", user, self.per_user));
        grant.quotas.extend(quota("host", peer.ip, self.per_host));
        grant
    }
}

/// A key of a quota has at most 256 bytes: users that are alike for so long share one.
fn key(kind: &str, of: &str) -> String {
    const MAX_BYTES: usize = 240;
    let end = (0..=MAX_BYTES.min(of.len())).rev().find(|end| of.is_char_boundary(*end)).unwrap_or(0);
    format!("{kind}:{}", &of[..end])
}

#[derive(Debug, Clone, PartialEq)]
enum Verdict {
    Allow(Allowance),
    Deny(Refusal),
    Abstain,
}

impl Plugin for Admission {
    const READS: &'static [&'static str] =
        reads!(connection: peer.user, peer.mechanism, peer.container_id, peer.ip, peer.tls.subject);

    fn configure(config: &Node) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        config.expect_children(&["allow", "deny", "default", "denial"], &mut problems);
        let built_in = Refusal::new("amqp:unauthorized-access", "not admitted");
        let denial = (problems.keep(denial(config, &built_in))).unwrap_or(built_in);
        let default = problems.keep(default(config, &denial));
        let rules = problems.keep_all(
            (config.children().iter())
                .filter(|node| matches!(node.name(), "allow" | "deny"))
                .map(|node| Rule::read(node, &denial)),
        );
        problems.or(Self { rules, default: default.unwrap_or(Verdict::Abstain) })
    }

    fn on_connection(&mut self, request: &Request<'_>) -> Option<Answer> {
        let rule = self.rules.iter().find(|rule| rule.is_about(&request.peer));
        match rule.map_or(&self.default, |rule| &rule.verdict) {
            Verdict::Allow(allowance) => Some(Answer::Allow(allowance.to(&request.peer))),
            Verdict::Deny(refusal) => Some(Answer::Deny(refusal.clone())),
            Verdict::Abstain => None,
        }
    }
}

impl Rule {
    fn read(node: &Node, denial: &Refusal) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        node.expect_no_arguments(&mut problems);
        let verdict = match node.name() {
            "allow" => {
                let known = [&CONDITIONS[..], &["connections-per-user", "connections-per-host"]].concat();
                node.expect_properties(&known, &mut problems);
                problems.keep(allowance(node)).map(Verdict::Allow)
            }
            _ => {
                node.expect_properties(&[&CONDITIONS[..], &["condition", "description"]].concat(), &mut problems);
                node.expect_children(&[], &mut problems);
                (problems.keep(Refusal::from_node(node, denial)))
                    .map(|refusal| Verdict::Deny(refusal.with_note(format!("rule {}", place(node)))))
            }
        };
        let before = problems.errors().len();
        let rule = Self {
            user: problems.keep(node.property("user")).flatten(),
            container_id: problems.keep(node.property("container-id")).flatten(),
            anonymous: problems.keep(node.property("anonymous")).flatten(),
            network: problems.keep(node.property("network")).flatten(),
            tls_subject: problems.keep(node.property("tls-subject")).flatten(),
            verdict: verdict.unwrap_or(Verdict::Abstain),
        };
        let readable = problems.errors().len() == before;
        if readable && rule.is_about_nobody() {
            let error = node.error(format!("`{}` says of nobody", node.name()));
            problems.push(error.with_hint(
                "give `user`, `container-id`, `anonymous`, `network` or `tls-subject`; `default` is for everybody else",
            ));
        }
        problems.or(rule)
    }

    const fn is_about_nobody(&self) -> bool {
        self.user.is_none()
            && self.container_id.is_none()
            && self.anonymous.is_none()
            && self.network.is_none()
            && self.tls_subject.is_none()
    }

    fn is_about(&self, peer: &Peer<'_>) -> bool {
        // A peer that gave no proof of its name is anonymous, whatever user stands for such peers.
        let anonymous = peer.user.is_none() || peer.mechanism == Some("ANONYMOUS");
        let user = |pattern: &Pattern| !anonymous && peer.user.is_some_and(|user| pattern.matches(user));
        self.user.as_ref().is_none_or(user)
            && (self.container_id.as_ref()).is_none_or(|pattern| pattern.matches(peer.container_id))
            && self.anonymous.is_none_or(|wanted| wanted == anonymous)
            && self.network.is_none_or(|network| peer.ip.parse().is_ok_and(|address| network.contains(address)))
            && self.tls_subject.as_ref().is_none_or(|pattern| {
                peer.tls.as_ref().and_then(|tls| tls.subject).is_some_and(|subject| pattern.matches(subject))
            })
    }
}

fn place(node: &Node) -> String {
    let path = node.error("").path;
    path.first().map_or(0, |index| index + 1).to_string()
}

/// The attributes that an `allow` grants, and how many may be open.
fn allowance(node: &Node) -> Result<Allowance, Problems> {
    let mut problems = Problems::default();
    node.expect_children(&["attribute"], &mut problems);
    let attributes =
        problems.keep_all(node.named("attribute").map(|attribute| match attribute.arguments::<String>()?.as_slice() {
            [key, val] => Ok((key.clone(), val.clone())),
            _ => Err(attribute.error("`attribute` takes a key and a value")),
        }));
    let per_user = problems.keep(node.property("connections-per-user")).flatten();
    let per_host = problems.keep(node.property("connections-per-host")).flatten();
    problems.or(Allowance { grant: Grant { attributes, ..Grant::default() }, per_user, per_host })
}

fn denial(config: &Node, built_in: &Refusal) -> Result<Refusal, Problems> {
    let Some(node) = config.child("denial")? else {
        return Ok(built_in.clone());
    };
    let mut problems = Problems::default();
    node.expect_no_arguments(&mut problems);
    node.expect_properties(&["condition", "description"], &mut problems);
    node.expect_children(&[], &mut problems);
    let refusal = problems.keep(Refusal::from_node(node, built_in));
    problems.or(refusal.unwrap_or_else(|| built_in.clone()))
}

/// To allow by default is to have no opinion, so that it needs no answer.
fn default(config: &Node, denial: &Refusal) -> Result<Verdict, ConfigError> {
    let Some(node) = config.child("default")? else {
        return Ok(Verdict::Abstain);
    };
    match node.argument::<&str>()? {
        "allow" => Ok(Verdict::Abstain),
        "deny" => Ok(Verdict::Deny(denial.clone().with_note("default"))),
        other => {
            let error = node.error(format!("`default` takes `allow` or `deny`, not `{other}`"));
            Err(error)
        }
    }
}

plugin!(Admission: connection);

#[cfg(test)]
mod tests {
    use crosstie_plugin::peer::Tls;

    use super::*;

    fn admission(nodes: impl IntoIterator<Item = Node>) -> Admission {
        Admission::configure(&Node::config(nodes)).unwrap()
    }

    fn ask(admission: &Admission, user: Option<&str>, container_id: &str) -> Option<Answer> {
        let peer = Peer { user, mechanism: user.map(|_| "PLAIN"), container_id, ..Peer::default() };
        admission.clone().on_connection(&Request { peer, ..Request::default() })
    }

    fn rule(verdict: &str, key: &str, pattern: &str) -> Node {
        Node::new(verdict).with_property(key, pattern)
    }

    fn is_denied(answer: Option<&Answer>) -> bool {
        matches!(answer, Some(Answer::Deny(_)))
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let admission = admission([
            rule("allow", "user", "guest-7"),
            rule("deny", "user", "guest-*"),
            rule("allow", "container-id", "edge-*"),
            Node::new("default").with_argument("deny"),
        ]);
        for (user, container_id, denied) in [
            ("guest-7", "x", false),
            ("guest-8", "x", true),
            ("guest-8", "edge-1", true),
            ("alice", "edge-1", false),
            ("alice", "x", true),
        ] {
            let answer = ask(&admission, Some(user), container_id);
            assert_eq!(is_denied(answer.as_ref()), denied, "{user} {container_id}");
        }
    }

    #[test]
    fn every_condition_of_a_rule_must_hold() {
        let rule = rule("deny", "user", "a*").with_property("container-id", "*-test");
        let admission = admission([rule]);
        assert!(is_denied(ask(&admission, Some("alice"), "x-test").as_ref()));
        assert_eq!(ask(&admission, Some("alice"), "x"), None);
        assert_eq!(ask(&admission, Some("bob"), "x-test"), None);
    }

    #[test]
    fn a_peer_without_a_user_is_taken_by_no_user_pattern() {
        let admission = admission([rule("allow", "user", "*"), Node::new("deny").with_property("anonymous", true)]);
        assert!(is_denied(ask(&admission, None, "x").as_ref()));
        let mut request = Request::default();
        request.peer.user = Some("anonymous");
        request.peer.mechanism = Some("ANONYMOUS");
        assert!(is_denied(admission.clone().on_connection(&request).as_ref()));
        assert!(!is_denied(ask(&admission, Some("alice"), "x").as_ref()));
    }

    #[test]
    fn without_rules_there_is_no_opinion() {
        assert_eq!(ask(&admission([]), Some("alice"), "x"), None);
        let default = Node::new("default").with_argument("allow");
        assert_eq!(ask(&admission([default]), None, "x"), None);
    }

    #[test]
    fn a_refusal_says_what_the_rule_says_and_else_what_denial_says() {
        let admission = admission([
            Node::new("denial")
                .with_property("condition", "acme:closed")
                .with_property("description", "come back tomorrow"),
            rule("deny", "user", "a").with_property("condition", "amqp:not-allowed"),
            Node::new("default").with_argument("deny"),
        ]);
        let refusal =
            |condition, note| Some(Answer::Deny(Refusal::new(condition, "come back tomorrow").with_note(note)));
        assert_eq!(ask(&admission, Some("a"), "x"), refusal("amqp:not-allowed", "rule 2"));
        assert_eq!(ask(&admission, Some("b"), "x"), refusal("acme:closed", "default"));
    }

    #[test]
    fn a_rule_grants_attributes() {
        let attribute = Node::new("attribute").with_argument("tenant").with_argument("acme");
        let admission = admission([rule("allow", "user", "a").with_child(attribute)]);
        let grant = Grant { attributes: vec![("tenant".to_owned(), "acme".to_owned())], ..Grant::default() };
        assert_eq!(ask(&admission, Some("a"), "x"), Some(Answer::Allow(grant)));
    }

    #[test]
    fn networks_and_certificates_are_conditions_too() {
        let admission = admission([
            rule("allow", "network", "10.0.0.0/8"),
            rule("allow", "tls-subject", "CN=*,O=Bank"),
            Node::new("default").with_argument("deny"),
        ]);
        let ask = |ip, subject: Option<&'static str>| {
            let tls = subject.map(|subject| Tls { subject: Some(subject), ..Tls::default() });
            let peer = Peer { ip, tls, ..Peer::default() };
            is_denied(admission.clone().on_connection(&Request { peer, ..Request::default() }).as_ref())
        };
        assert!(!ask("10.1.1.1", None) && !ask("11.1.1.1", Some("CN=alice,O=Bank")));
        assert!(ask("11.1.1.1", None) && ask("", Some("CN=alice,O=Other")) && ask("no address", None));
    }

    #[test]
    fn a_rule_limits_what_is_open_of_each_user_and_host() {
        let limited = rule("allow", "user", "*").with_property("connections-per-user", 3);
        let admission = admission([limited.with_property("connections-per-host", 9)]);
        let Some(Answer::Allow(grant)) = ask(&admission, Some("alice"), "x") else { panic!("not allowed") };
        let quota = |key: &str, max| Quota { key: key.to_owned(), max };
        assert_eq!(grant.quotas, [quota("user:alice", 3), quota("host:", 9)]);
        assert_eq!(key("user", &"\u{e9}".repeat(200)).len(), "user:".len() + 240);
    }

    #[test]
    fn every_problem_stands_at_its_node() {
        let config = Node::config([
            Node::new("allow"),
            rule("deny", "usr", "a"),
            rule("allow", "user", "a").with_child(Node::new("attribute").with_argument("tenant")),
            rule("deny", "user", "a").with_property("condition", "two words"),
            Node::new("default").with_argument("maybe"),
            Node::new("alow"),
            Node::new("allow").with_property("user", 7),
            Node::new("allow").with_property("network", "10.0.0.0/40"),
        ]);
        let problems = Admission::configure(&config).unwrap_err();
        let mut paths: Vec<_> = (problems.errors().iter()).map(|error| error.path.clone()).collect();
        paths.sort();
        // The second rule has two: the word that is unknown, and that nothing is left of the rule.
        let expected: [&[u32]; 9] = [&[0], &[1], &[1], &[2, 0], &[3], &[4], &[5], &[6], &[7]];
        assert_eq!(paths, expected);
    }
}
