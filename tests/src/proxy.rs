//! A TCP proxy that can fall silent: the connections through it stay, and nothing passes, as when a machine or the way to
//! it is gone.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// How many connections there were, and the first that still passes anything.
#[derive(Debug, Default)]
struct State {
    accepted: usize,
    alive_from: usize,
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
        let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let addr = socket.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            while let Ok((near, _)) = socket.accept() {
                let Ok(far) = TcpStream::connect(to) else { continue };
                let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let number = state.accepted;
                state.accepted += 1;
                drop(state);
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let ends = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
                    let shared = Arc::clone(&shared);
                    std::thread::spawn(move || pass(ends, number, &shared));
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
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.alive_from = state.accepted;
    }
}

/// A silent end keeps both sockets, until the process ends.
fn pass((mut from, mut to): (TcpStream, TcpStream), number: usize, state: &Mutex<State>) {
    let mut block = [0; 65536];
    while let Ok(count) = from.read(&mut block) {
        if number < state.lock().unwrap_or_else(PoisonError::into_inner).alive_from {
            loop {
                std::thread::park();
            }
        }
        if count == 0 || to.write_all(&block[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
