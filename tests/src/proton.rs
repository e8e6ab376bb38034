//! Qpid Proton clients: the scripts of `tests/clients`, with options that the other libraries' programs do not have.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use crate::driver::{Driver, Library};

/// A running script.
#[derive(Debug)]
pub struct Proton(Driver);

impl Proton {
    /// Starts `tests/clients/SCRIPT.py` against `addr` with more arguments, separated by blanks.
    ///
    /// # Panics
    ///
    /// When the Python environment is not installed.
    #[must_use]
    pub fn start(script: &str, addr: SocketAddr, args: &str) -> Self {
        Self(Driver::start(Library::Proton, script, addr, args))
    }
}

impl Deref for Proton {
    type Target = Driver;

    fn deref(&self) -> &Driver {
        &self.0
    }
}

impl DerefMut for Proton {
    fn deref_mut(&mut self) -> &mut Driver {
        &mut self.0
    }
}
