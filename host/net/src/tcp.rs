//! TCP sockets as the router wants them: keep-alive, no delay, a long queue of those who wait to be accepted.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crosstie_model::settings::AddressFamily;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;

use crate::resolver::Resolver;

/// Connections that wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 4096;

/// After so much silence the system asks whether the peer is there: a dead one is noticed without AMQP idle-timeouts.
const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(60);

/// Between questions.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Questions without an answer.
const KEEP_ALIVE_RETRIES: u32 = 4;

/// How long a listener waits for the addresses of its host: all else waits for the listener.
const LOOK_UP_MAX: Duration = Duration::from_secs(3);

/// Sockets of one listener.
const ADDRESSES_MAX: usize = 64;

/// For one port that is free on all addresses of a name.
const FREE_PORT_TRIES: u32 = 16;

/// Sets what every connection has; of a socket that listens, those that it accepts inherit it.
fn tune(socket: SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    let keep_alive = TcpKeepalive::new()
        .with_time(KEEP_ALIVE_IDLE)
        .with_interval(KEEP_ALIVE_INTERVAL)
        .with_retries(KEEP_ALIVE_RETRIES);
    socket.set_tcp_keepalive(&keep_alive)
}

/// An address as those write it who are there: a socket that serves both families shows one of IPv4 as one of IPv6.
pub(crate) fn plain(addr: SocketAddr) -> SocketAddr {
    match addr.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), addr.port()),
        IpAddr::V6(_) => addr,
    }
}

fn addresses(found: impl Iterator<Item = SocketAddr>, family: Option<AddressFamily>) -> Vec<SocketAddr> {
    let fits = |addr: &SocketAddr| family.is_none_or(|family| (family == AddressFamily::V4) == addr.is_ipv4());
    found.filter(fits).collect()
}

fn no_address(family: Option<AddressFamily>) -> io::Error {
    let what = match family {
        None => "the host has no address",
        Some(AddressFamily::V4) => "the host has no IPv4 address",
        Some(AddressFamily::V6) => "the host has no IPv6 address",
    };
    io::Error::new(io::ErrorKind::NotFound, what)
}

/// Connects to the first address of a host, of the family where one is given, that can be reached within `limit`. Each
/// has its share of the time, so that one that does not answer leaves some to those after it. Answers how long that took, from its
/// first packet on.
///
/// # Errors
///
/// Why the last one cannot.
pub(crate) async fn connect(
    resolver: &Resolver,
    (host, port): (&str, u16),
    family: Option<AddressFamily>,
    limit: Duration,
) -> io::Result<(TcpStream, Duration)> {
    let end = Instant::now() + limit;
    let found = addresses(resolver.resolve(host, port).await?.into_iter(), family);
    connect_any(&found, end).await.unwrap_or_else(|| Err(no_address(family)))
}

/// `None`: there are no addresses.
async fn connect_any(addresses: &[SocketAddr], end: Instant) -> Option<io::Result<(TcpStream, Duration)>> {
    let mut failed = None;
    for (addr, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let begun = Instant::now();
        let share = end.saturating_duration_since(begun) / u32::try_from(left).unwrap_or(u32::MAX);
        match tokio::time::timeout(share, TcpStream::connect(addr)).await {
            Ok(Ok(stream)) => return Some(tune(SockRef::from(&stream)).map(|()| (stream, begun.elapsed()))),
            Ok(Err(error)) => failed = Some(Err(error)),
            Err(_) => {
                let why = format!("{addr} does not answer");
                failed = Some(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
            }
        }
    }
    failed
}

/// Why a listener has no sockets.
#[derive(Debug)]
pub(crate) struct Unbound {
    /// The one of several addresses that could not be had.
    pub(crate) addr: Option<SocketAddr>,
    pub(crate) source: io::Error,
}

impl From<io::Error> for Unbound {
    fn from(source: io::Error) -> Self {
        Self { addr: None, source }
    }
}

/// Listens on every address of a host, of the family where one is given; a port of 0 becomes the same one on all.
///
/// # Errors
///
/// Why one cannot be had, or that the host's name has no answer.
pub(crate) async fn listen(
    resolver: &Resolver,
    (host, port): (&str, u16),
    family: Option<AddressFamily>,
) -> Result<Vec<TcpListener>, Unbound> {
    let found = tokio::time::timeout(LOOK_UP_MAX, resolver.resolve(host, port)).await.map_err(|_| {
        let why = format!("the look-up of {host:?} has no answer within {} s", LOOK_UP_MAX.as_secs());
        io::Error::new(io::ErrorKind::TimedOut, why)
    })?;
    let found = addresses(found?.into_iter(), family);
    if found.is_empty() {
        return Err(no_address(family).into());
    }
    listen_all(&reachable(found, has_v6()))
}

/// Each once. Without IPv6 on this machine those of a name that has IPv4 too are left out: files of hosts name `::1` everywhere.
fn reachable(mut found: Vec<SocketAddr>, has_v6: bool) -> Vec<SocketAddr> {
    if !has_v6 && found.iter().any(SocketAddr::is_ipv4) {
        for addr in found.extract_if(.., |addr| addr.is_ipv6()) {
            tracing::warn!(target: "listener", address = %addr, "left out: this machine has no IPv6");
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|addr| seen.insert(*addr));
    found
}

fn has_v6() -> bool {
    TcpSocket::new_v6().and_then(|socket| socket.bind((Ipv6Addr::LOCALHOST, 0).into())).is_ok()
}

/// Listens on all of these, or on none.
fn listen_all(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, Unbound> {
    if addresses.len() > ADDRESSES_MAX {
        let why = format!("the host has {} addresses, and {ADDRESSES_MAX} are taken at most", addresses.len());
        return Err(io::Error::other(why).into());
    }
    let is_free = addresses.len() > 1 && addresses.iter().all(|addr| addr.port() == 0);
    for _ in 1..if is_free { FREE_PORT_TRIES } else { 1 } {
        match listen_once(addresses) {
            // a port that is free on one address may be taken on another
            Err(Unbound { source, .. }) if source.kind() == io::ErrorKind::AddrInUse => {}
            bound => return bound,
        }
    }
    listen_once(addresses)
}

fn listen_once(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, Unbound> {
    let mut bound: Vec<TcpListener> = Vec::with_capacity(addresses.len());
    for addr in addresses {
        let port = bound.first().map_or(Ok(addr.port()), |first| first.local_addr().map(|local| local.port()))?;
        let addr = SocketAddr::new(addr.ip(), port);
        bound.push(listen_on(addr, true).map_err(|source| Unbound { addr: Some(addr), source })?);
    }
    Ok(bound)
}

/// Listens on all addresses of this machine.
///
/// # Errors
///
/// Why it cannot.
pub(crate) fn listen_everywhere(port: u16) -> io::Result<TcpListener> {
    match listen_on((Ipv6Addr::UNSPECIFIED, port).into(), false) {
        // a machine without IPv6
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            listen_on((Ipv4Addr::UNSPECIFIED, port).into(), false)
        }
        bound => bound,
    }
}

/// `only_v6`: an address of IPv6 takes no IPv4; that of all would.
fn listen_on(addr: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // a router that starts again need not wait for connections of the one before to time out
    socket.set_reuseaddr(true)?;
    if addr.is_ipv6() {
        SockRef::from(&socket).set_only_v6(only_v6)?;
    }
    tune(SockRef::from(&socket))?;
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

    /// On the only address of a host.
    async fn listen_on_one(host: &str, port: u16, family: Option<AddressFamily>) -> io::Result<TcpListener> {
        let bound = listen(&Resolver::default(), (host, port), family).await.map_err(|unbound| unbound.source)?;
        assert_eq!(bound.len(), 1);
        Ok(bound.into_iter().next().expect("one"))
    }

    async fn dial(host: &str, port: u16, family: Option<AddressFamily>) -> io::Result<TcpStream> {
        connect(&Resolver::default(), (host, port), family, Duration::from_secs(10)).await.map(|(stream, _)| stream)
    }

    #[tokio::test]
    async fn a_connection_has_keep_alive_and_no_delay() {
        let listener = listen_on_one("127.0.0.1", 0, None).await.expect("a socket");
        let port = listener.local_addr().expect("bound").port();
        let (dialled, accepted) = tokio::join!(dial("127.0.0.1", port, None), listener.accept());
        for stream in [dialled.expect("connected"), accepted.expect("accepted").0] {
            let socket = SockRef::from(&stream);
            assert!(stream.nodelay().expect("asked") && socket.keepalive().expect("asked"));
            assert_eq!(socket.tcp_keepalive_time().expect("asked"), KEEP_ALIVE_IDLE);
            assert_eq!(socket.tcp_keepalive_interval().expect("asked"), KEEP_ALIVE_INTERVAL);
            assert_eq!(socket.tcp_keepalive_retries().expect("asked"), KEEP_ALIVE_RETRIES);
        }
    }

    /// A socket whose queue is full: the system answers nobody who comes.
    fn silent() -> (socket2::Socket, SocketAddr, Vec<socket2::Socket>) {
        let new = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        let silent = new();
        silent.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
        silent.listen(0).expect("a queue");
        let addr = silent.local_addr().expect("bound");
        let waiting = std::iter::repeat_with(new).take(8).inspect(|waiting| {
            waiting.set_nonblocking(true).expect("a socket");
            // in progress, or refused for want of room
            let _ = waiting.connect(&addr);
        });
        let waiting = waiting.collect();
        (silent, addr.as_socket().expect("IPv4"), waiting)
    }

    #[tokio::test]
    async fn an_address_that_does_not_answer_leaves_time_to_the_next() {
        let (_silent, dead, _waiting) = silent();
        let good = listen_on_one("127.0.0.1", 0, None).await.expect("a socket");
        let good = good.local_addr().expect("bound");
        let since = Instant::now();
        let end = since + Duration::from_secs(2);
        let (reached, took) = connect_any(&[dead, good], end).await.expect("addresses").expect("the second");
        assert_eq!(reached.peer_addr().expect("connected"), good);
        assert!(took < Duration::from_millis(900), "the second took {took:?}");
        assert!(since.elapsed() >= Duration::from_millis(900), "the first answered after {:?}", since.elapsed());
        let error =
            connect_any(&[dead], Instant::now() + Duration::from_millis(50)).await.expect("one").expect_err("dead");
        assert_eq!(error.to_string(), format!("{dead} does not answer"));
    }

    #[tokio::test]
    async fn a_taken_port_is_said_to_be_taken() {
        let first = listen_on_one("127.0.0.1", 0, None).await.expect("a socket");
        let port = first.local_addr().expect("bound").port();
        let error = listen_on_one("127.0.0.1", port, None).await.expect_err("taken");
        assert_eq!(explain(&error), "another process listens there");
    }

    #[tokio::test]
    async fn a_family_leaves_the_other_out() {
        for (host, family, other) in
            [("127.0.0.1", AddressFamily::V4, AddressFamily::V6), ("::1", AddressFamily::V6, AddressFamily::V4)]
        {
            let Ok(listener) = listen_on_one(host, 0, Some(family)).await else {
                assert_eq!(host, "::1", "every machine has IPv4");
                continue;
            };
            let port = listener.local_addr().expect("bound").port();
            assert!(dial(host, port, Some(family)).await.is_ok());
            let refused = dial(host, port, Some(other)).await.expect_err("another family");
            assert_eq!(refused.kind(), io::ErrorKind::NotFound);
            assert_eq!(
                listen_on_one(host, 0, Some(other)).await.expect_err("another family").kind(),
                io::ErrorKind::NotFound
            );
        }
    }

    #[tokio::test]
    async fn all_of_ipv6_leaves_ipv4_free() {
        for family in [None, Some(AddressFamily::V6)] {
            if let Ok(six) = listen_on_one("::", 0, family).await {
                let port = six.local_addr().expect("bound").port();
                assert!(listen_on_one("0.0.0.0", port, None).await.is_ok());
            }
        }
        let all = listen_everywhere(0).expect("a socket");
        let port = all.local_addr().expect("bound").port();
        assert!(listen_on_one("127.0.0.1", port, None).await.is_err());
    }

    fn addrs(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    #[tokio::test]
    async fn all_addresses_have_one_port_and_one_that_is_taken_is_named() {
        let both = addrs(&["127.0.0.1:0", "127.0.0.2:0"]);
        let bound = listen_all(&both).expect("two sockets");
        let local: Vec<_> = bound.iter().map(|socket| socket.local_addr().expect("bound")).collect();
        let port = local[0].port();
        assert_eq!(local, addrs(&[&format!("127.0.0.1:{port}"), &format!("127.0.0.2:{port}")]));
        // the first is free, and is given back
        let free = listen_on_one("127.0.0.1", 0, None).await.expect("a socket").local_addr().expect("bound");
        let other = listen_on_one("127.0.0.2", free.port(), None).await.expect("a socket");
        let taken = other.local_addr().expect("bound");
        let Unbound { addr, source } = listen_all(&[free, taken]).expect_err("taken");
        assert_eq!((addr, explain(&source).as_str()), (Some(taken), "another process listens there"));
        assert!(listen_all(&[free]).is_ok());
    }

    #[test]
    fn addresses_stand_once_and_those_of_ipv6_only_where_there_is_some() {
        let found = addrs(&["[::1]:1", "127.0.0.1:1", "[::1]:1", "127.0.0.1:1"]);
        assert_eq!(reachable(found.clone(), true), addrs(&["[::1]:1", "127.0.0.1:1"]));
        assert_eq!(reachable(found, false), addrs(&["127.0.0.1:1"]));
        // whoever asks for nothing else hears that there is none
        assert_eq!(reachable(addrs(&["[::1]:1"]), false), addrs(&["[::1]:1"]));
    }

    #[tokio::test]
    async fn a_host_has_so_many_addresses_and_no_more() {
        let many: Vec<SocketAddr> = (1..=65).map(|last| SocketAddr::from(([127, 0, 0, last], 0))).collect();
        assert_eq!(listen_all(&many[..64]).expect("sockets").len(), 64);
        let Unbound { addr, source } = listen_all(&many).expect_err("too many");
        assert_eq!((addr, source.to_string().as_str()), (None, "the host has 65 addresses, and 64 are taken at most"));
    }
}
