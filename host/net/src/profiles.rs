//! The `tls` nodes in use: watched, and read again when their files change.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use crosstie_model::settings::Tls;
use crosstie_tls::{Profile, WARN_DAYS};

use crate::NetError;

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(2);

/// Between two words about a certificate that ends soon.
const REMIND: Duration = Duration::from_secs(86_400);

/// All profiles by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Profiles(Arc<RwLock<ByName>>);

type ByName = BTreeMap<String, Arc<Profile>>;

impl Profiles {
    /// Reads the files of all.
    ///
    /// # Errors
    ///
    /// [`NetError::Tls`].
    pub(crate) fn load(all: &[Tls]) -> Result<Self, NetError> {
        let profiles = Self::default();
        profiles.replace(profiles.with(all)?);
        Ok(profiles)
    }

    /// These, for [`Self::replace`]: those that are in use stay, the files of the others are read.
    ///
    /// # Errors
    ///
    /// [`NetError::Tls`].
    pub(crate) fn with(&self, all: &[Tls]) -> Result<ByName, NetError> {
        let mut profiles = BTreeMap::new();
        for tls in all {
            if let Some(known) = self.get(&tls.name).filter(|known| known.settings() == tls) {
                profiles.insert(tls.name.clone(), known);
                continue;
            }
            let profile = Profile::load(tls).map_err(|fault| NetError::Tls { name: tls.name.clone(), fault })?;
            remind(&profile);
            profiles.insert(tls.name.clone(), Arc::new(profile));
        }
        Ok(profiles)
    }

    /// Has other profiles in use, for connections from here on.
    pub(crate) fn replace(&self, profiles: ByName) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = profiles;
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Profile>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Each of them.
    pub(crate) fn all(&self) -> Vec<Arc<Profile>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Watches the files until it is dropped.
    pub(crate) async fn watch(self) {
        let mut reminded = tokio::time::Instant::now();
        loop {
            tokio::time::sleep(LOOK).await;
            let profiles = self.all();
            if profiles.is_empty() {
                continue;
            }
            // files may lie on a slow disk
            let looked = tokio::task::spawn_blocking(move || profiles.iter().for_each(|profile| refresh(profile)));
            if let Err(error) = looked.await {
                tracing::error!(target: "config", %error, "the look at certificates has ended");
            }
            if reminded.elapsed() >= REMIND {
                reminded = tokio::time::Instant::now();
                self.all().iter().for_each(|profile| remind(profile));
            }
        }
    }
}

fn refresh(profile: &Profile) {
    let tls = profile.settings().name.as_str();
    match profile.refresh() {
        Ok(false) => {}
        Ok(true) => {
            tracing::info!(target: "config", tls, "certificates read again: new connections use them");
            remind(profile);
        }
        Err(fault) => {
            let file = profile.settings().certificate.as_ref().map(|path| path.display().to_string());
            tracing::warn!(target: "config", tls, file, error = %fault, "changed files cannot be used: what was read before stays in use");
        }
    }
}

/// Says when a certificate ends, loudly when that is soon.
fn remind(profile: &Profile) {
    let Some(expiry) = profile.expiry() else {
        return;
    };
    let days = expiry.days_left(SystemTime::now());
    let (tls, file, subject) = (profile.settings().name.as_str(), expiry.file.display(), expiry.subject.as_str());
    if days < 0 {
        tracing::warn!(target: "config", tls, %file, subject, "the certificate has expired: peers will refuse it");
    } else if days <= i64::try_from(WARN_DAYS).unwrap_or(i64::MAX) {
        tracing::warn!(target: "config", tls, %file, subject, days, "the certificate ends soon");
    } else {
        tracing::debug!(target: "config", tls, %file, subject, days, "certificate in use");
    }
}
