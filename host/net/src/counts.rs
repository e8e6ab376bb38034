//! How many connections are open, for admission and for the limits of listeners.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crosstie_model::policy::Counts;

/// Shared by all workers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Open(Arc<Mutex<Tables>>);

#[derive(Debug, Default)]
struct Tables {
    total: u32,
    listeners: BTreeMap<Arc<str>, u32>,
    users: BTreeMap<String, u32>,
    hosts: BTreeMap<IpAddr, u32>,
}

/// One connection, counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    open: Open,
    listener: Arc<str>,
    user: Option<String>,
    host: IpAddr,
}

impl Open {
    /// Counts a connection in.
    pub(crate) fn count(&self, listener: Arc<str>, user: Option<String>, host: IpAddr) -> (Counted, Counts) {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Tables { total, listeners, users, hosts } = &mut *tables;
        *total = total.saturating_add(1);
        let up = |count: &mut u32| {
            *count = count.saturating_add(1);
            *count
        };
        let counts = Counts {
            total: *total,
            listener: up(listeners.entry(listener.clone()).or_default()),
            user: user.as_ref().map_or(0, |user| up(users.entry(user.clone()).or_default())),
            peer_host: up(hosts.entry(host).or_default()),
        };
        (Counted { open: self.clone(), listener, user, host }, counts)
    }
}

impl Counted {
    /// How many are open now, this one included.
    pub(crate) fn counts(&self) -> Counts {
        let tables = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_user = self.user.as_ref().and_then(|user| tables.users.get(user));
        Counts {
            total: tables.total,
            listener: tables.listeners.get(&self.listener).copied().unwrap_or(0),
            user: of_user.copied().unwrap_or(0),
            peer_host: tables.hosts.get(&self.host).copied().unwrap_or(0),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut tables = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        tables.total = tables.total.saturating_sub(1);
        down(&mut tables.listeners, &self.listener);
        down(&mut tables.hosts, &self.host);
        if let Some(user) = &self.user {
            down(&mut tables.users, user);
        }
    }
}

/// Counts one out; what is at zero takes no room.
fn down<K: Ord>(table: &mut BTreeMap<K, u32>, key: &K) {
    let Some(count) = table.get_mut(key) else {
        return;
    };
    *count = count.saturating_sub(1);
    if *count == 0 {
        table.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_count_until_they_go() {
        let open = Open::default();
        let host = IpAddr::from([127, 0, 0, 1]);
        let (one, _) = open.count("a".into(), Some("u".to_owned()), host);
        let (_two, counts) = open.count("b".into(), Some("u".to_owned()), host);
        assert_eq!(counts, Counts { total: 2, listener: 1, user: 2, peer_host: 2 });
        assert_eq!(one.counts(), Counts { total: 2, listener: 1, user: 2, peer_host: 2 });
        drop(one);
        let (_three, counts) = open.count("a".into(), None, host);
        assert_eq!(counts, Counts { total: 2, listener: 1, user: 0, peer_host: 2 });
    }
}
