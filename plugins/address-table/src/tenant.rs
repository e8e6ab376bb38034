//! Tenants: peers that have addresses of their own, below a prefix.

use crosstie_plugin::address::{Scope, usable};
use crosstie_plugin::peer::Peer;
use crosstie_plugin::{Node, Problems};

/// What stands for the tenant in a prefix.
const PLACE: &str = "{}";

/// How a tenant is named, and where its addresses are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tenants {
    by: By,
    before: String,
    after: String,
    /// The first character of `after`: no tenant has it, so that what is below one is below no other.
    end: char,
    /// Peers without a tenant use all addresses as they are.
    shares: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum By {
    User,
    Vhost,
    Attribute(String),
}

impl By {
    fn read(text: &str) -> Option<Self> {
        match (text, text.strip_prefix("attribute:")) {
            ("user", _) => Some(Self::User),
            ("vhost", _) => Some(Self::Vhost),
            (_, Some(key)) if !key.is_empty() => Some(Self::Attribute(key.to_owned())),
            _ => None,
        }
    }
}

impl Tenants {
    pub(crate) fn read(node: &Node) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        node.expect_no_arguments(&mut problems);
        node.expect_leaf(&["by", "prefix", "otherwise"], &mut problems);
        let by = problems.keep(node.property::<&str>("by")).map(|by| By::read(by.unwrap_or_default()));
        if by == Some(None) {
            let error = node.error("`tenant` needs `by`, one of the three");
            problems.push(error.with_hint("`by=\"user\"`, `by=\"vhost\"` or `by=\"attribute:KEY\"`"));
        }
        let prefix = problems.optional(node.property::<String>("prefix")).unwrap_or_else(|| format!("{PLACE}/"));
        let (before, after) = prefix.split_once(PLACE).unwrap_or_default();
        let sample = format!("{before}x{after}x");
        let end = after.chars().next().filter(|_| !after.contains(PLACE) && usable(&sample) == Some(&sample));
        if end.is_none() {
            let error = node.error(format!("`{prefix}` is no prefix of tenants"));
            problems.push(error.with_hint("one `{}` for the tenant and something behind it, as in `tenants/{}/`"));
        }
        let shares = match problems.optional(node.property::<&str>("otherwise")) {
            None | Some("deny") => false,
            Some("share") => true,
            Some(other) => {
                problems.push(node.error(format!("`otherwise` is `deny` or `share`, not `{other}`")));
                false
            }
        };
        let (before, after) = (before.to_owned(), after.to_owned());
        let by = by.flatten().unwrap_or(By::User);
        problems.or(Self { by, before, after, end: end.unwrap_or('/'), shares })
    }

    /// What stands before the addresses of a peer; nothing where it shares those of all.
    ///
    /// # Errors
    ///
    /// It has no tenant, or none that can have addresses: why.
    pub(crate) fn prefix(&self, peer: Option<&Peer<'_>>) -> Result<Option<String>, String> {
        let tenant = peer.and_then(|peer| self.tenant(peer)).filter(|tenant| !tenant.is_empty());
        let Some(tenant) = tenant else {
            return if self.shares { Ok(None) } else { Err(format!("no tenant: the peer has no {}", self.known_by())) };
        };
        if tenant.contains(self.end) {
            return Err(format!("no tenant: the peer's {} has a `{}`", self.known_by(), self.end));
        }
        Ok(Some(format!("{}{tenant}{}", self.before, self.after)))
    }

    fn tenant<'p>(&self, peer: &'p Peer<'_>) -> Option<&'p str> {
        match &self.by {
            // whoever gave no proof of a name has none, whatever user stands for such peers
            By::User => peer.user.filter(|_| peer.mechanism != Some("ANONYMOUS")),
            By::Vhost => peer.vhost,
            By::Attribute(key) => peer.attribute(key),
        }
    }

    fn known_by(&self) -> String {
        match &self.by {
            By::User => "user".to_owned(),
            By::Vhost => "vhost".to_owned(),
            By::Attribute(key) => format!("attribute `{key}`"),
        }
    }

    /// For whom an answer holds.
    pub(crate) const fn scope(&self) -> Scope {
        match self.by {
            By::User | By::Vhost => Scope::Connection,
            By::Attribute(_) => Scope::Attributes,
        }
    }
}
