//! SCRAM messages: text that is cut apart and never trusted. Source: RFC 5802, section 7.

use std::ops::RangeInclusive;

use super::salted::{ITERATIONS_MAX, ITERATIONS_MIN};
use super::{PART_MAX_BYTES, decode_base64};

/// Bytes of the longest message: a name of which every byte is escaped, twice, and as much again for the rest.
const MESSAGE_MAX_BYTES: usize = 12 * PART_MAX_BYTES;
/// Characters of the longest nonce.
const NONCE_MAX_CHARS: usize = 1024;
/// Bytes of the longest salt.
const SALT_MAX_BYTES: usize = 1024;

const MALFORMED: &str = "a malformed SCRAM message";

/// How the client begins.
#[derive(Debug)]
pub(super) struct ClientFirst<'m> {
    /// The GS2 header: everything before `bare`.
    pub(super) gs2: &'m str,
    /// What is signed.
    pub(super) bare: &'m str,
    /// Who it is, unescaped.
    pub(super) user: String,
    /// Its part of the nonce.
    pub(super) nonce: &'m str,
}

/// How the client proves itself.
#[derive(Debug)]
pub(super) struct ClientFinal<'m> {
    /// What is signed.
    pub(super) without_proof: &'m str,
    /// The GS2 header once more.
    pub(super) gs2: Vec<u8>,
    /// Both parts of the nonce.
    pub(super) nonce: &'m str,
    /// Client key and client signature, one xor the other.
    pub(super) proof: Vec<u8>,
}

/// What the server asks of the client.
#[derive(Debug)]
pub(super) struct ServerFirst<'m> {
    /// The whole message, which is signed.
    pub(super) text: &'m str,
    /// Both parts of the nonce.
    pub(super) nonce: &'m str,
    /// Of the user's password.
    pub(super) salt: Vec<u8>,
    /// Of the user's password.
    pub(super) iterations: u32,
}

pub(super) fn client_first(message: &[u8]) -> Result<ClientFirst<'_>, &'static str> {
    let text = text(message)?;
    let (flag, rest) = text.split_once(',').ok_or(MALFORMED)?;
    match flag {
        "n" | "y" => {}
        _ if flag.starts_with("p=") => return Err("channel binding, which was not offered"),
        _ => return Err(MALFORMED),
    }
    let (authzid, bare) = rest.split_once(',').ok_or(MALFORMED)?;
    let gs2 = text.strip_suffix(bare).ok_or(MALFORMED)?;
    let mut parts = bare.split(',');
    let user = name(attribute(&mut parts, "n=")?)?;
    let nonce = nonce(attribute(&mut parts, "r=")?)?;
    if !authzid.is_empty() && name(authzid.strip_prefix("a=").ok_or(MALFORMED)?)? != user {
        return Err("a user who wants to act as another");
    }
    Ok(ClientFirst { gs2, bare, user, nonce })
}

pub(super) fn client_final(message: &[u8]) -> Result<ClientFinal<'_>, &'static str> {
    let (without_proof, proof) = text(message)?.rsplit_once(",p=").ok_or(MALFORMED)?;
    let mut parts = without_proof.split(',');
    let gs2 = decode_base64(attribute(&mut parts, "c=")?).ok_or(MALFORMED)?;
    let nonce = nonce(attribute(&mut parts, "r=")?)?;
    let proof = decode_base64(proof).ok_or(MALFORMED)?;
    Ok(ClientFinal { without_proof, gs2, nonce, proof })
}

pub(super) fn server_first(message: &[u8]) -> Result<ServerFirst<'_>, &'static str> {
    const ITERATIONS: RangeInclusive<u32> = ITERATIONS_MIN..=ITERATIONS_MAX;
    let text = text(message)?;
    let mut parts = text.split(',');
    let nonce = nonce(attribute(&mut parts, "r=")?)?;
    let salt = decode_base64(attribute(&mut parts, "s=")?).ok_or(MALFORMED)?;
    if salt.is_empty() || salt.len() > SALT_MAX_BYTES {
        return Err(MALFORMED);
    }
    let count = attribute(&mut parts, "i=")?;
    let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    let iterations = count.parse().ok().filter(|count| digits && ITERATIONS.contains(count));
    let iterations = iterations.ok_or("an iteration count that is not from 4096 to 1000000")?;
    Ok(ServerFirst { text, nonce, salt, iterations })
}

/// The server's signature.
pub(super) fn server_final(message: &[u8]) -> Result<Vec<u8>, &'static str> {
    let text = text(message)?;
    if text.starts_with("e=") {
        return Err("the peer does not accept these credentials");
    }
    decode_base64(attribute(&mut text.split(','), "v=")?).ok_or(MALFORMED)
}

/// A user name as a message holds it.
pub(super) fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

fn text(message: &[u8]) -> Result<&str, &'static str> {
    let short = Some(message).filter(|message| message.len() <= MESSAGE_MAX_BYTES);
    short.and_then(|message| std::str::from_utf8(message).ok()).ok_or(MALFORMED)
}

/// The next attribute, which must be this one: their order is fixed, and an extension that must be known (`m=`) is not.
fn attribute<'m>(parts: &mut std::str::Split<'m, char>, key: &str) -> Result<&'m str, &'static str> {
    parts.next().and_then(|part| part.strip_prefix(key)).ok_or(MALFORMED)
}

fn nonce(nonce: &str) -> Result<&str, &'static str> {
    let sound = (1..=NONCE_MAX_CHARS).contains(&nonce.len()) && nonce.bytes().all(|byte| byte.is_ascii_graphic());
    if sound { Ok(nonce) } else { Err(MALFORMED) }
}

fn name(escaped: &str) -> Result<String, &'static str> {
    let mut pieces = escaped.split('=');
    let mut name = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (char, rest) = match (piece.strip_prefix("2C"), piece.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return Err(MALFORMED),
        };
        name.push(char);
        name.push_str(rest);
    }
    let sound = (1..=PART_MAX_BYTES).contains(&name.len()) && !name.contains('\0');
    if sound { Ok(name) } else { Err(MALFORMED) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_message_is_cut_where_the_specification_cuts_it() {
        let first = client_first(b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL").unwrap();
        assert_eq!(first.gs2, "n,,");
        assert_eq!(first.bare, "n=user,r=fyko+d2lbbFgONRv9qkxdawL");
        assert_eq!((first.user.as_str(), first.nonce), ("user", "fyko+d2lbbFgONRv9qkxdawL"));
        assert_eq!(client_first(b"y,a=a=2Cb=3D,n=a=2Cb=3D,r=x,ext=1").unwrap().user, "a,b=");
    }

    #[test]
    fn a_first_message_that_breaks_the_grammar_is_refused() {
        for bad in [
            "",
            "n",
            "n,,",
            "n,,n=user",
            "n,,n=,r=x",
            "n,,n=a,r=",
            "n,,r=x,n=a",
            "n,,m=ext,n=a,r=x",
            "n,,n=a=2c,r=x",
            "n,,n=a=,r=x",
            "n,,n=a\0,r=x",
            "n,,n=a,r=x y",
            "p=tls-unique,,n=a,r=x",
            "x,,n=a,r=x",
            "n,b,n=a,r=x",
            "n,a=b,n=a,r=x",
        ] {
            assert!(client_first(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(client_first(b"n,,n=\xff,r=x").is_err());
        let long = "n".repeat(PART_MAX_BYTES + 1);
        assert!(client_first(format!("n,,n={long},r=x").as_bytes()).is_err());
        assert!(client_first(format!("n,,n=a,r={}", "x".repeat(NONCE_MAX_CHARS + 1)).as_bytes()).is_err());
    }

    #[test]
    fn an_iteration_count_outside_of_its_range_is_refused() {
        for (count, taken) in
            [("4095", false), ("4096", true), ("1000000", true), ("1000001", false), ("+4096", false), ("", false)]
        {
            let message = format!("r=x,s=AAAA,i={count}");
            assert_eq!(server_first(message.as_bytes()).is_ok(), taken, "{count}");
        }
        for bad in ["r=x,s=,i=4096", "r=x,s=A,i=4096", "m=x,r=x,s=AAAA,i=4096", "r=x,i=4096,s=AAAA"] {
            assert!(server_first(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
