//! The fields of requests that a plugin reads.

use serde_json::{Map, Value};

use crate::cases::BYTES;
use crate::paths::PATHS;

/// Marks an item of a list in a path.
const ITEM: &str = "[]";

/// Whether a request has this field outside of lists: `peer.user`.
pub(crate) fn is_path(path: &str) -> bool {
    !path.contains(ITEM) && PATHS.iter().any(|(_, paths)| paths.contains(&path))
}

/// Whether a request has this field, or items of a list in it have: `candidates.host`.
pub(crate) fn is_path_into(path: &str) -> bool {
    PATHS.iter().flat_map(|(_, paths)| *paths).any(|known| known.replace(ITEM, "") == path)
}

/// A field in JSON that no request of a hook has.
pub(crate) fn unknown_path(hook: &str, request: &Map<String, Value>) -> Option<String> {
    let paths = PATHS.iter().find(|(known, _)| *known == hook).map_or(&[] as &[&str], |(_, paths)| paths);
    unknown_in(paths, request, "")
}

fn unknown_in(paths: &[&str], record: &Map<String, Value>, above: &str) -> Option<String> {
    record.iter().find_map(|(key, value)| {
        let path = format!("{above}{key}");
        if !paths.contains(&path.as_str()) {
            return Some(path);
        }
        match value {
            // bytes, in the place of a scalar
            Value::Object(fields) if fields.len() == 1 && fields.contains_key(BYTES) => None,
            Value::Object(fields) => unknown_in(paths, fields, &format!("{path}.")),
            Value::Array(items) => items
                .iter()
                .filter_map(Value::as_object)
                .find_map(|item| unknown_in(paths, item, &format!("{path}{ITEM}."))),
            _ => None,
        }
    })
}

/// A record's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reads {
    /// Those that are not named, too.
    All,
    /// These, and what is read of each.
    Some(Vec<(String, Self)>),
}

impl Reads {
    /// Of paths such as `peer.user`.
    pub(crate) fn of(paths: &[String]) -> Self {
        let mut reads = Self::Some(Vec::new());
        paths.iter().for_each(|path| reads.add(path));
        reads
    }

    fn add(&mut self, path: &str) {
        let Self::Some(fields) = self else { return };
        let (key, inside) = path.split_once('.').map_or((path, None), |(key, inside)| (key, Some(inside)));
        let at = fields.iter().position(|(known, _)| known == key).unwrap_or_else(|| {
            fields.push((key.to_owned(), Self::Some(Vec::new())));
            fields.len().saturating_sub(1)
        });
        match (fields.get_mut(at), inside) {
            (Some((_, reads)), Some(inside)) => reads.add(inside),
            (Some((_, reads)), None) => *reads = Self::All,
            (None, _) => {}
        }
    }

    /// What is read of a field; absent: it is not.
    pub(crate) fn inside(&self, key: &str) -> Option<&Self> {
        match self {
            Self::All => Some(self),
            Self::Some(fields) => fields.iter().find(|(known, _)| known == key).map(|(_, reads)| reads),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_is_one_of_the_schema() {
        for path in ["ctx", "peer", "peer.user", "peer.tls.subject", "candidates", "source.address", "limits.links"] {
            assert!(is_path(path) && is_path_into(path), "{path}");
        }
        for path in ["", "per", "peer.", "peer.usr", "peer.tls.subjct", "user"] {
            assert!(!is_path(path) && !is_path_into(path), "{path}");
        }
        // an item of a list is not sent alone
        for path in ["candidates.host", "peer.attributes.val", "properties.val.text", "source.filters.name"] {
            assert!(!is_path(path) && is_path_into(path), "{path}");
        }
        for path in ["candidates.hots", "peer.attributes.vla", "peer.user.name", "candidates[].host"] {
            assert!(!is_path(path) && !is_path_into(path), "{path}");
        }
    }

    #[test]
    fn what_no_request_has_is_found_however_deep_it_lies() {
        let unknown = |hook: &str, request: Value| unknown_path(hook, request.as_object().unwrap());
        for (hook, request, path) in [
            ("failover", json!({ "candidates": [{ "host": "a" }, { "hots": "a" }] }), "candidates[].hots"),
            ("connection", json!({ "peer": { "user": { "x": 1 } } }), "peer.user.x"),
            ("connection", json!({ "properties": [{ "key": "k", "val": { "txt": "v" } }] }), "properties[].val.txt"),
        ] {
            assert_eq!(unknown(hook, request).as_deref(), Some(path));
        }
        let bytes = json!({ "properties": [{ "key": "k", "val": { "bytes": { "$bytes": "AA==" } } }] });
        assert_eq!(unknown("connection", bytes), None);
    }

    #[test]
    fn a_path_has_its_fields_read_and_a_shorter_one_all_that_is_inside() {
        let paths = ["peer.tls.sni", "peer.user", "counts", "counts.user"].map(str::to_owned);
        let reads = Reads::of(&paths);
        let peer = reads.inside("peer").unwrap();
        assert_eq!(peer.inside("user"), Some(&Reads::All));
        assert_eq!(peer.inside("tls").unwrap().inside("subject"), None);
        assert_eq!((peer.inside("ip"), reads.inside("ctx")), (None, None));
        assert_eq!(reads.inside("counts").unwrap().inside("listener"), Some(&Reads::All));
    }
}
