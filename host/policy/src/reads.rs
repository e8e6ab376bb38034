//! The fields of requests that a plugin reads.

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
    use super::*;

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
