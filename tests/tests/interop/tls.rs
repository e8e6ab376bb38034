//! TLS: who may come in how, whom connectors believe, and certificates that change.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crosstie_tests::certificates::{Authority, Files, Subject};
use crosstie_tests::place::TestDir;
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use serde_json::json;

pub(crate) const HOSTS: &[&str] = &["localhost", "127.0.0.1"];

/// A directory with an authority `ca.pem`, and certificates of a server and of a client signed by it.
pub(crate) struct Place {
    pub(crate) dir: TestDir,
    pub(crate) ca: Authority,
    pub(crate) client: Files,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = TestDir::new("tls");
        let ca = Authority::new("tests");
        let _ = ca.write(&dir, "ca");
        let _ = ca.issue(&dir, "server", &Subject { names: &[("CN", "server")], hosts: HOSTS, expired: false });
        let names = [("C", "DE"), ("O", "Bank"), ("OU", "Ops"), ("CN", "alice")];
        let client = ca.issue(&dir, "client", &Subject { names: &names, ..Subject::default() });
        Self { dir, ca, client }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Options of a client that believes `ca`.
    pub(crate) fn trusting(&self, ca: &str) -> String {
        format!("--ca {}", self.path(ca))
    }

    /// The same, and it shows its certificate.
    pub(crate) fn showing(&self, files: &Files) -> String {
        let Files { certificate, key } = files;
        format!("{} --certificate {} --key {}", self.trusting("ca.pem"), certificate.display(), key.display())
    }

    pub(crate) fn tls(&self, name: &str, more: &str) -> String {
        let (server, key, ca) = (self.path("server.pem"), self.path("server.key"), self.path("ca.pem"));
        format!(
            "tls \"{name}\" {{\n    certificate \"{server}\"\n    private-key \"{key}\"\n    ca \"{ca}\"\n    {more}\n}}\n"
        )
    }
}

pub(crate) fn listener(name: &str, more: &str) -> String {
    format!("listener \"{name}\" {{\n    host \"127.0.0.1\"\n    port 0\n    {more}\n}}\n")
}

/// As a client that checks names dials it.
fn start(mode: &str, addr: SocketAddr, args: &str) -> Proton {
    Proton::start(mode, addr, args)
}

/// Whether a client comes in; with what its Open or the end of its transport said.
pub(crate) fn comes_in(addr: SocketAddr, args: &str) -> bool {
    let mut client = start("receive", addr, &format!("--address a --keep {args}"));
    client.any_of(&["attached", "transport-error", "connection-error"], DEADLINE)["event"] == "attached"
}

#[test]
fn s14_who_may_come_in_how() {
    let place = Place::new();
    let user = "user \"bob\" password=\"literal:wonder-land\"\n";
    let kdl = [
        place.tls("off", ""),
        place.tls("request", "client-certificate \"request\""),
        place.tls("require", "client-certificate \"require\"\n    user-name \"common-name\" \"organization\""),
        user.to_owned(),
        listener("encrypted", "tls \"off\""),
        listener("both", "tls \"off\" optional"),
        listener("mutual", "tls \"require\"\n    authenticate-peer"),
        listener("asking", "tls \"request\""),
        listener("strict", "tls \"request\" \"require-client-certificate\" \"optional\""),
    ]
    .concat();
    let mut router = Router::start(&plain_kdl(&kdl));
    let encrypted = place.trusting("ca.pem");
    let shown = place.showing(&place.client);
    let plain = "--user bob --password wonder-land --mechanisms PLAIN";
    let scram = "--user bob --password wonder-land --mechanisms SCRAM-SHA-256";
    let table: [(&str, String, bool); 21] = [
        ("clients", plain.to_owned(), false),
        ("encrypted", encrypted.clone(), true),
        ("encrypted", "--mechanisms ANONYMOUS".to_owned(), false),
        ("encrypted", format!("{encrypted} {plain}"), true),
        ("encrypted", format!("{encrypted} {scram}"), true),
        ("encrypted", format!("{encrypted} --user bob --password wrong --mechanisms PLAIN"), false),
        ("encrypted", format!("{shown} --mechanisms EXTERNAL"), false),
        ("both", String::new(), true),
        ("both", encrypted.clone(), true),
        ("both", plain.to_owned(), false),
        ("both", format!("{encrypted} {plain}"), true),
        ("mutual", encrypted.clone(), false),
        ("mutual", format!("{shown} --mechanisms EXTERNAL"), true),
        ("mutual", format!("{shown} {scram}"), true),
        ("mutual", format!("{shown} --mechanisms ANONYMOUS"), false),
        ("asking", format!("{encrypted} --mechanisms ANONYMOUS"), true),
        ("asking", format!("{encrypted} --mechanisms EXTERNAL"), false),
        ("asking", format!("{shown} --mechanisms EXTERNAL"), true),
        ("strict", format!("{encrypted} --mechanisms ANONYMOUS"), false),
        ("strict", format!("{shown} --mechanisms ANONYMOUS"), true),
        ("strict", "--mechanisms ANONYMOUS".to_owned(), true),
    ];
    for (name, args, wanted) in table {
        assert_eq!(comes_in(router.addr(name), &args), wanted, "{name} {args}");
    }
    // by the whole subject, and by its parts
    for (name, user) in [("asking", "CN=alice,OU=Ops,O=Bank,C=DE"), ("mutual", "alice;Bank")] {
        let mark = router.log_mark();
        assert!(comes_in(router.addr(name), &format!("{shown} --mechanisms EXTERNAL")));
        router.wait_log(mark, DEADLINE, &["opened", name, &format!("user=\"{user}\"")]);
    }
    router.assert_healthy();
}

/// As in the reference, EXTERNAL among a listener's mechanisms has its peers show a certificate, also those that would come in without:
/// and of two listeners with one profile only those of the one.
#[test]
fn s14_external_in_a_conf_requires_certificates_of_its_listener_alone() {
    let place = Place::new();
    let file = |name: &str| place.path(name);
    let listener = |name: &str, mechanisms: &str| {
        format!(
            "listener {{\n name: {name}\n host: 127.0.0.1\n port: 0\n sslProfile: p\n requireSsl: yes\n saslMechanisms: {mechanisms}\n}}\n"
        )
    };
    let profile = format!(
        "sslProfile {{\n name: p\n caCertFile: {}\n certFile: {}\n privateKeyFile: {}\n password: pass:needless\n}}\n",
        file("ca.pem"),
        file("server.pem"),
        file("server.key")
    );
    let conf = [
        "router {\n mode: standalone\n id: hub\n}\n".to_owned(),
        profile,
        listener("known", "EXTERNAL ANONYMOUS"),
        listener("open", "ANONYMOUS"),
    ]
    .concat();
    let mut router = Router::start_qdrouterd_conf(&conf, &["known", "open"]);
    // the password of a key that is not encrypted keeps no router from running
    router.wait_log(0, DEADLINE, &["the password has no effect: the key is not encrypted"]);
    let (encrypted, shown) = (place.trusting("ca.pem"), place.showing(&place.client));
    for (name, args, wanted) in [
        ("known", format!("{encrypted} --mechanisms ANONYMOUS"), false),
        ("known", format!("{shown} --mechanisms ANONYMOUS"), true),
        ("known", format!("{shown} --mechanisms EXTERNAL"), true),
        ("open", format!("{encrypted} --mechanisms ANONYMOUS"), true),
    ] {
        assert_eq!(comes_in(router.addr(name), &args), wanted, "{name} {args}");
    }
    router.assert_healthy();
}

#[test]
fn s14_a_certificate_of_nobody_known_or_of_the_past_stays_out() {
    let place = Place::new();
    let other = Authority::new("somebody else");
    let stranger = other.issue(&place.dir, "stranger", &Subject { names: &[("CN", "mallory")], ..Subject::default() });
    let old =
        place.ca.issue(&place.dir, "old", &Subject { names: &[("CN", "alice")], expired: true, ..Subject::default() });
    let kdl = [place.tls("t", "client-certificate \"request\""), listener("asking", "tls \"t\"")].concat();
    let mut router = Router::start(&plain_kdl(&kdl));
    for (files, why) in [(stranger, "signed by nobody that `ca` names"), (old, "the certificate has expired")] {
        let mark = router.log_mark();
        assert!(!comes_in(router.addr("asking"), &place.showing(&files)));
        router.wait_log(mark, DEADLINE, &["TLS failed", why]);
    }
    router.assert_healthy();
}

#[test]
fn s14_messages_of_every_size_go_through_tls() {
    let place = Place::new();
    let kdl = [place.tls("t", ""), listener("encrypted", "tls \"t\"")].concat();
    let mut router = Router::start(&plain_kdl(&kdl));
    let (encrypted, plain) = (router.addr("encrypted"), router.clients());
    let secure = place.trusting("ca.pem");
    for (from, to) in [(encrypted, encrypted), (plain, encrypted), (encrypted, plain)] {
        let args = |addr| if addr == encrypted { secure.as_str() } else { "" };
        let mut receiver = start("receive", to, &format!("--address a --count 7 {}", args(to)));
        receiver.event("attached");
        let sizes = "--sizes 0,1,1000,20000,100000,1000000,10000000";
        let mut sender = start("send", from, &format!("--address a --count 7 {sizes} {}", args(from)));
        receiver.finish();
        sender.finish();
        let parts = |events: Vec<serde_json::Value>| {
            events.iter().map(|event| (event["size"].clone(), event["sha256"].clone())).collect::<Vec<_>>()
        };
        let sent = parts(sender.events_so_far("sent"));
        assert_eq!(sent.len(), 7);
        assert_eq!(parts(receiver.events_so_far("message")), sent);
        assert!(sender.events_so_far("outcome").iter().all(|outcome| outcome["state"] == "accepted"));
    }
    router.assert_healthy();
}

/// A router that connects to `addr` by TLS, with these attributes.
fn dialling(addr: SocketAddr, tls: &str, more: &str) -> Router {
    Router::start(&plain_kdl(&format!(
        "{tls}connector \"up\" {{\n    endpoint \"amqps://{addr}\"\n    tls \"mine\"\n    {more}\n    failover {{\n        backoff base=\"100ms\" cap=\"200ms\"\n    }}\n}}\n"
    )))
}

#[test]
fn s14_a_connector_believes_whom_it_is_told_to() {
    let place = Place::new();
    let other = Authority::new("somebody else");
    let _ = other.write(&place.dir, "other");
    let _ =
        place.ca.issue(&place.dir, "server", &Subject { names: &[("CN", "x")], hosts: &["elsewhere"], expired: false });
    let kdl =
        [place.tls("t", "client-certificate \"request\""), listener("asking", "tls \"t\"\n    authenticate-peer")]
            .concat();
    let server = Router::start(&plain_kdl(&kdl));
    let addr = server.addr("asking");
    let mine = |ca: &str, more: &str| format!("tls \"mine\" {{\n    ca \"{}\"\n    {more}\n}}\n", place.path(ca));
    let shown = format!(
        "certificate \"{}\"\n    private-key \"{}\"",
        place.client.certificate.display(),
        place.client.key.display()
    );
    for (tls, more, why) in [
        (mine("other.pem", ""), "verify-hostname #false", "signed by nobody that `ca` names"),
        (mine("ca.pem", ""), "", "the certificate is for"),
        (mine("ca.pem", ""), "verify-hostname #false", "no username is used with it"),
    ] {
        let router = dialling(addr, &tls, more);
        router.wait_log(0, DEADLINE, &["cannot connect", "up", why]);
    }
    let router = dialling(addr, &mine("ca.pem", &shown), "verify-hostname #false");
    router.wait_log(0, DEADLINE, &["connected", "up"]);
    server.wait_log(0, DEADLINE, &["opened", "asking", "CN=alice,OU=Ops,O=Bank,C=DE"]);
}

#[test]
fn s14_s20_certificates_change_without_dropping_a_connection() {
    let place = Place::new();
    let kdl = [place.tls("t", ""), listener("encrypted", "tls \"t\"")].concat();
    let mut router = Router::start(&plain_kdl(&kdl));
    let addr = router.addr("encrypted");
    let mut receiver = start("receive", addr, &format!("--address a --count 2 {}", place.trusting("ca.pem")));
    receiver.event("attached");
    let send = |ca: &str| {
        let mut sender = start("send", addr, &format!("--address a {}", place.trusting(ca)));
        let event = sender.any_of(&["outcome", "transport-error"], DEADLINE);
        event["state"] == "accepted"
    };
    assert!(send("ca.pem"));
    // broken: what was read stays
    let mark = router.log_mark();
    let good = std::fs::read(place.path("server.pem")).expect("a file");
    let _ = place.dir.write("server.pem", "-----BEGIN CERTIFICATE-----\nnonsense\n");
    router.wait_log(mark, DEADLINE, &["changed files cannot be used", "stays in use"]);
    assert!(comes_in(addr, &place.trusting("ca.pem")));
    std::fs::write(place.path("server.pem"), good).expect("a file");
    router.wait_log(mark, DEADLINE, &["certificates read again"]);
    // another authority: new connections see its certificate, the old one goes on
    let mark = router.log_mark();
    let next = Authority::new("next");
    let _ = next.write(&place.dir, "next");
    let _ = next.issue(&place.dir, "server", &Subject { names: &[("CN", "server")], hosts: HOSTS, expired: false });
    router.wait_log(mark, DEADLINE, &["certificates read again"]);
    assert!(!comes_in(addr, &place.trusting("ca.pem")));
    assert!(send("next.pem"));
    receiver.finish();
    router.assert_healthy();
}

#[test]
fn s14_a_handshake_that_trickles_has_the_time_of_any_handshake() {
    let place = Place::new();
    let kdl =
        [place.tls("t", ""), listener("encrypted", "tls \"t\" optional\n    handshake-timeout \"500ms\"")].concat();
    let mut router = Router::start(&plain_kdl(&kdl));
    let addr = router.addr("encrypted");
    let begun = Instant::now();
    let mut slow = TcpStream::connect(addr).expect("connected");
    let hello = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];
    let mut bytes = hello.iter().copied().chain(std::iter::repeat(7));
    while let Some(byte) = bytes.next().filter(|_| begun.elapsed() < DEADLINE) {
        if slow.write_all(&[byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
    assert!(comes_in(addr, &place.trusting("ca.pem")));
    router.assert_healthy();
}

#[test]
fn s14_files_that_cannot_be_used_are_problems_at_their_places() {
    let place = Place::new();
    let check = |kdl: &str| crosstie_tests::router::check(&place.dir, kdl).stderr;
    let other = place.ca.issue(&place.dir, "other", &Subject { hosts: HOSTS, ..Subject::default() });
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let _ = place.dir.write("old-form.key", old);
    let _ = place.dir.write("empty.pem", "");
    let key = other.key.file_name().and_then(|name| name.to_str()).expect("a name");
    for (node, parts) in [
        ("certificate \"none.pem\"; private-key \"server.key\"", vec!["1:23", "cannot read", "none.pem"]),
        (&format!("certificate \"server.pem\"; private-key \"{key}\""), vec!["not that of the certificate"]),
        ("certificate \"empty.pem\"; private-key \"server.key\"", vec!["no certificate in"]),
        ("certificate \"server.pem\"", vec!["`certificate` without `private-key`"]),
        ("certificate \"server.pem\"; private-key \"old-form.key\"", vec!["openssl pkcs8 -topk8"]),
        ("certificate \"server.pem\"; private-key \"server.key\" password=\"literal:x\"", vec!["not encrypted"]),
        ("ca \"ca.pem\"; versions \"1.1\"", vec!["does not serve `1.1`"]),
        ("ca \"empty.pem\"", vec!["no certificate in"]),
        ("ca \"ca.pem\"; user-names \"server.pem\"", vec!["no map of names"]),
        ("ca \"ca.pem\"; ciphers \"HIGH\"", vec!["did you mean `cipher-suites`?"]),
        (
            "certificate \"server.pem\"; private-key \"server.key\"; client-certificate \"require\"",
            vec!["without `ca`"],
        ),
    ] {
        let text = check(&format!("tls \"t\" {{ {node}; }}\nlistener \"a\" {{ port 0; }}\n"));
        for part in parts {
            assert!(text.contains(part), "{node}: {part} is missing:\n{text}");
        }
    }
    let text = check(
        "tls \"server\" { ca \"ca.pem\"; }\nlistener \"a\" { port 0; tls \"srever\"; }\nlistener \"b\" { port 1; tls \"server\"; }\n\
                      connector \"c\" { endpoint \"amqp://h\"; tls \"server\"; sasl \"EXTERNAL\"; }\nconnector \"d\" { endpoint \"amqps://h\"; }\n",
    );
    for part in [
        "did you mean `server`?",
        "`server` has no certificate",
        "`amqp://` beside `tls`",
        "EXTERNAL without a certificate",
        "`amqps://` without `tls`",
    ] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    let server = "certificate \"server.pem\"; private-key \"server.key\"";
    let suites = "cipher-suites \"TLS_AES_128_GCM_SHA256\" \"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\"";
    for (more, level) in [
        (suites.to_owned(), "warning: "),
        (format!("versions \"1.2\"; {}", suites.replace("\"TLS_AES_128_GCM_SHA256\" ", "")), "error: "),
    ] {
        let used = "listener \"a\" { port 0; tls \"t\"; }\n";
        let text = check(&format!("tls \"t\" {{ {server}; {more}; }}\n{used}"));
        let wanted = format!("{level}no cipher suite of TLS 1.2 that is named goes with the key of the certificate");
        assert!(text.contains(&wanted), "{wanted} is missing:\n{text}");
        // a connector's peer has another key
        let used = "connector \"a\" { endpoint \"amqps://h\"; tls \"t\"; }\n";
        let text = check(&format!("tls \"t\" {{ {server}; {more}; }}\n{used}"));
        assert!(!text.contains("cipher suite"), "{text}");
    }
    for (words, wanted) in [
        ("\"require-client-certificate\"", "`t` asks peers for no certificate"),
        ("\"optional\" \"optional\"", "this stands here already"),
        ("\"required\"", "`require-client-certificate`"),
    ] {
        let text = check(&format!("tls \"t\" {{ {server}; }}\nlistener \"a\" {{ port 0; tls \"t\" {words}; }}\n"));
        assert!(text.contains(wanted), "{wanted} is missing:\n{text}");
    }
}

/// What a client command did: whether it went well, and all that it said.
pub(crate) fn command(addr: SocketAddr, args: &str, ca: Option<&str>) -> (bool, String) {
    let mut command = std::process::Command::new(crosstie_tests::place::router_binary());
    command.args(args.split_whitespace());
    command.arg("--bus").arg(format!("amqps://localhost:{}", addr.port()));
    if let Some(ca) = ca {
        command.arg("--ca").arg(ca);
    }
    let output = command.output().expect("crosstie runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn s14_the_command_line_speaks_tls_and_management_tells_of_it() {
    let place = Place::new();
    let kdl = [place.tls("server", ""), listener("secure", "tls \"server\"")].concat();
    let router = Router::start(&plain_kdl(&kdl));
    let (addr, ca) = (router.addr("secure"), place.path("ca.pem"));
    let (went_well, said) = command(addr, "stat tls --json", Some(&ca));
    assert!(went_well && said.contains("server.pem") && said.contains("certExpirySeconds"), "{said}");
    assert!(!said.contains("PRIVATE KEY"), "{said}");
    let (_, said) = command(addr, "stat connections --json", Some(&ca));
    assert!(said.contains("TLSv1.3"), "{said}");
    let (_, said) = command(addr, "stat listeners", Some(&ca));
    assert!(said.contains("secure"), "{said}");
    let receiver = std::thread::scope(|scope| {
        let receiver = scope.spawn(|| command(addr, "receive a --count 20 --quiet", Some(&ca)));
        router.wait_log(0, DEADLINE, &["link attached", "crosstie-receive"]);
        let (went_well, said) = command(addr, "send a --count 20 --size 300KiB", Some(&ca));
        assert!(went_well, "{said}");
        receiver.join().expect("it ends")
    });
    assert!(receiver.0, "{}", receiver.1);
    // without `--ca` the authorities of the system are asked, and none of them signed this
    let (went_well, said) = command(addr, "send a", None);
    assert!(
        !went_well && (said.contains("that this system believes") || said.contains("no certificates of authorities")),
        "{said}"
    );
}

#[test]
fn connections_are_shown_as_the_reference_shows_them() {
    let place = Place::new();
    let tls = listener("secure", "tls \"t\"");
    let router = Router::start(&plain_kdl(&format!("{}{tls}", place.tls("t", "versions \"1.2\""))));
    // not one yet: nothing was said
    let silent = TcpStream::connect(router.clients()).expect("it listens");
    let encrypted = format!("{} --mechanisms ANONYMOUS", place.trusting("ca.pem"));
    let clients =
        [("nobody", "clients", "--no-sasl"), ("sealed", "secure", &encrypted)].map(|(name, listener, args)| {
            let args = format!("--address a --keep --container {name} {args}");
            let mut client = start("receive", router.addr(listener), &args);
            client.event("attached");
            client
        });
    let rows = router.stat("connections");
    let row = |name: &str| rows.iter().find(|row| row["container"] == name).expect(name);
    let of = |name, keys: [&str; 3]| keys.map(|key| row(name)[key].clone());
    assert_eq!(of("nobody", ["sasl", "isAuthenticated", "user"]), [json!(null), json!(false), json!("anonymous")]);
    let suite = "ECDHE-ECDSA-AES256-GCM-SHA384";
    assert_eq!(of("sealed", ["sslProto", "sslCipher", "user"]), [json!("TLSv1.2"), json!(suite), json!("anonymous")]);
    let silent = silent.local_addr().expect("an address").to_string();
    assert!(rows.iter().all(|row| row["host"] != silent.as_str() && row["opened"] == true), "{rows:?}");
    drop(clients);
}

/// Where every listener wants a certificate, the command line shows one.
#[test]
fn s14_the_command_line_shows_a_certificate() {
    let place = Place::new();
    let kdl = [
        place.tls("require", "client-certificate \"require\""),
        listener("mutual", "tls \"require\"\n    authenticate-peer\n    sasl \"EXTERNAL\""),
    ]
    .concat();
    let router = Router::start(&plain_kdl(&kdl));
    let (addr, ca) = (router.addr("mutual"), place.path("ca.pem"));
    let encrypted = place.path("encrypted.key");
    let mut openssl = std::process::Command::new("openssl");
    openssl.args(["pkcs8", "-topk8", "-passout", "pass:geheim", "-out", &encrypted, "-in"]).arg(&place.client.key);
    assert!(openssl.status().expect("openssl runs").success());
    let (certificate, key) = (place.client.certificate.display(), place.client.key.display());
    let shown = format!("--certificate {certificate} --key {key}");
    let opened = format!("--certificate {certificate} --key {encrypted} --key-password literal:geheim");
    for line in ["stat connections --json", "reload --dry-run", "reload"] {
        for shown in [&shown, &opened] {
            let (went_well, said) = command(addr, &format!("{line} {shown}"), Some(&ca));
            assert!(went_well, "{line}: {said}");
            assert!(!line.starts_with("stat") || said.contains("alice") && said.contains("EXTERNAL"), "{line}: {said}");
        }
    }
    router.wait_log(0, DEADLINE, &["reload: nothing has changed"]);
    for (args, part) in [
        (String::new(), "it wants a certificate"),
        (format!("--certificate {certificate}"), "--certificate is given without --key"),
        (format!("--key {key}"), "--key is given without --certificate"),
        ("--key-password literal:x".to_owned(), "--key-password is given without --key"),
        (format!("--certificate {certificate} --key {ca}"), "--key: there is no private key in"),
        (format!("--certificate {key} --key {key}"), "--certificate: there is no certificate in"),
        (format!("--certificate {certificate} --key {encrypted}"), "--key: "),
        (format!("{shown} --key-password literal:x"), "--key-password: "),
        ("--sasl external".to_owned(), "--sasl external needs --certificate"),
        (format!("{shown} --sasl external --user alice"), "not used"),
    ] {
        let (went_well, said) = command(addr, &format!("reload {args}"), Some(&ca));
        assert!(!went_well && said.contains(part) && !said.contains("geheim"), "{args}: {said}");
    }
}
