//! ActiveMQ Artemis instances, each on a port and a data directory of its own.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::place::{TestDir, cache_dir, free_port};
use crate::process::Process;

/// SCRAM for AMQP, whose outcome the broker's own domain then takes over. Source: Artemis, user manual, SCRAM.
const SCRAM_LOGIN: &str = r#"amqp-sasl-scram {
    org.apache.activemq.artemis.spi.core.security.jaas.SCRAMPropertiesLoginModule required
        org.apache.activemq.jaas.properties.user="artemis-users.properties"
        org.apache.activemq.jaas.properties.role="artemis-roles.properties";
};
activemq {
    org.apache.activemq.artemis.spi.core.security.jaas.SCRAMLoginModule required;
};
"#;

/// A broker that accepts anonymous clients and the user `artemis` with the password `artemis`.
/// Queues are made on first use and keep what nobody has read.
#[derive(Debug)]
pub struct Artemis {
    process: Process,
    dir: TestDir,
    port: u16,
}

impl Artemis {
    /// Starts an empty broker.
    ///
    /// # Panics
    ///
    /// When it is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_changed(|_| {})
    }

    /// The same, but AMQP clients authenticate with this mechanism of SCRAM.
    ///
    /// # Panics
    ///
    /// As [`Artemis::start`].
    #[must_use]
    pub fn start_with_scram(mechanism: &str) -> Self {
        Self::start_changed(|dir| {
            dir.write("etc/login.config", SCRAM_LOGIN);
            dir.write("etc/artemis-users.properties", "artemis = artemis\n");
            let broker = std::fs::read_to_string(dir.path().join("etc/broker.xml")).expect("broker.xml");
            let options =
                format!(";saslMechanisms={mechanism};saslLoginConfigScope=amqp-sasl-scram;protocols=CORE,AMQP,");
            dir.write("etc/broker.xml", broker.replace(";protocols=CORE,AMQP,", &options));
        })
    }

    fn start_changed(change: impl FnOnce(&TestDir)) -> Self {
        let template = cache_dir().join("artemis-instance/broker");
        assert!(template.exists(), "no {}: run tests/install", template.display());
        let dir = TestDir::new("artemis");
        let port = free_port();
        copy_instance(&template, dir.path(), port);
        change(&dir);
        let process = run(dir.path());
        let mut broker = Self { process, dir, port };
        broker.await_port();
        broker
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same data.
    pub fn start_again(&mut self) {
        self.kill();
        self.process = run(self.dir.path());
        self.await_port();
    }

    fn await_port(&mut self) {
        let end = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(self.addr()).is_err() {
            assert!(self.process.exited().is_none(), "artemis has ended\n{}", self.process.tail(60));
            assert!(Instant::now() < end, "artemis does not listen\n{}", self.process.tail(60));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn run(instance: &Path) -> Process {
    let mut command = Command::new(instance.join("bin/artemis"));
    command.arg("run").env("JAVA_ARGS_APPEND", "-XX:TieredStopAtLevel=1").env("ARTEMIS_INSTANCE", instance);
    Process::start("artemis", &mut command)
}

/// Copies an instance; its files name the place where it was made.
fn copy_instance(template: &Path, to: &Path, port: u16) {
    let status = Command::new("cp").arg("-a").arg(template.join(".")).arg(to).status().expect("cp runs");
    assert!(status.success(), "cp of {}", template.display());
    let (old, new) = (template.display().to_string(), to.display().to_string());
    for file in files_in(to, &["etc", "bin"]) {
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        let mut text = text.replace(&old, &new);
        if file.ends_with("etc/broker.xml") {
            text = text.replace("127.0.0.1:61616", &format!("127.0.0.1:{port}")).replace(
                "<address-setting match=\"#\">",
                "<address-setting match=\"#\">\n            \
                 <default-address-routing-type>ANYCAST</default-address-routing-type>\n            \
                 <default-queue-routing-type>ANYCAST</default-queue-routing-type>",
            );
            text = text.replace("<max-disk-usage>90<", "<max-disk-usage>100<");
        }
        std::fs::write(&file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

fn files_in(root: &Path, folders: &[&str]) -> Vec<PathBuf> {
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(root.join(folder)).ok()).flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()).collect()
}
