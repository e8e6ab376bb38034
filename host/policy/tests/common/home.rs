//! A directory of modules.
#![allow(dead_code, reason = "no test needs all")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use crosstie_policy::Setup;

/// It is removed in the end.
pub(crate) struct Home(pub(crate) PathBuf);

impl Home {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("home-{}-{number}", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// With the module `p`.
    pub(crate) fn of(wat: &str) -> Self {
        let home = Self::new();
        home.write("p", &wat::parse_str(wat).unwrap());
        home
    }

    /// Gives the module's file.
    pub(crate) fn write(&self, name: &str, module: &[u8]) -> PathBuf {
        let path = self.0.join(format!("{name}.wasm"));
        std::fs::write(&path, module).unwrap();
        path
    }

    pub(crate) fn setup(&self) -> Setup {
        Setup { router_id: "r".to_owned(), state_dir: Some(self.0.join("state")), ..Setup::default() }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
