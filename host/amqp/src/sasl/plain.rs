//! The PLAIN mechanism. Source: RFC 4616.

use super::PART_MAX_BYTES;

/// The parts of a PLAIN response.
#[derive(Clone, Copy)]
pub struct Plain<'a> {
    /// Whom the peer wants to act as; empty: itself.
    pub authzid: &'a str,
    /// Who the peer is; not empty.
    pub authcid: &'a str,
    /// Not empty.
    pub password: &'a str,
}

/// Reads a PLAIN response; `None` when it is malformed, or a part is longer than 1,024 bytes.
#[must_use]
pub fn parse_plain(response: &[u8]) -> Option<Plain<'_>> {
    let mut parts = std::str::from_utf8(response).ok()?.split('\0');
    let (authzid, authcid, password) = (parts.next()?, parts.next()?, parts.next()?);
    let sound = parts.next().is_none() && !authcid.is_empty() && !password.is_empty();
    let short = [authzid, authcid, password].iter().all(|part| part.len() <= PART_MAX_BYTES);
    (sound && short).then_some(Plain { authzid, authcid, password })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_has_three_parts() {
        let plain = parse_plain(b"\0alice\0secret").unwrap();
        assert_eq!((plain.authzid, plain.authcid, plain.password), ("", "alice", "secret"));
        for bad in [&b""[..], b"alice", b"\0alice", b"\0\0x", b"\0a\0", b"\0a\0b\0c", b"\0a\0\xff"] {
            assert!(parse_plain(bad).is_none(), "{bad:?}");
        }
    }
}
