//! Auth services, and the listeners that name one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use crosstie_config::reference::{self, AttributeValue, Form};
use crosstie_config::{Loaded, load_text};
use crosstie_model::settings::{AuthService, Delegation};

fn load(text: &str) -> Loaded {
    load_text("crosstie.kdl", text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn import(text: &str) -> Result<Loaded, String> {
    reference::load_text("qdrouterd.conf", text, Form::Text).map_err(|problems| problems.render(false))
}

fn service() -> AuthService {
    AuthService {
        name: "sso".to_owned(),
        host: "sso.example.com".to_owned(),
        port: 5671,
        realm: Some("example.com".to_owned()),
        tls: Some("t".to_owned()),
        verify_hostname: true,
        allow_plain_without_tls: false,
    }
}

const TLS: &str = "tls \"t\" { ca \"tests/data/ca.pem\"; }\n";

#[test]
fn a_listener_has_the_service_that_it_names_and_its_mechanisms() {
    let text = format!(
        "{TLS}auth-service \"sso\" {{ host \"sso.example.com\"; realm \"example.com\"; tls \"t\"; }}\n\
         listener \"all\" {{ auth-service \"sso\"; }}\n\
         listener \"some\" {{ port 5673; auth-service \"sso\"; sasl \"SCRAM-SHA-1\" \"PLAIN\"; allow-plain-without-tls; }}\n"
    );
    let loaded = load(&text);
    assert_eq!(loaded.warnings.lines(), Vec::<String>::new());
    for loaded in [&loaded, &load(&loaded.show())] {
        assert_eq!(loaded.settings.auth_services, [service()]);
        let [all, some] = loaded.settings.listeners.as_slice() else { panic!("two listeners") };
        assert_eq!(all.delegation, Some(Delegation { service: service(), mechanisms: Vec::new() }));
        let mechanisms = vec!["SCRAM-SHA-1".to_owned(), "PLAIN".to_owned()];
        assert_eq!(some.delegation, Some(Delegation { service: service(), mechanisms }));
        // nobody goes round the service, unless somebody says so
        assert!(all.authenticate_peer && all.connection.sasl.is_empty() && some.connection.sasl.is_empty());
    }
    let plain = load("auth-service \"s\" { host \"::1\"; }\n listener \"l\" { port 1; }\n");
    let service = plain.settings.auth_services.first().unwrap();
    assert_eq!((service.host.as_str(), service.port), ("::1", 5672));
}

#[test]
fn what_would_show_passwords_or_let_nobody_in_is_a_problem() {
    const SERVICE: &str = "auth-service \"sso\" { host \"h\"; }\n";
    const OPEN: &str = "auth-service \"sso\" { host \"h\"; allow-plain-without-tls; }\n";
    for (services, listener, part) in [
        ("", "auth-service \"sso\"", "no `auth-service` is named `sso`"),
        (SERVICE, "auth-service \"ss\"", "did you mean `sso`?"),
        (SERVICE, "sasl-plugin \"sso\"", "did you mean `auth-service`?"),
        (SERVICE, "auth-service \"sso\"; sasl \"EXTERNAL\"", "EXTERNAL beside `auth-service`"),
        (SERVICE, "auth-service \"sso\"; sasl \"plain\"", "not the name of a mechanism"),
        (SERVICE, "auth-service \"sso\"; sasl \"X\" \"X\"", "named twice"),
        (SERVICE, "auth-service \"sso\"; sasl \"ANONYMOUS\"", "ANONYMOUS on a listener that authenticates"),
        (OPEN, "auth-service \"sso\"; sasl \"PLAIN\"", "PLAIN would take secrets over plain TCP"),
        (OPEN, "auth-service \"sso\"; sasl \"OAUTHBEARER\"", "OAUTHBEARER would take secrets over plain TCP"),
        (
            SERVICE,
            "auth-service \"sso\"; sasl \"PLAIN\"; allow-plain-without-tls",
            "PLAIN would send secrets to the auth service over plain TCP",
        ),
        ("auth-service \"sso\" { port 1; }\n", "port 1", "auth-service needs `host`"),
        ("auth-service \"sso\" { host \"h\"; port 0; }\n", "port 1", "out of range"),
        ("auth-service \"sso\" { host \"h\"; tls \"t\"; }\n", "port 1", "no `tls` is named `t`"),
        ("auth-service \"sso\" { host \"h\"; verify-hostname; }\n", "port 1", "`verify-hostname` without `tls`"),
        (
            "auth-service \"sso\" { host \"h\"; }\nauth-service \"sso\" { host \"i\"; }\n",
            "port 1",
            "a second auth-service",
        ),
    ] {
        let text = format!("{services}listener \"l\" {{ {listener}; }}\n");
        let found = load_text("crosstie.kdl", &text).map(|loaded| loaded.show());
        let found = found.expect_err(&text).render(false);
        assert!(found.contains(part), "{part}:\n{found}");
    }
    for listener in [
        "auth-service \"sso\"; sasl \"PLAIN\"; allow-plain-without-tls",
        "auth-service \"sso\"; sasl \"ANONYMOUS\"; authenticate-peer #false",
    ] {
        load(&format!("{OPEN}listener \"l\" {{ {listener}; }}\n"));
    }
}

#[test]
fn the_plugin_of_the_reference_is_a_service_by_its_newer_and_older_names() {
    let profile = "sslProfile {\n name: t\n caCertFile: tests/data/ca.pem\n}\n";
    let listener = "listener {\n port: 1\n saslPlugin: sso\n saslMechanisms: SCRAM-SHA-1 PLAIN EXTERNAL\n}\n";
    let newer = "authServicePlugin {\n name: sso\n host: sso.example.com\n port: 5671\n realm: example.com\n sslProfile: t\n}\n";
    let older = "authServicePlugin {\n name: sso\n authService: sso.example.com:5671\n saslInitHostname: example.com\n \
                 authSslProfile: t\n}\n";
    // the reference believes any certificate, and asks for no TLS
    let service = AuthService { verify_hostname: false, allow_plain_without_tls: true, ..service() };
    for (plugin, deprecated) in [(newer, 0), (older, 3)] {
        let loaded = import(&format!("{profile}{plugin}{listener}")).unwrap();
        assert_eq!(loaded.settings.auth_services, std::slice::from_ref(&service));
        let mechanisms = vec!["SCRAM-SHA-1".to_owned(), "PLAIN".to_owned()];
        let listener = loaded.settings.listeners.first().unwrap();
        assert_eq!(listener.delegation, Some(Delegation { service: service.clone(), mechanisms }));
        assert!(!listener.authenticate_peer, "as in the reference");
        let warnings = loaded.warnings.render(false);
        assert_eq!(warnings.matches("is deprecated").count(), deprecated, "{warnings}");
        for part in ["`EXTERNAL` is not used", "come in past the auth service"] {
            assert!(warnings.contains(part), "{part}: {warnings}");
        }
        let shown = load(&loaded.show());
        assert_eq!(shown.settings.auth_services, std::slice::from_ref(&service));
    }
    for (text, part) in [
        ("authServicePlugin {\n name: sso\n}\n", "authServicePlugin needs `host`"),
        ("authServicePlugin {\n host: h\n}\n", "authServicePlugin needs `name`"),
        ("authServicePlugin {\n name: s\n host: h\n port: 70000\n}\n", "70000"),
        ("authServicePlugin {\n name: s\n host: h\n sslProfile: u\n}\n", "no `sslProfile` is named `u`"),
        (listener, "no `authServicePlugin` is named `sso`"),
    ] {
        let found = import(text).map(|loaded| loaded.show()).expect_err(text);
        assert!(found.contains(part), "{part}:\n{found}");
    }
}

#[test]
fn management_makes_a_service_and_a_listener_that_names_it() {
    let text = |text: &str| AttributeValue::Text(text.to_owned());
    let of = |pairs: &[(&str, &str)]| -> Vec<(String, AttributeValue)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect()
    };
    let made = reference::auth_service(&of(&[("name", "sso"), ("host", "h"), ("port", "amqp")]), &[]).unwrap().made;
    assert_eq!((made.host.as_str(), made.port, made.tls.as_deref()), ("h", 5672, None));
    let wanted = of(&[("name", "l"), ("port", "0"), ("saslPlugin", "sso")]);
    let listener = reference::listener(&wanted, (&[], &[], std::slice::from_ref(&made))).unwrap().made;
    assert_eq!(listener.delegation.map(|delegation| delegation.service), Some(made));
    let error = reference::listener(&wanted, (&[], &[], &[])).unwrap_err();
    assert!(error.contains("no `authServicePlugin` is named `sso`"), "{error}");
    let error = reference::auth_service(&of(&[("name", "s"), ("host", "h"), ("sslProfile", "t")]), &[]).unwrap_err();
    assert!(error.contains("no `sslProfile` is named `t`"), "{error}");
}
