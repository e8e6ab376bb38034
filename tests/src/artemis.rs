//! ActiveMQ Artemis instances, each on a port and a data directory of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::broker::{Broker, START, await_port};
use crate::place::{TestDir, cache_dir, free_port};
use crate::process::{Process, Stream};

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
    /// What a pair shares, kept by its first.
    _data: Option<TestDir>,
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

    /// The same, but its clients speak TLS, and show a certificate of this authority. `pem` is its own certificate with its key.
    ///
    /// # Panics
    ///
    /// As [`Artemis::start`].
    #[must_use]
    pub fn start_with_tls(pem: &Path, ca: &Path) -> Self {
        Self::start_changed(|dir| {
            let broker = std::fs::read_to_string(dir.path().join("etc/broker.xml")).expect("broker.xml");
            let options = format!(
                ";sslEnabled=true;keyStoreType=PEM;keyStorePath={};needClientAuth=true;trustStoreType=PEMCA;\
                 trustStorePath={};protocols=CORE,AMQP,",
                pem.display(),
                ca.display()
            );
            dir.write("etc/broker.xml", broker.replace(";protocols=CORE,AMQP,", &options));
        })
    }

    /// Starts a pair that shares its data: the first serves, and its Open names the second, which takes over when the
    /// first is killed.
    ///
    /// # Panics
    ///
    /// As [`Artemis::start`].
    #[must_use]
    pub fn start_pair() -> (Self, Self) {
        let ports = [free_port(), free_port()];
        let data = TestDir::new("artemis-data");
        let member = |role, own: usize| {
            Self::create(ports[own], |dir| share(dir, data.path(), role, (ports[own], ports[1 - own])))
        };
        let mut first = member("primary", 0);
        first.await_port();
        let second = member("backup", 1);
        let announced = |line: &str| line.contains("backup announced").then_some(());
        if let Err(reason) = second.process.wait_line(Stream::Out, 0, START, announced) {
            panic!("the backup is not ready: {reason}\n{}", second.process.tail(60));
        }
        first._data = Some(data);
        (first, second)
    }

    fn start_changed(change: impl FnOnce(&TestDir)) -> Self {
        let mut broker = Self::create(free_port(), change);
        broker.await_port();
        broker
    }

    /// Copies an instance, changes it and runs it.
    fn create(port: u16, change: impl FnOnce(&TestDir)) -> Self {
        let template = cache_dir().join("artemis-instance/broker");
        assert!(template.exists(), "no {}: run tests/install", template.display());
        let dir = TestDir::new("artemis");
        copy_instance(&template, dir.path(), port);
        change(&dir);
        Self { process: run(dir.path()), dir, port, _data: None }
    }

    fn await_port(&mut self) {
        let addr = self.addr();
        await_port(&mut self.process, addr);
    }
}

impl Broker for Artemis {
    fn addr(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    fn queue(&self, name: &str) -> String {
        name.to_owned()
    }

    fn kill(&mut self) {
        self.process.kill();
    }

    fn start_again(&mut self) {
        self.kill();
        self.process = run(self.dir.path());
        self.await_port();
    }
}

/// Makes an instance one of a pair. Source: Artemis, user manual, high availability, shared store.
fn share(dir: &TestDir, data: &Path, role: &str, (own, other): (u16, u16)) {
    let file = "etc/broker.xml";
    let broker = std::fs::read_to_string(dir.path().join(file)).expect("broker.xml");
    let mut broker = broker.replace("-directory>data/", &format!("-directory>{}/", data.display()));
    let pair = format!(
        r#"<connectors>
         <connector name="own">tcp://127.0.0.1:{own}</connector>
         <connector name="other">tcp://127.0.0.1:{other}</connector>
      </connectors>
      <cluster-user>cluster</cluster-user>
      <cluster-password>cluster</cluster-password>
      <cluster-connections>
         <cluster-connection name="pair">
            <connector-ref>own</connector-ref>
            <static-connectors><connector-ref>other</connector-ref></static-connectors>
         </cluster-connection>
      </cluster-connections>
      <ha-policy><shared-store><{role}><failover-on-shutdown>true</failover-on-shutdown></{role}></shared-store></ha-policy>
      <acceptors>"#
    );
    assert_eq!(broker.matches("<acceptors>").count(), 1, "broker.xml has another form");
    broker = broker.replace("<acceptors>", &pair);
    dir.write(file, broker);
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
