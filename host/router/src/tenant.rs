//! Tenants: the peers of a `multi-tenant` listener have a space of addresses for each `hostname` of their Open. Source: the reference, 1.2
//! (`multiTenant`).

use crosstie_model::address::is_reserved;

/// Bytes of the longest hostname that is a tenant: no host has a longer name.
const HOSTNAME_MAX_BYTES: usize = 255;

/// What a dynamic target is called: of the router's making, and nobody's.
const DYNAMIC_PREFIX: &str = "_$temp.";

/// The space of the addresses of one connection.
#[derive(Debug, Clone, Default)]
pub struct Space {
    /// Each hostname has one.
    divided: bool,
    /// The hostname, and a slash.
    prefix: Option<Box<str>>,
}

impl Space {
    /// Of a listener's connections; whose it is says the peer's Open.
    #[must_use]
    pub const fn of_listener(multi_tenant: bool) -> Self {
        Self { divided: multi_tenant, prefix: None }
    }

    /// The peer's Open is there. One without a hostname has the space that all other listeners share.
    pub(crate) fn open(&mut self, hostname: Option<&str>) {
        let hostname = hostname.filter(|hostname| self.divided && !hostname.is_empty());
        self.prefix = hostname.map(|hostname| format!("{hostname}/").into());
    }

    /// Whether a hostname can be that of a tenant.
    #[must_use]
    pub fn takes(&self, hostname: Option<&str>) -> bool {
        !self.divided || hostname.is_none_or(|hostname| hostname.len() <= HOSTNAME_MAX_BYTES)
    }

    /// As management shows it.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    /// How the peer writes one of its names.
    pub(crate) fn inside<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(self.prefix()?)
    }

    /// Whether a whole name is the router's own, as the peer wrote it: nobody is asked about those.
    pub(crate) fn is_reserved(&self, name: &str) -> bool {
        is_reserved(self.inside(name).unwrap_or(name))
    }

    /// The whole of a mobile name that the peer wrote.
    pub(crate) fn name(&self, name: &str) -> String {
        match &self.prefix {
            Some(prefix) if !name.starts_with(DYNAMIC_PREFIX) => format!("{prefix}{name}"),
            _ => name.to_owned(),
        }
    }
}

/// A new name for a dynamic target.
pub(crate) fn dynamic_target(unique: &str) -> String {
    format!("{DYNAMIC_PREFIX}{unique}")
}
