//! The router that is measured: started here, with a plain door, one with TLS, and one of each for a container.

use std::io::{Error, Result};
use std::path::PathBuf;

use crosstie_tests::certificates::{Authority, Files, Subject};
use crosstie_tests::place::TestDir;
use crosstie_tests::router::Router;

use crate::wire::{Door, trusting};

/// Addresses that begin with this are routed to the container.
pub(crate) const ROUTED: &str = "routed";

/// The container that they are routed to.
pub(crate) const CONTAINER: &str = "load-container";

/// A running router.
pub(crate) struct House {
    router: Router,
    pub(crate) plain: Door,
    pub(crate) tls: Door,
    pub(crate) container_plain: Door,
    pub(crate) container_tls: Door,
    /// The router's own.
    pub(crate) certificate: Files,
    pub(crate) ca: PathBuf,
}

impl House {
    /// Starts `CROSSTIE_BIN`, or the router beside this program.
    pub(crate) fn open() -> Result<Self> {
        Self::open_in(TestDir::new("load"), "")
    }

    /// The same in a directory that holds more, with more in its configuration.
    pub(crate) fn open_in(dir: TestDir, more: &str) -> Result<Self> {
        let authority = Authority::new("load");
        let ca = authority.write(&dir, "ca");
        let subject = Subject { names: &[("CN", "router")], hosts: &["127.0.0.1"], expired: false };
        let certificate = authority.issue(&dir, "server", &subject);
        let kdl = configuration(&certificate) + more;
        let router = Router::start_in(dir, &kdl);
        let config = trusting(&ca)?;
        let door = |name: &str, tls| Door { addr: router.addr(name), tls };
        Ok(Self {
            plain: door("plain", None),
            tls: door("tls", Some(config.clone())),
            container_plain: door("container", None),
            container_tls: door("container-tls", Some(config)),
            certificate,
            ca,
            router,
        })
    }

    /// CPU time of the router's threads, in microseconds.
    pub(crate) fn cpu_micros(&self) -> Result<u64> {
        let mut nanos = 0_u64;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.router.process().id()))? {
            let text = std::fs::read_to_string(thread?.path().join("schedstat"))?;
            let run: u64 = text.split(' ').next().unwrap_or_default().parse().map_err(Error::other)?;
            nanos = nanos.saturating_add(run);
        }
        Ok(nanos / 1000)
    }

    /// Resident memory of the router, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.router.resident_memory_bytes()
    }
}

fn configuration(own: &Files) -> String {
    let listener = |name: &str, more: &str| {
        format!(
            "listener \"{name}\" {{\n    host \"127.0.0.1\"\n    port 0\n    idle-timeout \"0s\"\n    limits {{ connections 20000; }}\n    {more}\n}}\n"
        )
    };
    let container = "role \"route-container\"";
    [
        "router \"load\" {\n    workers 2\n}\nlog {\n    level \"info\"\n}\n".to_owned(),
        format!(
            "tls \"own\" {{\n    certificate \"{}\"\n    private-key \"{}\"\n}}\n",
            own.certificate.display(),
            own.key.display()
        ),
        listener("plain", ""),
        listener("tls", "tls \"own\""),
        listener("container", container),
        listener("container-tls", &format!("{container}\n    tls \"own\"")),
        ["in", "out"]
            .map(|direction| {
                format!("link-route {{\n    prefix \"{ROUTED}\"\n    direction \"{direction}\"\n    container \"{CONTAINER}\"\n}}\n")
            })
            .concat(),
    ]
    .concat()
}
