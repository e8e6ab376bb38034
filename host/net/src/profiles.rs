//! The `tls` nodes in use: watched, and read again when their files change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, SystemTime};

use crosstie_model::settings::Tls;
use crosstie_tls::{Blame, Profile, WARN_DAYS};

use crate::NetError;

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(2);

/// Between two words about a certificate that ends soon.
const REMIND: Duration = Duration::from_secs(86_400);

/// All profiles by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Profiles(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
struct Known {
    listed: ByName,
    /// Those that went while listeners or connectors named them.
    gone: ByName,
}

pub(crate) type ByName = BTreeMap<String, Arc<Profile>>;

impl Profiles {
    /// Reads the files of all.
    ///
    /// # Errors
    ///
    /// [`NetError::Tls`].
    pub(crate) fn load(all: &[Tls]) -> Result<Self, NetError> {
        let profiles = Self::default();
        profiles.write().listed = profiles.with(all)?;
        Ok(profiles)
    }

    /// These, for [`Self::replace`]: those that are there stay, or come back; the files of the others are read. May block.
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

    /// Has other profiles in use, for handshakes from here on, beside those that management created.
    pub(crate) fn replace(&self, mut profiles: ByName, created: &BTreeSet<String>) {
        let mut known = self.write();
        for (name, profile) in std::mem::take(&mut known.listed) {
            if created.contains(&name) {
                profiles.insert(name, profile);
            } else if !profiles.contains_key(&name) {
                // what management created may name it
                known.gone.insert(name, profile);
            }
        }
        known.gone.retain(|name, _| !profiles.contains_key(name));
        known.listed = profiles;
    }

    /// Adds one, in place of one of its name that went.
    pub(crate) fn add(&self, profile: Profile) {
        remind(&profile);
        let name = profile.settings().name.clone();
        let mut known = self.write();
        known.gone.remove(&name);
        known.listed.insert(name, Arc::new(profile));
    }

    /// Removes one: nobody finds it any more but those that use it, as in the reference. Says whether it was there.
    pub(crate) fn remove(&self, name: &str) -> bool {
        let mut known = self.write();
        let Some((name, profile)) = known.listed.remove_entry(name) else { return false };
        known.gone.insert(name, profile);
        true
    }

    /// Forgets those that went and that nobody names any more.
    pub(crate) fn forget(&self, used: &BTreeSet<&String>) {
        self.write().gone.retain(|name, _| used.contains(name));
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// One for those that use it, though it may have gone.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Profile>> {
        let known = self.read();
        known.listed.get(name).or_else(|| known.gone.get(name)).cloned()
    }

    /// Each that is there.
    pub(crate) fn all(&self) -> Vec<Arc<Profile>> {
        self.read().listed.values().cloned().collect()
    }

    /// Each that somebody may use.
    fn used(&self) -> Vec<Arc<Profile>> {
        let known = self.read();
        known.listed.values().chain(known.gone.values()).cloned().collect()
    }

    /// Watches the files until it is dropped.
    pub(crate) async fn watch(self) {
        let mut reminded = tokio::time::Instant::now();
        loop {
            tokio::time::sleep(LOOK).await;
            let profiles = self.used();
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
                self.used().iter().for_each(|profile| remind(profile));
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

/// Says when certificates end, loudly when that is soon.
fn remind(profile: &Profile) {
    let tls = profile.settings().name.as_str();
    for expiry in profile.expiries() {
        let days = expiry.days_left(SystemTime::now());
        let (file, subject) = (expiry.file.display(), expiry.subject.as_str());
        let whose = if expiry.blame == Blame::Ca { "an authority" } else { "this router" };
        if days < 0 {
            tracing::warn!(target: "config", tls, %file, subject, "the certificate of {whose} has expired");
        } else if days <= i64::try_from(WARN_DAYS).unwrap_or(i64::MAX) {
            tracing::warn!(target: "config", tls, %file, subject, days, "the certificate of {whose} expires soon");
        } else {
            tracing::debug!(target: "config", tls, %file, subject, days, "certificate in use");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends by panicking")]
mod tests {
    use crosstie_model::settings::{Authorities, ClientCertificate, TlsVersion};

    use super::*;

    fn tls(name: &str, client_certificate: ClientCertificate) -> Tls {
        let path = std::env::temp_dir().join(format!("crosstie-net-{}-{name}.pem", std::process::id()));
        std::fs::write(&path, rcgen::generate_simple_self_signed(Vec::new()).unwrap().cert.pem()).unwrap();
        Tls {
            name: name.to_owned(),
            certificate: None,
            private_key: None,
            password: None,
            ca: Authorities::File(path),
            client_certificate,
            versions: vec![TlsVersion::V1_3],
            cipher_suites: Vec::new(),
            user_name: Vec::new(),
            user_names: None,
        }
    }

    fn names(profiles: &[Arc<Profile>]) -> Vec<&str> {
        profiles.iter().map(|profile| profile.settings().name.as_str()).collect()
    }

    #[test]
    fn what_went_is_watched_while_somebody_names_it_and_is_what_comes_back() {
        let file = [tls("a", ClientCertificate::Off), tls("b", ClientCertificate::Off)];
        let profiles = Profiles::load(&file).unwrap();
        let before = profiles.get("a").unwrap();
        profiles.replace(BTreeMap::new(), &BTreeSet::new());
        assert_eq!((names(&profiles.all()), names(&profiles.used())), (vec![], vec!["a", "b"]));
        profiles.forget(&BTreeSet::from([&"a".to_owned()]));
        assert_eq!(names(&profiles.used()), ["a"]);
        assert!(profiles.get("b").is_none());
        profiles.replace(profiles.with(&file).unwrap(), &BTreeSet::new());
        assert!(Arc::ptr_eq(&before, &profiles.get("a").unwrap()));
        assert_eq!(names(&profiles.used()), ["a", "b"]);
        // management has it go while it is used, and something else is read in its place: that is there alone
        assert!(profiles.remove("a") && !profiles.remove("a"));
        let other = Tls { client_certificate: ClientCertificate::Require, ..file.first().unwrap().clone() };
        profiles.add(Profile::load(&other).unwrap());
        assert_eq!(names(&profiles.used()), ["a", "b"]);
        // and a reload of what has not changed leaves it alone
        profiles.replace(profiles.with(&file).unwrap(), &BTreeSet::from(["a".to_owned()]));
        assert_eq!(profiles.get("a").unwrap().settings(), &other);
        for Tls { ca, .. } in &file {
            if let Authorities::File(path) = ca {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
}
