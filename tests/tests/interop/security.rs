//! Connectors against listeners, each in its ways of TLS and SASL, and names for the users of certificates.

use crosstie_tests::router::{DEADLINE, Router, plain_kdl};

use crate::tls::{Place, comes_in, listener};

/// A listener's name, the scheme and the attributes of a connector to it, and whether that gets in or why not.
type Row = (&'static str, &'static str, String, Result<(), &'static str>);

fn table() -> Vec<Row> {
    let user = |password: &str, mechanism: &str| {
        format!("sasl-username \"bob\"\n    sasl-password \"literal:{password}\"\n    sasl \"{mechanism}\"")
    };
    let with = |tls: &str, more: &str| format!("tls \"{tls}\"\n    {more}");
    let (right, scram) = ("wonder-land", "SCRAM-SHA-256");
    let plain = format!("{}\n    allow-plain-without-tls", user(right, "PLAIN"));
    vec![
        ("open", "amqp", String::new(), Ok(())),
        ("open", "amqps", with("trusting", ""), Err("")),
        ("locked", "amqp", String::new(), Err("")),
        ("locked", "amqp", user(right, scram), Ok(())),
        ("locked", "amqp", user("wrong", scram), Err("does not accept these credentials")),
        ("locked", "amqp", plain, Err("")),
        ("encrypted", "amqp", user(right, scram), Err("")),
        ("encrypted", "amqps", with("trusting", ""), Err("")),
        ("encrypted", "amqps", with("trusting", &user(right, "PLAIN")), Ok(())),
        ("encrypted", "amqps", with("trusting", &user(right, "SCRAM-SHA-512")), Ok(())),
        ("encrypted", "amqps", with("trusting", &user("wrong", "PLAIN")), Err("does not accept these credentials")),
        ("either", "amqp", String::new(), Ok(())),
        ("either", "amqps", with("trusting", ""), Ok(())),
        ("mutual", "amqps", with("trusting", &user(right, scram)), Err("")),
        ("mutual", "amqps", with("showing", "sasl \"EXTERNAL\""), Ok(())),
        ("mutual", "amqps", with("showing", &user(right, scram)), Ok(())),
    ]
}

#[test]
fn s14_which_connectors_get_in_where() {
    let place = Place::new();
    let door = |name: &str, more: &str| listener(name, &format!("role \"route-container\"\n    {more}"));
    let mut server = Router::start(&plain_kdl(
        &[
            "user \"bob\" password=\"literal:wonder-land\"\n".to_owned(),
            place.tls("off", ""),
            place.tls("require", "client-certificate \"require\""),
            door("open", ""),
            door("locked", "authenticate-peer"),
            door("encrypted", "tls \"off\"\n    authenticate-peer"),
            door("either", "tls \"off\" optional"),
            door("mutual", "tls \"require\"\n    authenticate-peer"),
        ]
        .concat(),
    ));
    let ca = format!("ca \"{}\"", place.path("ca.pem"));
    let (certificate, key) = (place.client.certificate.display(), place.client.key.display());
    let mut kdl = format!(
        "tls \"trusting\" {{\n    {ca}\n}}\ntls \"showing\" {{\n    {ca}\n    certificate \"{certificate}\"\n    private-key \"{key}\"\n}}\n"
    );
    let table = table();
    for (number, (name, scheme, more, _)) in table.iter().enumerate() {
        // each in one of both roles
        let role = if number % 2 == 0 { "normal" } else { "route-container" };
        kdl.push_str(&format!(
            "connector \"c{number}\" {{\n    role \"{role}\"\n    endpoint \"{scheme}://{}\"\n    handshake-timeout \"3s\"\n    \
             {more}\n}}\n",
            server.addr(name)
        ));
    }
    let mut router = Router::start(&plain_kdl(&kdl));
    for (number, (name, scheme, more, wanted)) in table.iter().enumerate() {
        let connector = format!("connector=\"c{number}\"");
        match wanted {
            Ok(()) => router.wait_log(0, DEADLINE, &["connected ", &connector]),
            Err(why) => router.wait_log(0, DEADLINE, &["cannot connect", &connector, why]),
        };
        let shown = router.stat("connectors");
        let row = shown.iter().find(|row| row["name"] == format!("c{number}")).expect("it is shown");
        let is_in = row["connectionStatus"] == "SUCCESS";
        assert_eq!(is_in, wanted.is_ok(), "{name} by {scheme}, {more}: {row}");
    }
    router.assert_healthy();
    server.assert_healthy();
}

#[test]
fn s14_a_file_gives_users_of_certificates_their_names() {
    let place = Place::new();
    let _ = place.dir.write("names.json", r#"{"alice;DE": "first clerk"}"#);
    let names = format!(
        "client-certificate \"require\"\n    user-name \"common-name\" \"country\"\n    user-names \"{}\"",
        place.path("names.json")
    );
    let kdl = [place.tls("t", &names), listener("mutual", "tls \"t\"\n    authenticate-peer")].concat();
    let mut router = Router::start(&plain_kdl(&kdl));
    assert!(comes_in(router.addr("mutual"), &format!("{} --mechanisms EXTERNAL", place.showing(&place.client))));
    router.wait_log(0, DEADLINE, &["opened", "mutual", "user=\"first clerk\""]);
    router.assert_healthy();
}

/// How a listener speaks TLS.
const DOORS: [(&str, &str); 4] =
    [("plain", ""), ("required", "tls \"off\""), ("optional", "tls \"off\" optional"), ("mutual", "tls \"require\"")];

/// Whether a connector with TLS, or without, gets in by a mechanism. Source: features 1.4 and 1.5; PLAIN wants TLS here.
fn is_let_in(door: &str, by_tls: bool, shows: bool, mechanism: &str) -> bool {
    match door {
        "plain" => !by_tls && matches!(mechanism, "ANONYMOUS" | "SCRAM-SHA-256"),
        "mutual" => shows,
        _ => by_tls && mechanism != "EXTERNAL",
    }
}

#[test]
fn s14_the_whole_matrix_of_roles_tls_and_mechanisms() {
    const ROLES: [&str; 2] = ["normal", "route-container"];
    let place = Place::new();
    let mut kdl = [
        "user \"bob\" password=\"literal:wonder-land\"\n".to_owned(),
        place.tls("off", ""),
        place.tls("require", "client-certificate \"require\""),
    ]
    .concat();
    for role in ROLES {
        for (door, tls) in DOORS {
            kdl.push_str(&listener(&format!("{door}-{role}"), &format!("role \"{role}\"\n    {tls}")));
        }
    }
    let mut server = Router::start(&plain_kdl(&kdl));
    let ca = format!("ca \"{}\"", place.path("ca.pem"));
    let (certificate, key) = (place.client.certificate.display(), place.client.key.display());
    let mut kdl = format!(
        "tls \"trusting\" {{\n    {ca}\n}}\ntls \"showing\" {{\n    {ca}\n    certificate \"{certificate}\"\n    private-key \"{key}\"\n}}\n"
    );
    let mut rows = Vec::new();
    for role in ROLES {
        for (door, _) in DOORS {
            for mechanism in ["ANONYMOUS", "PLAIN", "SCRAM-SHA-256", "EXTERNAL"] {
                // a connector has EXTERNAL with a certificate alone
                for tls in ["", "trusting", "showing"] {
                    if mechanism == "EXTERNAL" && tls != "showing" || door != "plain" && tls.is_empty() {
                        continue;
                    }
                    let name = format!("{door}-{role}-{mechanism}-{tls}");
                    let scheme = if tls.is_empty() { "amqp" } else { "amqps" };
                    let profile = if tls.is_empty() { String::new() } else { format!("tls \"{tls}\"\n    ") };
                    let user = match mechanism {
                        "PLAIN" | "SCRAM-SHA-256" => {
                            "sasl-username \"bob\"\n    sasl-password \"literal:wonder-land\"\n    "
                        }
                        _ => "",
                    };
                    // what a connector does not offer by itself is its own affair
                    let plainly = if mechanism == "PLAIN" { "\n    allow-plain-without-tls" } else { "" };
                    kdl.push_str(&format!(
                        "connector \"{name}\" {{\n    role \"{role}\"\n    endpoint \"{scheme}://{}\"\n    handshake-timeout \"3s\"\n    {profile}{user}sasl \"{mechanism}\"{plainly}\n}}\n",
                        server.addr(&format!("{door}-{role}"))
                    ));
                    rows.push((name, is_let_in(door, !tls.is_empty(), tls == "showing", mechanism)));
                }
            }
        }
    }
    assert_eq!(rows.len(), 62);
    let mut router = Router::start(&plain_kdl(&kdl));
    for (name, wanted) in &rows {
        let said = if *wanted { "connected " } else { "cannot connect" };
        router.wait_log(0, DEADLINE, &[said, &format!("connector=\"{name}\"")]);
    }
    let shown = router.stat("connectors");
    for (name, wanted) in rows {
        let row = shown.iter().find(|row| row["name"] == name).expect("it is shown");
        assert_eq!(row["connectionStatus"] == "SUCCESS", wanted, "{row}");
    }
    router.assert_healthy();
    server.assert_healthy();
}
