//! What rustls cannot do: keys and certificates, our own and a peer's, that OpenSSL may take.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use crosstie_model::settings::{Authorities, ClientCertificate, Tls, TlsVersion};
use crosstie_tls::{Blame, Profile, explain};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, IsCa, KeyPair};
use rustls::client::ResolvesClientCert;
use rustls::crypto::ring::default_provider;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ClientConnection, Error, RootCertStore, ServerConfig, ServerConnection};

struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("crosstie-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn openssl(&self, args: &str) {
        let output = Command::new("openssl").current_dir(&self.0).args(args.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn certificate(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.0.join(name)).unwrap()
    }

    /// A profile with these of its files.
    fn profile(&self, certificate: &str, key: &str) -> Tls {
        Tls {
            name: "t".to_owned(),
            certificate: Some(self.0.join(certificate)),
            private_key: Some(self.0.join(key)),
            password: None,
            ca: Authorities::File(self.0.join("ca.pem")),
            client_certificate: ClientCertificate::Require,
            versions: vec![TlsVersion::V1_2, TlsVersion::V1_3],
            cipher_suites: Vec::new(),
            user_name: Vec::new(),
            user_names: None,
        }
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An authority in `ca.pem` and `ca.key`, and files of a certificate that it signed, `good.pem` and `good.key`; of the same, one with an
/// extension that nobody knows, `critical.pem`, one that says it is of version 1, `old.pem`, and one signed with SHA-1, `sha1.pem`.
fn files(name: &str) -> Dir {
    let dir = Dir::new(name);
    let params = || CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let mut authority = params();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    dir.write("ca.pem", &authority.pem());
    dir.write("ca.key", &authority.key().serialize_pem());
    let key = KeyPair::generate().unwrap();
    dir.write("good.key", &key.serialize_pem());
    let good = params().signed_by(&key, &authority).unwrap();
    dir.write("good.pem", &good.pem());
    let mut strange = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
    strange.set_criticality(true);
    let mut critical = params();
    critical.custom_extensions.push(strange);
    dir.write("critical.pem", &critical.signed_by(&key, &authority).unwrap().pem());
    // version 3 stands there as 2
    let mut der = good.der().to_vec();
    let at = der.windows(5).position(|part| part == [0xa0, 3, 2, 1, 2]).unwrap();
    der[at + 4] = 0;
    std::fs::write(dir.0.join("old.der"), der).unwrap();
    dir.openssl("x509 -inform DER -in old.der -out old.pem");
    dir.write("names", "subjectAltName=DNS:localhost\n");
    dir.openssl("req -new -key good.key -subj /CN=x -out good.csr");
    dir.openssl("x509 -req -in good.csr -CA ca.pem -CAkey ca.key -set_serial 7 -sha1 -extfile names -out sha1.pem");
    dir
}

fn fault(profile: &Tls) -> (Blame, String) {
    let faults = Profile::load(profile).expect_err("a fault");
    let fault = faults.0.first().unwrap();
    (fault.blame, fault.what.clone())
}

#[test]
fn s14_a_key_that_cannot_be_used_is_told_with_its_kind_and_those_that_can() {
    let dir = files("keys");
    assert!(Profile::load(&dir.profile("good.pem", "good.key")).is_ok());
    let fits = "RSA of 2048 to 4096 bits with a public exponent of at least 65537, ECDSA P-256 or P-384, or Ed25519";
    for (make, kind) in [
        ("genrsa -out bad.key 1024", "RSA of 1024 bits"),
        ("genrsa -traditional -out bad.key 1023", "RSA of 1023 bits"),
        (
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3 -out bad.key",
            "RSA of 2048 bits",
        ),
        ("genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out bad.key", "RSA-PSS"),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out bad.key", "ECDSA P-521"),
        ("ecparam -name secp256k1 -genkey -noout -out bad.key", "ECDSA secp256k1"),
        ("genpkey -algorithm ED448 -out bad.key", "Ed448"),
    ] {
        dir.openssl(make);
        let wanted = format!("bad.key` is {kind}, which cannot be used: a key is {fits}");
        let (blame, text) = fault(&dir.profile("good.pem", "bad.key"));
        assert!(blame == Blame::PrivateKey && text.contains(&wanted), "{make}: {text}");
    }
    dir.openssl("genpkey -algorithm ED25519 -out other.key");
    let (blame, text) = fault(&dir.profile("good.pem", "other.key"));
    assert!(blame == Blame::PrivateKey && text.contains("not that of the certificate"), "{text}");
}

const OLD: &str = "is not of X.509 version 3: one that is made with extensions";
const CRITICAL: &str = "has an extension that is marked critical and not known here";

#[test]
fn s14_a_certificate_of_our_own_that_cannot_be_shown_is_told_where_it_is_named() {
    let dir = files("own");
    for (certificate, wanted) in [("old.pem", OLD), ("critical.pem", CRITICAL)] {
        let (blame, text) = fault(&dir.profile(certificate, "good.key"));
        assert!(blame == Blame::Certificate && text.contains(wanted), "{blame:?}: {text}");
    }
}

/// Shakes hands; what either side says of the other.
fn shake(client: Arc<ClientConfig>, server: Arc<ServerConfig>) -> [Result<(), Error>; 2] {
    let mut client = ClientConnection::new(client, ServerName::try_from("localhost").unwrap()).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    let (mut from_client, mut from_server) = (Ok(()), Ok(()));
    for _ in 0..5 {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        server.read_tls(&mut bytes.as_slice()).unwrap();
        from_server = from_server.and(server.process_new_packets().map(|_| ()));
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut bytes.as_slice()).unwrap();
        from_client = from_client.and(client.process_new_packets().map(|_| ()));
    }
    [from_client, from_server]
}

/// As a peer that shows whatever it has.
fn peers(
    dir: &Dir,
    chain: Vec<CertificateDer<'static>>,
    key: &str,
    version: &TlsVersion,
) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let key = any_supported_type(&PrivateKeyDer::from_pem_file(dir.0.join(key)).unwrap()).unwrap();
    let shown = Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key)));
    let versions = match version {
        TlsVersion::V1_2 => &[&rustls::version::TLS12],
        TlsVersion::V1_3 => &[&rustls::version::TLS13],
    };
    let provider = Arc::new(default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(dir.certificate("ca.pem")).unwrap();
    let client = ClientConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions).unwrap();
    let client = client.with_root_certificates(roots);
    let client = client.with_client_cert_resolver(shown.clone() as Arc<dyn ResolvesClientCert>);
    let server = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    (Arc::new(client), Arc::new(server.with_no_client_auth().with_cert_resolver(shown)))
}

#[test]
fn s14_a_certificate_of_a_peer_that_cannot_be_taken_is_told_with_the_way_out() {
    let dir = files("peers");
    let sign = |name: &str, more: &str| {
        dir.openssl(&format!("req -new -key {name}.key -subj /CN={name} -out {name}.csr"));
        dir.openssl(&format!("x509 -req -in {name}.csr -set_serial 8 -sha256 -extfile names {more} -out {name}.pem"));
    };
    // a key that is too short; what stands for it signs as long as that one would
    dir.openssl("genrsa -out short.key 1024");
    dir.openssl("genrsa -out long.key 2048");
    sign("short", "-CA ca.pem -CAkey ca.key");
    // an authority with a key that is too long
    dir.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-521 -nodes -keyout wide.key -out wide.pem -subj /CN=wide -sha256");
    dir.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out below.key");
    sign("below", "-CA wide.pem -CAkey wide.key");
    let both = ["ca.pem", "wide.pem"].map(|name| std::fs::read_to_string(dir.0.join(name)).unwrap());
    let both = dir.write("both.pem", &both.concat());
    let tls = Tls { ca: Authorities::File(both), ..dir.profile("good.pem", "good.key") };
    let ours = Profile::load(&tls).unwrap();
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        for (certificate, key, wanted) in [
            ("good.pem", "good.key", None),
            ("old.pem", "good.key", Some(OLD)),
            ("critical.pem", "good.key", Some(CRITICAL)),
            ("sha1.pem", "good.key", Some("is signed by ecdsa-with-SHA1, which is not taken: it is to be signed with")),
            ("below.pem", "below.key", Some("is signed by a key of a kind that is not taken: RSA from 2048 bits")),
            ("short.pem", "long.key", Some("is RSA of 1024 bits, which is too short: it is to have 2048 bits")),
        ] {
            let (client, server) = peers(&dir, vec![dir.certificate(certificate)], key, &version);
            let [dialled, _] = shake(ours.client(true).unwrap(), server);
            let [_, accepted] = shake(client, ours.server(true).unwrap());
            for (side, said) in [("dialled", dialled), ("accepted", accepted)] {
                let text = said.err().map(|error| explain(&error));
                let fits = match (&text, wanted) {
                    (Some(text), Some(wanted)) => text.contains(wanted) && text.len() < 250,
                    (None, None) => true,
                    _ => false,
                };
                assert!(fits, "{version:?} {certificate} {side}: {text:?}");
            }
        }
    }
}
