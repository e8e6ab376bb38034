//! The control task: it knows what is running, and does what the management node is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crosstie_manage::{Access, Agent, Attributes, Change, Pending, Refused, Reload, Step, log_facts};
use crosstie_model::address::is_reserved;
use crosstie_model::facts::{
    AddressFacts, AddressFindings, AutoLinkFacts, ConnectionFacts, Facts, LinkFacts, Part, RouterFacts, TrafficCounts,
};
use crosstie_model::plan::{Created, Plan};
use crosstie_model::policy::Policy;
use crosstie_model::settings::{
    AddressRule, AuthService, AutoLink, Connector, Direction, LinkRoute, Listener, Log, Role, Settings, Tls,
};
use crosstie_router::address::ConnectionRef;
use crosstie_router::auto_links::AutoLinkId;
use crosstie_router::counters::Past;
use crosstie_router::forward::REQUEST_MAX_BYTES;
use crosstie_router::shard::Managed;
use crosstie_router::survey::{LinkRow, Unattached, outcomes};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::NetError;
use crate::listener::{self, Doors, Sockets};
use crate::reload::Refusal;
use crate::rows;
use crate::status::Watched;
use crate::worker::{Command, Ending, Shared, Surveyed};

/// What whoever asked for a reload has to read the reply, before connections end.
const READING: Duration = Duration::from_millis(250);

/// What the program does for management: it turns the attributes of a request into settings, and has the log.
pub trait Entities: Send + Sync {
    /// A new listener.
    ///
    /// # Errors
    ///
    /// What is wrong, for the peer.
    fn listener(&self, attributes: &Attributes, known: (&[Tls], &[AuthService])) -> Result<Listener, String>;

    /// A new connector.
    ///
    /// # Errors
    ///
    /// What is wrong, for the peer.
    fn connector(&self, attributes: &Attributes, tls: &[Tls]) -> Result<Connector, String>;

    /// A new TLS profile, its files read: this may take a while.
    ///
    /// # Errors
    ///
    /// What is wrong, for the peer.
    fn ssl_profile(&self, attributes: &Attributes) -> Result<Tls, String>;

    /// A new auth service.
    ///
    /// # Errors
    ///
    /// What is wrong, for the peer.
    fn auth_service(&self, attributes: &Attributes, tls: &[Tls]) -> Result<AuthService, String>;

    /// A new rule for addresses.
    ///
    /// # Errors
    ///
    /// What is wrong, for the peer.
    fn address(&self, attributes: &Attributes) -> Result<AddressRule, String>;

    /// A new link route.
    ///
    /// # Errors
    ///
    /// What is wrong, for the peer.
    fn link_route(&self, attributes: &Attributes) -> Result<LinkRoute, String>;

    /// A new auto-link.
    ///
    /// # Errors
    ///
    /// What is wrong, for the peer.
    fn auto_link(&self, attributes: &Attributes) -> Result<AutoLink, String>;

    /// Log settings in which a module of the reference has these levels.
    ///
    /// # Errors
    ///
    /// What is wrong, for the peer.
    fn log(&self, log: &Log, module: &str, enable: &str) -> Result<Log, String>;

    /// Has these levels logged from here on.
    fn set_levels(&self, log: &Log);

    /// Opens the file of the log anew, if it has one.
    fn reopen_log(&self);

    /// Why lines of the log are lost, while they are.
    fn log_fault(&self) -> Option<String>;

    /// Reads the configuration anew and compares it with the one that runs. May block.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, or that cannot change while the router runs.
    fn plan(&self, running: &Settings, created: &Created) -> Result<Plan, Refusal>;

    /// Takes note of the configuration that runs from here on.
    fn applied(&self, settings: &Settings);
}

/// A message to the management node, from a worker.
pub(crate) struct Asked {
    pub(crate) worker: u16,
    pub(crate) access: Access,
    /// An auth service says which addresses the peer may use.
    pub(crate) is_restricted: bool,
    pub(crate) request: Managed,
}

/// A listener that accepts.
pub(crate) struct Open {
    pub(crate) settings: Listener,
    pub(crate) sockets: Sockets,
    /// Of its connections.
    pub(crate) edition: u64,
    /// One for each socket; they end with it.
    pub(crate) accepting: JoinSet<()>,
    /// By management: it stands in no file.
    pub(crate) is_created: bool,
}

/// A connector that runs.
pub(crate) struct Dialling {
    pub(crate) settings: Connector,
    pub(crate) watched: Watched,
    /// By management: it stands in no file.
    pub(crate) is_created: bool,
}

/// What management has created, by its ids.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) addresses: BTreeSet<u64>,
    pub(crate) auto_links: BTreeSet<u64>,
    pub(crate) link_routes: BTreeSet<u64>,
    pub(crate) tls: BTreeSet<String>,
    pub(crate) auth_services: BTreeSet<String>,
}

impl Open {
    /// The port that it got.
    fn port(&self) -> u16 {
        self.sockets.first().and_then(|socket| socket.local_addr().ok()).map_or(0, |local| local.port())
    }
}

/// What is running.
pub(crate) struct Control {
    /// As the file says; what management created is not in it.
    pub(crate) settings: Settings,
    /// As management may have changed it.
    pub(crate) log: Log,
    pub(crate) doors: Doors,
    pub(crate) entities: Arc<dyn Entities>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) workers: Vec<mpsc::UnboundedSender<Command>>,
    /// Asked for what it shows, and nothing else.
    pub(crate) policy: Rc<dyn Policy>,
    agent: Agent,
    pub(crate) listeners: Vec<Open>,
    pub(crate) connectors: Vec<Dialling>,
    /// That new listeners may name.
    pub(crate) auth_services: Vec<AuthService>,
    pub(crate) made: Made,
    /// Turns of connectors on workers.
    turn: usize,
}

impl Control {
    pub(crate) fn new(
        settings: Settings,
        doors: Doors,
        entities: Arc<dyn Entities>,
        (shared, workers): (Arc<Shared>, Vec<mpsc::UnboundedSender<Command>>),
        policy: Rc<dyn Policy>,
    ) -> Self {
        let agent = Agent::new(REQUEST_MAX_BYTES);
        let (listeners, connectors, made) = (Vec::new(), Vec::new(), Made::default());
        let (log, auth_services) = (settings.log.clone(), settings.auth_services.clone());
        Self {
            settings,
            log,
            doors,
            entities,
            shared,
            workers,
            policy,
            agent,
            listeners,
            connectors,
            auth_services,
            made,
            turn: 0,
        }
    }

    /// Lets a listener accept by sockets that were opened for it.
    ///
    /// # Errors
    ///
    /// [`NetError::NoTls`].
    pub(crate) fn accept_opened(&mut self, settings: Listener, sockets: Sockets) -> Result<(), NetError> {
        let (name, opened) = (settings.name.clone(), sockets.clone());
        self.accept_as(settings, sockets, None)?;
        listener::tell(&name, &opened);
        Ok(())
    }

    /// Lets a listener accept; with the edition of one before it has that one's connections.
    ///
    /// # Errors
    ///
    /// [`NetError::NoTls`].
    pub(crate) fn accept_as(
        &mut self,
        settings: Listener,
        sockets: Sockets,
        edition: Option<u64>,
    ) -> Result<(), NetError> {
        let edition = edition.unwrap_or_else(|| self.shared.next_edition());
        let accepting = self.accepting(&settings, sockets.clone(), edition)?;
        self.listeners.push(Open { settings, sockets, edition, accepting, is_created: false });
        Ok(())
    }

    /// Accepts for a listener until that is dropped.
    pub(crate) fn accepting(
        &self,
        listener: &Listener,
        sockets: Sockets,
        edition: u64,
    ) -> Result<JoinSet<()>, NetError> {
        let door = Arc::new(self.doors.door(listener, edition)?);
        let accept = |socket| listener::accept(socket, door.clone(), self.workers.clone());
        Ok(sockets.into_iter().map(accept).collect())
    }

    /// Starts a connector.
    pub(crate) fn connect(&mut self, connector: Connector) {
        let watched = Watched::new(self.shared.next_edition());
        let worker = self.turn.checked_rem(self.workers.len()).and_then(|at| self.workers.get(at));
        self.turn = self.turn.wrapping_add(1);
        if let Some(worker) = worker {
            // a worker that is gone connects nobody
            let _ = worker.send(Command::Connect(Box::new(connector.clone()), watched.clone()));
        }
        self.connectors.push(Dialling { settings: connector, watched, is_created: false });
    }

    /// Accepts no more.
    pub(crate) fn stop_listening(&mut self) {
        for listener in &mut self.listeners {
            listener.accepting.abort_all();
        }
    }

    /// Answers one request.
    pub(crate) async fn handle(&mut self, asked: Asked) {
        let Asked { worker, access, is_restricted, request } = asked;
        let mut endings = Vec::new();
        let mut step = self.agent.begin(request.message.bytes(), access);
        let reply = loop {
            step = match step {
                Step::Reply(reply) => break Some(reply.message),
                Step::Silent => break None,
                Step::Gather(pending) => {
                    let facts = self.gather(&pending, request.connection()).await;
                    pending.facts(&facts)
                }
                Step::Change(changing, change) => {
                    let outcome = match change {
                        // Source: the reference, `agent_connection.c` and `agent_conn_link_route.c`.
                        Change::DropConnection(_) | Change::CreateConnectionRoute { .. } if is_restricted => {
                            let why = "You are not allowed to perform this operation.";
                            Err(Refused::Forbidden(why.to_owned()))
                        }
                        change => self.change(change, request.connection()).await,
                    };
                    self.forget_profiles();
                    changing.changed(outcome)
                }
                Step::Reload(reloading, reload) => {
                    let reloaded = self.reload(reload).await;
                    reloading.done(reloaded.map_err(|refusal| refusal.text).map(|reloaded| {
                        endings = reloaded.endings;
                        reloaded.lines
                    }))
                }
            };
        };
        if let Some(worker) = self.workers.get(usize::from(worker)) {
            let _ = worker.send(Command::Reply(Box::new(request), reply));
        }
        if !endings.is_empty() {
            // one of them may be that of whoever asked, and clients were seen to lose a reply that comes with a close
            tokio::time::sleep(READING).await;
            self.end_all(&endings).await;
        }
    }

    /// Applies the configuration as it is now, unasked by a peer.
    pub(crate) async fn handle_hangup(&mut self) {
        if let Ok(reloaded) = self.reload(Reload::Apply).await {
            self.end_all(&reloaded.endings).await;
        }
    }

    async fn end_all(&self, endings: &[Ending]) {
        for ending in endings {
            self.end(ending).await;
        }
    }

    /// Tells all workers.
    pub(crate) fn tell(&self, command: impl Fn() -> Command) {
        for worker in &self.workers {
            // a worker that is gone has nothing to do
            let _ = worker.send(command());
        }
    }

    /// Ends connections. Says whether there was one.
    pub(crate) async fn end(&self, ending: &Ending) -> bool {
        let mut found = false;
        // twice: the first time one may be on its way from a worker that has been asked to one that has been asked before
        for _ in 0..2 {
            let mut answers = Vec::new();
            for worker in &self.workers {
                let (answer, answered) = oneshot::channel();
                if worker.send(Command::End(ending.clone(), answer)).is_ok() {
                    answers.push(answered);
                }
            }
            for answer in answers {
                found |= answer.await.unwrap_or(false);
            }
        }
        found
    }

    /// What is asked for; `by`: the connection that asks.
    async fn gather(&self, pending: &Pending, by: ConnectionRef) -> Facts {
        let mut surveys = Vec::new();
        for worker in &self.workers {
            let (answer, answered) = oneshot::channel();
            if worker.send(Command::Survey(answer)).is_ok() {
                surveys.push(answered);
            }
        }
        let (mut links, mut connections, mut past) = (Vec::new(), Vec::new(), Past::default());
        let mut unattached = Vec::new();
        for survey in surveys {
            // a worker that is gone has nothing to say
            let Ok(Surveyed { survey, connections: mut more }) = survey.await else {
                continue;
            };
            past.add(&survey.past);
            links.extend(survey.links);
            unattached.extend(survey.auto_links);
            connections.append(&mut more);
        }
        connections.sort_by_key(|connection: &ConnectionFacts| connection.id);
        links.sort_by_key(|row: &LinkRow| row.facts.id);
        let when = |part| pending.wants(part);
        let addresses = if when(Part::Addresses) { self.addresses(&links, &connections) } else { Vec::new() };
        let auto_links = if when(Part::AutoLinks) { self.auto_links(&links, &unattached) } else { Vec::new() };
        let router = self.router(&links, &connections, &past);
        let listeners = self.listeners.iter().map(|open| rows::listener(&open.settings, open.port()));
        let connectors =
            self.connectors.iter().map(|dialling| rows::connector(&dialling.settings, dialling.watched.get()));
        let tls_profiles = self.shared.profiles.all().into_iter();
        let common = &self.shared.common;
        let rules = if when(Part::AddressRules) { common.addresses.rules() } else { Vec::new() };
        let routes = if when(Part::LinkRoutes) { common.link_routes.all() } else { Vec::new() };
        let findings = pending.address().and_then(|(name, by)| self.findings(name, by, &connections));
        Facts {
            router,
            listeners: if when(Part::Listeners) { listeners.collect() } else { Vec::new() },
            connectors: if when(Part::Connectors) { connectors.collect() } else { Vec::new() },
            tls_profiles: if when(Part::TlsProfiles) {
                tls_profiles.map(|profile| rows::tls_profile(&profile)).collect()
            } else {
                Vec::new()
            },
            auth_services: self.auth_services.iter().map(rows::auth_service).collect(),
            connections: if when(Part::Connections) { connections } else { Vec::new() },
            links: if when(Part::Links) { links.into_iter().map(|row| row.facts).collect() } else { Vec::new() },
            addresses: if when(Part::Addresses) { addresses } else { Vec::new() },
            address_rules: rules.iter().map(|(id, rule)| rows::address_rule(*id, rule)).collect(),
            auto_links,
            link_routes: routes.iter().map(|(id, route, open)| rows::link_route(*id, route, *open > 0)).collect(),
            connection_routes: if when(Part::ConnectionRoutes) {
                self.shared
                    .common
                    .link_routes
                    .of(by)
                    .iter()
                    .map(|(id, route)| rows::connection_route(*id, route))
                    .collect()
            } else {
                Vec::new()
            },
            log: if when(Part::Log) { log_facts(&self.log, self.entities.log_fault()) } else { Vec::new() },
            nodes: Vec::new(),
            plugins: if when(Part::Plugins) { self.policy.plugins() } else { Vec::new() },
            refusals: if when(Part::Refusals) { self.shared.refusals.all() } else { Vec::new() },
            record: self.policy.record(),
            findings,
        }
    }

    fn auto_links(&self, links: &[LinkRow], unattached: &[(AutoLinkId, Unattached)]) -> Vec<AutoLinkFacts> {
        let row = |(id, auto_link, last_error): (AutoLinkId, Arc<AutoLink>, _)| {
            let link = links.iter().find(|row| row.auto_link == Some(id)).map(|row| row.facts.id);
            let why = unattached.iter().filter(|(of, _)| *of == id).map(|(_, why)| *why).max();
            rows::auto_link(id, &auto_link, (link, why), last_error)
        };
        self.shared.common.auto_links.all().into_iter().map(row).collect()
    }

    /// What holds for an address as the peer of a connection writes it; nothing where that is not open.
    fn findings(&self, name: &str, by: Option<&str>, connections: &[ConnectionFacts]) -> Option<AddressFindings> {
        let common = &self.shared.common;
        let prefix = match by {
            Some(id) => connections.iter().find(|connection| connection.id.to_string() == id)?.tenant.as_deref(),
            None => None,
        };
        let reserved = is_reserved(name);
        let name = format!("{}{name}", prefix.filter(|_| !reserved).unwrap_or_default());
        let (rule, phases) = common.addresses.explain(&name);
        let used = common.addresses.all();
        let used = used.iter().filter(|used| used.key.name == name).map(|used| {
            let consumers = u32::try_from(used.consumer_count()).unwrap_or(u32::MAX);
            (used.key.phase, used.distribution().as_str(), consumers)
        });
        let tenants = self.listeners.iter().filter(|open| open.settings.multi_tenant);
        Some(AddressFindings {
            reserved,
            rule,
            distribution: common.addresses.distribution(&name).as_str(),
            phases,
            link_routes: [Direction::In, Direction::Out].map(|way| common.link_routes.explain(way, &name)),
            in_use: used.collect(),
            multi_tenant: tenants.map(|open| open.settings.name.clone()).collect(),
            name,
        })
    }

    /// Those in use, and the management node.
    fn addresses(&self, links: &[LinkRow], connections: &[ConnectionFacts]) -> Vec<AddressFacts> {
        let mut traffic: BTreeMap<&str, TrafficCounts> = BTreeMap::new();
        for LinkRow { facts, .. } in links {
            let Some(key) = facts.address_key.as_deref() else {
                continue;
            };
            add(traffic.entry(key).or_default(), facts, is_container(facts, connections));
        }
        let known = self.shared.common.addresses.all();
        let mut found: Vec<AddressFacts> = Vec::with_capacity(known.len().saturating_add(1));
        let node = format!("L{}", crosstie_router::name::NODE);
        let of_node = traffic.get(node.as_str()).copied().unwrap_or_default();
        found.push(AddressFacts {
            to_container: of_node.ingress,
            key: node,
            distribution: "closest",
            consumers_in_process: 1,
            traffic: of_node,
            ..AddressFacts::default()
        });
        for (key, open) in self.shared.common.link_routes.addresses() {
            found.push(AddressFacts {
                traffic: traffic.get(key.as_str()).copied().unwrap_or_default(),
                key,
                distribution: "linkBalanced",
                containers: u32::try_from(open).unwrap_or(u32::MAX),
                ..AddressFacts::default()
            });
        }
        for address in known {
            let key = address.key.to_string();
            let mut counts = traffic.get(key.as_str()).copied().unwrap_or_default();
            let [came, went] = address.past();
            counts.ingress = counts.ingress.saturating_add(came);
            counts.egress = counts.egress.saturating_add(went);
            found.push(AddressFacts {
                key,
                distribution: address.distribution().as_str(),
                consumers: u32::try_from(address.consumer_count()).unwrap_or(u32::MAX),
                traffic: counts,
                priority: address
                    .priority
                    .or_else(|| self.shared.common.addresses.rule(&address.key.name).and_then(|rule| rule.priority)),
                ..AddressFacts::default()
            });
        }
        found
    }

    fn router(&self, links: &[LinkRow], connections: &[ConnectionFacts], past: &Past) -> RouterFacts {
        let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let router = &self.settings.router;
        let common = &self.shared.common;
        // those in use, and the management node
        let addresses = common.addresses.len().saturating_add(common.link_routes.address_count()).saturating_add(1);
        let ([ingress, ingress_route_container], [egress, egress_route_container]) = (past.came, past.went);
        let mut traffic = TrafficCounts {
            ingress,
            egress,
            ingress_route_container,
            egress_route_container,
            ..TrafficCounts::default()
        };
        let mut totals = outcomes(&past.outcomes);
        for LinkRow { facts, .. } in links {
            add(&mut traffic, facts, is_container(facts, connections));
            if facts.direction == Direction::In {
                let more = &facts.outcomes;
                totals.presettled = totals.presettled.saturating_add(more.presettled);
                totals.dropped_presettled = totals.dropped_presettled.saturating_add(more.dropped_presettled);
                totals.accepted = totals.accepted.saturating_add(more.accepted);
                totals.rejected = totals.rejected.saturating_add(more.rejected);
                totals.released = totals.released.saturating_add(more.released);
                totals.modified = totals.modified.saturating_add(more.modified);
                totals.delayed_1s = totals.delayed_1s.saturating_add(more.delayed_1s);
                totals.delayed_10s = totals.delayed_10s.saturating_add(more.delayed_10s);
                totals.stuck = totals.stuck.saturating_add(more.stuck);
            } else {
                let dropped = facts.outcomes.dropped_presettled;
                totals.dropped_presettled = totals.dropped_presettled.saturating_add(dropped);
            }
        }
        let blocked = links.iter().filter(|row| row.facts.zero_credit_seconds > 10).count();
        RouterFacts {
            id: router.id.clone(),
            mode: "standalone",
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host_name: host_name(),
            metadata: router.metadata.clone(),
            workers: u32::try_from(self.workers.len()).unwrap_or(u32::MAX),
            default_distribution: router.default_distribution.as_str(),
            allow_resumable_link_route: router.allow_resumable_link_route,
            uptime_seconds: u32::try_from(self.shared.started.elapsed().as_secs()).unwrap_or(u32::MAX),
            memory_bytes: memory_bytes(),
            addresses: wide(addresses),
            links: wide(links.len()),
            links_blocked: u32::try_from(blocked).unwrap_or(u32::MAX),
            nodes: 0,
            link_routes: wide(common.link_routes.len()),
            auto_links: wide(common.auto_links.len()),
            connections: wide(connections.len()),
            outcomes: totals,
            traffic,
        }
    }
}

fn is_container(link: &LinkFacts, connections: &[ConnectionFacts]) -> bool {
    let place = connections.binary_search_by_key(&link.connection_id, |connection| connection.id);
    place.ok().and_then(|at| connections.get(at)).is_some_and(|found| found.role == Role::RouteContainer.as_str())
}

/// Adds what a link has carried.
fn add(traffic: &mut TrafficCounts, link: &LinkFacts, is_container: bool) {
    let (all, container) = match link.direction {
        Direction::In => (&mut traffic.ingress, &mut traffic.ingress_route_container),
        Direction::Out => (&mut traffic.egress, &mut traffic.egress_route_container),
    };
    *all = all.saturating_add(link.deliveries);
    if is_container {
        *container = container.saturating_add(link.deliveries);
    }
}

fn host_name() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned())
}

/// Virtual memory of this process. Source: proc(5), `VmSize` of `status`, in KiB.
fn memory_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
