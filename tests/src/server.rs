//! A scripted broker: a peer on the accepting side.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use fe2o3_amqp_types::performatives::Open;
use fe2o3_amqp_types::primitives::{Array, Symbol};
use fe2o3_amqp_types::sasl::{SaslCode, SaslMechanisms, SaslOutcome};

use crate::frame::{self, AMQP_HEADER, Performative, SASL_HEADER};
use crate::peer::{Arrival, DEADLINE, Peer};

/// A scripted broker's socket.
#[derive(Debug)]
pub struct Server {
    socket: TcpListener,
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl Server {
    /// Listens on any free port.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn new() -> Self {
        Self::on("127.0.0.1")
    }

    /// The same on another address of this machine.
    ///
    /// # Panics
    ///
    /// When it does not have that address.
    #[must_use]
    pub fn on(address: &str) -> Self {
        Self { socket: TcpListener::bind((address, 0)).expect("a free port") }
    }

    /// Where it listens.
    ///
    /// # Panics
    ///
    /// Never while the socket lives.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.socket.local_addr().expect("an address").port()
    }

    /// Takes the next connection.
    ///
    /// # Panics
    ///
    /// When none comes in time.
    #[must_use]
    pub fn accept(&self) -> Peer {
        self.accept_within(DEADLINE).unwrap_or_else(|| panic!("no connection to port {} in time", self.port()))
    }

    /// Takes the next connection, if one comes in time.
    ///
    /// # Panics
    ///
    /// When the socket fails.
    #[must_use]
    pub fn accept_within(&self, deadline: Duration) -> Option<Peer> {
        self.socket.set_nonblocking(true).expect("a socket");
        let end = Instant::now() + deadline;
        while Instant::now() < end {
            match self.socket.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).expect("a socket");
                    return Some(Peer::over(stream));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => panic!("accept: {error}"),
            }
        }
        None
    }

    /// Takes the next connection to any of several servers, and says to which.
    ///
    /// # Panics
    ///
    /// When none comes in time.
    #[must_use]
    pub fn accept_any(servers: &[&Self]) -> (usize, Peer) {
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            for (index, server) in servers.iter().enumerate() {
                if let Some(peer) = server.accept_within(Duration::from_micros(300)) {
                    return (index, peer);
                }
            }
        }
        panic!("no connection to any of {:?}", servers.iter().map(|server| server.port()).collect::<Vec<_>>());
    }

    /// Takes the next connection and opens it as a broker would: the SASL layer where the router asks for it, then
    /// `ours`. Gives the router's Open.
    #[must_use]
    pub fn accept_open(&self, ours: &Open) -> (Peer, Open) {
        let mut peer = self.accept();
        let theirs = peer.serve_open(ours);
        (peer, theirs)
    }
}

impl Peer {
    /// The accepting side of headers, SASL (any mechanism passes) and Open.
    ///
    /// # Panics
    ///
    /// When the router does something else.
    pub fn serve_open(&mut self, ours: &Open) -> Open {
        match self.next(DEADLINE) {
            Arrival::Header(SASL_HEADER) => {
                self.send_bytes(&SASL_HEADER);
                let mechanisms = Array::from(vec![Symbol::from("ANONYMOUS"), Symbol::from("PLAIN")]);
                self.send_bytes(&frame::sasl(&SaslMechanisms { sasl_server_mechanisms: mechanisms }));
                self.expect("sasl-init", |frame| matches!(frame.performative, Performative::SaslInit(_)).then_some(()));
                self.send_bytes(&frame::sasl(&SaslOutcome { code: SaslCode::Ok, additional_data: None }));
                self.expect_header(AMQP_HEADER);
            }
            Arrival::Header(AMQP_HEADER) => {}
            other => panic!("waiting for a protocol header, but got {other:?}"),
        }
        self.send_bytes(&AMQP_HEADER);
        self.send(0, ours);
        self.expect("open", |frame| match &frame.performative {
            Performative::Open(open) => Some((**open).clone()),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::{Client, runtime};
    use crate::performative::open;

    #[test]
    fn a_whole_implementation_opens_on_the_scripted_broker() {
        let server = Server::new();
        let addr = ([127, 0, 0, 1], server.port()).into();
        for sasl in [None, Some(fe2o3_amqp::sasl_profile::SaslProfile::Anonymous)] {
            let client = std::thread::spawn(move || {
                runtime().block_on(async {
                    tokio::time::timeout(Duration::from_secs(1), Client::open_with(addr, "a", sasl)).await.is_ok()
                })
            });
            let (mut peer, theirs) = server.accept_open(&open("scripted"));
            assert_eq!(theirs.container_id, "a");
            peer.expect("begin", |frame| matches!(frame.performative, Performative::Begin(_)).then_some(()));
            assert!(!client.join().expect("the client"), "its Begin is not answered");
        }
    }
}
