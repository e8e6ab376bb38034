//! Records against rustls' own, and bytes that are none.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::crypto::ring::{ALL_CIPHER_SUITES, default_provider};
use rustls::pki_types::PrivateKeyDer;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::*;

/// What both ends of a test speak.
struct Configs {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

fn configs(suite: SupportedCipherSuite) -> Configs {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let mut provider = default_provider();
    provider.cipher_suites = vec![suite];
    let provider = Arc::new(provider);
    let mut client = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.enable_secret_extraction = true;
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    server.enable_secret_extraction = true;
    Configs { client: Arc::new(client), server: Arc::new(server) }
}

/// But for those of RSA, whose records are those of ECDSA.
fn every_suite() -> impl Iterator<Item = SupportedCipherSuite> {
    ALL_CIPHER_SUITES.iter().copied().filter(|suite| !format!("{suite:?}").contains("_RSA_"))
}

fn tls12() -> SupportedCipherSuite {
    every_suite().find(|suite| suite.suite() == rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256).unwrap()
}

fn tls13() -> SupportedCipherSuite {
    every_suite().find(|suite| suite.suite() == rustls::CipherSuite::TLS13_AES_128_GCM_SHA256).unwrap()
}

/// The other end: rustls whole, with its buffers.
enum Other {
    Client(ClientConnection),
    Server(ServerConnection),
}

impl Other {
    fn hear(&mut self, mut bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let mut said = Vec::new();
        while !bytes.is_empty() {
            match self {
                Self::Client(client) => client.read_tls(&mut bytes).map(drop),
                Self::Server(server) => server.read_tls(&mut bytes).map(drop),
            }
            .unwrap();
            match self {
                Self::Client(client) => client.process_new_packets(),
                Self::Server(server) => server.process_new_packets(),
            }?;
            // at the end of what is there, it would block
            let _ = match self {
                Self::Client(client) => client.reader().read_to_end(&mut said),
                Self::Server(server) => server.reader().read_to_end(&mut said),
            };
        }
        Ok(said)
    }

    fn say(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut sealed = self.waiting();
        while !bytes.is_empty() {
            let count = match self {
                Self::Client(client) => client.writer().write(bytes),
                Self::Server(server) => server.writer().write(bytes),
            }
            .unwrap();
            bytes = &bytes[count..];
            sealed.extend(self.waiting());
        }
        sealed
    }

    fn waiting(&mut self) -> Vec<u8> {
        let mut sealed = Vec::new();
        while match self {
            Self::Client(client) => client.wants_write(),
            Self::Server(server) => server.wants_write(),
        } {
            match self {
                Self::Client(client) => client.write_tls(&mut sealed),
                Self::Server(server) => server.write_tls(&mut sealed),
            }
            .unwrap();
        }
        sealed
    }

    fn change_keys(&mut self) {
        match self {
            Self::Client(client) => client.refresh_traffic_keys(),
            Self::Server(server) => server.refresh_traffic_keys(),
        }
        .unwrap();
    }
}

/// Does what a handshake of ours asks for: how many bytes it took, its words, and whether it is done.
fn act<Data>(UnbufferedStatus { discard, state }: UnbufferedStatus<'_, '_, Data>) -> (usize, Vec<u8>, Option<bool>) {
    match state.unwrap() {
        ConnectionState::EncodeTlsData(mut data) => {
            let mut words = vec![0; 20_000];
            let count = data.encode(&mut words).unwrap();
            words.truncate(count);
            (discard, words, None)
        }
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            (discard, Vec::new(), None)
        }
        ConnectionState::WriteTraffic(_) => (discard, Vec::new(), Some(true)),
        _ => (discard, Vec::new(), Some(false)),
    }
}

/// Shakes hands with rustls whole; what it said behind its last word of the handshake is left for the records.
fn shake(mut step: impl FnMut(&mut [u8]) -> (usize, Vec<u8>, Option<bool>), other: &mut Other) -> Vec<u8> {
    let mut came = Vec::new();
    loop {
        let length = first_record(&came).unwrap_or(0);
        let mut given: Vec<u8> = came.drain(..length).collect();
        let done = loop {
            let (count, words, done) = step(&mut given);
            given.drain(..count);
            assert_eq!(other.hear(&words).unwrap(), b"");
            if let Some(done) = done {
                break done;
            }
        };
        assert!(given.is_empty());
        if done {
            return came;
        }
        came.extend(other.waiting());
    }
}

fn server(configs: &Configs) -> (Records, Other) {
    let name = "localhost".try_into().unwrap();
    let mut other = Other::Client(ClientConnection::new(configs.client.clone(), name).unwrap());
    let mut server = UnbufferedServerConnection::new(configs.server.clone()).unwrap();
    let mut rest = shake(|bytes| act(server.process_tls_records(bytes)), &mut other);
    let mut records = Records::of_server(server).unwrap();
    let (opened, result) = records.open(&mut rest, &mut Vec::new());
    assert_eq!((opened.said, result), (0, Ok(())));
    (records, other)
}

fn client(configs: &Configs) -> (Records, Other) {
    let name = "localhost".try_into().unwrap();
    let mut other = Other::Server(ServerConnection::new(configs.server.clone()).unwrap());
    let mut client = UnbufferedClientConnection::new(configs.client.clone(), name).unwrap();
    let mut rest = shake(|bytes| act(client.process_tls_records(bytes)), &mut other);
    rest.extend(other.waiting());
    let mut records = Records::of_client(client).unwrap();
    let (opened, result) = records.open(&mut rest, &mut Vec::new());
    assert_eq!((opened.said, opened.taken, result), (0, rest.len(), Ok(())));
    (records, other)
}

/// What our end hears of `bytes`, whole, and answers.
fn hear(records: &mut Records, mut bytes: Vec<u8>) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let mut answer = Vec::new();
    let (opened, result) = records.open(&mut bytes, &mut answer);
    result?;
    assert_eq!(opened.taken, bytes.len());
    answer.extend(records.owed()?.unwrap_or_default());
    bytes.truncate(opened.said);
    Ok((bytes, answer))
}

fn say(records: &mut Records, bytes: &[u8]) -> Vec<u8> {
    let mut into = Vec::new();
    records.seal(bytes, &mut into).unwrap();
    into.concat()
}

fn exchange(records: &mut Records, other: &mut Other) {
    let bytes: Vec<u8> = (0..70_000_u32).map(|at| (at % 251) as u8).collect();
    for length in [1, 100, 16_384, 16_385, 70_000] {
        let sealed = say(records, &bytes[..length]);
        assert!(other.hear(&sealed).unwrap() == bytes[..length], "{length}");
        let (said, answer) = hear(records, other.say(&bytes[..length])).unwrap();
        assert!(said == bytes[..length] && answer.is_empty(), "{length} {:?}", records.suite());
    }
}

#[test]
fn every_suite_is_spoken_with_rustls_at_the_other_end() {
    for suite in every_suite() {
        let configs = configs(suite);
        for (mut records, mut other) in [server(&configs), client(&configs)] {
            assert_eq!((records.suite(), records.version()), (suite.suite(), suite.version().version));
            exchange(&mut records, &mut other);
            let mut last = other.say(b"last");
            match &mut other {
                Other::Client(client) => client.send_close_notify(),
                Other::Server(server) => server.send_close_notify(),
            }
            last.extend(other.waiting());
            let mut answer = Vec::new();
            let (opened, result) = records.open(&mut last, &mut answer);
            assert_eq!(result, Ok(()));
            assert!(&last[..opened.said] == b"last" && opened.taken == last.len() && records.has_ended());
            records.close(&mut answer);
            assert_eq!(other.hear(&answer).unwrap(), b"");
        }
    }
}

#[test]
fn a_record_that_is_not_all_there_is_left() {
    let (mut records, mut other) = server(&configs(tls13()));
    let sealed = other.say(&[7; 40_000]);
    let mut came = Vec::new();
    let mut said = Vec::new();
    for part in sealed.chunks(777) {
        came.extend_from_slice(part);
        let (opened, result) = records.open(&mut came, &mut Vec::new());
        assert_eq!(result, Ok(()));
        said.extend_from_slice(&came[..opened.said]);
        came.drain(..opened.taken);
    }
    assert!(came.is_empty() && said == [7; 40_000]);
}

#[test]
fn keys_are_changed_when_the_peer_says_so_and_when_they_have_sealed_enough() {
    let configs = configs(tls13());
    for (mut records, mut other) in [server(&configs), client(&configs)] {
        // it wants ours changed too
        other.change_keys();
        let (said, answer) = hear(&mut records, other.say(b"fresh")).unwrap();
        assert!(said == b"fresh" && !answer.is_empty());
        assert_eq!(other.hear(&answer).unwrap(), b"");
        exchange(&mut records, &mut other);
        records.sealer.left = RESERVE_BYTES + 30_000;
        let before = records.sealer.left;
        exchange(&mut records, &mut other);
        assert!(records.sealer.left > before);
        assert!(records.sealer.left < (1 << 24) * FRAGMENT_BYTES as u64);
    }
}

#[test]
fn a_session_of_tls_1_2_ends_before_its_keys_have_sealed_too_much() {
    let (mut records, mut other) = server(&configs(tls12()));
    records.sealer.left = RESERVE_BYTES + 20_000;
    let mut into = Vec::new();
    let error = records.seal(&[0; 70_000], &mut into).unwrap_err();
    assert!(error.to_string().contains("TLS 1.2 cannot change them"), "{error}");
    assert_eq!(other.hear(&into.concat()).unwrap().len(), 2 * FRAGMENT_BYTES);
}

#[test]
fn tickets_are_kept_for_the_next_session() {
    for suite in [tls12(), tls13()] {
        let configs = configs(suite);
        for (at, kind) in [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed].into_iter().enumerate() {
            let (_, Other::Server(server)) = client(&configs) else { panic!("no server") };
            assert_eq!(server.handshake_kind(), Some(kind), "{at}");
        }
    }
}

/// Seals as the other end does, whose keys are the same.
fn as_other(configs: &Configs) -> (Records, Sealer) {
    let name = "localhost".try_into().unwrap();
    let mut other = Other::Client(ClientConnection::new(configs.client.clone(), name).unwrap());
    let mut server = UnbufferedServerConnection::new(configs.server.clone()).unwrap();
    shake(|bytes| act(server.process_tls_records(bytes)), &mut other);
    let records = Records::of_server(server).unwrap();
    let Other::Client(client) = other else { panic!("no client") };
    let secrets = client.dangerous_extract_secrets().unwrap();
    let sealer = Sealer::new(records.kernel.suite(), secrets.tx).unwrap();
    (records, sealer)
}

#[test]
fn whoever_does_not_keep_to_the_protocol_is_told_and_left() {
    let key_update = [24, 0, 0, 1, 0];
    let hello = [1, 0, 0, 2, 3, 3];
    let (data, handshake, alert) = (ContentType::ApplicationData, ContentType::Handshake, ContentType::Alert);
    type Said<'a> = &'a [(ContentType, &'a [u8])];
    let cases: [(SupportedCipherSuite, Said<'_>, usize, &str); 13] = [
        (tls13(), &[(handshake, &[24, 0, 0, 1, 2])], 1, "InvalidKeyUpdate"),
        (tls13(), &[(handshake, &[24, 0, 0, 1, 0, 24, 0, 0, 1, 0])], 1, "KeyUpdate"),
        (tls13(), &[(handshake, &hello)], 1, "ClientHello"),
        (tls13(), &[(handshake, &[4, 0, 0, 1, 0])], 1, "NewSessionTicket"),
        (tls13(), &[(handshake, &[24, 0]), (data, b"x")], 1, "Interleaved"),
        (tls13(), &[(handshake, &[24, 1, 0, 1])], 1, "HandshakePayloadTooLarge"),
        (tls13(), &[(handshake, b"")], 1, "InvalidEmptyPayload"),
        (tls13(), &[(data, b"")], 33, "TooManyEmptyFragments"),
        (tls13(), &[(alert, &[1, 100])], 1, "NoRenegotiation"),
        (tls13(), &[(alert, &[1, 90])], 5, "TooManyWarningAlerts"),
        (tls12(), &[(alert, &[2])], 1, "MessageTooShort"),
        (tls12(), &[(handshake, &hello)], 2, "TooManyRenegotiationRequests"),
        (tls12(), &[(handshake, &key_update)], 1, "KeyUpdate"),
    ];
    for (suite, said, times, why) in cases {
        let (mut records, mut sealer) = as_other(&configs(suite));
        let sealed: Vec<_> =
            (0..times).flat_map(|_| said).map(|(kind, bytes)| sealer.seal(*kind, bytes).unwrap()).collect();
        let (last, before) = sealed.split_last().unwrap();
        for record in before {
            hear(&mut records, record.clone()).unwrap();
        }
        let mut answer = Vec::new();
        let error = records.open(&mut last.clone(), &mut answer).1.unwrap_err();
        assert!(format!("{error:?}").contains(why), "{why}: {error:?}");
        // nothing but what the peer itself says with an alert is left without a word
        assert_eq!(answer.is_empty(), matches!(error, Error::AlertReceived(_)), "{why}");
    }
}

#[test]
fn who_asks_for_new_keys_again_and_again_is_answered_once() {
    let (mut records, mut other) = server(&configs(tls13()));
    let mut asked = Vec::new();
    for _ in 0..20 {
        other.change_keys();
        asked.extend(other.say(b"data"));
    }
    let (said, answer) = hear(&mut records, asked).unwrap();
    assert_eq!((said.len(), answer.len()), (80, HEAD_BYTES + 5 + 1 + 16));
    assert_eq!(other.hear(&answer).unwrap(), b"");
    exchange(&mut records, &mut other);
}

#[test]
fn who_asks_for_new_keys_without_end_is_left() {
    let configs = configs(tls13());
    let (mut records, mut other) = server(&configs);
    let error = (0..40).find_map(|_| {
        other.change_keys();
        hear(&mut records, other.waiting()).err()
    });
    assert_eq!(error, Some(PeerMisbehaved::TooManyKeyUpdateRequests.into()));
}

#[test]
fn who_wants_to_negotiate_again_is_refused_once() {
    let (mut records, mut sealer) = as_other(&configs(tls12()));
    let (said, answer) = hear(&mut records, sealer.seal(ContentType::Handshake, &[1, 0, 0, 0]).unwrap()).unwrap();
    assert_eq!((said.len(), answer.first()), (0, Some(&0x15)));
}

#[test]
fn what_was_changed_on_its_way_or_is_no_record_is_found() {
    let (mut records, mut other) = server(&configs(tls13()));
    let (mut answer, mut came) = (Vec::new(), other.say(b"before"));
    came.extend(other.say(b"said"));
    *came.last_mut().unwrap() ^= 1;
    // what came before counts
    let (opened, result) = records.open(&mut came, &mut answer);
    assert_eq!((&came[..opened.said], result), (&b"before"[..], Err(Error::DecryptError)));
    assert_eq!(other.hear(&answer), Err(Error::AlertReceived(AlertDescription::BadRecordMac)));
    let heads: [(&[u8], InvalidMessage); 3] = [
        (b"AMQP\x00\x01\x00\x00", InvalidMessage::InvalidContentType),
        (&[23, 2, 0, 0, 1, 0], InvalidMessage::UnknownProtocolVersion),
        (&[23, 3, 3, 0x48, 1], InvalidMessage::MessageTooLarge),
    ];
    for (head, why) in heads {
        assert_eq!(first_record(head), Some(head.len()));
        let (mut records, _) = server(&configs(tls13()));
        assert_eq!(records.open(&mut head.to_vec(), &mut Vec::new()).1, Err(why.into()));
    }
    assert_eq!((first_record(&[22, 3, 1, 0]), first_record(&[22, 3, 1, 0, 1])), (None, None));
}
