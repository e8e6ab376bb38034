//! Policy plugins written by hand to the ABI: WebAssembly text whose hooks give the same answer each time.

use std::fmt::Write as _;

/// What a hook of a hand-written plugin does.
#[derive(Debug, Clone)]
pub enum Hook {
    /// Answers with these bytes; without any it has no opinion.
    Answer(Vec<u8>),
    /// Runs into `unreachable`.
    Trap,
    /// Never returns.
    Hang,
}

/// A plugin with these hooks, by the names of their exports (`on_connection`), as a module's bytes.
///
/// # Panics
///
/// When the text does not assemble.
#[must_use]
pub fn module(hooks: &[(&str, Hook)]) -> Vec<u8> {
    const ANSWERS_AT: usize = 1024;
    let mut functions = String::new();
    let mut at = ANSWERS_AT;
    for (name, hook) in hooks {
        let body = match hook {
            Hook::Answer(bytes) if bytes.is_empty() => "(i64.const 0)".to_owned(),
            Hook::Answer(bytes) => {
                let packed =
                    (u64::try_from(at).expect("an offset") << 32) | u64::try_from(bytes.len()).expect("a length");
                let text = bytes.iter().fold(String::new(), |mut text, byte| {
                    let _ = write!(text, "\\{byte:02x}");
                    text
                });
                let _ = writeln!(functions, "  (data (i32.const {at}) \"{text}\")");
                at += bytes.len();
                format!("(i64.const {packed})")
            }
            Hook::Trap => "unreachable".to_owned(),
            Hook::Hang => "(loop $again (br $again)) unreachable".to_owned(),
        };
        let _ = writeln!(functions, "  (func (export \"{name}\") (param i32 i32) (result i64) {body})");
    }
    let text = format!(
        "(module\n  (memory (export \"memory\") 4)\n  (func (export \"policy_abi_v1\") (result i32) (i32.const 0))\n  \
         (func (export \"policy_alloc\") (param i32) (result i32) (i32.const 65536))\n{functions})"
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// CBOR of the few shapes that answers have, smallest form (RFC 8949).
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Cbor<'a> {
    Text(&'a str),
    Uint(u64),
    Array(Vec<Cbor<'a>>),
    Map(Vec<(&'a str, Cbor<'a>)>),
}

impl Cbor<'_> {
    /// The encoded form.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => {
                head(out, 3, text.len());
                out.extend_from_slice(text.as_bytes());
            }
            Self::Uint(number) => head(out, 0, usize::try_from(*number).expect("a small number")),
            Self::Array(items) => {
                head(out, 4, items.len());
                items.iter().for_each(|item| item.write(out));
            }
            Self::Map(entries) => {
                head(out, 5, entries.len());
                for (key, value) in entries {
                    Cbor::Text(key).write(out);
                    value.write(out);
                }
            }
        }
    }
}

fn head(out: &mut Vec<u8>, major: u8, value: usize) {
    let kind = major << 5;
    match value {
        0..=23 => out.push(kind | u8::try_from(value).expect("below 24")),
        24..=0xff => out.extend_from_slice(&[kind | 24, u8::try_from(value).expect("a byte")]),
        0x100..=0xffff => {
            out.push(kind | 25);
            out.extend_from_slice(&u16::try_from(value).expect("two bytes").to_be_bytes());
        }
        _ => {
            out.push(kind | 26);
            out.extend_from_slice(&u32::try_from(value).expect("four bytes").to_be_bytes());
        }
    }
}

/// A refusal (policy.wit, `record refusal`).
#[must_use]
pub fn refusal<'a>(condition: &'a str, description: &'a str, note: &'a str) -> Cbor<'a> {
    Cbor::Map(vec![
        ("condition", Cbor::Text(condition)),
        ("description", Cbor::Text(description)),
        ("note", Cbor::Text(note)),
        ("info", Cbor::Array(Vec::new())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_encode_as_the_rfc_says() {
        let answer = Cbor::Map(vec![("a", Cbor::Uint(500)), ("b", Cbor::Array(vec![Cbor::Text("x")]))]);
        assert_eq!(answer.bytes(), [0xa2, 0x61, b'a', 0x19, 0x01, 0xf4, 0x61, b'b', 0x81, 0x61, b'x']);
    }

    #[test]
    fn a_plugin_of_every_kind_assembles() {
        let bytes =
            module(&[("on_link", Hook::Trap), ("on_address", Hook::Hang), ("on_session", Hook::Answer(vec![1, 34]))]);
        assert!(bytes.starts_with(b"\0asm"));
    }
}
