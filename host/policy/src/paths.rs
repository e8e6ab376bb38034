//! Fields of requests; `[]` stands for an item of a list. Made from policy.wit by `cargo run -p crosstie-generate`.

/// Hooks, and the fields of what they are asked.
#[rustfmt::skip]
pub(crate) const PATHS: &[(&str, &[&str])] = &[
    ("failover", &[
        "ctx", "ctx.now-ms", "ctx.seed", "ctx.sequence", "connector", "role",
        "cause", "round", "current", "down-since-ms", "candidates", "candidates[].host",
        "candidates[].port", "candidates[].scheme", "candidates[].hostname", "candidates[].origin", "candidates[].priority", "candidates[].labels",
        "candidates[].labels[].key", "candidates[].labels[].val", "candidates[].attempts", "candidates[].failures-in-row", "candidates[].last-error", "candidates[].last-condition",
        "candidates[].last-attempt-at-ms", "candidates[].last-success-at-ms", "candidates[].last-rtt-us", "candidates[].certificate-not-after-ms",
    ]),
    ("connection", &[
        "ctx", "ctx.now-ms", "ctx.seed", "ctx.sequence", "peer", "peer.connection-id",
        "peer.listener", "peer.connector", "peer.transport", "peer.ip", "peer.port", "peer.local-ip",
        "peer.local-port", "peer.vhost", "peer.user", "peer.mechanism", "peer.container-id", "peer.tls",
        "peer.tls.version", "peer.tls.cipher", "peer.tls.sni", "peer.tls.subject", "peer.tls.issuer", "peer.tls.sans",
        "peer.tls.fingerprint-sha256", "peer.tls.not-after-ms", "peer.attributes", "peer.attributes[].key", "peer.attributes[].val", "recheck",
        "max-frame-size", "channel-max", "idle-timeout-ms", "offered-capabilities", "desired-capabilities", "properties",
        "properties[].key", "properties[].val", "properties[].val.flag", "properties[].val.int", "properties[].val.uint", "properties[].val.float",
        "properties[].val.text", "properties[].val.bytes", "counts", "counts.total", "counts.listener", "counts.user",
        "counts.peer-host", "limits", "limits.sessions", "limits.links", "limits.senders", "limits.receivers",
        "limits.unsettled", "limits.buffered-bytes", "limits.max-frame-size", "limits.max-message-size", "limits.idle-timeout-ms", "limits.link-credit",
        "truncated",
    ]),
    ("session", &[
        "ctx", "ctx.now-ms", "ctx.seed", "ctx.sequence", "peer", "peer.connection-id",
        "peer.listener", "peer.connector", "peer.transport", "peer.ip", "peer.port", "peer.local-ip",
        "peer.local-port", "peer.vhost", "peer.user", "peer.mechanism", "peer.container-id", "peer.tls",
        "peer.tls.version", "peer.tls.cipher", "peer.tls.sni", "peer.tls.subject", "peer.tls.issuer", "peer.tls.sans",
        "peer.tls.fingerprint-sha256", "peer.tls.not-after-ms", "peer.attributes", "peer.attributes[].key", "peer.attributes[].val", "sessions-open",
    ]),
    ("link", &[
        "ctx", "ctx.now-ms", "ctx.seed", "ctx.sequence", "peer", "peer.connection-id",
        "peer.listener", "peer.connector", "peer.transport", "peer.ip", "peer.port", "peer.local-ip",
        "peer.local-port", "peer.vhost", "peer.user", "peer.mechanism", "peer.container-id", "peer.tls",
        "peer.tls.version", "peer.tls.cipher", "peer.tls.sni", "peer.tls.subject", "peer.tls.issuer", "peer.tls.sans",
        "peer.tls.fingerprint-sha256", "peer.tls.not-after-ms", "peer.attributes", "peer.attributes[].key", "peer.attributes[].val", "name",
        "role", "source", "source.address", "source.durable", "source.expiry", "source.timeout-s",
        "source.dynamic", "source.coordinator", "source.distribution", "source.filters", "source.filters[].name", "source.filters[].val",
        "source.filters[].val.flag", "source.filters[].val.int", "source.filters[].val.uint", "source.filters[].val.float", "source.filters[].val.text", "source.filters[].val.bytes",
        "source.capabilities", "target", "target.address", "target.durable", "target.expiry", "target.timeout-s",
        "target.dynamic", "target.coordinator", "target.distribution", "target.filters", "target.filters[].name", "target.filters[].val",
        "target.filters[].val.flag", "target.filters[].val.int", "target.filters[].val.uint", "target.filters[].val.float", "target.filters[].val.text", "target.filters[].val.bytes",
        "target.capabilities", "settle", "max-message-size", "desired-capabilities", "properties", "properties[].key",
        "properties[].val", "properties[].val.flag", "properties[].val.int", "properties[].val.uint", "properties[].val.float", "properties[].val.text",
        "properties[].val.bytes", "links-open", "truncated",
    ]),
    ("address", &[
        "ctx", "ctx.now-ms", "ctx.seed", "ctx.sequence", "address", "direction",
        "occasion", "peer", "peer.connection-id", "peer.listener", "peer.connector", "peer.transport",
        "peer.ip", "peer.port", "peer.local-ip", "peer.local-port", "peer.vhost", "peer.user",
        "peer.mechanism", "peer.container-id", "peer.tls", "peer.tls.version", "peer.tls.cipher", "peer.tls.sni",
        "peer.tls.subject", "peer.tls.issuer", "peer.tls.sans", "peer.tls.fingerprint-sha256", "peer.tls.not-after-ms", "peer.attributes",
        "peer.attributes[].key", "peer.attributes[].val", "capabilities", "configured", "configured.link-route", "phase",
        "truncated",
    ]),
];
