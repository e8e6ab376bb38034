//! The `tls` node: files, which are read, and rules.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::SystemTime;

use crosstie_model::cipher_suite::CipherSuite;
use crosstie_model::settings::{Authorities, ClientCertificate, Listener, NamePart, Secret, Tls, TlsVersion};
use crosstie_tls::{Blame, Expiry, Profile, WARN_DAYS};

use crate::block::{Block, Item, Text, name_of};
use crate::loading::{Fault, Loading};
use crate::secret;
use crate::source::Place;
use crate::suggest;
use crate::tree::Node;

/// Words for what a listener asks of its peers.
pub(crate) const CLIENT_CERTIFICATE: [(&str, ClientCertificate); 3] =
    [("off", ClientCertificate::Off), ("request", ClientCertificate::Request), ("require", ClientCertificate::Require)];

/// Words for versions.
pub(crate) const VERSIONS: [(&str, TlsVersion); 2] = [("1.2", TlsVersion::V1_2), ("1.3", TlsVersion::V1_3)];
const VERSIONS_UNSERVED: [&str; 5] = ["1.0", "1.1", "SSLv3", "TLSv1", "TLSv1.1"];

/// Words for parts of a user name.
pub(crate) const NAME_PARTS: [(&str, NamePart); 9] = [
    ("country", NamePart::Country),
    ("state", NamePart::State),
    ("locality", NamePart::Locality),
    ("organization", NamePart::Organization),
    ("unit", NamePart::Unit),
    ("common-name", NamePart::CommonName),
    ("sha1", NamePart::Sha1),
    ("sha256", NamePart::Sha256),
    ("sha512", NamePart::Sha512),
];

/// A `tls` node and where it stands.
pub(crate) struct TlsDraft {
    pub(crate) tls: Tls,
    pub(crate) name_at: Place,
    /// Where its certificate stands, if that is for no host.
    no_host_at: Option<Place>,
    /// Where suites are named, if none of TLS 1.2 goes with its certificate, though that is spoken.
    unsuited_at: Option<Place>,
}

/// Where each file is named.
#[derive(Default)]
struct Places {
    certificate: Option<Place>,
    private_key: Option<Place>,
    password: Option<Place>,
    ca: Option<Place>,
    versions: Option<Place>,
    user_names: Option<Place>,
}

/// Reads a `tls` node, and the files that it names.
pub(crate) fn read<'t>(loading: &'t Loading<'t>, node: &'t Node) -> TlsDraft {
    let name = name_of(loading, node, "tls \"server\" { certificate \"server.pem\"; private-key \"server.key\" }");
    let block = Block::with_qualifiers(loading, "tls", Item::of_node(node), &[]);
    let before = loading.count();
    let mut places = Places::default();
    let path = |text: Text<'_>| loading.resolve(text.at, text.text);
    let certificate = block.text("certificate");
    let (private_key, password) = private_key(&block, &mut places);
    places.certificate = certificate.map(|text| text.at);
    check_pair(&block);
    let ca = block.text("ca");
    places.ca = ca.map(|text| text.at);
    let client_certificate = block.word("client-certificate", &CLIENT_CERTIFICATE, &[]).unwrap_or_default();
    let asks = client_certificate != ClientCertificate::Off;
    if let Some(at) = block.has("client-certificate").filter(|_| asks) {
        check_authority(loading, at, ca);
    }
    places.versions = block.has("versions");
    let versions = versions(&block);
    let versions = if versions.is_empty() { VERSIONS.map(|(_, version)| version).to_vec() } else { versions };
    let suites_at = block.has("cipher-suites").filter(|_| versions.contains(&TlsVersion::V1_2));
    let cipher_suites = cipher_suites(&block, &versions);
    let user_name = user_name(&block);
    let user_names = block.text("user-names");
    places.user_names = user_names.map(|text| text.at);
    block.finish(&[]);
    let tls = Tls {
        name: name.map_or(String::new(), |name| name.text.to_owned()),
        certificate: certificate.map(path),
        private_key,
        password,
        ca: match ca {
            Some(text) if text.text != "system" => Authorities::File(path(text)),
            _ => Authorities::System,
        },
        client_certificate,
        versions,
        cipher_suites,
        user_name,
        user_names: user_names.map(path),
    };
    let name_at = name.map_or(node.at, |name| name.at);
    let (mut no_host_at, mut unsuited_at) = (None, None);
    let files = [
        (tls.certificate.as_ref(), places.certificate),
        (tls.private_key.as_ref(), places.private_key),
        (ca_file(&tls.ca), places.ca),
        (tls.user_names.as_ref(), places.user_names),
    ];
    let is_absent = |path: &&PathBuf| loading.is_for_elsewhere && !path.exists();
    let absent: Vec<_> = files.into_iter().filter_map(|(path, at)| Some((path.filter(is_absent)?, at))).collect();
    for (path, at) in &absent {
        let fault = Fault::at(at.unwrap_or(name_at), format!("there is no `{}` here", path.display()));
        loading.warn(fault.label("it is not looked at"));
    }
    // a secret that is not here is empty
    let is_whole = absent.is_empty() && !tls.password.as_ref().is_some_and(|secret| secret.text.is_empty());
    if loading.count() == before && is_whole {
        match Profile::load(&tls) {
            Ok(profile) => {
                profile
                    .expiries()
                    .iter()
                    .for_each(|expiry| warn_of_end(loading, expiry, places.of(expiry.blame, name_at)));
                no_host_at = places.certificate.filter(|_| profile.names_no_host());
                unsuited_at = suites_at.filter(|_| !profile.suits_1_2());
            }
            Err(faults) => faults.0.iter().for_each(|fault| report(loading, fault, places.of(fault.blame, name_at))),
        }
    }
    TlsDraft { tls, name_at, no_host_at, unsuited_at }
}

const fn ca_file(ca: &Authorities) -> Option<&PathBuf> {
    match ca {
        Authorities::File(path) => Some(path),
        Authorities::System => None,
    }
}

fn private_key<'t>(block: &Block<'t>, places: &mut Places) -> (Option<PathBuf>, Option<Secret>) {
    let Some(item) = block.one("private-key") else {
        return (None, None);
    };
    let inner = Block::with_qualifiers(block.loading, "private-key", item, &["password"]);
    let path = inner.single(Item { props: &[], children: None, ..item }).and_then(|arg| inner.text_of(arg));
    let password = inner.text("password");
    inner.finish(&[]);
    places.private_key = path.map(|text| text.at);
    places.password = password.map(|text| text.at);
    let password = password.and_then(|text| secret::resolve_plain(block.loading, text.text, text.at));
    (path.map(|text| block.loading.resolve(text.at, text.text)), password)
}

fn check_pair(block: &Block<'_>) {
    let missing = |at: Place, there: &'static str, other: &'static str, example: &str| {
        let loading = block.loading;
        let fault = Fault::at(at, format!("`{}` without `{}`", loading.word(there), loading.word(other)));
        loading.report(fault.hint(format!("as in {}", loading.example(other, example))));
    };
    match (block.has("certificate"), block.has("private-key")) {
        (Some(at), None) => missing(at, "certificate", "private-key", "server.key"),
        (None, Some(at)) => missing(at, "private-key", "certificate", "server.pem"),
        _ => {}
    }
}

/// The parts of a user's name, in their order.
fn user_name(block: &Block<'_>) -> Vec<NamePart> {
    let mut parts: Vec<(NamePart, Place)> = Vec::new();
    for text in block.texts("user-name").unwrap_or_default() {
        let Some(part) = block.word_of(text, &NAME_PARTS, &[]) else { continue };
        if let Some((_, first)) = parts.iter().find(|(known, _)| *known == part) {
            let fault = Fault::at(text.at, format!("`{}` stands twice in the name of a user", text.text));
            block.loading.warn(fault.label("again here").also(*first, "it stands first here"));
        }
        parts.push((part, text.at));
    }
    parts.into_iter().map(|(part, _)| part).collect()
}

/// The versions that are named; `TLSv1.2`, as others write it, is told apart.
fn versions(block: &Block<'_>) -> Vec<TlsVersion> {
    let read = |text: Text<'_>| {
        let word = text.text.to_ascii_lowercase().replace('_', ".");
        let number = word.strip_prefix("tls").map(|rest| rest.trim_start_matches(['v', ' ', '-']));
        let ours = VERSIONS.iter().find(|(ours, _)| number == Some(*ours));
        let Some((ours, _)) = ours else { return block.word_of(text, &VERSIONS, &VERSIONS_UNSERVED) };
        let fault = Fault::at(text.at, format!("unknown value `{}`", text.text.escape_debug()));
        block.loading.report(fault.label(format!("write `{ours}`")));
        None
    };
    block.texts("versions").unwrap_or_default().into_iter().filter_map(read).collect()
}

/// Every version that is spoken needs one, where any are named.
fn cipher_suites(block: &Block<'_>, versions: &[TlsVersion]) -> Vec<CipherSuite> {
    let key = "cipher-suites";
    let texts = block.texts(key).unwrap_or_default();
    let before = block.loading.count();
    let suites: Vec<_> = texts.into_iter().filter_map(|text| cipher_suite(block.loading, text)).collect();
    let Some(at) = block.has(key).filter(|_| block.loading.count() == before) else {
        return suites;
    };
    for (word, version) in VERSIONS.iter().filter(|(_, version)| versions.contains(version)) {
        if !suites.iter().any(|suite| suite.version() == *version) {
            let of_it = CipherSuite::ALL.into_iter().filter(|suite| suite.version() == *version);
            let hint = format!("there are {}; or leave the version out of `versions`", names(of_it));
            block.loading.report(Fault::at(at, format!("no cipher suite of TLS {word} is named")).hint(hint));
        }
    }
    suites
}

fn cipher_suite(loading: &Loading<'_>, text: Text<'_>) -> Option<CipherSuite> {
    let is_named = |name: &str| text.text.eq_ignore_ascii_case(name);
    let found = CipherSuite::ALL.into_iter().find(|suite| is_named(suite.as_str()));
    if found.is_some() {
        return found;
    }
    let theirs = CipherSuite::ALL.into_iter().find(|suite| is_named(suite.openssl_name()));
    let shown = text.text.escape_debug();
    loading.report(match theirs {
        Some(suite) => {
            let fault = Fault::at(text.at, format!("`{shown}` is a name of OpenSSL"));
            fault.label(format!("write `{}`", suite.as_str()))
        }
        None => Fault::at(text.at, format!("`{shown}` is no cipher suite that is spoken")).hint(SUITES_HINT.as_str()),
    });
    None
}

/// All suites, for a hint.
pub(crate) static SUITES_HINT: LazyLock<String> = LazyLock::new(|| {
    let of = |version| names(CipherSuite::ALL.into_iter().filter(|suite| suite.version() == version));
    let (of_1_2, of_1_3) = (of(TlsVersion::V1_2), of(TlsVersion::V1_3));
    format!("leave it out for all of them, or choose: of TLS 1.3 {of_1_3}; of TLS 1.2 {of_1_2}")
});

fn names(suites: impl Iterator<Item = CipherSuite>) -> String {
    suggest::list(suites.map(CipherSuite::as_str))
}

/// Whoever asks for certificates says whose are good.
fn check_authority(loading: &Loading<'_>, at: Place, ca: Option<Text<'_>>) {
    let hint = "name the authority of your clients, as in `ca \"clients-ca.pem\"`";
    match ca {
        None => loading.report(Fault::at(at, "`client-certificate` without `ca`").hint(hint)),
        Some(ca) if ca.text == "system" => {
            let fault = Fault::at(at, "every certificate that some public authority signed would be good");
            loading.report(fault.also(ca.at, "all that the system believes").hint(hint));
        }
        Some(_) => {}
    }
}

fn warn_of_end(loading: &Loading<'_>, expiry: &Expiry, at: Place) {
    let days = expiry.days_left(SystemTime::now());
    let subject = &expiry.subject;
    let message = if days < 0 {
        format!("the certificate of `{subject}` has expired")
    } else if days <= i64::try_from(WARN_DAYS).unwrap_or(i64::MAX) {
        format!("the certificate of `{subject}` expires in {days} days")
    } else {
        return;
    };
    loading.warn(Fault::at(at, message).hint("files that are replaced are taken while the router runs"));
}

/// A listener's certificate is for hosts; peers of these days look at no common name.
fn warn_of_no_host<'d>(loading: &Loading<'_>, drafts: impl Iterator<Item = &'d TlsDraft>) {
    for at in drafts.filter_map(|draft| draft.no_host_at) {
        let fault = Fault::at(at, "this certificate is for no host: it has no subject alternative name");
        let hint = "issue it again with one, as in `openssl req … -addext subjectAltName=DNS:hub.example.com`";
        loading.warn(fault.label("many peers look for one, and not at the common name").hint(hint));
    }
}

/// What only matters where a listener shows the certificate.
pub(crate) fn check_listeners(loading: &Loading<'_>, drafts: &[TlsDraft], listeners: &[Listener]) {
    let is_used = |draft: &&TlsDraft| {
        let mut uses = listeners.iter().filter_map(|listener| listener.tls.as_ref());
        uses.any(|used| used.name == draft.tls.name)
    };
    let used = || drafts.iter().filter(is_used);
    warn_of_no_host(loading, used());
    for (draft, at) in used().filter_map(|draft| Some((draft, draft.unsuited_at?))) {
        let fault = Fault::at(at, "no cipher suite of TLS 1.2 that is named goes with the key of the certificate")
            .hint("an RSA key needs those with RSA in their name, any other those with ECDSA");
        if draft.tls.versions == [TlsVersion::V1_2] {
            loading.report(fault.label("every handshake would fail"));
        } else {
            loading.warn(fault.label("every handshake by TLS 1.2 fails"));
        }
    }
}

impl Places {
    fn of(&self, blame: Blame, name_at: Place) -> Place {
        let at = match blame {
            Blame::Certificate => self.certificate,
            Blame::PrivateKey => self.private_key,
            Blame::Password => self.password,
            Blame::Ca => self.ca,
            Blame::UserNames => self.user_names,
            Blame::Versions => self.versions,
        };
        at.unwrap_or(name_at)
    }
}

fn report(loading: &Loading<'_>, fault: &crosstie_tls::Fault, at: Place) {
    let found = Fault::at(at, fault.what.clone());
    loading.report(match fault.hint {
        Some(hint) => found.hint(hint),
        None => found,
    });
}

/// Finds the `tls` node that a listener or connector names, or reports that there is none.
pub(crate) fn find<'s>(loading: &Loading<'_>, all: &'s [Tls], name: &str, at: Place) -> Option<&'s Tls> {
    let found = all.iter().find(|tls| tls.name == name);
    if found.is_none() {
        let known: Vec<&str> = all.iter().map(|tls| tls.name.as_str()).collect();
        let fault = Fault::at(at, format!("no `{}` is named `{}`", loading.word("tls"), name.escape_debug()));
        loading.report(match suggest::nearest(name, known.iter().copied()) {
            Some(near) => fault.label(format!("did you mean `{near}`?")),
            None if known.is_empty() && loading.is_of_reference => fault.hint("there is none at all"),
            None if known.is_empty() => fault.hint("add `tls \"server\" { certificate …; private-key … }`"),
            None => fault.hint(format!("there are {}", suggest::list(known))),
        });
    }
    found
}
