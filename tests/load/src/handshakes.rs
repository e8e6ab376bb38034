//! What it costs to let a client in: by TLS, without, and what rustls alone spends on as many full handshakes.

use std::io::{Error, ErrorKind, Read, Result};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use crate::house::House;
use crate::peer::Peer;
use crate::wire::{DEADLINE, Door, trusting};

/// CPU of the serving side for each connection, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// TLS, SASL and open at the router.
    pub(crate) tls: f64,
    /// SASL and open at the router.
    pub(crate) plain: f64,
    /// TCP and TLS, by rustls and nothing else.
    pub(crate) rustls: f64,
}

/// Lets `count` clients in by each way, one after the other.
pub(crate) fn measure(house: &House, count: u32) -> Result<Cost> {
    Ok(Cost {
        tls: enter(house, &house.tls, count)?,
        plain: enter(house, &house.plain, count)?,
        rustls: bare(house, count)?,
    })
}

fn enter(house: &House, door: &Door, count: u32) -> Result<f64> {
    let before = house.cpu_micros()?;
    for number in 0..count {
        Peer::open(door, &format!("load-{number}"))?;
    }
    // the last ones are still on their way out
    thread::sleep(Duration::from_millis(100));
    Ok(each(house.cpu_micros()?.saturating_sub(before).saturating_mul(1000), count))
}

/// The same certificate, version and suite; the client is ours as well.
fn bare(house: &House, count: u32) -> Result<f64> {
    let config = server(&house.certificate.certificate, &house.certificate.key)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let door = Door { addr: listener.local_addr()?, tls: Some(trusting(&house.ca)?) };
    let serving = thread::spawn(move || serve(&listener, &config, count));
    for _ in 0..count {
        door.dial()?.shake_hands()?;
    }
    let nanos = serving.join().map_err(|_| Error::other("the server panicked"))??;
    Ok(each(nanos, count))
}

fn server(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_file_iter(certificate).map_err(Error::other)?;
    let chain = chain.collect::<std::result::Result<_, _>>().map_err(Error::other)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(Error::other)?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    config.map(Arc::new).map_err(Error::other)
}

/// Gives the CPU time of the thread, in nanoseconds.
fn serve(listener: &TcpListener, config: &Arc<ServerConfig>, count: u32) -> Result<u64> {
    let before = thread_cpu_nanos()?;
    for _ in 0..count {
        let (mut socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(DEADLINE))?;
        let mut session = ServerConnection::new(config.clone()).map_err(Error::other)?;
        while session.is_handshaking() || session.wants_write() {
            session.complete_io(&mut socket)?;
        }
        match socket.read(&mut [0; 512]) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => return Err(error),
            _ => {}
        }
    }
    Ok(thread_cpu_nanos()?.saturating_sub(before))
}

fn thread_cpu_nanos() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    text.split(' ').next().unwrap_or_default().parse().map_err(Error::other)
}

fn each(nanos: u64, count: u32) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64() * 1e6 / f64::from(count.max(1))
}
