//! The subject of a certificate: as one text, and single attributes of it.

use std::fmt::Write;

use x509_parser::asn1_rs::{Any, Oid};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// Short names of attribute types. Source: RFC 4519, and OpenSSL where that has none.
const SHORT: [(&str, &str); 19] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.13", "description"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.20", "telephoneNumber"),
    ("2.5.4.42", "GN"),
    ("2.5.4.43", "initials"),
    ("2.5.4.46", "dnQualifier"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// The whole name as one text, the last attribute first, as OpenSSL prints it for the reference. Source: RFC 2253.
pub(crate) fn text(name: &X509Name<'_>) -> String {
    let relative: Vec<_> = name.iter_rdn().collect();
    let mut text = String::new();
    for (at, part) in relative.into_iter().rev().enumerate() {
        for (inner, attribute) in part.iter().enumerate() {
            match (at, inner) {
                (0, 0) => {}
                (_, 0) => text.push(','),
                _ => text.push('+'),
            }
            append(&mut text, attribute);
        }
    }
    text
}

fn append(text: &mut String, attribute: &AttributeTypeAndValue<'_>) {
    let oid = attribute.attr_type().to_id_string();
    let short = SHORT.iter().find(|(known, _)| *known == oid).map(|(_, short)| *short);
    let value = value(attribute.attr_value());
    match (short, value) {
        (Some(short), Some(value)) => {
            let _ = write!(text, "{short}=");
            escape(text, &value);
        }
        (short, _) => {
            let _ = write!(text, "{}=#", short.unwrap_or(&oid));
            for byte in attribute.attr_value().data {
                let _ = write!(text, "{byte:02X}");
            }
        }
    }
}

/// Source: RFC 2253, 2.4; what is no printable ASCII as the bytes of UTF-8, as OpenSSL does.
fn escape(text: &mut String, value: &str) {
    let last = value.len().saturating_sub(1);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b'#' if at == 0 => text.push_str("\\#"),
            b' ' if at == 0 || at == last => text.push_str("\\ "),
            0x20..=0x7e => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\{byte:02X}");
            }
        }
    }
}

/// The first attribute of a type.
pub(crate) fn first(name: &X509Name<'_>, oid: &Oid<'_>) -> Option<String> {
    name.iter_by_oid(oid).next().and_then(|attribute| value(attribute.attr_value()))
}

/// A text of any of the types that ASN.1 has for them.
fn value(any: &Any<'_>) -> Option<String> {
    match any.tag().0 {
        // UTF8String, NumericString, PrintableString, IA5String, VisibleString
        12 | 18 | 19 | 22 | 26 => std::str::from_utf8(any.data).ok().map(str::to_owned),
        // TeletexString, in practice Latin-1
        20 => Some(any.data.iter().map(|byte| char::from(*byte)).collect()),
        // UniversalString
        28 => {
            let units =
                any.data.chunks_exact(4).map(|unit| unit.iter().fold(0, |all, byte| all << 8 | u32::from(*byte)));
            units.map(char::from_u32).collect()
        }
        // BMPString
        30 => {
            let units =
                any.data.chunks_exact(2).map(|unit| unit.iter().fold(0, |all, byte| all << 8 | u16::from(*byte)));
            char::decode_utf16(units).collect::<Result<String, _>>().ok()
        }
        _ => None,
    }
}
