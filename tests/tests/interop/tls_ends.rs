//! How TLS ends: what came before counts, and nothing else waits for it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crosstie_tests::frame::{self, AMQP_HEADER, SASL_HEADER};
use crosstie_tests::peer::{Arrival, DEADLINE, Peer};
use crosstie_tests::performative::{begin, flow, open, receiver, sender, transfer};
use crosstie_tests::router::{Router, plain_kdl};
use fe2o3_amqp_types::definitions::{AmqpError, Error};
use fe2o3_amqp_types::performatives::{Close, Transfer};
use fe2o3_amqp_types::primitives::{Array, Symbol};
use fe2o3_amqp_types::sasl::{SaslCode, SaslMechanisms, SaslOutcome};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use crate::tls::{Place, listener};

const MESSAGES: u32 = 10;

fn client(place: &Place) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(place.path("ca.pem")).expect("a certificate")).expect("an authority");
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    ClientConnection::new(Arc::new(config), "localhost".try_into().expect("a name")).expect("a client")
}

fn server(place: &Place) -> ServerConnection {
    let certificate = CertificateDer::from_pem_file(place.path("server.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(place.path("server.key")).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a pair");
    ServerConnection::new(Arc::new(config)).expect("a server")
}

/// A client whose handshake is done.
fn connect(place: &Place, addr: SocketAddr) -> (ClientConnection, TcpStream) {
    let mut socket = TcpStream::connect(addr).expect("connected");
    socket.set_read_timeout(Some(DEADLINE)).expect("set");
    let mut client = client(place);
    while client.is_handshaking() || client.wants_write() {
        client.complete_io(&mut socket).expect("a handshake");
    }
    (client, socket)
}

/// What an AMQP client says to open, and to send presettled messages without waiting for anything.
fn all_at_once(address: &str) -> Vec<u8> {
    let mut bytes = AMQP_HEADER.to_vec();
    bytes.extend(frame::amqp(0, &open("hurries"), &[]));
    bytes.extend(frame::amqp(0, &begin(None), &[]));
    bytes.extend(frame::amqp(0, &sender(0, address), &[]));
    bytes.extend(messages(0));
    bytes
}

fn messages(first: u32) -> Vec<u8> {
    let presettled = |id| Transfer { settled: Some(true), ..transfer(0, id) };
    (first..first + MESSAGES).flat_map(|id| frame::amqp(0, &presettled(id), &frame::data_message(b"x"))).collect()
}

fn secure_router(place: &Place) -> Router {
    Router::start(&plain_kdl(&[place.tls("t", ""), listener("secure", "tls \"t\"")].concat()))
}

#[test]
fn s14_what_a_peer_said_before_its_end_or_before_a_fault_counts() {
    let place = Place::new();
    let mut router = secure_router(&place);
    for ends_well in [true, false] {
        let mut consumer = Peer::session(router.clients(), "consumer");
        consumer.attach_receiver(0, 0, "here", 100);
        let (mut client, mut socket) = connect(&place, router.addr("secure"));
        client.writer().write_all(&all_at_once("here")).expect("sealed");
        if ends_well {
            client.send_close_notify();
        }
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).expect("sealed");
        }
        if !ends_well {
            bytes.extend([0x17, 3, 3, 0, 20]);
            bytes.extend([7; 20]);
        }
        socket.write_all(&bytes).expect("written");
        for _ in 0..MESSAGES {
            consumer.expect_transfer();
        }
        consumer.close();
    }
    router.assert_healthy();
}

#[test]
fn s14_a_peer_that_ends_tls_is_answered() {
    let place = Place::new();
    let mut router = secure_router(&place);
    let (mut client, mut socket) = connect(&place, router.addr("secure"));
    client.writer().write_all(&[&AMQP_HEADER[..], &frame::amqp(0, &open("ends"), &[])].concat()).expect("sealed");
    client.send_close_notify();
    while client.wants_write() {
        client.write_tls(&mut socket).expect("written");
    }
    while client.read_tls(&mut socket).expect("an end by TLS") > 0 {
        if client.process_new_packets().expect("TLS").peer_has_closed() {
            router.assert_healthy();
            return;
        }
    }
    panic!("the socket ended without a word");
}

#[test]
fn s14_a_consumer_whose_tls_fails_is_given_nothing_more() {
    let place = Place::new();
    let mut router = secure_router(&place);
    let (mut client, mut socket) = connect(&place, router.addr("secure"));
    let mut bytes = AMQP_HEADER.to_vec();
    bytes.extend(frame::amqp(0, &open("fails"), &[]));
    bytes.extend(frame::amqp(0, &begin(None), &[]));
    bytes.extend(frame::amqp(0, &receiver(0, "here"), &[]));
    bytes.extend(frame::amqp(0, &flow(0, 0, 100), &[]));
    client.writer().write_all(&bytes).expect("sealed");
    while client.wants_write() {
        client.write_tls(&mut socket).expect("written");
    }
    let mut consumer = Peer::session(router.clients(), "consumer");
    consumer.attach_receiver(0, 0, "here", 100);
    let mut producer = Peer::session(router.clients(), "producer");
    producer.attach_sender(0, 0, "here");
    producer.expect_credit();
    // both are there
    let mark = router.log_mark();
    producer.send_bytes(&messages(0));
    consumer.expect_transfer();
    socket.write_all(&[0x17, 3, 3, 0, 3, 1, 2, 3]).expect("written");
    router.wait_log(mark, DEADLINE, &["TLS failed", "secure"]);
    while !matches!(consumer.next(Duration::from_millis(300)), Arrival::Nothing) {}
    // the socket stays, for two seconds at least
    producer.send_bytes(&messages(MESSAGES));
    for _ in 0..MESSAGES {
        consumer.expect_transfer();
    }
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).expect("an end");
    router.assert_healthy();
}

/// A broker that refuses by SASL and TLS, open, close and the end of TLS in one write.
fn refuse(place: &Place, broker: &TcpListener) {
    let (socket, _) = broker.accept().expect("the router dials");
    socket.set_read_timeout(Some(DEADLINE)).expect("set");
    let mut tls = server(place);
    let said = |tls: &mut ServerConnection, bytes: Vec<u8>, ends: bool| {
        tls.writer().write_all(&bytes).expect("sealed");
        if ends {
            tls.send_close_notify();
        }
        let mut sealed = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut sealed).expect("sealed");
        }
        socket.try_clone().expect("a socket").write_all(&sealed).expect("written");
    };
    let heard = |tls: &mut ServerConnection, socket: &mut TcpStream, what: &[u8]| {
        let mut bytes = Vec::new();
        while !bytes.windows(what.len()).any(|part| part == what) {
            tls.complete_io(socket).expect("TLS goes on");
            let mut part = [0; 4096];
            if let Ok(count) = tls.reader().read(&mut part) {
                bytes.extend_from_slice(&part[..count]);
            }
        }
    };
    let mut reading = socket.try_clone().expect("a socket");
    heard(&mut tls, &mut reading, &SASL_HEADER);
    let mechanisms = SaslMechanisms { sasl_server_mechanisms: Array::from(vec![Symbol::from("ANONYMOUS")]) };
    said(&mut tls, [SASL_HEADER.to_vec(), frame::sasl(&mechanisms)].concat(), false);
    heard(&mut tls, &mut reading, b"ANONYMOUS");
    said(&mut tls, frame::sasl(&SaslOutcome { code: SaslCode::Ok, additional_data: None }), false);
    heard(&mut tls, &mut reading, &AMQP_HEADER);
    let error = Error {
        condition: AmqpError::NotAllowed.into(),
        description: Some("virtual host unknown".to_owned()),
        info: None,
    };
    let close = frame::amqp(0, &Close { error: Some(error) }, &[]);
    said(&mut tls, [AMQP_HEADER.to_vec(), frame::amqp(0, &open("broker"), &[]), close].concat(), true);
    // the router ends in its turn
    let _ = reading.read_to_end(&mut Vec::new());
}

#[test]
fn s14_a_broker_that_refuses_and_ends_at_once_is_heard() {
    let place = Place::new();
    let broker = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("amqps://localhost:{}", broker.local_addr().expect("an address").port());
    let connector = format!("connector \"up\" {{\n    endpoint \"{url}\"\n    tls \"t\"\n    sasl \"ANONYMOUS\"\n}}\n");
    let router = Router::start(&plain_kdl(&[place.tls("t", ""), connector].concat()));
    refuse(&place, &broker);
    router.wait_log(0, DEADLINE, &["up", "virtual host unknown"]);
}
