//! Profiles read from files that OpenSSL and rcgen wrote; OpenSSL is also who is asked what a certificate says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crosstie_model::cipher_suite::CipherSuite;
use crosstie_model::settings::{Authorities, ClientCertificate, NamePart, Secret, Tls, TlsVersion};
use crosstie_tls::{Blame, Profile};
use rcgen::{CertificateParams, DnType, DnValue, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("crosstie-tls-unit-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A certificate with every attribute that a user name may have, and its key.
fn certificate() -> (String, String) {
    let mut params = CertificateParams::new(vec!["hub.example.com".to_owned()]).unwrap();
    for (kind, text) in [
        (DnType::CountryName, "DE"),
        (DnType::StateOrProvinceName, "Berlin"),
        (DnType::LocalityName, "Mitte"),
        (DnType::OrganizationName, "Müller, Meyer + Co"),
        (DnType::OrganizationalUnitName, " #1 \"trading\" "),
        (DnType::CommonName, "alice;x"),
    ] {
        let value = if kind == DnType::CountryName {
            DnValue::PrintableString(text.try_into().unwrap())
        } else {
            DnValue::Utf8String(text.to_owned())
        };
        params.distinguished_name.push(kind, value);
    }
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn openssl(dir: &Dir, args: &str) -> String {
    let output = Command::new("openssl").current_dir(&dir.0).args(args.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn profile(certificate: &Path, key: &Path, password: Option<&str>) -> Tls {
    Tls {
        name: "server".to_owned(),
        certificate: Some(certificate.to_owned()),
        private_key: Some(key.to_owned()),
        password: password.map(|text| Secret { text: text.to_owned(), reference: "literal:***".to_owned() }),
        ca: Authorities::File(certificate.to_owned()),
        client_certificate: ClientCertificate::Off,
        versions: vec![TlsVersion::V1_2, TlsVersion::V1_3],
        cipher_suites: Vec::new(),
        user_name: Vec::new(),
        user_names: None,
    }
}

fn fault(profile: &Tls) -> (Blame, String) {
    let faults = Profile::load(profile).expect_err("a fault");
    let fault = faults.0.first().unwrap();
    (fault.blame, fault.what.clone())
}

#[test]
fn s14_every_part_of_a_user_name_is_what_openssl_says() {
    let dir = Dir::new();
    let (pem, key) = certificate();
    let (file, key) = (dir.write("a.pem", &pem), dir.write("a.key", &key));
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let user = |parts: &[NamePart], names: Option<PathBuf>| {
        let profile = Tls { user_name: parts.to_vec(), user_names: names, ..profile(&file, &key, None) };
        Profile::load(&profile).unwrap().names().of(&der)
    };
    let print = |kind: &str| {
        let text = openssl(&dir, &format!("x509 -in a.pem -noout -fingerprint -{kind}"));
        text.trim().split_once('=').unwrap().1.replace(':', "").to_lowercase()
    };
    let subject = openssl(&dir, "x509 -in a.pem -noout -subject -nameopt RFC2253");
    assert_eq!(user(&[], None).as_deref(), subject.trim_end_matches('\n').strip_prefix("subject="));
    let part = |letter| match letter {
        'c' => NamePart::Country,
        's' => NamePart::State,
        'l' => NamePart::Locality,
        'o' => NamePart::Organization,
        'u' => NamePart::Unit,
        'n' => NamePart::CommonName,
        '1' => NamePart::Sha1,
        '2' => NamePart::Sha256,
        _ => NamePart::Sha512,
    };
    let parts = |letters: &str| letters.chars().map(part).collect::<Vec<_>>();
    for (letters, wanted) in [
        ("c", "DE".to_owned()),
        ("s", "Berlin".to_owned()),
        ("l", "Mitte".to_owned()),
        ("o", "Müller, Meyer + Co".to_owned()),
        ("u", " #1 \"trading\" ".to_owned()),
        ("n", "alice;x".to_owned()),
        ("1", print("sha1")),
        ("2", print("sha256")),
        ("5", print("sha512")),
        ("cou", "DE;Müller, Meyer + Co; #1 \"trading\" ".to_owned()),
        ("n5", format!("alice;x;{}", print("sha512"))),
    ] {
        assert_eq!(user(&parts(letters), None), Some(wanted), "{letters}");
    }
    let names = dir.write("names.json", "{ \"DE;Berlin\": \"somebody\" }");
    assert_eq!(user(&parts("cs"), Some(names.clone())).as_deref(), Some("somebody"));
    assert_eq!(user(&parts("sc"), Some(names)).as_deref(), Some("Berlin;DE"));
}

#[test]
fn s14_a_subject_of_rare_attributes_is_what_openssl_says() {
    let dir = Dir::new();
    let text = |text: &str| DnValue::Utf8String(text.to_owned());
    let printable = |text: &str| DnValue::PrintableString(text.try_into().unwrap());
    let mut params = CertificateParams::default();
    for (oid, value) in [
        // of extended validation, and of eIDAS
        (&[2, 5, 4, 15][..], text("Private Organization")),
        (&[1, 3, 6, 1, 4, 1, 311, 60, 2, 1, 1], text("München")),
        (&[1, 3, 6, 1, 4, 1, 311, 60, 2, 1, 2], text("Bayern")),
        (&[1, 3, 6, 1, 4, 1, 311, 60, 2, 1, 3], printable("DE")),
        (&[2, 5, 4, 97], text("VATDE-123456789")),
        (&[2, 5, 4, 65], text("\u{1f600} \\\u{7f}")),
        (&[2, 5, 4, 44], text("#")),
        (&[2, 5, 4, 46], printable("q")),
        (&[2, 5, 4, 45], text("#u")),
        (&[2, 5, 4, 98], printable("DEU")),
        (&[0, 9, 2342, 19_200_300, 100, 1, 3], DnValue::Ia5String("a@example.com".try_into().unwrap())),
        (&[0, 9, 2342, 19_200_300, 100, 1, 44], text(" ")),
        (&[1, 2, 840, 113_549, 1, 9, 2], DnValue::TeletexString("router".try_into().unwrap())),
        (&[1, 2, 643, 100, 1], text("1")),
        (&[1, 3, 6, 1, 5, 5, 7, 9, 3], printable("F")),
        // which OpenSSL has no name for
        (&[1, 2, 3, 4, 5], text("x")),
        (&[2, 5, 4, 1000], printable("y")),
        (&[1, 2, 643, 100, 1, 1], text(&"z".repeat(200))),
        (&[2, 5, 4, 3], DnValue::BmpString("Grüße".try_into().unwrap())),
        (&[2, 5, 4, 41], DnValue::UniversalString("ß+".try_into().unwrap())),
    ] {
        params.distinguished_name.push(DnType::CustomDnType(oid.to_vec()), value);
    }
    let key = KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    let (file, key) = (dir.write("a.pem", &made.pem()), dir.write("a.key", &key.serialize_pem()));
    let subject = openssl(&dir, "x509 -in a.pem -noout -subject -nameopt RFC2253");
    let found = Profile::load(&profile(&file, &key, None)).unwrap().names().of(made.der());
    assert_eq!(found.as_deref(), subject.trim_end_matches('\n').strip_prefix("subject="));
}

#[test]
fn s14_a_certificate_without_what_names_are_made_of_names_nobody() {
    let dir = Dir::new();
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let signer = KeyPair::generate().unwrap();
    let bare = params.self_signed(&signer).unwrap();
    let (pem, key) = certificate();
    let profile = profile(&dir.write("a.pem", &pem), &dir.write("a.key", &key), None);
    for parts in [Vec::new(), vec![NamePart::Unit]] {
        let material = Profile::load(&Tls { user_name: parts, ..profile.clone() }).unwrap();
        assert_eq!(material.names().of(bare.der()), None);
    }
}

#[test]
fn s14_encrypted_keys_open_with_their_password_alone() {
    let dir = Dir::new();
    let (pem, key) = certificate();
    let certificate = dir.write("a.pem", &pem);
    dir.write("a.key", &key);
    for form in ["", "-v2 aes-128-cbc -v2prf hmacWithSHA1", "-v2 des3", "-scrypt"] {
        openssl(&dir, &format!("pkcs8 -topk8 -in a.key -out b.key -passout pass:geheim {form}"));
        let encrypted = dir.0.join("b.key");
        assert!(Profile::load(&profile(&certificate, &encrypted, Some("geheim"))).is_ok(), "{form}");
        let (part, message) = fault(&profile(&certificate, &encrypted, Some("wrong")));
        assert!(part == Blame::Password && message.contains("is not the password"), "{form}: {message}");
        let (part, message) = fault(&profile(&certificate, &encrypted, None));
        assert!(part == Blame::PrivateKey && message.contains("is encrypted"), "{form}: {message}");
    }
    for (form, words) in [("-v1 PBE-SHA1-3DES", "is no encrypted key"), ("-v2 aria-256-cbc", "is no encrypted key")] {
        openssl(&dir, &format!("pkcs8 -topk8 -in a.key -out b.key -passout pass:geheim {form}"));
        let (part, message) = fault(&profile(&certificate, &dir.0.join("b.key"), Some("geheim")));
        assert!(part == Blame::PrivateKey && message.contains(words), "{form}: {message}");
    }
    // the password is right, and a parameter of scrypt, its block size, is none
    openssl(&dir, "pkcs8 -topk8 -in a.key -out b.key -passout pass:geheim -scrypt");
    let written = std::fs::read_to_string(dir.0.join("b.key")).unwrap();
    let (label, mut der) = pkcs8::der::pem::decode_vec(written.as_bytes()).unwrap();
    let at = der.windows(4).position(|bytes| bytes == [0x02, 0x01, 0x08, 0x02]).expect("the block size");
    der[at + 2] = 0;
    let damaged = pkcs8::der::pem::encode_string(label, pkcs8::LineEnding::LF, &der).unwrap();
    let damaged = dir.write("damaged.key", &damaged);
    let (part, message) = fault(&profile(&certificate, &damaged, Some("geheim")));
    assert!(part == Blame::PrivateKey && message.contains("in a form that is not served"), "{message}");
    openssl(&dir, "pkcs8 -topk8 -in a.key -out b.key -passout pass:geheim");
    openssl(&dir, "ec -in a.key -out c.key -aes256 -passout pass:geheim");
    let (part, message) = fault(&profile(&certificate, &dir.0.join("c.key"), Some("geheim")));
    assert!(part == Blame::PrivateKey && message.contains("old form of OpenSSL"), "{message}");
    let (part, message) = fault(&profile(&certificate, &dir.0.join("a.key"), Some("geheim")));
    assert!(part == Blame::Password && message.contains("not encrypted"), "{message}");
    // beside its certificate in one file
    let both = pem + &std::fs::read_to_string(dir.0.join("b.key")).unwrap();
    let both = dir.write("both.pem", &both);
    assert!(Profile::load(&profile(&both, &both, Some("geheim"))).is_ok());
}

#[test]
fn s14_every_bad_file_is_a_fault_of_its_own() {
    let dir = Dir::new();
    let (pem, key) = certificate();
    let (other, _) = certificate();
    let (certificate, key) = (dir.write("a.pem", &pem), dir.write("a.key", &key));
    let (other, empty) = (dir.write("b.pem", &other), dir.write("empty.pem", "nothing\n"));
    let json = dir.write("names.json", "{ \"a\": 1 }");
    let twice = dir.write("twice.json", "{ \"a\": \"b\", \"a\": \"b\" }");
    let nobody = dir.write("nobody.json", "{ \"a\": \"\" }");
    let end = pem.find("-----END").unwrap();
    let cut = dir.write("cut.pem", &pem[..end]);
    let damaged = dir.write("damaged.pem", &pem.replacen('M', "!", 1));
    let begun = dir.write("begun.pem", &pem.replacen("CERTIFICATE-----", "CERTIFICATE---", 1));
    let good = profile(&certificate, &key, None);
    let missing = dir.0.join("missing.pem");
    for (profile, part, message) in [
        (profile(&missing, &key, None), Blame::Certificate, "cannot read"),
        (profile(&empty, &key, None), Blame::Certificate, "there is no certificate in"),
        (profile(&certificate, &certificate, None), Blame::PrivateKey, "there is no private key in"),
        (profile(&other, &key, None), Blame::PrivateKey, "is not that of the certificate"),
        (profile(&certificate, &dir.0, None), Blame::PrivateKey, "cannot read"),
        (Tls { ca: Authorities::File(empty.clone()), ..good.clone() }, Blame::Ca, "there is no certificate in"),
        (Tls { user_names: Some(json), ..good.clone() }, Blame::UserNames, "no map of names"),
        (Tls { user_names: Some(twice), ..good.clone() }, Blame::UserNames, "\"a\" stands twice"),
        (Tls { user_names: Some(nobody), ..good.clone() }, Blame::UserNames, "the user of \"a\" has an empty name"),
        (profile(&cut, &key, None), Blame::Certificate, "before the line `-----END CERTIFICATE-----`"),
        (profile(&damaged, &key, None), Blame::Certificate, "is damaged"),
        (profile(&begun, &key, None), Blame::Certificate, "the line `-----BEGIN CERTIFICATE---` is to end with"),
    ] {
        let (found, text) = fault(&profile);
        assert!(found == part && text.contains(message), "{found:?}: {text}");
    }
    openssl(&dir, "req -x509 -newkey rsa:1024 -nodes -keyout weak.key -out weak.pem -subj /CN=x");
    let (part, message) = fault(&profile(&dir.0.join("weak.pem"), &dir.0.join("weak.key"), None));
    assert!(part == Blame::PrivateKey && message.contains("cannot be used"), "{message}");
}

/// Of a client with this profile who dials this host, with a server of that one; what is wrong with it in the words of either.
fn handshake((client, host): (&Tls, &'static str), server: &Tls) -> Result<(), String> {
    let client = Profile::load(client).unwrap().client(true).unwrap();
    let mut client = rustls::ClientConnection::new(client, host.try_into().unwrap()).unwrap();
    let server = Profile::load(server).unwrap().server(false).unwrap();
    let mut server = rustls::ServerConnection::new(server).unwrap();
    for _ in 0..4 {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        server.read_tls(&mut bytes.as_slice()).unwrap();
        let heard = server.process_new_packets();
        bytes.clear();
        server.write_tls(&mut bytes).unwrap();
        client.read_tls(&mut bytes.as_slice()).unwrap();
        heard.and(client.process_new_packets()).map_err(|error| crosstie_tls::explain(&error))?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(())
}

/// What `openssl req -x509` makes, as many brokers have it.
#[test]
fn s14_a_certificate_that_signs_itself_is_believed_where_that_very_one_is_named() {
    let dir = Dir::new();
    for name in ["hub", "other"] {
        let command = format!(
            "req -x509 -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.pem -subj /CN={name} -addext subjectAltName=DNS:hub"
        );
        openssl(&dir, &command);
    }
    let of = |name: &str| profile(&dir.0.join(format!("{name}.pem")), &dir.0.join(format!("{name}.key")), None);
    let (hub, other) = (of("hub"), of("other"));
    assert_eq!(handshake((&hub, "hub"), &hub), Ok(()));
    let said = handshake((&hub, "elsewhere"), &hub).unwrap_err();
    assert!(said.contains("the certificate is for"), "{said}");
    let said = handshake((&other, "hub"), &hub).unwrap_err();
    assert!(said.contains("or that very one is named in `ca`"), "{said}");
    // the same of clients
    let asking = Tls { client_certificate: ClientCertificate::Require, ca: other.ca.clone(), ..hub.clone() };
    let showing = |own: &Tls| Tls { ca: hub.ca.clone(), ..own.clone() };
    assert_eq!(handshake((&showing(&other), "hub"), &asking), Ok(()));
    let said = handshake((&showing(&hub), "hub"), &asking).unwrap_err();
    assert!(said.contains("that of an authority"), "{said}");
    // and only in its time
    let mut params = CertificateParams::new(vec!["hub".to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let old = profile(&dir.write("old.pem", &pem), &dir.write("old.key", &key.serialize_pem()), None);
    let said = handshake((&old, "hub"), &old).unwrap_err();
    assert!(said.contains("expired"), "{said}");
}

#[test]
fn s14_an_authority_that_shows_itself_as_a_peer_is_named_as_one() {
    let dir = Dir::new();
    let authority = |name: &str, hosts: Vec<String>| {
        let mut params = CertificateParams::new(hosts).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        (params, KeyPair::generate().unwrap())
    };
    let (params, key) = authority("root", Vec::new());
    let root = params.self_signed(&key).unwrap().pem();
    let issuer = rcgen::Issuer::new(params, key);
    let (params, key) = authority("below", vec!["hub".to_owned()]);
    let shown = params.signed_by(&key, &issuer).unwrap().pem();
    let own = profile(&dir.write("a.pem", &shown), &dir.write("a.key", &key.serialize_pem()), None);
    let trusting = Tls { ca: Authorities::File(dir.write("root.pem", &root)), ..own.clone() };
    let said = handshake((&trusting, "hub"), &own).unwrap_err();
    assert!(said.contains("that of an authority (`CA:TRUE`)"), "{said}");
}

/// Source: OpenSSL, `X509_LOOKUP_hash_dir(3)`.
#[test]
fn s14_of_a_directory_those_are_believed_that_openssl_finds_there() {
    let dir = Dir::new();
    for name in ["known", "unknown"] {
        openssl(
            &dir,
            &format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.pem -days 30 -subj /CN={name} -addext subjectAltName=DNS:{name}"
            ),
        );
    }
    std::fs::create_dir(dir.0.join("ca")).unwrap();
    std::fs::rename(dir.0.join("known.pem"), dir.0.join("ca/known.pem")).unwrap();
    openssl(&dir, "rehash ca");
    // it has no such name, so that nobody finds it
    std::fs::copy(dir.0.join("unknown.pem"), dir.0.join("ca/unknown.pem")).unwrap();
    let server = |pem: &str, name: &str| profile(&dir.0.join(pem), &dir.0.join(format!("{name}.key")), None);
    let known = server("ca/known.pem", "known");
    let client = Tls { ca: Authorities::File(dir.0.join("ca")), ..known.clone() };
    assert_eq!(handshake((&client, "known"), &known), Ok(()));
    let unknown = server("unknown.pem", "unknown");
    let doubt = handshake((&client, "unknown"), &unknown);
    assert!(doubt.is_err(), "{doubt:?}");
    // it is watched
    let watched = Profile::load(&client).unwrap();
    assert!(!watched.refresh().unwrap());
    openssl(&dir, "rehash ca");
    assert!(watched.refresh().unwrap());
    assert_eq!(handshake((&client, "unknown"), &unknown), Ok(()));
    let nothing = Tls { ca: Authorities::File(dir.0.clone()), ..known };
    let (part, message) = fault(&nothing);
    assert!(part == Blame::Ca && message.contains("that OpenSSL would find"), "{message}");
}

#[test]
fn s14_suites_of_tls_1_2_go_with_the_key() {
    let dir = Dir::new();
    let (pem, key) = certificate();
    let of_ecdsa = profile(&dir.write("a.pem", &pem), &dir.write("a.key", &key), None);
    openssl(&dir, "req -x509 -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.pem -subj /CN=x");
    let of_rsa = profile(&dir.0.join("rsa.pem"), &dir.0.join("rsa.key"), None);
    let suits = |profile: &Tls, suites: &[CipherSuite]| {
        Profile::load(&Tls { cipher_suites: suites.to_vec(), ..profile.clone() }).unwrap().suits_1_2()
    };
    let (rsa, ecdsa) = (CipherSuite::RsaAes128Gcm, CipherSuite::EcdsaChaCha20);
    for (profile, of_it, other) in [(&of_rsa, rsa, ecdsa), (&of_ecdsa, ecdsa, rsa)] {
        assert!(suits(profile, &[]) && suits(profile, &[CipherSuite::Aes256Gcm, other, of_it]));
        assert!(!suits(profile, &[CipherSuite::Aes256Gcm, other]));
    }
}

#[test]
fn s14_files_written_one_after_the_other_are_taken_together() {
    let dir = Dir::new();
    let (first, second) = (certificate(), certificate());
    let (file, key) = (dir.write("a.pem", &first.0), dir.write("a.key", &first.1));
    let profile = Profile::load(&profile(&file, &key, None)).unwrap();
    assert_eq!(profile.refresh(), Ok(false));
    dir.write("a.pem", &second.0);
    // it does not fit yet: nothing is said at the first look, once at the second, and then no more
    assert!(profile.refresh() == Ok(false) && profile.fault().is_none());
    assert!(profile.refresh().is_err() && profile.fault().is_some());
    assert!(profile.refresh() == Ok(false) && profile.fault().is_some());
    let before = profile.server(false).unwrap();
    dir.write("a.key", &second.1);
    assert!(profile.refresh() == Ok(true) && profile.fault().is_none());
    assert!(!std::sync::Arc::ptr_eq(&before, &profile.server(false).unwrap()));
    assert_eq!(profile.refresh(), Ok(false));
}

#[test]
fn s14_all_that_is_wrong_with_files_is_said_at_once() {
    let dir = Dir::new();
    let (missing, json) = (dir.0.join("nothing"), dir.write("users.json", "[1]"));
    let wrong = Tls { user_names: Some(json), ..profile(&missing, &missing, None) };
    let faults = Profile::load(&wrong).expect_err("faults");
    let found: Vec<Blame> = faults.0.iter().map(|fault| fault.blame).collect();
    assert_eq!(found, [Blame::UserNames, Blame::Certificate, Blame::PrivateKey, Blame::Ca]);
    assert_eq!(faults.to_string().matches("cannot read").count(), 3, "{faults}");
    // what would keep its reader waiting for ever, and what no certificate is as long as
    let pipe = dir.0.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let long = dir.write("long", &"x".repeat((4 << 20) + 1));
    for (path, part) in [(&pipe, "no regular file"), (&dir.0, "that OpenSSL would find"), (&long, "longer than 4 MiB")]
    {
        let ca = Authorities::File(path.clone());
        let found = fault(&Tls { certificate: None, private_key: None, ca, ..profile(path, path, None) });
        assert!(found.0 == Blame::Ca && found.1.contains(part), "{found:?}");
    }
}

#[test]
fn s14_ends_of_our_own_chain_and_of_authorities_are_known_and_whether_a_host_is_named() {
    let dir = Dir::new();
    let made = |name: &str, year: i32, hosts: Vec<String>| {
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    };
    let (own, key) = made("own", 2040, Vec::new());
    let (above, other) = (made("above", 2035, Vec::new()).0, made("other", 2050, vec!["h".to_owned()]));
    let chain = dir.write("chain.pem", &format!("{own}{above}"));
    let bundle = dir.write("bundle.pem", &format!("{above}{}", other.0));
    let tls = Tls { ca: Authorities::File(bundle), ..profile(&chain, &dir.write("own.key", &key), None) };
    let loaded = Profile::load(&tls).unwrap();
    let found: Vec<_> = loaded.expiries().into_iter().map(|expiry| (expiry.blame, expiry.subject)).collect();
    assert_eq!(found, [(Blame::Certificate, "CN=above".to_owned()), (Blame::Ca, "CN=other".to_owned())]);
    assert!(loaded.names_no_host());
    let host = profile(&dir.write("host.pem", &other.0), &dir.write("host.key", &other.1), None);
    assert!(!Profile::load(&host).unwrap().names_no_host());
}
