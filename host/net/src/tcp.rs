//! TCP sockets as the router wants them: keep-alive, no delay, a long queue of those who wait to be accepted.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};

/// Connections that wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 4096;

/// After so much silence the system asks whether the peer is there: a dead one is noticed without AMQP idle-timeouts.
const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(60);

/// Between questions.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Questions without an answer.
const KEEP_ALIVE_RETRIES: u32 = 4;

/// Sets what every connection has.
///
/// # Errors
///
/// The socket is gone.
pub(crate) fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keep_alive = TcpKeepalive::new()
        .with_time(KEEP_ALIVE_IDLE)
        .with_interval(KEEP_ALIVE_INTERVAL)
        .with_retries(KEEP_ALIVE_RETRIES);
    SockRef::from(stream).set_tcp_keepalive(&keep_alive)
}

/// Listens on the first address of a host that can be had.
///
/// # Errors
///
/// Why the last one cannot.
pub(crate) async fn listen(host: &str, port: u16) -> io::Result<TcpListener> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for addr in lookup_host((host, port)).await? {
        match listen_on(addr) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn listen_on(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // a router that starts again need not wait for connections of the one before to time out
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Why a listener has no socket, in an operator's words.
pub(crate) fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another process listens there".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        io::ErrorKind::PermissionDenied => format!("{error}; ports below 1024 need a privilege"),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_has_keep_alive_and_no_delay() {
        let listener = listen("127.0.0.1", 0).await.expect("a socket");
        let stream = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("connected");
        tune(&stream).expect("tuned");
        let socket = SockRef::from(&stream);
        assert!(stream.nodelay().expect("asked") && socket.keepalive().expect("asked"));
        assert_eq!(socket.tcp_keepalive_time().expect("asked"), KEEP_ALIVE_IDLE);
    }

    #[tokio::test]
    async fn a_taken_port_is_said_to_be_taken() {
        let first = listen("127.0.0.1", 0).await.expect("a socket");
        let port = first.local_addr().expect("bound").port();
        let error = listen("127.0.0.1", port).await.expect_err("taken");
        assert_eq!(explain(&error), "another process listens there");
    }
}
