//! A TCP proxy that can fall silent: the connections through it stay, and nothing passes, as when a machine or the way to
//! it is gone. One that is asked to keeps what passes, as a witness of what was said.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::frame::{self, Frame};

/// How many connections there were, and the first that still passes anything.
#[derive(Debug, Default)]
struct State {
    accepted: usize,
    alive_from: usize,
    /// What went to the far end and what came from it, of each connection, where it is kept.
    kept: Option<Vec<[Vec<u8>; 2]>>,
}

/// The frames that passed by one connection.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "said above")]
pub struct Witness {
    pub to: Vec<Frame>,
    pub from: Vec<Frame>,
}

/// A proxy on a free port. Its threads end with the connections that they serve.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// Passes everything to `to`.
    ///
    /// # Panics
    ///
    /// When there is no port left.
    #[must_use]
    pub fn start(to: SocketAddr) -> Self {
        Self::start_as(to, State::default())
    }

    /// The same, and keeps all of it.
    ///
    /// # Panics
    ///
    /// As [`Proxy::start`].
    #[must_use]
    pub fn witness(to: SocketAddr) -> Self {
        Self::start_as(to, State { kept: Some(Vec::new()), ..State::default() })
    }

    fn start_as(to: SocketAddr, state: State) -> Self {
        let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let addr = socket.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            while let Ok((near, _)) = socket.accept() {
                let Ok(far) = TcpStream::connect(to) else { continue };
                let mut state = lock(&shared);
                let number = state.accepted;
                state.accepted += 1;
                if let Some(kept) = &mut state.kept {
                    kept.push(<[Vec<u8>; 2]>::default());
                }
                drop(state);
                for (direction, (from, to)) in [(&near, &far), (&far, &near)].into_iter().enumerate() {
                    let ends = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
                    let shared = Arc::clone(&shared);
                    std::thread::spawn(move || pass(ends, (number, direction), &shared));
                }
            }
        });
        Self { addr, state }
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// From here on nothing passes by the connections that there are. New ones work.
    pub fn silence(&self) {
        let mut state = lock(&self.state);
        state.alive_from = state.accepted;
    }

    /// Every whole frame that passed, by connection.
    #[must_use]
    pub fn witnessed(&self) -> Vec<Witness> {
        let kept = lock(&self.state).kept.clone().unwrap_or_default();
        kept.iter().map(|[to, from]| Witness { to: frame::read_all(to), from: frame::read_all(from) }).collect()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A silent end keeps both sockets, until the process ends.
fn pass((mut from, mut to): (TcpStream, TcpStream), (number, direction): (usize, usize), state: &Mutex<State>) {
    let mut block = [0; 65536];
    while let Ok(count) = from.read(&mut block) {
        let mut state = lock(state);
        if number < state.alive_from {
            drop(state);
            loop {
                std::thread::park();
            }
        }
        if let Some(kept) = &mut state.kept {
            kept[number][direction].extend_from_slice(&block[..count]);
        }
        drop(state);
        if count == 0 || to.write_all(&block[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
