//! The auto-links that are configured, and why each was last refused. Shared by all workers.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crosstie_model::settings::AutoLink;

use crate::identity::Identities;

/// Tells an auto-link from all others of this process.
pub type AutoLinkId = u64;

/// All auto-links, in the order in which they came.
#[derive(Debug, Default)]
pub struct AutoLinks(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    ids: Identities,
    all: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: AutoLinkId,
    auto_link: Arc<AutoLink>,
    last_error: Option<String>,
}

impl AutoLinks {
    /// As configured.
    #[must_use]
    pub fn new(auto_links: Vec<AutoLink>, identities: &Identities) -> Self {
        let all = Self(RwLock::new(Known { ids: identities.clone(), all: Vec::new() }));
        for auto_link in auto_links {
            all.add(auto_link);
        }
        all
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one, for [`Shard::add_auto_link`](crate::shard::Shard::add_auto_link) to attach; `None` when there is one of that name.
    pub fn add(&self, auto_link: AutoLink) -> Option<AutoLinkId> {
        let mut known = self.write();
        if known.all.iter().any(|entry| entry.auto_link.name == auto_link.name) {
            return None;
        }
        let id = known.ids.take();
        known.all.push(Entry { id, auto_link: Arc::new(auto_link), last_error: None });
        Some(id)
    }

    /// Removes one, whose links are for [`Shard::remove_auto_link`](crate::shard::Shard::remove_auto_link) to detach; `false` when
    /// there is none with that id.
    pub fn remove(&self, id: AutoLinkId) -> bool {
        let mut known = self.write();
        let before = known.all.len();
        known.all.retain(|entry| entry.id != id);
        known.all.len() < before
    }

    /// One that is still configured.
    #[must_use]
    pub fn get(&self, id: AutoLinkId) -> Option<Arc<AutoLink>> {
        self.read().all.iter().find(|entry| entry.id == id).map(|entry| entry.auto_link.clone())
    }

    /// All, each with its id and why it was last detached.
    #[must_use]
    pub fn all(&self) -> Vec<(AutoLinkId, Arc<AutoLink>, Option<String>)> {
        self.read().all.iter().map(|entry| (entry.id, entry.auto_link.clone(), entry.last_error.clone())).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().all.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Remembers why one was detached, or that it was attached since.
    pub(crate) fn set_error(&self, id: AutoLinkId, error: Option<String>) {
        if let Some(entry) = self.write().all.iter_mut().find(|entry| entry.id == id) {
            entry.last_error = error;
        }
    }
}
