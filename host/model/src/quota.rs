//! Quotas: how many connections, sessions and links are open under the keys that plugins name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::policy::Quota;
use crate::trail::Trail;

type Key = (Arc<str>, String);

/// All that is counted, for all workers. Counts belong to a plugin's name, and outlive its reload.
#[derive(Debug, Clone, Default)]
pub struct Quotas(Arc<Mutex<HashMap<Key, u32>>>);

/// What is counted for one connection, session or link, until this is dropped, and why it was let in.
#[derive(Debug, Default)]
pub struct Held {
    counted: Vec<(Quotas, Key)>,
    /// What plugins said when it was let in.
    pub trail: Trail,
}

impl Quotas {
    /// Counts one more under each key.
    ///
    /// # Errors
    ///
    /// The first that would be beyond its maximum; nothing is counted then.
    pub fn take(&self, quotas: Vec<Quota>) -> Result<Held, Quota> {
        let mut held = Held::default();
        for quota in quotas {
            let key = (quota.plugin.clone(), quota.key.clone());
            let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.get(&key).copied().unwrap_or(0);
            if count >= quota.max {
                // what was counted before goes with `held`
                drop(counts);
                return Err(quota);
            }
            counts.insert(key.clone(), count.saturating_add(1));
            drop(counts);
            held.counted.push((self.clone(), key));
        }
        Ok(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for (quotas, key) in self.counted.drain(..) {
            let mut counts = quotas.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(count) = counts.get_mut(&key) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    counts.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(key: &str, max: u32) -> Quota {
        Quota { plugin: "p".into(), key: key.to_owned(), max }
    }

    #[test]
    fn one_more_than_the_maximum_is_refused_until_one_goes() {
        let quotas = Quotas::default();
        let one = quotas.take(vec![quota("a", 2), quota("b", 1)]).unwrap();
        let two = quotas.take(vec![quota("a", 2)]).unwrap();
        assert_eq!(quotas.take(vec![quota("a", 2)]).unwrap_err(), quota("a", 2));
        // what fits is not counted where another does not
        assert_eq!(quotas.take(vec![quota("c", 1), quota("b", 1)]).unwrap_err(), quota("b", 1));
        drop((one, quotas.take(vec![quota("c", 1)]).unwrap()));
        let again = quotas.take(vec![quota("a", 2), quota("b", 1), quota("c", 1)]).unwrap();
        drop((two, again));
        assert!(quotas.0.lock().unwrap().is_empty());
        assert!(quotas.take(vec![quota("a", 0)]).is_err());
    }
}
