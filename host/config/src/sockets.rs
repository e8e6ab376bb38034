//! Sockets: what listeners ask for, and which of them cannot be had together.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crosstie_model::settings::AddressFamily;

use crate::listener::ListenerDraft;
use crate::loading::{Fault, Loading};
use crate::source::Place;

/// A host as the system tells it apart.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// All of IPv6, and IPv4 with it.
    All,
    Address(IpAddr),
    Name(String),
}

/// The sockets of all listeners so far, by port.
#[derive(Debug, Default)]
pub(crate) struct Sockets(BTreeMap<u16, Vec<(Host, Place)>>);

impl Sockets {
    /// Adds that of one more listener. Port 0 is any that is free.
    pub(crate) fn add(&mut self, loading: &Loading<'_>, draft: &ListenerDraft<'_>) {
        if !draft.has_address || draft.listener.port == 0 {
            return;
        }
        let host = Host::of(draft.listener.host.as_deref(), draft.listener.connection.address_family);
        let known = self.0.entry(draft.listener.port).or_default();
        if let Some((_, first)) = known.iter().find(|(other, _)| host.overlaps(other)) {
            let message = format!("a second listener on port {}", draft.listener.port);
            let fault = Fault::at(draft.name_at, message).label("takes the same socket");
            loading.doubt(fault.also(*first, "the first one").hint("give it another `port`, or another `host`"));
            return;
        }
        known.push((host, draft.name_at));
    }
}

impl Host {
    fn of(host: Option<&str>, family: Option<AddressFamily>) -> Self {
        let host = match (host, family) {
            (Some(host), _) => host,
            (None, None) => return Self::All,
            (None, Some(AddressFamily::V4)) => "0.0.0.0",
            (None, Some(AddressFamily::V6)) => "::",
        };
        host.parse().map_or_else(|_| Self::Name(host.to_ascii_lowercase()), Self::Address)
    }

    /// Whether one of them is in the other; what a name stands for only the system knows.
    fn overlaps(&self, other: &Self) -> bool {
        let covers = |all: &Self, one: &Self| match (all, one) {
            (Self::All, _) => true,
            (Self::Address(all), Self::Address(one)) => all.is_unspecified() && all.is_ipv4() == one.is_ipv4(),
            _ => false,
        };
        self == other || covers(self, other) || covers(other, self)
    }
}
