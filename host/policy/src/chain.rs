//! The plugins that are asked, in their order. They are replaced while calls are under way, which end on those that they began with.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crosstie_model::policy::Hooks;

use crate::plugin::Plugin;

/// Shared by all workers.
pub(crate) struct Chain {
    plugins: RwLock<Arc<[Arc<Plugin>]>>,
    /// Counts replacements, so that workers see them without a lock.
    generation: AtomicU64,
    hooks: Arc<Hooks>,
}

impl Chain {
    pub(crate) fn new(plugins: Vec<Arc<Plugin>>) -> Self {
        let chain = Self { plugins: RwLock::new(Arc::from([])), generation: AtomicU64::new(0), hooks: Arc::default() };
        chain.set(plugins);
        chain
    }

    /// Who is asked from now on.
    pub(crate) fn set(&self, plugins: Vec<Arc<Plugin>>) {
        self.hooks.set(plugins.iter().flat_map(|plugin| plugin.hooks.iter().copied()));
        *self.plugins.write().unwrap_or_else(PoisonError::into_inner) = plugins.into();
        self.generation.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn plugins(&self) -> Arc<[Arc<Plugin>]> {
        self.plugins.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What anybody is asked about.
    pub(crate) fn hooks(&self) -> Arc<Hooks> {
        self.hooks.clone()
    }
}
