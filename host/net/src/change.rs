//! Changes that management asks for.

use crosstie_manage::{Attributes, Change, Refused};
use crosstie_model::settings::{ContainerRef, Covers, LinkRoute, Tls};
use crosstie_router::address::ConnectionRef;
use crosstie_router::link_route;
use crosstie_tls::Profile;
use tokio::sync::oneshot;

use crate::control::Control;
use crate::listener;
use crate::worker::{Command, Ending};

impl Control {
    /// `by`: the connection that asks.
    pub(crate) async fn change(&mut self, change: Change, by: ConnectionRef) -> Result<(), Refused> {
        match change {
            Change::CreateListener(attributes) => self.create_listener(&attributes).await,
            Change::CreateConnector(attributes) => self.create_connector(&attributes),
            Change::CreateAddress(attributes) => self.create_address(&attributes),
            Change::CreateLinkRoute(attributes) => self.create_link_route(&attributes),
            Change::CreateConnectionRoute { name, pattern, direction } => {
                let (covers, container) = (Covers::Pattern(pattern), ContainerRef::ContainerId(String::new()));
                let (add_external_prefix, del_external_prefix) = (None, None);
                let route = LinkRoute { name, covers, direction, container, add_external_prefix, del_external_prefix };
                self.create_connection_route(route, by).await
            }
            Change::CreateAutoLink(attributes) => self.create_auto_link(&attributes),
            Change::CreateTls(attributes) => self.create_tls(attributes).await,
            Change::DeleteTls(name) => self.delete_tls(&name),
            Change::CreateAuthService(attributes) => self.create_auth_service(&attributes),
            Change::DeleteAuthService(name) => self.delete_auth_service(&name),
            Change::DeleteListener(name) => self.delete_listener(&name),
            Change::DeleteConnector(name) => self.delete_connector(&name),
            Change::DeleteAddress(id) => {
                let is_gone = self.shared.common.addresses.remove_rule(id);
                self.made.addresses.remove(&id);
                is_gone.then(|| tracing::info!(target: "management", id, "address rule deleted"));
                found(is_gone, "address rule", id)
            }
            Change::DeleteLinkRoute(id) => {
                let is_gone = self.shared.common.link_routes.remove(id, None);
                self.made.link_routes.remove(&id);
                is_gone.then(|| tracing::info!(target: "management", id, "link route deleted"));
                found(is_gone, "link route", id)
            }
            Change::DeleteConnectionRoute(id) => {
                let is_gone = self.shared.common.link_routes.remove(id, Some(by));
                is_gone.then(|| tracing::info!(target: "management", id, "link route of a connection deleted"));
                found(is_gone, "link route", id)
            }
            Change::DeleteAutoLink(id) => {
                let is_gone = self.shared.common.auto_links.remove(id);
                self.made.auto_links.remove(&id);
                self.tell(|| Command::RemoveAutoLink(id));
                is_gone.then(|| tracing::info!(target: "management", id, "auto-link deleted"));
                found(is_gone, "auto-link", id)
            }
            Change::DropConnection(id) => self.drop_connection(id).await,
            Change::Record(order) => self.policy.order_record(&order).map_err(Refused::Failed),
            Change::UpdateLog { module, enable } => {
                self.log = self.entities.log(&self.log, module, &enable).map_err(Refused::BadRequest)?;
                self.entities.set_levels(&self.log);
                tracing::info!(target: "management", module, enable, "log levels changed");
                Ok(())
            }
        }
    }

    async fn create_listener(&mut self, attributes: &Attributes) -> Result<(), Refused> {
        let listener =
            self.entities.listener(attributes, (&self.profiles(), &self.auth_services)).map_err(Refused::BadRequest)?;
        let sockets = listener::bind(&listener, &self.shared.resolver)
            .await
            .map_err(|error| Refused::Failed(error.to_string()))?;
        let name = listener.name.clone();
        self.accept_opened(listener, sockets).map_err(|error| Refused::Failed(error.to_string()))?;
        tracing::info!(target: "management", listener = name, "listener created");
        if let Some(open) = self.listeners.last_mut() {
            open.is_created = true;
        }
        Ok(())
    }

    fn create_connector(&mut self, attributes: &Attributes) -> Result<(), Refused> {
        let connector = self.entities.connector(attributes, &self.profiles()).map_err(Refused::BadRequest)?;
        tracing::info!(target: "management", connector = connector.name, "connector created");
        self.connect(connector);
        if let Some(dialling) = self.connectors.last_mut() {
            dialling.is_created = true;
        }
        Ok(())
    }

    /// The TLS profiles that a listener or connector may name.
    fn profiles(&self) -> Vec<Tls> {
        self.doors.profiles.all().iter().map(|profile| profile.settings().clone()).collect()
    }

    /// Forgets the TLS profiles that went, and that no listener and no connector names any more.
    pub(crate) fn forget_profiles(&self) {
        let listeners = self.listeners.iter().filter_map(|open| open.settings.tls.as_ref().map(|tls| &tls.name));
        let connectors = self.connectors.iter().filter_map(|dialling| dialling.settings.tls.as_ref());
        let services = self.listeners.iter().filter_map(|open| open.settings.delegation.as_ref()?.service.tls.as_ref());
        self.doors.profiles.forget(&listeners.chain(connectors).chain(services).collect());
    }

    async fn create_tls(&mut self, attributes: Attributes) -> Result<(), Refused> {
        let entities = self.entities.clone();
        // files may lie on a slow disk
        let read = tokio::task::spawn_blocking(move || {
            let tls = entities.ssl_profile(&attributes)?;
            Profile::load(&tls).map_err(|faults| faults.to_string())
        });
        let profile = read.await.map_err(|error| Refused::Failed(error.to_string()))?.map_err(Refused::BadRequest)?;
        let name = profile.settings().name.clone();
        self.doors.profiles.add(profile);
        tracing::info!(target: "management", tls = name, "TLS profile created");
        self.made.tls.insert(name);
        Ok(())
    }

    fn delete_tls(&mut self, name: &str) -> Result<(), Refused> {
        if !self.doors.profiles.remove(name) {
            return Err(Refused::NotFound(format!("no TLS profile is named {name:?}")));
        }
        self.made.tls.remove(name);
        tracing::info!(target: "management", tls = name, "TLS profile deleted");
        Ok(())
    }

    fn create_auth_service(&mut self, attributes: &Attributes) -> Result<(), Refused> {
        let service = self.entities.auth_service(attributes, &self.profiles()).map_err(Refused::BadRequest)?;
        tracing::info!(target: "management", auth_service = service.name, "auth service created");
        self.made.auth_services.insert(service.name.clone());
        self.auth_services.push(service);
        Ok(())
    }

    fn delete_auth_service(&mut self, name: &str) -> Result<(), Refused> {
        let place = self.auth_services.iter().position(|service| service.name == name);
        let place = place.ok_or_else(|| Refused::NotFound(format!("no auth service is named {name:?}")))?;
        self.auth_services.remove(place);
        self.made.auth_services.remove(name);
        tracing::info!(target: "management", auth_service = name, "auth service deleted");
        Ok(())
    }

    fn create_address(&mut self, attributes: &Attributes) -> Result<(), Refused> {
        let rule = self.entities.address(attributes).map_err(Refused::BadRequest)?;
        let pattern = rule.covers.pattern().to_string();
        let Some(id) = self.shared.common.addresses.add_rule(rule) else {
            return Err(Refused::BadRequest(format!("there is a rule for {pattern:?} already")));
        };
        self.made.addresses.insert(id);
        tracing::info!(target: "management", pattern, "address rule created");
        Ok(())
    }

    fn create_link_route(&mut self, attributes: &Attributes) -> Result<(), Refused> {
        let route = self.entities.link_route(attributes).map_err(Refused::BadRequest)?;
        let key = link_route::key(&route);
        let id = self.shared.common.link_routes.add(route);
        self.made.link_routes.insert(id);
        tracing::info!(target: "management", route = key, "link route created");
        Ok(())
    }

    /// The worker of the connection makes it, so that it cannot outlive the connection.
    async fn create_connection_route(&self, route: LinkRoute, by: ConnectionRef) -> Result<(), Refused> {
        let key = link_route::key(&route);
        let (answer, answered) = oneshot::channel();
        if let Some(worker) = self.workers.get(usize::from(by.shard)) {
            // a worker that is gone has no connections
            let _ = worker.send(Command::AddConnectionRoute(by, route, answer));
        }
        if !answered.await.unwrap_or(false) {
            return Err(Refused::BadRequest("Parent connection no longer exists".to_owned()));
        }
        tracing::info!(target: "management", route = key, "link route of a connection created");
        Ok(())
    }

    fn create_auto_link(&mut self, attributes: &Attributes) -> Result<(), Refused> {
        let auto_link = self.entities.auto_link(attributes).map_err(Refused::BadRequest)?;
        let name = auto_link.name.clone();
        let Some(id) = self.shared.common.auto_links.add(auto_link) else {
            return Err(Refused::BadRequest(format!("there is an auto-link named {name:?} already")));
        };
        self.made.auto_links.insert(id);
        tracing::info!(target: "management", auto_link = name, "auto-link created");
        self.tell(|| Command::AddAutoLink(id));
        Ok(())
    }

    fn delete_listener(&mut self, name: &str) -> Result<(), Refused> {
        let place = self.listeners.iter().position(|listener| listener.settings.name == name);
        let place = place.ok_or_else(|| Refused::NotFound(format!("no listener is named {name:?}")))?;
        drop(self.listeners.remove(place));
        tracing::info!(target: "management", listener = name, "listener deleted");
        Ok(())
    }

    fn delete_connector(&mut self, name: &str) -> Result<(), Refused> {
        let place = self.connectors.iter().position(|dialling| dialling.settings.name == name);
        let place = place.ok_or_else(|| Refused::NotFound(format!("no connector is named {name:?}")))?;
        self.connectors.remove(place).watched.stop();
        tracing::info!(target: "management", connector = name, "connector deleted");
        Ok(())
    }

    async fn drop_connection(&self, id: u64) -> Result<(), Refused> {
        if !self.end(&Ending::Drop(id)).await {
            return Err(Refused::BadRequest(format!("no connection has the id {id}")));
        }
        tracing::info!(target: "management", connection = id, "connection deleted");
        Ok(())
    }
}

fn found(is_gone: bool, what: &str, id: u64) -> Result<(), Refused> {
    if is_gone { Ok(()) } else { Err(Refused::NotFound(format!("no {what} has the id {id}"))) }
}
