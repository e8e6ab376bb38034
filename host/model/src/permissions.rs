//! Which addresses a peer may use, as an auth service says. Source: the reference, `remote_sasl.c` and `policy.c`.

use crate::address::normalise;

/// Stands for the user in an address.
const USER: &str = "${user}";

/// The addresses that a peer may send to and receive from. `*` is any address; one that ends with `*` is all that begin so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permissions {
    /// Whose name `${user}` is; without one such an address is none.
    pub user: Option<String>,
    /// To which it may send.
    pub send: Vec<String>,
    /// From which it may receive.
    pub receive: Vec<String>,
}

impl Permissions {
    /// Whether it may send to an address, or receive from it. All forms of an address are one.
    #[must_use]
    pub fn allow(&self, sends: bool, address: &str) -> bool {
        let name = normalise(address);
        let allowed = if sends { &self.send } else { &self.receive };
        !name.is_empty() && allowed.iter().any(|pattern| self.covers(pattern, name))
    }

    fn covers(&self, pattern: &str, name: &str) -> bool {
        // the user's name is no pattern, whatever is in it
        let (pattern, is_prefix) = pattern.strip_suffix('*').map_or((pattern, false), |prefix| (prefix, true));
        let whole = match (pattern.split_once(USER), &self.user) {
            (None, _) => pattern.to_owned(),
            (Some((before, after)), Some(user)) => format!("{before}{user}{after}"),
            (Some(_), None) => return false,
        };
        if is_prefix { name.starts_with(whole.strip_prefix('/').unwrap_or(&whole)) } else { name == normalise(&whole) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_names_whatever_their_form() {
        for (pattern, address, covered) in [
            ("*", "anything/at.all", true),
            ("*", "", false),
            ("foo", "foo", true),
            ("foo", "/foo", true),
            ("foo", "amqp:/foo", true),
            ("foo", "food", false),
            ("foo", "Foo", false),
            ("/foo", "foo", true),
            ("foo*", "foo", true),
            ("foo*", "food", true),
            ("a*", "amqp:/secret", false),
            ("tmp-${user}", "tmp-bob", true),
            ("tmp-${user}", "tmp-bobby", false),
            ("${user}.*", "bob.x", true),
            ("${user}.*", "eve.x", false),
            ("a.${user}.b", "a.bob.b", true),
            ("", "foo", false),
        ] {
            let permissions =
                Permissions { user: Some("bob".to_owned()), send: vec![pattern.to_owned()], receive: Vec::new() };
            assert_eq!(permissions.allow(true, address), covered, "{pattern:?} {address:?}");
            assert!(!permissions.allow(false, address));
        }
    }

    #[test]
    fn a_user_is_no_pattern_and_nobody_has_no_addresses_of_a_user() {
        let of = |user: Option<&str>| Permissions {
            user: user.map(str::to_owned),
            send: Vec::new(),
            receive: vec!["tmp-${user}".to_owned()],
        };
        assert!(of(Some("b*")).allow(false, "tmp-b*") && !of(Some("b*")).allow(false, "tmp-bob"));
        assert!(!of(None).allow(false, "tmp-"));
    }
}
