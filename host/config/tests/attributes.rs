//! Every attribute of listeners and connectors of the reference, and every name that it had: read, refused in clear words, or without
//! effect and said to be. Source: features 1.2.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use crosstie_config::reference::{self, Form};

/// What becomes of an attribute.
enum Fate {
    /// It stands so in the configuration as KDL.
    Shown(&'static str),
    /// Nothing to be seen: it is what holds anyway.
    Default,
    /// A warning that contains this.
    Warned(&'static str),
    /// A problem at its place that contains this.
    Refused(&'static str),
}

use Fate::{Default, Refused, Shown, Warned};

const BOTH: [(&str, &str, Fate); 33] = [
    ("name", "some", Shown(" some {")),
    ("host", "127.0.0.3", Shown("127.0.0.3")),
    ("port", "21000", Shown("21000")),
    ("port", "amqps", Shown("5671")),
    ("port", "70000", Refused("70000")),
    ("port", "of-nobody", Refused("not a port")),
    ("protocolFamily", "IPv4", Shown("socket-address-family IPv4")),
    ("protocolFamily", "IPv5", Refused("unknown")),
    ("role", "normal", Shown("role normal")),
    ("role", "route-container", Shown("role route-container")),
    ("role", "inter-router", Refused("not allowed to connect to or accept connections from other routers")),
    ("role", "edge", Refused("not allowed to connect to or accept connections from other routers")),
    ("role", "edgy", Refused("unknown")),
    ("cost", "7", Warned("cost")),
    ("sslProfile", "t", Refused("no `sslProfile` is named `t`")),
    ("saslMechanisms", "ANONYMOUS", Shown("sasl ANONYMOUS")),
    ("saslMechanisms", "GSSAPI", Refused("none of these mechanisms can be used")),
    ("maxFrameSize", "65536", Shown("max-frame-size \"64KiB\"")),
    ("maxFrameSize", "100", Warned("at least 512")),
    ("maxSessions", "10", Shown("max-sessions 10")),
    ("maxSessionFrames", "1000", Shown("max-session-frames 1000")),
    ("idleTimeoutSeconds", "120", Shown("idle-timeout \"2m\"")),
    ("stripAnnotations", "in", Shown("strip-annotations in")),
    ("linkCapacity", "33", Shown("link-capacity 33")),
    ("messageLoggingComponents", "all", Shown("log-messages all")),
    ("logMessage", "to,message-id,to", Shown("log-messages message-id to")),
    ("messageLoggingComponents", "none", Default),
    ("messageLoggingComponents", "tow,subject", Shown("log-messages subject")),
    ("messageLoggingComponents", "tow,subject", Warned("`tow` is no part of a message that can stand here")),
    ("messageLoggingComponents", "all,none", Warned("`all` is no part of a message that can stand here")),
    ("policyVhost", "v", Warned("`enableVhostPolicy` is not on")),
    ("openProperties", "{\n        \"site\": \"berlin\"\n    }", Shown("site berlin")),
    ("openProperties", "{\n        \"product\": \"p\"\n    }", Refused("reserved")),
];

const LISTENER: [(&str, &str, Fate); 29] = [
    ("socketAddressFamily", "IPv6", Shown("socket-address-family IPv6")),
    ("authenticatePeer", "no", Shown("authenticate-peer #false")),
    ("authenticatePeer", "yes", Refused("nobody could authenticate")),
    ("saslPlugin", "p", Refused("no `authServicePlugin` is named `p`")),
    ("requireEncryption", "yes", Refused("without an `sslProfile`")),
    ("requireSsl", "yes", Refused("without an `sslProfile`")),
    ("requireSsl", "no", Default),
    ("trustedCertsFile", "/x", Warned("trustedCerts")),
    ("trustedCerts", "/x", Warned("trustedCerts")),
    ("initialHandshakeTimeoutSeconds", "7", Shown("handshake-timeout \"7s\"")),
    ("multiTenant", "yes", Shown("multi-tenant #true")),
    ("multiTenant", "no", Shown("multi-tenant #false")),
    ("failoverUrls", "amqps://a:1, b", Shown("failover-urls \"amqps://a:1\" b:5672")),
    ("failoverList", "b", Shown("failover-urls b:5672")),
    ("failoverUrls", "AMQP://a, AmqpS://b:1", Shown("failover-urls \"amqp://a:5672\" \"amqps://b:1\"")),
    ("failoverUrls", "http://b", Refused("not a")),
    ("failoverUrls", ",b", Refused("no host")),
    ("failoverUrls", "a, amqps://b", Shown("failover-urls a:5672 \"amqps://b:5672\"")),
    (
        "failoverUrls",
        "a, amqps://b",
        Warned("without a port this stands for 5672, as in the reference; in KDL for 5671"),
    ),
    ("failoverUrls", "amqp://[2001:db8::1]:5671", Warned("first `:`, and would hand out `[2001`")),
    ("http", "yes", Refused("http")),
    ("http", "no", Default),
    ("httpRootDir", "/x", Refused("httpRootDir")),
    ("httpRoot", "/x", Refused("httpRootDir")),
    ("healthz", "no", Warned("healthz")),
    ("metrics", "no", Warned("metrics")),
    ("websockets", "no", Warned("websockets")),
    ("verifyHostname", "no", Refused("verifyHostname")),
    ("linkCapacity", "many", Refused("many")),
];

const CONNECTOR: [(&str, &str, Fate); 16] = [
    ("allowRedirect", "no", Warned("allowRedirect")),
    ("verifyHostname", "no", Warned("verifyHostname")),
    ("verifyHostName", "no", Warned("verifyHostname")),
    ("saslUsername", "u", Refused("without `saslPassword`")),
    ("saslUsername", "u\n    saslPassword: pass:p", Shown("sasl-username u")),
    ("saslUsername", "u\n    saslPassword: p", Warned("a password stands plainly")),
    ("saslPassword", "pass:p", Refused("without `saslUsername`")),
    ("saslPassword", "file:/nowhere\n    saslUsername: u", Refused("/nowhere")),
    ("sslProfile", "t\n    verifyHostname: no", Refused("no `sslProfile` is named `t`")),
    ("failoverUrls", "amqp://a", Refused("failoverUrls")),
    ("failoverList", "amqp://a", Refused("failover")),
    ("connectionStatus", "SUCCESS", Refused("connectionStatus")),
    ("connectionMsg", "m", Refused("connectionMsg")),
    ("saslMechanisms", "SCRAM-SHA-1", Refused("a connector has `ANONYMOUS`, `PLAIN`, `SCRAM-SHA-256`")),
    ("authenticatePeer", "yes", Refused("authenticatePeer")),
    ("multiTenant", "yes", Refused("multiTenant")),
];

fn assert_fate(entity: &str, (name, value, fate): &(&str, &str, Fate)) -> Result<(), String> {
    let text = format!("router {{\n    id: r\n}}\n{entity} {{\n    {name}: {value}\n}}\n");
    let found = reference::load_text("qdrouterd.conf", &text, Form::Text);
    match (fate, found) {
        (Shown(part), Ok(loaded)) if loaded.show().contains(part) => Ok(()),
        (Default, Ok(loaded)) => {
            let without = text.replace(&format!("    {name}: {value}\n"), "");
            let without = reference::load_text("qdrouterd.conf", &without, Form::Text).unwrap();
            let same = loaded.show() == without.show();
            same.then_some(()).ok_or_else(|| format!("{entity} {name}: {value} changes something"))
        }
        (Warned(part), Ok(loaded)) if loaded.warnings.render(false).contains(part) => Ok(()),
        (Refused(part), Err(problems)) => {
            let rendered = problems.render(false);
            // at the attribute, or inside it
            let is_there = rendered.contains(part) && (5..=6).any(|line| rendered.contains(&format!(".conf:{line}:")));
            is_there.then_some(()).ok_or_else(|| format!("{entity} {name}: {value}\n{rendered}"))
        }
        (_, Ok(loaded)) => {
            Err(format!("{entity} {name}: {value}\n{}\n{}", loaded.show(), loaded.warnings.render(false)))
        }
        (_, Err(problems)) => Err(format!("{entity} {name}: {value}\n{}", problems.render(false))),
    }
}

#[test]
fn every_attribute_of_the_reference_is_read_or_refused_in_clear_words() {
    let mut wrong = Vec::new();
    for (entity, own) in [("listener", LISTENER.as_slice()), ("connector", CONNECTOR.as_slice())] {
        for row in BOTH.iter().chain(own) {
            wrong.extend(assert_fate(entity, row).err());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n----\n"));
}
