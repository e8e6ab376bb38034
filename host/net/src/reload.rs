//! Reload: what differs between the configuration that runs and the one that is read anew is applied, and nothing else is touched.

use std::io::ErrorKind;
use std::sync::Arc;

use crosstie_manage::Reload;
use crosstie_model::plan::{Changed, Created, Difference, Plan};
use crosstie_model::settings::{Connector, Listener};
use crosstie_tls::Profile;

use crate::control::{Control, Open};
use crate::listener::Sockets;
use crate::profiles::ByName;
use crate::worker::{Command, Ending};
use crate::{NetError, listener, opening};

/// Why a configuration is not applied.
#[derive(Debug)]
pub struct Refusal {
    /// As it is shown on a terminal.
    pub text: String,
    /// A line for each problem.
    pub lines: Vec<String>,
}

impl Refusal {
    /// A single reason.
    #[must_use]
    pub fn new(reason: String) -> Self {
        Self::all(vec![reason])
    }

    /// Several reasons.
    fn all(lines: Vec<String>) -> Self {
        let text = lines.iter().map(|line| format!("error: {line}\n")).collect();
        Self { text, lines }
    }

    /// Puts it into the log.
    fn log(&self) {
        for line in &self.lines {
            tracing::warn!(target: "config", "reload refused: {line}");
        }
    }
}

/// What a reload comes to.
pub(crate) struct Reloaded {
    /// What is or would be done, a line for each change.
    pub(crate) lines: Vec<String>,
    /// Connections that are to end once this was told.
    pub(crate) endings: Vec<Ending>,
}

/// A listener that is to accept, by sockets that are open.
struct Ready {
    settings: Listener,
    sockets: Sockets,
    /// The sockets were opened for it, and are no other's.
    is_opened: bool,
    /// Its open connections do not stay.
    closes: bool,
}

impl Control {
    /// Reads the configuration anew, and applies it, or only says what there would be to do.
    pub(crate) async fn reload(&mut self, reload: Reload) -> Result<Reloaded, Refusal> {
        if reload == Reload::Apply {
            self.entities.reopen_log();
        }
        let plan = self.plan().await.inspect_err(|refusal| {
            if reload == Reload::Apply {
                refusal.log();
            }
        })?;
        let mut lines = plan.lines.clone();
        if lines.is_empty() {
            lines.push("nothing has changed".to_owned());
        }
        lines.extend(plan.warnings.iter().map(|warning| format!("warning: {warning}")));
        if reload == Reload::Plan {
            return Ok(Reloaded { lines, endings: Vec::new() });
        }
        let endings = self.apply(plan, &lines).await.inspect_err(Refusal::log)?;
        Ok(Reloaded { lines, endings })
    }

    async fn plan(&self) -> Result<Plan, Refusal> {
        let (entities, running, created) = (self.entities.clone(), self.settings.clone(), self.created());
        // files are read, and directories looked at
        let planned = tokio::task::spawn_blocking(move || entities.plan(&running, &created)).await;
        let plan = planned
            .unwrap_or_else(|error| Err(Refusal::new(format!("the configuration could not be read: {error}"))))?;
        // as of a file that is being written
        if plan.settings.listeners.is_empty() && plan.settings.connectors.is_empty() {
            return Err(Refusal::new(
                "neither listener nor connector would be left, so that nobody could reach the router".to_owned(),
            ));
        }
        Ok(plan)
    }

    /// What management has created.
    fn created(&self) -> Created {
        let common = &self.shared.common;
        let listeners = self.listeners.iter().filter(|open| open.is_created).map(|open| &open.settings.name);
        let connectors = self.connectors.iter().filter(|dialling| dialling.is_created);
        let names = listeners.chain(connectors.map(|dialling| &dialling.settings.name)).cloned().collect();
        let rules = common.addresses.rules().into_iter().filter(|(id, _)| self.made.addresses.contains(id));
        let auto_links = common.auto_links.all().into_iter().filter(|(id, ..)| self.made.auto_links.contains(id));
        let routes = common.link_routes.all().into_iter().filter(|(id, ..)| self.made.link_routes.contains(id));
        Created {
            names,
            addresses: rules.map(|(_, rule)| (rule.covers.pattern(), rule.name.clone())).collect(),
            auto_links: auto_links.map(|(_, auto_link, _)| auto_link.name.clone()).collect(),
            link_routes: routes.map(|(_, route, _)| (*route).clone()).collect(),
            tls: self.made.tls.iter().cloned().collect(),
            auth_services: self.made.auth_services.iter().cloned().collect(),
        }
    }

    /// Applies a plan. What can fail comes first: then nothing is changed.
    async fn apply(&mut self, plan: Plan, lines: &[String]) -> Result<Vec<Ending>, Refusal> {
        let ready = self.sockets(&plan.listeners).await?;
        let (known, tls) = (self.doors.profiles.clone(), plan.settings.tls.clone());
        // files may lie on a slow disk
        let profiles = tokio::task::spawn_blocking(move || known.with(&tls)).await;
        let profiles = profiles.map_err(|error| Refusal::new(error.to_string()))?;
        let profiles = profiles.map_err(|error| Refusal::new(error.to_string()))?;
        let Plan { listeners, connectors, addresses, auto_links, link_routes, users, log, settings, .. } = plan;
        let mut endings = Vec::new();
        if let Some(change) = &users {
            let new = settings.users.clone();
            let table = tokio::task::spawn_blocking(move || opening::users(&new)).await;
            let table = table.map_err(std::io::Error::other).flatten();
            self.doors.users = table.map_err(|error| Refusal::new(format!("the users cannot be changed: {error}")))?;
            endings.extend(change.removed.iter().cloned().map(Ending::User));
        }
        for line in lines {
            tracing::info!(target: "config", "reload: {line}");
        }
        endings.extend(self.change_profiles(profiles));
        if log {
            self.log = settings.log.clone();
            self.entities.set_levels(&self.log);
        }
        self.shared.set_connections_max(settings.limits.connections);
        let common = &self.shared.common;
        common.buffered.set_max(settings.limits.buffered_bytes);
        let Difference { removed, added, changed } = addresses;
        let added = changed.into_iter().map(|changed| changed.to).chain(added).collect();
        let default = settings.router.default_distribution;
        common.addresses.change_rules((&removed, added), default, &self.made.addresses);
        let Difference { removed, added, changed } = link_routes;
        let added = changed.into_iter().map(|changed| changed.to).chain(added).collect();
        common.link_routes.allow_resumable(settings.router.allow_resumable_link_route);
        common.link_routes.change(&removed, added, &self.made.link_routes);
        self.change_auto_links(auto_links);
        self.auth_services.retain(|service| self.made.auth_services.contains(&service.name));
        self.auth_services.extend(settings.auth_services.iter().cloned());
        self.settings = settings;
        self.entities.applied(&self.settings);
        endings.extend(self.change_listeners(listeners, ready, users.is_some()));
        self.change_connectors(connectors);
        self.forget_profiles();
        Ok(endings)
    }

    /// Has listeners and connectors go by other profiles from here on. Gives those connections to end that listeners let in otherwise: the
    /// plan knows nothing of what management created or deleted.
    fn change_profiles(&self, profiles: ByName) -> Vec<Ending> {
        let all = &self.doors.profiles;
        let open = self.listeners.iter();
        let before = open.filter_map(|open| Some((open, all.get(&open.settings.tls.as_ref()?.name)?)));
        let before: Vec<(&Open, Arc<Profile>)> = before.collect();
        all.replace(profiles, &self.made.tls);
        let mut endings = Vec::new();
        for (open, was) in before {
            let (was, listener) = (was.settings(), open.settings.name.as_str());
            let Some(is) = all.get(&was.name) else { continue };
            if open.is_created && is.settings().certificate.is_none() {
                let tls = was.name.as_str();
                tracing::warn!(target: "listener", listener, tls, "it accepts nobody by TLS: its tls has no certificate now");
            }
            if was.concerns_peers(is.settings()) {
                endings.push(Ending::Listener { edition: open.edition, why: "the tls of the listener was changed" });
            }
        }
        endings
    }

    fn change_auto_links(&self, difference: Difference<crosstie_model::settings::AutoLink>) {
        let Difference { removed, added, changed } = difference;
        let (old, new): (Vec<_>, Vec<_>) = changed.into_iter().map(|Changed { from, to, .. }| (from, to)).unzip();
        let all = &self.shared.common.auto_links;
        for gone in removed.iter().chain(&old) {
            let known = all
                .all()
                .into_iter()
                .find(|(id, known, _)| known.name == gone.name && !self.made.auto_links.contains(id));
            // management may have deleted it
            if let Some((id, ..)) = known
                && all.remove(id)
            {
                self.tell(|| Command::RemoveAutoLink(id));
            }
        }
        for id in new.into_iter().chain(added).filter_map(|auto_link| all.add(auto_link)) {
            self.tell(|| Command::AddAutoLink(id));
        }
    }

    /// The sockets of new and changed listeners: those of listeners that go or change are taken over, others opened.
    async fn sockets(&self, difference: &Difference<Listener>) -> Result<Vec<Ready>, Refusal> {
        let Difference { removed, added, changed } = difference;
        let old = removed.iter().chain(changed.iter().map(|changed| &changed.from));
        let mut free: Vec<&Open> = old.filter_map(|old| self.listener(&old.name)).collect();
        let wanted = changed.iter().map(|changed| (&changed.to, changed.closes));
        let wanted = wanted.chain(added.iter().map(|listener| (listener, false)));
        let (mut ready, mut faults) = (Vec::new(), Vec::new());
        for (listener, closes) in wanted {
            let own = free.iter().position(|open| open.settings.name == listener.name && is_at(open, listener));
            let other = || free.iter().position(|open| listener.port != 0 && is_at(open, listener));
            let (sockets, is_opened) = match own.or_else(other) {
                Some(at) => (free.remove(at).sockets.clone(), false),
                None => match listener::bind(listener, &self.shared.resolver).await {
                    Ok(sockets) => (sockets, true),
                    Err(error) => {
                        faults.push(self.own_socket(listener, &error).unwrap_or_else(|| error.to_string()));
                        continue;
                    }
                },
            };
            ready.push(Ready { settings: listener.clone(), sockets, is_opened, closes });
        }
        if faults.is_empty() { Ok(ready) } else { Err(Refusal::all(faults)) }
    }

    /// Says that a listener of this router is in the way, where one is: its socket is not given up for one that may fail.
    fn own_socket(&self, listener: &Listener, error: &NetError) -> Option<String> {
        let is_taken = matches!(error, NetError::Bind { source, .. } if source.kind() == ErrorKind::AddrInUse);
        if !is_taken {
            return None;
        }
        let mut others = self.listeners.iter().map(|open| &open.settings);
        let other = others.find(|other| other.port == listener.port && other.port != 0)?;
        let (name, port) = (&listener.name, listener.port);
        Some(format!(
            "listener {name:?} cannot listen on port {port} while listener {:?} has it: choose another port, or restart the router",
            other.name
        ))
    }

    fn listener(&self, name: &str) -> Option<&Open> {
        self.listeners.iter().find(|open| open.settings.name == name && !open.is_created)
    }

    /// Has listeners accept as they are configured now. `all`: those too that have not changed. Gives the connections to end.
    fn change_listeners(&mut self, difference: Difference<Listener>, ready: Vec<Ready>, all: bool) -> Vec<Ending> {
        let Difference { removed, changed, .. } = difference;
        let mut endings = Vec::new();
        let mut editions = Vec::new();
        for name in removed.iter().chain(changed.iter().map(|changed| &changed.from)).map(|old| &old.name) {
            let at = self.listeners.iter().position(|open| open.settings.name == *name && !open.is_created);
            let Some(open) = at.map(|at| self.listeners.remove(at)) else { continue };
            drop(open.accepting);
            if ready.iter().any(|ready| ready.settings.name == *name && !ready.closes) {
                editions.push((name, open.edition));
            } else {
                let went = removed.iter().any(|removed| removed.name == *name);
                let why = if went { "the listener was removed" } else { "the listener was changed" };
                endings.push(Ending::Listener { edition: open.edition, why });
            }
        }
        if all {
            for at in 0..self.listeners.len() {
                let Some(open) = self.listeners.get(at) else { continue };
                match (self.accepting(&open.settings, open.sockets.clone(), open.edition), self.listeners.get_mut(at)) {
                    (Ok(accepting), Some(open)) => open.accepting = accepting,
                    (Err(error), _) => tracing::error!(target: "listener", %error, "it goes on as it was"),
                    (Ok(_), None) => {}
                }
            }
        }
        for Ready { settings, sockets, is_opened, .. } in ready {
            let edition = editions.iter().find(|(name, _)| **name == settings.name).map(|(_, edition)| *edition);
            let (name, opened) = (settings.name.clone(), sockets.clone());
            match self.accept_as(settings, sockets, edition) {
                Ok(()) if is_opened => listener::tell(&name, &opened),
                Ok(()) => {}
                // a configuration names those that there are
                Err(error) => tracing::error!(target: "listener", %error, "it accepts nobody"),
            }
        }
        endings
    }

    fn change_connectors(&mut self, difference: Difference<Connector>) {
        let Difference { removed, added, changed } = difference;
        for gone in &removed {
            if let Some(at) = self.connector(&gone.name) {
                self.connectors.remove(at).watched.stop();
            }
        }
        for Changed { to, closes, .. } in changed {
            match self.connector(&to.name) {
                Some(at) if closes => {
                    self.connectors.remove(at).watched.stop();
                    self.connect(to);
                }
                Some(at) => {
                    if let Some(dialling) = self.connectors.get_mut(at) {
                        dialling.watched.become_other(to.clone());
                        dialling.settings = to;
                    }
                }
                // management has deleted it
                None => self.connect(to),
            }
        }
        for connector in added {
            self.connect(connector);
        }
    }

    /// Where a connector of the configuration stands.
    fn connector(&self, name: &str) -> Option<usize> {
        self.connectors.iter().position(|dialling| dialling.settings.name == name && !dialling.is_created)
    }
}

/// Whether open sockets are what a listener asks for.
fn is_at(open: &Open, listener: &Listener) -> bool {
    let at = |listener: &Listener| (listener.host.clone(), listener.port, listener.connection.address_family);
    at(&open.settings) == at(listener)
}
