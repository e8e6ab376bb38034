//! Where things are: the checkout, the built binaries, a directory of its own for each test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The folder of this crate.
#[must_use]
pub fn tests_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Where `tests/install` puts the real peers.
#[must_use]
pub fn cache_dir() -> PathBuf {
    tests_dir().join(".cache")
}

/// The workspace's root.
#[must_use]
pub fn workspace_dir() -> PathBuf {
    tests_dir().parent().expect("tests/ lies in the workspace").to_owned()
}

/// The router binary: `CROSSTIE_BIN`, or the one that lies beside this test's own profile directory.
///
/// # Panics
///
/// When there is none.
#[must_use]
pub fn router_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("CROSSTIE_BIN") {
        let path = PathBuf::from(path);
        assert!(path.is_file(), "CROSSTIE_BIN={} is no file", path.display());
        return path;
    }
    built_binary("crosstie")
}

/// A binary of the workspace that lies beside this test's own profile directory.
///
/// # Panics
///
/// When there is none.
#[must_use]
pub fn built_binary(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the test has a path");
    let path = own.ancestors().skip(1).map(|folder| folder.join(name)).find(|path| path.is_file());
    path.unwrap_or_else(|| panic!("no {name} above {}: run `cargo build`, or set CROSSTIE_BIN", own.display()))
}

/// A directory that disappears with its owner.
#[derive(Debug)]
pub struct TestDir(PathBuf);

impl TestDir {
    /// Makes one whose name says who made it.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    #[must_use]
    pub fn new(purpose: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("crosstie-{purpose}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(path)
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it and says where it is.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        }
        std::fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A port on 127.0.0.1 that was free a moment ago, for programs that cannot say which one they took: none of those that the system
/// gives to whoever connects meanwhile.
///
/// # Panics
///
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    let begin = std::process::id().wrapping_mul(97);
    let ports = std::iter::from_fn(|| {
        let tried = TRIED.fetch_add(1, Ordering::Relaxed);
        u16::try_from(FIRST + begin.wrapping_add(tried) % COUNT).ok()
    });
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.take(usize::try_from(COUNT).expect("few")).find(is_free).expect("a free port")
}
