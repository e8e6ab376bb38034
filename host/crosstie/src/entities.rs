//! Entities that management creates: its attributes to settings, by the readers of the configuration.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crosstie_config::Problems;
use crosstie_config::reference::{self, AttributeValue, Made};
use crosstie_manage::{AttributeValue as Asked, Attributes};
use crosstie_model::plan::{Created, Plan};
use crosstie_model::settings::{
    AddressRule, AuthService, AutoLink, Connector, LinkRoute, Listener, Log, Settings, Tls,
};
use crosstie_net::{Entities, Refusal};
use crosstie_policy::{Setup, Shared};

use crate::configuration::Configuration;
use crate::logging::Logging;
use crate::{descriptors, plugin_problems};

/// Those of a router that runs this configuration.
pub(crate) struct FromAttributes {
    running: Mutex<Settings>,
    logging: Logging,
    plugins: Shared,
    configuration: Configuration,
}

impl FromAttributes {
    pub(crate) fn new(
        settings: &Settings,
        (logging, plugins): (Logging, Shared),
        configuration: Configuration,
    ) -> Self {
        Self { running: Mutex::new(settings.clone()), logging, plugins, configuration }
    }

    fn running(&self) -> MutexGuard<'_, Settings> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entities for FromAttributes {
    fn listener(&self, attributes: &Attributes, (tls, services): (&[Tls], &[AuthService])) -> Result<Listener, String> {
        told("listener", reference::listener(&convert(attributes), (&self.running().users, tls, services)))
    }

    fn connector(&self, attributes: &Attributes, tls: &[Tls]) -> Result<Connector, String> {
        told("connector", reference::connector(&convert(attributes), tls))
    }

    fn ssl_profile(&self, attributes: &Attributes) -> Result<Tls, String> {
        told("sslProfile", reference::ssl_profile(&convert(attributes)))
    }

    fn auth_service(&self, attributes: &Attributes, tls: &[Tls]) -> Result<AuthService, String> {
        told("authServicePlugin", reference::auth_service(&convert(attributes), tls))
    }

    fn address(&self, attributes: &Attributes) -> Result<AddressRule, String> {
        told("address", reference::address(&convert(attributes)))
    }

    fn link_route(&self, attributes: &Attributes) -> Result<LinkRoute, String> {
        told("linkRoute", reference::link_route(&convert(attributes)))
    }

    fn auto_link(&self, attributes: &Attributes) -> Result<AutoLink, String> {
        told("autoLink", reference::auto_link(&convert(attributes)))
    }

    fn log(&self, log: &Log, module: &str, enable: &str) -> Result<Log, String> {
        reference::log(log, module, enable)
    }

    fn set_levels(&self, log: &Log) {
        self.logging.set(log);
    }

    fn reopen_log(&self) {
        self.logging.reopen();
    }

    fn log_fault(&self) -> Option<String> {
        self.logging.fault()
    }

    fn plan(&self, running: &Settings, created: &Created) -> Result<Plan, Refusal> {
        let loaded = self.configuration.again().map_err(|problems| refusal(&problems))?;
        let setup =
            Setup { router_id: running.router.id.clone(), state_dir: running.state.clone(), ..Setup::default() };
        let prepared = self.plugins.prepare(loaded.settings.plugins.as_ref(), setup);
        let mut problems = prepared.err().map(|found| plugin_problems(&loaded, found)).unwrap_or_default();
        match loaded.plan(running, created) {
            Ok(plan) if problems.is_empty() => return Ok(plan),
            Ok(_) => {}
            Err(found) => found.iter().cloned().for_each(|problem| problems.push(problem)),
        }
        Err(refusal(&problems))
    }

    fn applied(&self, settings: &Settings) {
        self.plugins.apply();
        let before = std::mem::replace(&mut *self.running(), settings.clone());
        if before.limits.connections != settings.limits.connections {
            descriptors::raise(settings.limits.connections);
        }
    }
}

/// What is made; whoever reads the log hears of what has no effect in it.
fn told<T>(entity: &str, made: Result<Made<T>, String>) -> Result<T, String> {
    let Made { made, remarks } = made?;
    if !remarks.is_empty() {
        let remarks = remarks.join("; ");
        tracing::warn!(target: "management", entity, remarks, "attributes that do not do here what they say");
    }
    Ok(made)
}

fn refusal(problems: &Problems) -> Refusal {
    Refusal { text: problems.render(false), lines: problems.lines() }
}

fn convert(attributes: &Attributes) -> Vec<(String, AttributeValue)> {
    attributes.iter().map(|(name, asked)| (name.to_owned(), value(asked))).collect()
}

fn value(asked: &Asked) -> AttributeValue {
    match asked {
        Asked::Null => AttributeValue::Null,
        Asked::Text(text) => AttributeValue::Text(text.clone()),
        Asked::Integer(number) => AttributeValue::Integer(*number),
        Asked::Flag(flag) => AttributeValue::Bool(*flag),
        Asked::Float(number) => AttributeValue::Float(*number),
        Asked::List(items) => AttributeValue::List(items.iter().map(value).collect()),
        Asked::Map(pairs) => {
            AttributeValue::Map(pairs.iter().map(|(key, asked)| (key.clone(), value(asked))).collect())
        }
    }
}
