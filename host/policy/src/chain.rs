//! The plugins that are asked, in their order. They are replaced while calls are under way, which end on those that they began with.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crosstie_model::policy::Hooks;

use crate::plugin::Plugin;
use crate::record::Recorder;

/// Shared by all workers.
pub(crate) struct Chain {
    plugins: RwLock<Arc<[Arc<Plugin>]>>,
    /// Counts replacements, so that workers see them without a lock.
    generation: AtomicU64,
    hooks: Arc<Hooks>,
    pub(crate) recorder: Arc<Recorder>,
}

impl Chain {
    pub(crate) fn new(plugins: Vec<Arc<Plugin>>, recorder: Recorder) -> Self {
        let (plugins_now, generation) = (RwLock::new(Arc::from([])), AtomicU64::new(0));
        let chain = Self { plugins: plugins_now, generation, hooks: Arc::default(), recorder: Arc::new(recorder) };
        chain.set(plugins);
        chain
    }

    /// Who is asked from now on.
    pub(crate) fn set(&self, plugins: Vec<Arc<Plugin>>) {
        let live = plugins.iter().filter(|plugin| plugin.settings.shadow.is_none());
        self.hooks.set(live.flat_map(|plugin| plugin.hooks.iter().copied()));
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
