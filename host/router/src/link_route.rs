//! Link routes: which addresses have their links carried to a container, and the containers that are connected. Shared by all
//! workers. Source: the reference, 1.9.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crosstie_model::pattern::Pattern;
use crosstie_model::settings::{ContainerRef, Covers, Direction, LinkRoute, Role};

use crate::address::ConnectionRef;
use crate::identity::Identities;
use crate::patterns::Patterns;
use crate::shard::{Meta, Shard};

/// The address of links that coordinate transactions.
pub(crate) const COORDINATOR: &str = "$coordinator";

/// Stands for the address of a link that names none, because it takes up a terminus that is known by the name of the link.
const UNNAMED: &str = "";

/// Links whose address is remembered.
const REMEMBERED_LINKS_MAX: usize = 1000;

/// All link routes, and the connections that they may lead to.
#[derive(Debug, Default)]
pub struct LinkRoutes {
    known: RwLock<Known>,
    /// There are some. Looked at for each attach.
    used: AtomicBool,
    /// Peers have made some for their own connections.
    owned: AtomicBool,
    /// Links whose terminus outlives a connection are refused.
    refuses_resumable: AtomicBool,
    /// Links that were carried to the connections of a name, which take them in turn.
    carried: AtomicUsize,
}

#[derive(Debug, Default)]
struct Known {
    ids: Identities,
    /// In the order in which they came.
    routes: BTreeMap<u64, Entry>,
    patterns: Patterns,
    /// As management writes them, each with the number of its routes.
    keys: BTreeMap<String, usize>,
    /// How many routes peers have made for their own connections.
    owned: usize,
    containers: Vec<Container>,
    /// Links whose terminus outlives them, each with its address; the oldest first.
    remembered: VecDeque<(String, String)>,
}

#[derive(Debug)]
struct Entry {
    pattern: Pattern,
    route: Arc<LinkRoute>,
    /// The connection that it was made by, is for, and ends with; none where it is configured.
    owner: Option<ConnectionRef>,
    /// Counts the links that were routed by this and by those with the same pattern and direction behind it: containers take them in
    /// turn. What goes the other way is counted there.
    turn: AtomicUsize,
}

/// A connection of role `route-container` that is open.
#[derive(Debug)]
struct Container {
    at: ConnectionRef,
    name: Arc<str>,
    container_id: String,
}

impl Container {
    fn belongs(&self, route: &LinkRoute) -> bool {
        route.container.means(&self.name, &self.container_id)
    }
}

impl Known {
    fn add(&mut self, route: LinkRoute, owner: Option<ConnectionRef>) -> u64 {
        let (id, pattern) = (self.ids.take(), route.covers.pattern());
        self.patterns.insert(&pattern, id);
        let count = self.keys.entry(key(&route)).or_default();
        *count = count.saturating_add(1);
        self.owned = self.owned.saturating_add(usize::from(owner.is_some()));
        self.routes.insert(id, Entry { pattern, route: Arc::new(route), owner, turn: AtomicUsize::default() });
        id
    }

    fn remove(&mut self, id: u64) {
        let Some(entry) = self.routes.remove(&id) else {
            return;
        };
        self.patterns.remove(&entry.pattern, id);
        let key = key(&entry.route);
        if let Some(count) = self.keys.get_mut(&key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.keys.remove(&key);
            }
        }
        self.owned = self.owned.saturating_sub(usize::from(entry.owner.is_some()));
    }

    fn remove_where(&mut self, goes: impl Fn(u64, &Entry) -> bool) {
        let gone: Vec<u64> = self.routes.iter().filter(|(id, entry)| goes(**id, entry)).map(|(id, _)| *id).collect();
        gone.into_iter().for_each(|id| self.remove(id));
    }

    /// The connections that a route may lead to now.
    fn ends<'k>(&'k self, entry: &'k Entry) -> impl Iterator<Item = ConnectionRef> + 'k {
        let open = self.containers.iter().filter(|container| entry.owner.is_none() && container.belongs(&entry.route));
        entry.owner.into_iter().chain(open.map(|container| container.at))
    }

    /// What they hold is looked for no further than it has to be.
    fn note(&self, all: &LinkRoutes) {
        all.used.store(!self.routes.is_empty(), Ordering::Release);
        all.owned.store(self.owned > 0, Ordering::Release);
    }

    /// The routes with the closest pattern for a name; for a link without one all.
    fn closest(&self, direction: Direction, name: &str) -> Vec<&Entry> {
        let fits = |entry: &&Entry| entry.route.direction == direction;
        if name == UNNAMED {
            return self.routes.values().filter(fits).collect();
        }
        let covering = self.patterns.covering(name).into_iter().filter_map(|id| self.routes.get(&id)).filter(fits);
        let mut covering: Vec<&Entry> = covering.collect();
        let closest = covering.iter().min_by(|one, other| one.pattern.closeness(&other.pattern));
        if let Some(pattern) = closest.map(|entry| &entry.pattern) {
            covering.retain(|entry| entry.pattern == *pattern);
        }
        covering
    }
}

/// A route, and the connection that a link takes.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) route: Arc<LinkRoute>,
    pub(crate) container: ConnectionRef,
}

impl LinkRoutes {
    /// As configured.
    #[must_use]
    pub fn new(routes: Vec<LinkRoute>, identities: &Identities) -> Self {
        let known = RwLock::new(Known { ids: identities.clone(), ..Known::default() });
        let all = Self { known, ..Self::default() };
        for route in routes {
            all.add(route);
        }
        all
    }

    /// Says whether links whose terminus outlives a connection are routed from here on. Those that are stay.
    pub fn allow_resumable(&self, allowed: bool) {
        self.refuses_resumable.store(!allowed, Ordering::Relaxed);
    }

    pub(crate) fn refuses_resumable(&self) -> bool {
        self.refuses_resumable.load(Ordering::Relaxed)
    }

    /// Adds a route for links that are attached from here on. There may be another one just like it, as in the reference.
    pub fn add(&self, route: LinkRoute) -> u64 {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let id = known.add(route, None);
        known.note(self);
        id
    }

    /// Puts routes in place of those for the same links, after some were removed. Links that are routed stay. `created`: what is not
    /// of a file, and stays.
    pub fn change(&self, removed: &[LinkRoute], added: Vec<LinkRoute>, created: &BTreeSet<u64>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let of_file = |id: u64, entry: &Entry| entry.owner.is_none() && !created.contains(&id);
        known.remove_where(|id, entry| of_file(id, entry) && removed.iter().any(|route| route.routes_as(&entry.route)));
        for route in added {
            // they have the same pattern and direction, and so the same key
            match known.routes.iter_mut().find(|(id, entry)| of_file(**id, entry) && entry.route.routes_as(&route)) {
                Some((_, entry)) => entry.route = Arc::new(route),
                None => drop(known.add(route, None)),
            }
        }
        known.note(self);
    }

    /// Removes a route that is configured, or that a peer made for its connection; `false` when there is none with that id. Its links
    /// stay.
    pub fn remove(&self, id: u64, owner: Option<ConnectionRef>) -> bool {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let is_there = known.routes.get(&id).is_some_and(|entry| entry.owner == owner);
        if is_there {
            known.remove(id);
            known.note(self);
        }
        is_there
    }

    /// All routes that are configured, with their ids, in the order in which they came, and the connections that each may lead to
    /// now.
    #[must_use]
    pub fn all(&self) -> Vec<(u64, Arc<LinkRoute>, usize)> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let configured = known.routes.iter().filter(|(_, entry)| entry.owner.is_none());
        configured.map(|(id, entry)| (*id, entry.route.clone(), known.ends(entry).count())).collect()
    }

    /// The ids of the routes with the closest pattern for a name.
    #[must_use]
    pub fn explain(&self, direction: Direction, name: &str) -> Vec<u64> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let closest = known.closest(direction, name);
        let is_closest = |entry: &Entry| closest.iter().any(|one| std::ptr::eq(*one, entry));
        known.routes.iter().filter(|(_, entry)| is_closest(entry)).map(|(id, _)| *id).collect()
    }

    /// How many of them there are.
    #[must_use]
    pub fn len(&self) -> usize {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.routes.len().saturating_sub(known.owned)
    }

    /// Whether none is configured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those that a peer made for its connection, in the order in which they came.
    #[must_use]
    pub fn of(&self, owner: ConnectionRef) -> Vec<(u64, Arc<LinkRoute>)> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let own = known.routes.iter().filter(|(_, entry)| entry.owner == Some(owner));
        own.map(|(id, entry)| (*id, entry.route.clone())).collect()
    }

    /// The addresses of all routes, as management writes them and in the order of their names, with the connections that links may be
    /// carried to now.
    #[must_use]
    pub fn addresses(&self) -> Vec<(String, usize)> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut found: BTreeMap<String, BTreeSet<ConnectionRef>> = BTreeMap::new();
        for entry in known.routes.values() {
            found.entry(key(&entry.route)).or_default().extend(known.ends(entry));
        }
        found.into_iter().map(|(key, ends)| (key, ends.len())).collect()
    }

    /// How many [`Self::addresses`] there are.
    #[must_use]
    pub fn address_count(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).keys.len()
    }

    /// Whether a connection that goes may have routes of its own.
    pub(crate) fn has_owned(&self) -> bool {
        self.owned.load(Ordering::Acquire)
    }

    fn add_owned(&self, route: LinkRoute, owner: ConnectionRef) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.add(route, Some(owner));
        known.note(self);
    }

    /// A connection is open: links may be carried to it.
    pub(crate) fn open(&self, at: ConnectionRef, meta: &Meta) {
        if meta.role == Role::RouteContainer {
            let container = Container { at, name: meta.name.clone(), container_id: meta.container_id.clone() };
            self.known.write().unwrap_or_else(PoisonError::into_inner).containers.push(container);
        }
    }

    /// A connection takes no more links.
    pub(crate) fn close(&self, at: ConnectionRef) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.containers.retain(|container| container.at != at);
        if known.owned > 0 {
            known.remove_where(|_, entry| entry.owner == Some(at));
        }
        known.note(self);
    }

    /// Whether links to a name are routed.
    pub(crate) fn covers(&self, direction: Direction, name: &str) -> bool {
        self.used.load(Ordering::Acquire)
            && !self.known.read().unwrap_or_else(PoisonError::into_inner).closest(direction, name).is_empty()
    }

    /// Remembers the address of a link whose terminus may be taken up again by the name of the link alone.
    pub(crate) fn remember(&self, link: &str, address: &str) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.remembered.retain(|(name, _)| name != link);
        if known.remembered.len() >= REMEMBERED_LINKS_MAX {
            known.remembered.pop_front();
        }
        known.remembered.push_back((link.to_owned(), address.to_owned()));
    }

    /// What stands for the address of a link that names none.
    pub(crate) fn recall(&self, link: &str) -> String {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let found = known.remembered.iter().find(|(name, _)| name == link);
        found.map_or(UNNAMED, |(_, address)| address).to_owned()
    }

    /// The way of a link to a name: containers take the links of a pattern and direction in turn (the reference, 1.9). `None` when none is
    /// connected, or when it names none, is not
    /// remembered, and there is more than one.
    pub(crate) fn pick(&self, direction: Direction, name: &str) -> Option<Way> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let closest = known.closest(direction, name);
        let ways: Vec<_> = closest.iter().flat_map(|entry| known.ends(entry).map(move |at| (*entry, at))).collect();
        if name == UNNAMED && ways.windows(2).any(|pair| matches!(pair, [(_, one), (_, other)] if one != other)) {
            return None;
        }
        let turn = closest.first()?.turn.fetch_add(1, Ordering::Relaxed).checked_rem(ways.len())?;
        let (entry, container) = ways.get(turn)?;
        Some(Way { route: entry.route.clone(), container: *container })
    }

    /// The way of a link to `name` that is carried to a connection of this listener or connector, whatever routes there are; `to`: the
    /// address there, where it is another one. `None` when none is connected.
    pub(crate) fn carry(
        &self,
        direction: Direction,
        connection: &str,
        (name, to): (&str, Option<&str>),
    ) -> Option<Way> {
        let route = LinkRoute {
            name: None,
            covers: Covers::Prefix(name.to_owned()),
            direction,
            container: ContainerRef::Connection(connection.to_owned()),
            add_external_prefix: to.map(str::to_owned),
            del_external_prefix: to.map(|_| name.to_owned()),
        };
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let ends: Vec<_> = known.containers.iter().filter(|container| container.belongs(&route)).collect();
        let turn = self.carried.fetch_add(1, Ordering::Relaxed).checked_rem(ends.len())?;
        let container = ends.get(turn)?.at;
        Some(Way { route: Arc::new(route), container })
    }

    /// The worker of a connection that links to a name may take.
    pub(crate) fn home(&self, direction: Direction, name: &str) -> Option<u16> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.closest(direction, name).into_iter().find_map(|entry| known.ends(entry).next()).map(|at| at.shard)
    }
}

impl Shard {
    /// A peer makes a route to its own connection, for addresses of its own tenant, as it writes them. Says whether that is still there.
    pub fn add_connection_route(&self, owner: ConnectionRef, mut route: LinkRoute) -> bool {
        let Some(peer) = self.peer(owner).filter(|peer| peer.amqp.is_open() && !peer.retires) else {
            return false;
        };
        if let Some(tenant) = peer.meta.space.prefix() {
            // in a pattern such a hostname would mean others too
            if tenant.split(['.', '/']).any(|part| matches!(part, "*" | "#")) {
                return false;
            }
            let (Covers::Prefix(covers) | Covers::Pattern(covers)) = &mut route.covers;
            covers.insert_str(0, tenant);
            route.del_external_prefix = Some(tenant.to_owned());
        }
        let container = ContainerRef::ContainerId(peer.meta.container_id.clone());
        self.common.link_routes.add_owned(LinkRoute { container, ..route }, owner);
        true
    }
}

/// As management writes the address of a route: `C` in or `D` out for a prefix, `E` in or `F` out for a pattern. Source: the
/// reference, 1.7.
#[must_use]
pub fn key(route: &LinkRoute) -> String {
    match (&route.covers, route.direction) {
        (Covers::Prefix(prefix), Direction::In) => format!("C{prefix}"),
        (Covers::Prefix(prefix), Direction::Out) => format!("D{prefix}"),
        (Covers::Pattern(pattern), Direction::In) => format!("E{pattern}"),
        (Covers::Pattern(pattern), Direction::Out) => format!("F{pattern}"),
    }
}

/// The address of a link in the container, where it is another one.
pub(crate) fn outside(route: &LinkRoute, name: &str) -> Option<String> {
    let (added, taken) = (route.add_external_prefix.as_deref(), route.del_external_prefix.as_deref());
    let rest = taken.and_then(|taken| name.strip_prefix(taken)).unwrap_or(name);
    (added.is_some() || rest.len() < name.len()).then(|| format!("{}{rest}", added.unwrap_or_default()))
}

/// The address of a container's node here: [`outside`] backwards.
pub(crate) fn inside(route: &LinkRoute, name: &str) -> String {
    let (added, taken) = (route.add_external_prefix.as_deref(), route.del_external_prefix.as_deref());
    let rest = added.and_then(|added| name.strip_prefix(added)).unwrap_or(name);
    format!("{}{rest}", taken.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    const ROUTES: usize = 5000;

    fn route(covers: Covers, connection: &str) -> LinkRoute {
        LinkRoute {
            name: None,
            covers,
            direction: Direction::In,
            container: ContainerRef::Connection(connection.to_owned()),
            add_external_prefix: None,
            del_external_prefix: None,
        }
    }

    #[test]
    fn the_closest_pattern_holds_whether_its_container_is_there_or_not() {
        let routes = LinkRoutes::new(
            vec![route(Covers::Prefix("a".to_owned()), "one"), route(Covers::Pattern("a/*".to_owned()), "two")],
            &Identities::default(),
        );
        let at = |slot| ConnectionRef { shard: 0, slot, generation: 0 };
        let container = |slot, name: &str| Container { at: at(slot), name: name.into(), container_id: String::new() };
        routes.known.write().unwrap().containers.push(container(1, "one"));
        assert!(routes.covers(Direction::In, "a.b") && !routes.covers(Direction::Out, "a.b"));
        assert!(routes.pick(Direction::In, "a.b").is_none());
        routes.known.write().unwrap().containers.extend([container(2, "two"), container(3, "two")]);
        let picked = || routes.pick(Direction::In, "a/b").map(|way| way.container.slot);
        assert!([picked(), picked()].contains(&Some(2)) && [picked(), picked()].contains(&Some(3)));
        assert_eq!(routes.pick(Direction::In, "a/b/c").map(|way| way.container.slot), Some(1));
        routes.close(at(1));
        assert!(routes.pick(Direction::In, "a/b/c").is_none());
    }

    #[test]
    fn each_pattern_and_direction_gives_containers_their_turn() {
        let of = |prefix: &str, direction| LinkRoute { direction, ..route(Covers::Prefix(prefix.to_owned()), "both") };
        // the same pattern, written otherwise
        let again = LinkRoute { direction: Direction::Out, ..route(Covers::Pattern("a/#".to_owned()), "late") };
        let routes = LinkRoutes::new(
            vec![of("a", Direction::In), of("a", Direction::Out), of("b", Direction::In), again],
            &Identities::default(),
        );
        let add = |slot, name: &str| {
            let at = ConnectionRef { shard: 0, slot, generation: 0 };
            let container = Container { at, name: name.into(), container_id: String::new() };
            routes.known.write().unwrap().containers.push(container);
        };
        add(1, "both");
        add(2, "both");
        let picked = |direction, name| routes.pick(direction, name).map(|way| way.container.slot).expect("a way");
        for turn in [1, 2, 1, 2] {
            assert_eq!(picked(Direction::Out, "a.x"), turn);
            assert_eq!(picked(Direction::In, "a.x"), turn);
            assert_eq!(picked(Direction::In, "b"), turn);
        }
        // those of one pattern and direction share a turn, whichever route they are by
        add(3, "late");
        let mut slots: Vec<_> = (0..6).map(|_| picked(Direction::Out, "a")).collect();
        slots.sort_unstable();
        assert_eq!(slots, [1, 1, 2, 2, 3, 3]);
    }

    #[test]
    fn a_route_to_nobody_has_its_addresses_and_no_way() {
        let nobody = LinkRoute { container: ContainerRef::Nobody, ..route(Covers::Prefix("a.b".to_owned()), "") };
        let routes =
            LinkRoutes::new(vec![route(Covers::Prefix("a".to_owned()), "one"), nobody], &Identities::default());
        let at = ConnectionRef { shard: 0, slot: 1, generation: 0 };
        let container = |name: &str| Container { at, name: name.into(), container_id: String::new() };
        routes.known.write().unwrap().containers.extend([container("one"), container("")]);
        assert!(routes.pick(Direction::In, "a.c").is_some());
        assert!(routes.covers(Direction::In, "a.b.c") && routes.pick(Direction::In, "a.b.c").is_none());
    }

    #[test]
    fn a_link_that_names_no_address_goes_where_it_was_or_to_the_only_container() {
        let routes = LinkRoutes::new(
            vec![route(Covers::Prefix("a".to_owned()), "one"), route(Covers::Prefix("b".to_owned()), "two")],
            &Identities::default(),
        );
        let add = |slot, name: &str| {
            let at = ConnectionRef { shard: 0, slot, generation: 0 };
            let container = Container { at, name: name.into(), container_id: String::new() };
            routes.known.write().unwrap().containers.push(container);
        };
        let slot = |link| routes.pick(Direction::In, &routes.recall(link)).map(|way| way.container.slot);
        assert_eq!(slot("s@c"), None);
        add(1, "one");
        assert_eq!(slot("s@c"), Some(1));
        add(2, "two");
        assert_eq!(slot("s@c"), None);
        routes.remember("s@c", "b.x");
        assert_eq!((slot("s@c"), slot("s@d")), (Some(2), None));
    }

    #[test]
    fn a_route_of_a_connection_leads_there_alone_and_ends_with_it() {
        let routes = LinkRoutes::new(vec![route(Covers::Prefix("a".to_owned()), "one")], &Identities::default());
        let at = |slot| ConnectionRef { shard: 0, slot, generation: 0 };
        let wild = || route(Covers::Pattern("*.b".to_owned()), "of no meaning");
        routes.add_owned(wild(), at(4));
        routes.add_owned(wild(), at(5));
        let picked = |name| routes.pick(Direction::In, name).map(|way| way.container.slot);
        assert!([picked("x.b"), picked("x.b")].contains(&Some(4)));
        assert_eq!((picked("a.x"), routes.all().len(), routes.of(at(4)).len()), (None, 1, 1));
        assert_eq!(routes.addresses(), [("Ca".to_owned(), 0), ("E*.b".to_owned(), 2)]);
        let id = routes.of(at(4))[0].0;
        assert!(!routes.remove(id, None) && !routes.remove(id, Some(at(5))) && routes.has_owned());
        assert!(routes.remove(id, Some(at(4))));
        assert_eq!(picked("x.b"), Some(5));
        routes.close(at(5));
        assert!(!routes.has_owned() && !routes.covers(Direction::In, "x.b") && routes.covers(Direction::In, "a.x"));
    }

    #[test]
    fn the_addresses_of_many_routes_are_looked_up_in_one_pass() {
        let routes = LinkRoutes::default();
        let owner = ConnectionRef { shard: 0, slot: 0, generation: 0 };
        for number in 0..ROUTES {
            routes.add_owned(route(Covers::Pattern(format!("of.a.client.{number}")), "of no meaning"), owner);
        }
        // the fastest of some, since others use the machine
        let took = (0..5).map(|_| {
            let start = Instant::now();
            assert_eq!(routes.addresses().len(), ROUTES);
            start.elapsed()
        });
        let took = took.min().unwrap();
        println!("{ROUTES} routes: {took:?}");
        assert!(took < Duration::from_millis(200), "{took:?}");
    }

    /// A look at each of them takes 10 ms in a debug build.
    #[test]
    fn a_link_finds_its_route_among_many_at_once() {
        let routes = LinkRoutes::default();
        let at = |slot| ConnectionRef { shard: 0, slot, generation: 0 };
        let own = |number| route(Covers::Pattern(format!("of.a.client.{number}")), "of no meaning");
        (0..10_000).for_each(|number| routes.add_owned(own(number), at(number % 10)));
        let took = (0..5).map(|_| {
            let start = Instant::now();
            assert_eq!(routes.pick(Direction::In, "of.a.client.9999").map(|way| way.container), Some(at(9)));
            assert!(!routes.covers(Direction::Out, "of.a.client.9999") && routes.address_count() == 10_000);
            start.elapsed()
        });
        let took = took.min().unwrap();
        println!("{took:?}");
        assert!(took < Duration::from_millis(1), "{took:?}");
        routes.close(at(9));
        assert!(routes.pick(Direction::In, "of.a.client.9999").is_none() && routes.address_count() == 9000);
        assert!(routes.is_empty() && routes.addresses().len() == 9000);
    }

    #[test]
    fn what_is_not_of_a_file_does_not_go_by_one() {
        let of_file = || route(Covers::Prefix("a".to_owned()), "one");
        let routes = LinkRoutes::new(vec![of_file()], &Identities::default());
        let id = routes.add(of_file());
        let changed = LinkRoute { name: Some("new".to_owned()), ..of_file() };
        routes.change(&[], vec![changed.clone()], &[id].into());
        let names = || routes.all().into_iter().map(|(id, route, _)| (id, route.name.clone())).collect::<Vec<_>>();
        assert_eq!(names(), [(1, changed.name.clone()), (id, None)]);
        for _ in 0..2 {
            routes.change(&[of_file()], Vec::new(), &[id].into());
            assert_eq!(names(), [(id, None)]);
        }
    }

    #[test]
    fn prefixes_come_and_go() {
        let plain = route(Covers::Prefix("lr".to_owned()), "one");
        assert_eq!(outside(&plain, "lr.two"), None);
        let del = LinkRoute { del_external_prefix: Some("lr.".to_owned()), ..plain.clone() };
        let add = LinkRoute { add_external_prefix: Some("ext.".to_owned()), ..plain };
        for (route, external) in [(del, "two"), (add, "ext.lr.two")] {
            assert_eq!(outside(&route, "lr.two").as_deref(), Some(external));
            assert_eq!(inside(&route, external), "lr.two");
        }
    }
}
