//! A plan: what a changed configuration asks of a running router.

use crate::pattern::Pattern;
use crate::settings::{AddressRule, AutoLink, Connector, LinkRoute, Listener, Settings};

/// What differs between the configuration that a router runs and another one, and what is to be done about it.
#[derive(Debug)]
pub struct Plan {
    /// A line for each change, as a person reads it; none where nothing has changed.
    pub lines: Vec<String>,
    /// What a person should know though the other configuration is good, a line each.
    pub warnings: Vec<String>,
    /// Where peers may connect.
    pub listeners: Difference<Listener>,
    /// Whom the router connects to.
    pub connectors: Difference<Connector>,
    /// How addresses are treated.
    pub addresses: Difference<AddressRule>,
    /// Links that the router attaches by itself.
    pub auto_links: Difference<AutoLink>,
    /// Addresses whose links are carried to a container.
    pub link_routes: Difference<LinkRoute>,
    /// The users, where one of them has changed.
    pub users: Option<UserChange>,
    /// The levels of the log have changed.
    pub log: bool,
    /// The whole other configuration.
    pub settings: Settings,
}

/// What differs among the nodes of one kind.
#[derive(Debug)]
pub struct Difference<T> {
    /// As they were.
    pub removed: Vec<T>,
    /// In the order of the file.
    pub added: Vec<T>,
    /// Those that are in both, and differ.
    pub changed: Vec<Changed<T>>,
}

impl<T> Difference<T> {
    /// Those that are to come, in place of others or not.
    pub fn coming(&self) -> impl Iterator<Item = &T> {
        self.changed.iter().map(|changed| &changed.to).chain(&self.added)
    }
}

/// A node that has changed.
#[derive(Debug)]
pub struct Changed<T> {
    /// What it was.
    pub from: T,
    /// What it is to be.
    pub to: T,
    /// What has changed concerns what is open: it is closed.
    pub closes: bool,
}

/// Users came, went, or have another password.
#[derive(Debug)]
pub struct UserChange {
    /// The names of those that went: their connections close.
    pub removed: Vec<String>,
}

/// What was created through management, and is in no file.
#[derive(Debug, Default)]
pub struct Created {
    /// Names of listeners and connectors.
    pub names: Vec<String>,
    /// Address rules: the addresses that they are for, and their names.
    pub addresses: Vec<(Pattern, Option<String>)>,
    /// Names of auto-links.
    pub auto_links: Vec<String>,
    /// Link routes.
    pub link_routes: Vec<LinkRoute>,
    /// Names of TLS profiles.
    pub tls: Vec<String>,
    /// Names of auth services.
    pub auth_services: Vec<String>,
}
