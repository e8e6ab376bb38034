//! Addresses: who consumes from each, and which workers send to it. Shared by all workers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crosstie_amqp::session::LinkId;
use crosstie_model::settings::{AddressRule, Distribution};

use crate::credit::Credit;

/// A connection of one worker. The generation tells it from those that had its slot before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionRef {
    /// The worker.
    pub shard: u16,
    /// Its slot there.
    pub slot: u32,
    /// Counts the users of the slot.
    pub generation: u32,
}

/// A link of one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkRef {
    /// The connection.
    pub connection: ConnectionRef,
    /// The link on it.
    pub link: LinkId,
}

/// A link that takes deliveries from an address.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// Which.
    pub at: LinkRef,
    /// What it takes now.
    pub credit: Arc<Credit>,
}

/// One address in one phase.
#[derive(Debug)]
pub struct Address {
    /// Tells it from all others of this process.
    pub id: u32,
    /// Its phase and name.
    pub key: Key,
    consumers: Mutex<Arc<[Consumer]>>,
    version: AtomicU32,
    /// Workers with deliveries that wait for credit, a bit each.
    waiters: AtomicU64,
    /// Workers with producers, a bit each.
    producers: AtomicU64,
}

/// What tells addresses apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// 0 to 9; 0 unless a waypoint or an auto-link says otherwise.
    pub phase: u8,
    /// Normalised.
    pub name: String,
}

const fn bit(shard: u16) -> u64 {
    1 << (shard % 64)
}

/// The numbers of the bits that are set.
pub(crate) fn shards(bits: u64) -> impl Iterator<Item = u16> {
    (0..64).filter(move |shard| bits & bit(*shard) != 0)
}

impl Address {
    /// Changes with the consumers.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version.load(Ordering::Acquire)
    }

    /// The consumers, and the version of the list.
    #[must_use]
    pub fn consumers(&self) -> (u32, Arc<[Consumer]>) {
        let list = lock(&self.consumers);
        (self.version(), Arc::clone(&list))
    }

    /// Adds a consumer.
    pub fn add(&self, consumer: Consumer) {
        let mut list = lock(&self.consumers);
        *list = list.iter().cloned().chain([consumer]).collect();
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// Removes a consumer.
    pub fn remove(&self, at: LinkRef) {
        let mut list = lock(&self.consumers);
        *list = list.iter().filter(|consumer| consumer.at != at).cloned().collect();
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// Says that a worker has deliveries that wait. It must look for credit once more after this.
    pub fn wait(&self, shard: u16) {
        self.waiters.fetch_or(bit(shard), Ordering::SeqCst);
    }

    /// Takes the workers that wait; each is to be woken.
    #[must_use]
    pub fn take_waiters(&self) -> u64 {
        if self.waiters.load(Ordering::SeqCst) == 0 { 0 } else { self.waiters.swap(0, Ordering::SeqCst) }
    }

    /// Says whether a worker has producers here.
    pub fn set_producer(&self, shard: u16, present: bool) {
        if present {
            self.producers.fetch_or(bit(shard), Ordering::AcqRel);
        } else {
            self.producers.fetch_and(!bit(shard), Ordering::AcqRel);
        }
    }

    /// The workers with producers.
    #[must_use]
    pub fn producers(&self) -> u64 {
        self.producers.load(Ordering::Acquire)
    }
}

/// All addresses in use, and the rules for them.
#[derive(Debug)]
pub struct Addresses {
    rules: Vec<AddressRule>,
    default: Distribution,
    known: Mutex<(u32, BTreeMap<Key, Arc<Address>>)>,
}

impl Addresses {
    /// None in use yet.
    #[must_use]
    pub fn new(rules: Vec<AddressRule>, default: Distribution) -> Self {
        Self { rules, default, known: Mutex::new((0, BTreeMap::new())) }
    }

    /// Finds an address, or makes it. Whoever asked gives it back with [`Self::release`].
    #[must_use]
    pub fn get(&self, key: Key) -> Arc<Address> {
        let (next, known) = &mut *lock(&self.known);
        let address = known.entry(key).or_insert_with_key(|key| {
            *next = next.wrapping_add(1);
            Arc::new(Address {
                id: *next,
                key: key.clone(),
                consumers: Mutex::new(Arc::new([])),
                version: AtomicU32::new(0),
                waiters: AtomicU64::new(0),
                producers: AtomicU64::new(0),
            })
        });
        Arc::clone(address)
    }

    /// Gives one back; one that nobody else holds is forgotten.
    pub fn release(&self, address: Arc<Address>) {
        let (_, known) = &mut *lock(&self.known);
        // two: the map and the caller; more are only made under this lock
        if Arc::strong_count(&address) == 2 {
            known.remove(&address.key);
        }
    }

    /// How many are in use.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.known).1.len()
    }

    /// Whether none is in use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The most specific rule for a name.
    #[must_use]
    pub fn rule(&self, name: &str) -> Option<&AddressRule> {
        let covers = |rule: &&AddressRule| {
            let rest = name.strip_prefix(rule.prefix.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '/']))
        };
        self.rules.iter().filter(covers).max_by_key(|rule| rule.prefix.len())
    }

    /// How a name picks among its consumers.
    #[must_use]
    pub fn distribution(&self, name: &str) -> Distribution {
        self.rule(name).map_or(self.default, |rule| rule.distribution)
    }

    /// The key for a peer's link: at a waypoint producers use phase 0 and consumers phase 1.
    #[must_use]
    pub fn key(&self, name: &str, consumer: bool) -> Key {
        let waypoint = self.rule(name).is_some_and(|rule| rule.waypoint);
        Key { phase: u8::from(waypoint && consumer), name: name.to_owned() }
    }
}

/// Brings the forms of an address together: without scheme and host, without a leading `/` and one trailing
/// `.` or `/`. Source: the reference, 1.7.
#[must_use]
pub fn normalise(address: &str) -> &str {
    let path = ["amqp:", "amqps:"].iter().find_map(|scheme| address.strip_prefix(scheme)).unwrap_or(address);
    let path = match path.strip_prefix("//") {
        Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
        None => path.strip_prefix('/').unwrap_or(path),
    };
    path.strip_suffix(['.', '/']).unwrap_or(path)
}

/// The worker that a name's links gather on.
#[must_use]
pub fn home(name: &str, workers: u16) -> u16 {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    u16::try_from((hash >> 16) % u64::from(workers.max(1))).unwrap_or(0)
}

/// A lock that a panic elsewhere does not take away.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_an_address_come_together() {
        for form in ["a/b", "/a/b", "a/b/", "a/b.", "amqp://host:5672/a/b", "amqps://host/a/b", "amqp:/a/b", "amqp:a/b"]
        {
            assert_eq!(normalise(form), "a/b", "{form}");
        }
    }

    #[test]
    fn a_prefix_covers_whole_tokens_and_the_longest_holds() {
        let rule = |prefix: &str, waypoint| AddressRule {
            prefix: prefix.to_owned(),
            distribution: Distribution::Balanced,
            waypoint,
        };
        let addresses = Addresses::new(vec![rule("a", false), rule("a.b", true)], Distribution::Balanced);
        assert_eq!(addresses.rule("a.b.c").map(|rule| rule.waypoint), Some(true));
        assert_eq!(addresses.rule("a/x").map(|rule| rule.waypoint), Some(false));
        assert!(addresses.rule("ab").is_none());
        assert_eq!(addresses.key("a.b", true).phase, 1);
        assert_eq!(addresses.key("a.b", false).phase, 0);
    }

    #[test]
    fn an_address_that_nobody_holds_is_forgotten() {
        let addresses = Addresses::new(Vec::new(), Distribution::Balanced);
        let (one, two) = (addresses.get(addresses.key("q", true)), addresses.get(addresses.key("q", false)));
        assert_eq!(one.id, two.id);
        addresses.release(one);
        assert_eq!(addresses.len(), 1);
        addresses.release(two);
        assert!(addresses.is_empty());
    }
}
