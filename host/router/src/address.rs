//! Addresses: who consumes from each, and which workers send to it. Shared by all workers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crosstie_amqp::session::LinkId;
use crosstie_model::pattern::Pattern;
use crosstie_model::settings::{AddressRule, Distribution};

use crate::credit::Credit;
use crate::identity::Identities;
use crate::patterns::Patterns;

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
    /// Counts the links of the connection: tells it from those that had its handle before.
    pub serial: u32,
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
    /// Its class, phase and name.
    pub key: Key,
    consumers: Mutex<Consumers>,
    version: AtomicU32,
    /// Workers with deliveries that wait for credit, a bit each.
    waiters: AtomicU64,
    /// Workers with producers, a bit each.
    producers: AtomicU64,
    /// The last consumer that went was an auto-link, which comes back by itself.
    awaits: AtomicBool,
    /// Of whoever used it first, where policy gave one.
    pub priority: Option<u8>,
    /// Policy has said otherwise of how it picks.
    contradicted: AtomicBool,
    /// Deliveries of links that are gone: in, and out.
    past: [AtomicU64; 2],
}

/// The consumers, the list that producers were given last, and how an address picks among them.
#[derive(Debug, Default)]
struct Consumers {
    all: Vec<Consumer>,
    shown: Option<Arc<[Consumer]>>,
    distribution: Distribution,
}

/// What a producer knows of the consumers of an address.
#[derive(Debug)]
pub struct Choice {
    /// Differs once this is out of date.
    pub version: u32,
    /// The consumers.
    pub consumers: Arc<[Consumer]>,
    /// How to pick among them.
    pub distribution: Distribution,
}

/// Where an address is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// In the whole network.
    Mobile,
    /// On this router.
    Local,
    /// On every router.
    Everywhere,
}

/// What tells addresses apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Where it is known.
    pub class: Class,
    /// 0 to 9; 0 unless a waypoint or an auto-link says otherwise.
    pub phase: u8,
    /// Normalised.
    pub name: String,
}

/// As the reference writes it: `M`, the phase and the name; `L` or `T` and the name.
impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.class {
            Class::Mobile => write!(f, "M{}{}", self.phase, self.name),
            Class::Local => write!(f, "L{}", self.name),
            Class::Everywhere => write!(f, "T{}", self.name),
        }
    }
}

const fn bit(shard: u16) -> u64 {
    1 << (shard % 64)
}

/// The numbers of the bits that are set.
pub(crate) fn shards(bits: u64) -> impl Iterator<Item = u16> {
    (0..64).filter(move |shard| bits & bit(*shard) != 0)
}

impl Address {
    /// Changes with the consumers, and with how to pick among them.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version.load(Ordering::Acquire)
    }

    /// The consumers, and how to pick among them.
    #[must_use]
    pub fn choice(&self) -> Choice {
        let Consumers { all, shown, distribution } = &mut *lock(&self.consumers);
        let consumers = shown.get_or_insert_with(|| all.as_slice().into()).clone();
        Choice { version: self.version(), consumers, distribution: *distribution }
    }

    /// How it picks among its consumers.
    #[must_use]
    pub fn distribution(&self) -> Distribution {
        lock(&self.consumers).distribution
    }

    /// Has it pick otherwise, if it picks as is said.
    fn redistribute(&self, from: Distribution, to: Distribution) {
        let mut consumers = lock(&self.consumers);
        if consumers.distribution == from && from != to {
            consumers.distribution = to;
            self.version.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// How many consumers there are.
    #[must_use]
    pub fn consumer_count(&self) -> usize {
        lock(&self.consumers).all.len()
    }

    /// Adds a consumer. Says whether it is the first.
    pub fn add(&self, consumer: Consumer) -> bool {
        let Consumers { all, shown, .. } = &mut *lock(&self.consumers);
        all.push(consumer);
        *shown = None;
        self.version.fetch_add(1, Ordering::AcqRel);
        all.len() == 1
    }

    /// Removes a consumer, which `returns` by itself or does not. Says whether it was the last.
    pub fn remove(&self, at: LinkRef, returns: bool) -> bool {
        let Consumers { all, shown, .. } = &mut *lock(&self.consumers);
        let Some(place) = all.iter().position(|consumer| consumer.at == at) else {
            return false;
        };
        all.swap_remove(place);
        self.awaits.store(returns, Ordering::Relaxed);
        *shown = None;
        self.version.fetch_add(1, Ordering::AcqRel);
        all.is_empty()
    }

    /// Whether the consumer that went last comes back by itself.
    #[must_use]
    pub fn awaits(&self) -> bool {
        self.awaits.load(Ordering::Relaxed)
    }

    /// Whether the log has told that policy says otherwise of how it picks.
    #[must_use]
    pub fn is_contradicted(&self) -> bool {
        self.contradicted.load(Ordering::Relaxed)
    }

    /// The log tells of it now.
    pub fn set_contradicted(&self) {
        self.contradicted.store(true, Ordering::Relaxed);
    }

    /// Counts deliveries of a link that goes: those that came in by it, or went out.
    pub(crate) fn count_past(&self, outgoing: bool, deliveries: u64) {
        let [came, went] = &self.past;
        (if outgoing { went } else { came }).fetch_add(deliveries, Ordering::Relaxed);
    }

    /// Deliveries of links that are gone: that came in, and that went out.
    #[must_use]
    pub fn past(&self) -> [u64; 2] {
        let [came, went] = &self.past;
        [came, went].map(|count| count.load(Ordering::Relaxed))
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

/// The rules for addresses.
#[derive(Debug, Default)]
struct Rules {
    ids: Identities,
    /// In the order in which they came.
    all: BTreeMap<u64, Known>,
    patterns: Patterns,
    /// Where none covers an address.
    default: Distribution,
}

#[derive(Debug)]
struct Known {
    pattern: Pattern,
    rule: Arc<AddressRule>,
}

impl Rules {
    fn add(&mut self, rule: AddressRule) -> Option<u64> {
        let pattern = rule.covers.pattern();
        if !self.patterns.under(&pattern).is_empty() {
            return None;
        }
        let id = self.ids.take();
        self.patterns.insert(&pattern, id);
        self.all.insert(id, Known { pattern, rule: Arc::new(rule) });
        Some(id)
    }

    /// Says whether there was one.
    fn remove(&mut self, id: u64) -> bool {
        let known = self.all.remove(&id);
        if let Some(known) = &known {
            self.patterns.remove(&known.pattern, id);
        }
        known.is_some()
    }

    /// The one for just these addresses that is of a file.
    fn of_file(&self, rule: &AddressRule, created: &BTreeSet<u64>) -> Option<u64> {
        self.patterns.under(&rule.covers.pattern()).iter().copied().find(|id| !created.contains(id))
    }

    /// The closest rule for a name.
    fn closest(&self, name: &str) -> Option<&Arc<AddressRule>> {
        let covering = self.patterns.covering(name).into_iter().filter_map(|id| self.all.get(&id));
        covering.min_by(|one, other| one.pattern.closeness(&other.pattern)).map(|known| &known.rule)
    }

    fn distribution(&self, name: &str) -> Distribution {
        self.closest(name).map_or(self.default, |rule| rule.distribution)
    }
}

/// All addresses in use, and the rules for them.
#[derive(Debug)]
pub struct Addresses {
    rules: RwLock<Rules>,
    known: Mutex<(u32, BTreeMap<Key, Arc<Address>>)>,
}

impl Addresses {
    /// None in use yet.
    #[must_use]
    pub fn new(rules: Vec<AddressRule>, default: Distribution, identities: &Identities) -> Self {
        let mut all = Rules { default, ids: identities.clone(), ..Rules::default() };
        for rule in rules {
            all.add(rule);
        }
        Self { rules: RwLock::new(all), known: Mutex::new((0, BTreeMap::new())) }
    }

    /// Finds an address, or makes it with this distribution. Whoever asked gives it back with [`Self::release`].
    #[must_use]
    pub fn get(&self, key: Key, distribution: Distribution) -> Arc<Address> {
        self.get_as(key, distribution, None)
    }

    /// The same, for one that has a priority of its own.
    pub(crate) fn get_as(&self, key: Key, distribution: Distribution, priority: Option<u8>) -> Arc<Address> {
        let (next, known) = &mut *lock(&self.known);
        let address = known.entry(key).or_insert_with_key(|key| {
            *next = next.wrapping_add(1);
            Arc::new(Address {
                id: *next,
                key: key.clone(),
                consumers: Mutex::new(Consumers { distribution, ..Consumers::default() }),
                version: AtomicU32::new(0),
                waiters: AtomicU64::new(0),
                producers: AtomicU64::new(0),
                awaits: AtomicBool::new(false),
                priority,
                contradicted: AtomicBool::new(false),
                past: Default::default(),
            })
        });
        Arc::clone(address)
    }

    /// Finds an address that is in use. Whoever asked gives it back with [`Self::release`].
    #[must_use]
    pub fn find(&self, key: &Key) -> Option<Arc<Address>> {
        lock(&self.known).1.get(key).cloned()
    }

    /// Gives one back; one that nobody else holds is forgotten.
    pub fn release(&self, address: Arc<Address>) {
        let (_, known) = &mut *lock(&self.known);
        // two: the map and the caller. A link that holds one more gives it back too, so that the last finds two
        if Arc::strong_count(&address) == 2 {
            known.remove(&address.key);
        }
        drop(address);
    }

    /// All that are in use, in the order of their keys.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Address>> {
        lock(&self.known).1.values().cloned().collect()
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

    /// The closest rule for a name.
    #[must_use]
    pub fn rule(&self, name: &str) -> Option<Arc<AddressRule>> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).closest(name).cloned()
    }

    /// The id of the closest rule for a name, and the phases of links on which peers send, and receive.
    #[must_use]
    pub fn explain(&self, name: &str) -> (Option<u64>, [u8; 2]) {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        let rule = rules.closest(name);
        let known = rule.and_then(|rule| rules.all.iter().find(|(_, known)| Arc::ptr_eq(&known.rule, rule)));
        (known.map(|(id, _)| *id), [false, true].map(|consumer| phase(rule.map(|rule| &**rule), consumer)))
    }

    /// All rules with their ids, in the order in which they came.
    #[must_use]
    pub fn rules(&self) -> Vec<(u64, Arc<AddressRule>)> {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        rules.all.iter().map(|(id, known)| (*id, known.rule.clone())).collect()
    }

    /// Adds a rule for links that are attached from here on; `None` when there is one for the same addresses.
    pub fn add_rule(&self, rule: AddressRule) -> Option<u64> {
        self.rules.write().unwrap_or_else(PoisonError::into_inner).add(rule)
    }

    /// Removes a rule; `false` when there is none with that id.
    pub fn remove_rule(&self, id: u64) -> bool {
        self.rules.write().unwrap_or_else(PoisonError::into_inner).remove(id)
    }

    /// Puts rules in place of those for the same addresses, after some were removed. Addresses in use pick among their consumers
    /// as the rules say from here on; their links stay where they are. `created`: what is not of a file, and stays.
    pub fn change_rules(
        &self,
        (removed, added): (&[AddressRule], Vec<AddressRule>),
        default: Distribution,
        created: &BTreeSet<u64>,
    ) {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        let used: Vec<_> = self.all().into_iter().filter(|address| address.key.class == Class::Mobile).collect();
        let before: Vec<Distribution> = used.iter().map(|address| rules.distribution(&address.key.name)).collect();
        rules.default = default;
        for rule in removed {
            if let Some(id) = rules.of_file(rule, created) {
                rules.remove(id);
            }
        }
        for rule in added {
            let known = rules.of_file(&rule, created);
            match known.and_then(|id| rules.all.get_mut(&id)) {
                Some(known) => known.rule = Arc::new(rule),
                // there is none for these addresses
                None => drop(rules.add(rule)),
            }
        }
        for (address, before) in used.iter().zip(before) {
            address.redistribute(before, rules.distribution(&address.key.name));
        }
    }

    /// How a name picks among its consumers.
    #[must_use]
    pub fn distribution(&self, name: &str) -> Distribution {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).distribution(name)
    }

    /// The key for a peer's link: at a waypoint producers use phase 0 and consumers phase 1.
    #[must_use]
    pub fn key(&self, name: &str, consumer: bool) -> Key {
        self.key_for(Class::Mobile, name, consumer)
    }

    /// The key for a peer's link to a name of a class.
    #[must_use]
    pub fn key_for(&self, class: Class, name: &str, consumer: bool) -> Key {
        let rule = self.rule(name).filter(|_| class == Class::Mobile);
        Key { class, phase: phase(rule.as_deref(), consumer), name: name.to_owned() }
    }

    /// Whether messages to a name of a class are refused.
    #[must_use]
    pub fn is_unavailable(&self, class: Class, name: &str) -> bool {
        class == Class::Mobile && self.distribution(name) == Distribution::Unavailable
    }
}

/// The phase of links to the addresses of a rule.
fn phase(rule: Option<&AddressRule>, consumer: bool) -> u8 {
    rule.map_or(0, |rule| {
        let written = if consumer { rule.egress_phase } else { rule.ingress_phase };
        written.unwrap_or(u8::from(rule.waypoint && consumer))
    })
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
    use crosstie_model::settings::Covers;

    use super::*;

    #[test]
    fn a_prefix_covers_whole_tokens_and_the_longest_holds() {
        let rule = |prefix: &str, waypoint| AddressRule {
            name: None,
            covers: Covers::Prefix(prefix.to_owned()),
            distribution: Distribution::Balanced,
            waypoint,
            ingress_phase: None,
            egress_phase: None,
            priority: None,
        };
        let addresses =
            Addresses::new(vec![rule("a", false), rule("a.b", true)], Distribution::Balanced, &Identities::default());
        assert_eq!(addresses.rule("a.b.c").map(|rule| rule.waypoint), Some(true));
        assert_eq!(addresses.rule("a/x").map(|rule| rule.waypoint), Some(false));
        assert!(addresses.rule("ab").is_none());
        assert_eq!(addresses.key("a.b", true).phase, 1);
        assert_eq!(addresses.key("a.b", false).phase, 0);
        // what remains is found by its words again
        let wild = AddressRule { covers: Covers::Pattern("*/x".to_owned()), ..rule("", false) };
        assert!(addresses.add_rule(wild).is_some() && addresses.remove_rule(1));
        assert!(
            addresses.rule("a/x").is_some() && addresses.rule("a.b.c").is_some() && addresses.rule("a/y").is_none()
        );
        assert!(addresses.add_rule(rule("a.b", false)).is_none() && addresses.add_rule(rule("a", false)).is_some());
    }

    #[test]
    fn an_address_in_use_follows_its_rule() {
        let rule = |distribution| AddressRule {
            name: None,
            covers: Covers::Prefix("q".to_owned()),
            distribution,
            waypoint: false,
            ingress_phase: None,
            egress_phase: None,
            priority: None,
        };
        let addresses = Addresses::new(Vec::new(), Distribution::Balanced, &Identities::default());
        let of = |name: &str, distribution| addresses.get(addresses.key(name, true), distribution);
        let (ruled, free) = (of("q.1", Distribution::Balanced), of("p", Distribution::Balanced));
        // a plugin has chosen this one
        let chosen = of("q.2", Distribution::Closest);
        let version = ruled.version();
        let none = BTreeSet::new();
        addresses.change_rules((&[], vec![rule(Distribution::Multicast)]), Distribution::Balanced, &none);
        let now = || [&ruled, &free, &chosen].map(|address| address.distribution());
        assert_eq!(now(), [Distribution::Multicast, Distribution::Balanced, Distribution::Closest]);
        assert_ne!(ruled.version(), version);
        addresses.change_rules((&[rule(Distribution::Multicast)], Vec::new()), Distribution::Closest, &none);
        assert_eq!(now(), [Distribution::Closest; 3]);
        assert!(addresses.rules().is_empty());
        // what did not come by a file does not go by one
        let id = addresses.add_rule(rule(Distribution::Balanced)).unwrap();
        addresses.change_rules((&[rule(Distribution::Balanced)], Vec::new()), Distribution::Closest, &[id].into());
        assert_eq!((addresses.rules().len(), addresses.distribution("q.1")), (1, Distribution::Balanced));
    }

    #[test]
    fn an_address_that_nobody_holds_is_forgotten() {
        let addresses = Addresses::new(Vec::new(), Distribution::Balanced, &Identities::default());
        let (one, two) = (
            addresses.get(addresses.key("q", true), Distribution::Balanced),
            addresses.get(addresses.key("q", false), Distribution::Closest),
        );
        assert_eq!((one.id, two.distribution()), (two.id, Distribution::Balanced));
        addresses.release(one);
        assert_eq!(addresses.len(), 1);
        addresses.release(two);
        assert!(addresses.is_empty());
    }
}
