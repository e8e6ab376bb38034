//! The subject of a certificate: as one text, and single attributes of it.

use std::fmt::Write;

use x509_parser::asn1_rs::{Any, Oid, ToDer};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// Arcs, and the types of attributes below each with their short names. Source: OpenSSL, `openssl list -objects`.
const SHORT: [(&str, &str); 6] = [
    (
        "2.5.4.",
        "3 CN, 4 SN, 5 serialNumber, 6 C, 7 L, 8 ST, 9 street, 10 O, 11 OU, 12 title, 13 description, \
         14 searchGuide, 15 businessCategory, 16 postalAddress, 17 postalCode, 18 postOfficeBox, \
         19 physicalDeliveryOfficeName, 20 telephoneNumber, 21 telexNumber, 22 teletexTerminalIdentifier, \
         23 facsimileTelephoneNumber, 24 x121Address, 25 internationaliSDNNumber, 26 registeredAddress, \
         27 destinationIndicator, 28 preferredDeliveryMethod, 29 presentationAddress, \
         30 supportedApplicationContext, 31 member, 32 owner, 33 roleOccupant, 34 seeAlso, 35 userPassword, \
         36 userCertificate, 37 cACertificate, 38 authorityRevocationList, 39 certificateRevocationList, \
         40 crossCertificatePair, 41 name, 42 GN, 43 initials, 44 generationQualifier, 45 x500UniqueIdentifier, \
         46 dnQualifier, 47 enhancedSearchGuide, 48 protocolInformation, 49 distinguishedName, 50 uniqueMember, \
         51 houseIdentifier, 52 supportedAlgorithms, 53 deltaRevocationList, 54 dmdName, 65 pseudonym, 72 role, \
         97 organizationIdentifier, 98 c3, 99 n3, 100 dnsName",
    ),
    (
        "0.9.2342.19200300.100.1.",
        "1 UID, 2 textEncodedORAddress, 3 mail, 4 info, 5 favouriteDrink, 6 roomNumber, 7 photo, 8 userClass, \
         9 host, 10 manager, 11 documentIdentifier, 12 documentTitle, 13 documentVersion, 14 documentAuthor, \
         15 documentLocation, 20 homeTelephoneNumber, 21 secretary, 22 otherMailbox, 23 lastModifiedTime, \
         24 lastModifiedBy, 25 DC, 26 aRecord, 27 pilotAttributeType27, 28 mXRecord, 29 nSRecord, 30 sOARecord, \
         31 cNAMERecord, 37 associatedDomain, 38 associatedName, 39 homePostalAddress, 40 personalTitle, \
         41 mobileTelephoneNumber, 42 pagerTelephoneNumber, 43 friendlyCountryName, 44 uid, \
         45 organizationalStatus, 46 janetMailbox, 47 mailPreferenceOption, 48 buildingName, 49 dSAQuality, \
         50 singleLevelQuality, 51 subtreeMinimumQuality, 52 subtreeMaximumQuality, 53 personalSignature, \
         54 dITRedirect, 55 audio, 56 documentPublisher",
    ),
    (
        "1.2.840.113549.1.9.",
        "1 emailAddress, 2 unstructuredName, 3 contentType, 4 messageDigest, 5 signingTime, 6 countersignature, \
         7 challengePassword, 8 unstructuredAddress, 9 extendedCertificateAttributes, 20 friendlyName, \
         21 localKeyID",
    ),
    ("1.3.6.1.4.1.311.60.2.1.", "1 jurisdictionL, 2 jurisdictionST, 3 jurisdictionC"),
    (
        "1.3.6.1.5.5.7.9.",
        "1 id-pda-dateOfBirth, 2 id-pda-placeOfBirth, 3 id-pda-gender, 4 id-pda-countryOfCitizenship, \
         5 id-pda-countryOfResidence",
    ),
    (
        "1.2.643.",
        "3.131.1.1 INN, 100.1 OGRN, 100.3 SNILS, 100.5 OGRNIP, 100.111 subjectSignTool, 100.112 issuerSignTool, \
         100.113 classSignTool",
    ),
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

/// What has no short name, and what is no text, stands there as its DER. Source: OpenSSL, `XN_FLAG_RFC2253`.
fn append(text: &mut String, attribute: &AttributeTypeAndValue<'_>) {
    let oid = attribute.attr_type().to_id_string();
    let any = attribute.attr_value();
    match (short(&oid), utf8(any)) {
        (Some(short), Some(value)) => {
            let _ = write!(text, "{short}=");
            escape(text, &value);
        }
        (short, _) => {
            let _ = write!(text, "{}=#", short.unwrap_or(&oid));
            for byte in any.to_der_vec().unwrap_or_default() {
                let _ = write!(text, "{byte:02X}");
            }
        }
    }
}

fn short(oid: &str) -> Option<&'static str> {
    let (wanted, below) = SHORT.iter().find_map(|(arc, below)| Some((oid.strip_prefix(arc)?, below)))?;
    let mut known = below.split(", ").filter_map(|known| known.split_once(' '));
    known.find(|(number, _)| *number == wanted).map(|(_, name)| name)
}

/// Source: RFC 2253, 2.4; as OpenSSL does, what is no printable ASCII as the bytes of UTF-8, and a `#` that is all of it as
/// it is.
fn escape(text: &mut String, value: &[u8]) {
    let last = value.len().saturating_sub(1);
    for (at, byte) in value.iter().copied().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b'#' if at == 0 && at != last => text.push_str("\\#"),
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
    let value = name.iter_by_oid(oid).next().and_then(|attribute| utf8(attribute.attr_value()))?;
    String::from_utf8(value).ok()
}

/// A text of any of the types that ASN.1 has for them, as UTF-8; a `UTF8String` as it is, which may be none.
fn utf8(any: &Any<'_>) -> Option<Vec<u8>> {
    let text: Option<String> = match any.tag().0 {
        12 => return Some(any.data.to_vec()),
        // NumericString, PrintableString, TeletexString, IA5String, UTCTime, GeneralizedTime, VisibleString: OpenSSL
        // takes each for Latin-1
        18 | 19 | 20 | 22 | 23 | 24 | 26 => Some(any.data.iter().map(|byte| char::from(*byte)).collect()),
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
    };
    text.map(String::into_bytes)
}
