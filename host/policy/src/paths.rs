//! Fields of requests, as `reads` names them. Made from policy.wit by `cargo run -p crosstie-generate`.

/// Hooks, and the fields of what they are asked.
#[rustfmt::skip]
pub(crate) const PATHS: &[(&str, &[&str])] = &[
    ("failover", &[
        "ctx", "ctx.now-ms", "ctx.seed", "ctx.sequence", "connector", "role",
        "cause", "round", "current", "down-since-ms", "candidates",
    ]),
    ("connection", &[
        "ctx", "ctx.now-ms", "ctx.seed", "ctx.sequence", "peer", "peer.connection-id",
        "peer.listener", "peer.connector", "peer.transport", "peer.ip", "peer.port", "peer.local-ip",
        "peer.local-port", "peer.vhost", "peer.user", "peer.mechanism", "peer.container-id", "peer.tls",
        "peer.tls.version", "peer.tls.cipher", "peer.tls.sni", "peer.tls.subject", "peer.tls.issuer", "peer.tls.sans",
        "peer.tls.fingerprint-sha256", "peer.tls.not-after-ms", "peer.attributes", "recheck", "max-frame-size", "channel-max",
        "idle-timeout-ms", "offered-capabilities", "desired-capabilities", "properties", "counts", "counts.total",
        "counts.listener", "counts.user", "counts.peer-host", "limits", "limits.sessions", "limits.links",
        "limits.senders", "limits.receivers", "limits.unsettled", "limits.buffered-bytes", "limits.max-frame-size", "limits.max-message-size",
        "limits.idle-timeout-ms", "limits.link-credit", "truncated",
    ]),
    ("session", &[
        "ctx", "ctx.now-ms", "ctx.seed", "ctx.sequence", "peer", "peer.connection-id",
        "peer.listener", "peer.connector", "peer.transport", "peer.ip", "peer.port", "peer.local-ip",
        "peer.local-port", "peer.vhost", "peer.user", "peer.mechanism", "peer.container-id", "peer.tls",
        "peer.tls.version", "peer.tls.cipher", "peer.tls.sni", "peer.tls.subject", "peer.tls.issuer", "peer.tls.sans",
        "peer.tls.fingerprint-sha256", "peer.tls.not-after-ms", "peer.attributes", "sessions-open",
    ]),
    ("link", &[
        "ctx", "ctx.now-ms", "ctx.seed", "ctx.sequence", "peer", "peer.connection-id",
        "peer.listener", "peer.connector", "peer.transport", "peer.ip", "peer.port", "peer.local-ip",
        "peer.local-port", "peer.vhost", "peer.user", "peer.mechanism", "peer.container-id", "peer.tls",
        "peer.tls.version", "peer.tls.cipher", "peer.tls.sni", "peer.tls.subject", "peer.tls.issuer", "peer.tls.sans",
        "peer.tls.fingerprint-sha256", "peer.tls.not-after-ms", "peer.attributes", "name", "role", "source",
        "source.address", "source.durable", "source.expiry", "source.timeout-s", "source.dynamic", "source.coordinator",
        "source.distribution", "source.filters", "source.capabilities", "target", "target.address", "target.durable",
        "target.expiry", "target.timeout-s", "target.dynamic", "target.coordinator", "target.distribution", "target.filters",
        "target.capabilities", "settle", "max-message-size", "desired-capabilities", "properties", "links-open",
        "truncated",
    ]),
    ("address", &[
        "ctx", "ctx.now-ms", "ctx.seed", "ctx.sequence", "address", "direction",
        "occasion", "peer", "peer.connection-id", "peer.listener", "peer.connector", "peer.transport",
        "peer.ip", "peer.port", "peer.local-ip", "peer.local-port", "peer.vhost", "peer.user",
        "peer.mechanism", "peer.container-id", "peer.tls", "peer.tls.version", "peer.tls.cipher", "peer.tls.sni",
        "peer.tls.subject", "peer.tls.issuer", "peer.tls.sans", "peer.tls.fingerprint-sha256", "peer.tls.not-after-ms", "peer.attributes",
        "capabilities", "configured", "phase", "truncated",
    ]),
];
