//! Suggestions: the known word that an unknown one was meant to be.

/// Longer words are not compared.
const WORD_CHARS_MAX: usize = 40;

/// The nearest of some words, if one is near enough to be meant.
pub(crate) fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let word: Vec<char> = word.to_lowercase().chars().take(WORD_CHARS_MAX + 1).collect();
    if word.len() > WORD_CHARS_MAX {
        return None;
    }
    let near = known.into_iter().filter_map(|candidate| {
        let letters: Vec<char> = candidate.to_lowercase().chars().take(WORD_CHARS_MAX + 1).collect();
        let allowed = (word.len().max(letters.len()) / 3).max(1);
        if word.len().abs_diff(letters.len()) > allowed {
            return None;
        }
        let steps = distance(&word, &letters);
        (steps <= allowed).then_some((steps, candidate))
    });
    near.min_by_key(|(steps, _)| *steps).map(|(_, candidate)| candidate)
}

/// Attributes that have another name here than in the reference, units and case aside: (theirs, ours).
const RENAMED: [(&str, &str); 22] = [
    ("worker-threads", "workers"),
    ("hello-interval", "hello"),
    ("hello-max-age", "hello"),
    ("sasl-mechanisms", "sasl"),
    ("sasl-plugin", "auth-service"),
    ("auth-ssl-profile", "tls"),
    ("sasl-init-hostname", "realm"),
    ("initial-handshake-timeout", "handshake-timeout"),
    ("open-properties", "properties"),
    ("message-logging-components", "log-messages"),
    ("ssl-profile", "tls"),
    ("container-id", "container"),
    ("failover-list", "failover-urls"),
    ("addr", "address"),
    ("dir", "direction"),
    ("ciphers", "cipher-suites"),
    ("protocols", "versions"),
    ("ca-cert-file", "ca"),
    ("cert-file", "certificate"),
    ("private-key-file", "private-key"),
    ("uid-format", "user-name"),
    ("uid-name-mapping-file", "user-names"),
];

/// Our name of an attribute that the reference has: `idleTimeoutSeconds` is `idle-timeout`.
pub(crate) fn of_reference(name: &str) -> String {
    let mut ours = String::with_capacity(name.len() + 4);
    let name = name.strip_suffix("Seconds").or_else(|| name.strip_suffix("-seconds")).unwrap_or(name);
    for letter in name.chars() {
        if letter.is_uppercase() {
            ours.push('-');
        }
        ours.extend(letter.to_lowercase());
    }
    let renamed = RENAMED.iter().find(|(theirs, _)| *theirs == ours);
    renamed.map_or(ours, |(_, name)| (*name).to_owned())
}

/// Words in back-ticks with commas between.
pub(crate) fn list<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

/// Insertions, removals, replacements and swaps of neighbours that lead from one word to the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX - 1);
            let replaced = at(&last, j) + usize::from(x != y);
            let mut best = replaced.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        let known = ["host", "port", "failover-urls", "sasl"];
        assert_eq!(nearest("prot", known), Some("port"));
        assert_eq!(nearest("failover-url", known), Some("failover-urls"));
        assert_eq!(nearest("failoverUrls", known), Some("failover-urls"));
        assert_eq!(nearest("banana", known), None);
        assert_eq!(nearest(&"x".repeat(10_000), known), None);
    }

    #[test]
    fn names_of_the_reference_are_recognised() {
        assert_eq!(of_reference("idleTimeoutSeconds"), "idle-timeout");
        assert_eq!(of_reference("workerThreads"), "workers");
        assert_eq!(of_reference("sasl-mechanisms"), "sasl");
        assert_eq!(of_reference("saslPlugin"), "auth-service");
        assert_eq!(of_reference("host"), "host");
    }
}
