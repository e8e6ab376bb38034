//! What requests are made of. Made from policy.wit by `cargo run -p crosstie-generate`.

use crate::form::Form::{self, Bytes, Flag, Float, Integer, List, Record, Text, Variant, Whole};

/// Hooks, and what they are asked.
#[rustfmt::skip]
pub(crate) const REQUESTS: &[(&str, Form)] = &[
    ("failover", FAILOVER_REQUEST),
    ("connection", ADMISSION_CONNECTION),
    ("session", ADMISSION_SESSION),
    ("link", ADMISSION_LINK),
    ("address", ADDRESS_REQUEST),
];

#[rustfmt::skip]
const VALUE: Form = Variant(&[
    ("flag", Some(Flag)),
    ("int", Some(Integer)),
    ("uint", Some(Whole(u64::MAX))),
    ("float", Some(Float)),
    ("text", Some(Text)),
    ("bytes", Some(Bytes)),
]);

#[rustfmt::skip]
const ENTRY: Form = Record(&[
    ("key", Text),
    ("val", VALUE),
]);

#[rustfmt::skip]
const ATTR: Form = Record(&[
    ("key", Text),
    ("val", Text),
]);

#[rustfmt::skip]
const CONTEXT: Form = Record(&[
    ("now-ms", Whole(u64::MAX)),
    ("seed", Whole(u64::MAX)),
    ("sequence", Whole(u64::MAX)),
]);

#[rustfmt::skip]
const TLS: Form = Record(&[
    ("version", Text),
    ("cipher", Text),
    ("sni", Text),
    ("subject", Text),
    ("issuer", Text),
    ("sans", List(&Text)),
    ("fingerprint-sha256", Text),
    ("not-after-ms", Whole(u64::MAX)),
]);

#[rustfmt::skip]
const COUNTS: Form = Record(&[
    ("total", Whole(0xffff_ffff)),
    ("listener", Whole(0xffff_ffff)),
    ("user", Whole(0xffff_ffff)),
    ("peer-host", Whole(0xffff_ffff)),
]);

#[rustfmt::skip]
const LIMITS: Form = Record(&[
    ("sessions", Whole(0xffff_ffff)),
    ("links", Whole(0xffff_ffff)),
    ("senders", Whole(0xffff_ffff)),
    ("receivers", Whole(0xffff_ffff)),
    ("unsettled", Whole(0xffff_ffff)),
    ("buffered-bytes", Whole(u64::MAX)),
    ("max-frame-size", Whole(0xffff_ffff)),
    ("max-message-size", Whole(u64::MAX)),
    ("idle-timeout-ms", Whole(0xffff_ffff)),
    ("link-credit", Whole(0xffff_ffff)),
]);

#[rustfmt::skip]
const PEER: Form = Record(&[
    ("connection-id", Whole(u64::MAX)),
    ("listener", Text),
    ("connector", Text),
    ("transport", Text),
    ("ip", Text),
    ("port", Whole(0xffff)),
    ("local-ip", Text),
    ("local-port", Whole(0xffff)),
    ("vhost", Text),
    ("user", Text),
    ("mechanism", Text),
    ("container-id", Text),
    ("tls", TLS),
    ("attributes", List(&ATTR)),
]);

#[rustfmt::skip]
const FAILOVER_CANDIDATE: Form = Record(&[
    ("host", Text),
    ("port", Whole(0xffff)),
    ("scheme", Text),
    ("hostname", Text),
    ("origin", Text),
    ("priority", Whole(0xff)),
    ("labels", List(&ATTR)),
    ("attempts", Whole(0xffff_ffff)),
    ("failures-in-row", Whole(0xffff_ffff)),
    ("last-error", Text),
    ("last-condition", Text),
    ("last-attempt-at-ms", Whole(u64::MAX)),
    ("last-success-at-ms", Whole(u64::MAX)),
    ("last-rtt-us", Whole(0xffff_ffff)),
    ("certificate-not-after-ms", Whole(u64::MAX)),
]);

#[rustfmt::skip]
const FAILOVER_REQUEST: Form = Record(&[
    ("ctx", CONTEXT),
    ("connector", Text),
    ("role", Text),
    ("cause", Text),
    ("round", Whole(0xffff_ffff)),
    ("current", Whole(0xffff_ffff)),
    ("down-since-ms", Whole(u64::MAX)),
    ("candidates", List(&FAILOVER_CANDIDATE)),
]);

#[rustfmt::skip]
const ADMISSION_CONNECTION: Form = Record(&[
    ("ctx", CONTEXT),
    ("peer", PEER),
    ("recheck", Flag),
    ("max-frame-size", Whole(0xffff_ffff)),
    ("channel-max", Whole(0xffff)),
    ("idle-timeout-ms", Whole(0xffff_ffff)),
    ("offered-capabilities", List(&Text)),
    ("desired-capabilities", List(&Text)),
    ("properties", List(&ENTRY)),
    ("counts", COUNTS),
    ("limits", LIMITS),
    ("truncated", List(&Text)),
]);

#[rustfmt::skip]
const ADMISSION_SESSION: Form = Record(&[
    ("ctx", CONTEXT),
    ("peer", PEER),
    ("sessions-open", Whole(0xffff_ffff)),
]);

#[rustfmt::skip]
const ADMISSION_FILTER: Form = Record(&[
    ("name", Text),
    ("val", VALUE),
]);

#[rustfmt::skip]
const ADMISSION_TERMINUS: Form = Record(&[
    ("address", Text),
    ("durable", Whole(0xff)),
    ("expiry", Text),
    ("timeout-s", Whole(0xffff_ffff)),
    ("dynamic", Flag),
    ("coordinator", Flag),
    ("distribution", Text),
    ("filters", List(&ADMISSION_FILTER)),
    ("capabilities", List(&Text)),
]);

#[rustfmt::skip]
const ADMISSION_LINK: Form = Record(&[
    ("ctx", CONTEXT),
    ("peer", PEER),
    ("name", Text),
    ("role", Text),
    ("source", ADMISSION_TERMINUS),
    ("target", ADMISSION_TERMINUS),
    ("settle", Text),
    ("max-message-size", Whole(u64::MAX)),
    ("desired-capabilities", List(&Text)),
    ("properties", List(&ENTRY)),
    ("links-open", Whole(0xffff_ffff)),
    ("truncated", List(&Text)),
]);

#[rustfmt::skip]
const ADDRESS_TREATMENT: Form = Variant(&[
    ("balanced", None),
    ("closest", None),
    ("multicast", None),
    ("link-route", Some(Text)),
    ("unavailable", None),
]);

#[rustfmt::skip]
const ADDRESS_REQUEST: Form = Record(&[
    ("ctx", CONTEXT),
    ("address", Text),
    ("direction", Text),
    ("occasion", Text),
    ("peer", PEER),
    ("capabilities", List(&Text)),
    ("configured", ADDRESS_TREATMENT),
    ("phase", Whole(0xff)),
    ("truncated", List(&Text)),
]);
