//! RabbitMQ with its AMQP 1.0 plugin, a node of its own with a port mapper of its own.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::broker::{Broker, START, await_port};
use crate::place::{TestDir, free_port};
use crate::process::{Process, Stream};

const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const PID_FILE: &str = "pid";

/// A broker that accepts anonymous clients, with the durable queues that it was started with.
#[derive(Debug)]
pub struct Rabbit {
    process: Process,
    /// Finds nodes by name; ends with the broker.
    mapper: Process,
    dir: TestDir,
    port: u16,
    mapper_port: u16,
}

impl Rabbit {
    /// Starts a broker with these queues, empty.
    ///
    /// # Panics
    ///
    /// When it is not installed or does not start.
    #[must_use]
    pub fn start(queues: &[&str]) -> Self {
        assert!(Path::new(PROGRAM).exists(), "no {PROGRAM}: run tests/install");
        let dir = TestDir::new("rabbit");
        let (port, mapper_port) = (free_port(), free_port());
        let durable = queues.iter().map(|name| serde_json::json!({ "name": name, "vhost": "/", "durable": true }));
        let definitions = serde_json::json!({
            "users": [{ "name": "guest", "password": "guest", "tags": "administrator" }],
            "vhosts": [{ "name": "/" }],
            "permissions": [{ "user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*" }],
            "queues": durable.map(|mut queue| {
                queue["auto_delete"] = false.into();
                queue["arguments"] = serde_json::json!({});
                queue
            }).collect::<Vec<_>>(),
        });
        let definitions = dir.write("definitions.json", definitions.to_string());
        dir.write("enabled_plugins", "[rabbitmq_amqp1_0].");
        let settings = [
            format!("listeners.tcp.1 = 127.0.0.1:{port}"),
            "auth_mechanisms.1 = PLAIN".to_owned(),
            "auth_mechanisms.2 = ANONYMOUS".to_owned(),
            "amqp1_0.default_user = guest".to_owned(),
            format!("load_definitions = {}", definitions.display()),
            "log.console = true".to_owned(),
            "log.file = false".to_owned(),
            "disk_free_limit.absolute = 1MB".to_owned(),
        ];
        dir.write("rabbitmq.conf", settings.join("\n") + "\n");
        let mapper = Process::start(
            "epmd",
            Command::new("epmd").args(["-address", "127.0.0.1", "-port"]).arg(mapper_port.to_string()),
        );
        let process = run(&dir, port, mapper_port);
        let mut broker = Self { process, mapper, dir, port, mapper_port };
        broker.await_ready();
        broker.stop();
        broker.start_again();
        broker
    }

    /// Ends the broker as an operator does. One that is killed soon after its first start may come back with an empty database: without
    /// its queues, and without what was in them.
    fn stop(&mut self) {
        let pid = std::fs::read_to_string(self.dir.path().join(PID_FILE))
            .expect("a broker that is ready has said its process");
        let status = Command::new("kill").args(["-TERM", pid.trim()]).status().expect("kill runs");
        assert!(status.success(), "{pid:?} runs");
        let _ = self.process.wait_exit(START);
    }

    fn await_ready(&mut self) {
        await_port(&mut self.mapper, ([127, 0, 0, 1], self.mapper_port).into());
        // it listens before its plugins are there
        let ready = |line: &str| line.contains("Server startup complete").then_some(());
        if let Err(reason) = self.process.wait_line(Stream::Out, 0, START, ready) {
            panic!("rabbitmq is not ready: {reason}\n{}", self.process.tail(60));
        }
    }

    /// The script that was started waits for the broker's own process: both are of one group.
    fn kill_group(&mut self) {
        if self.process.exited().is_none() {
            let group = format!("-{}", self.process.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        }
        self.process.kill();
    }
}

impl Broker for Rabbit {
    fn addr(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    fn queue(&self, name: &str) -> String {
        format!("/amq/queue/{name}")
    }

    fn kill(&mut self) {
        self.kill_group();
    }

    fn start_again(&mut self) {
        self.kill_group();
        self.process = run(&self.dir, self.port, self.mapper_port);
        self.await_ready();
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        self.kill_group();
    }
}

fn run(dir: &TestDir, port: u16, mapper_port: u16) -> Process {
    let mut command = Command::new(PROGRAM);
    let path = |name: &str| dir.path().join(name);
    command
        .process_group(0)
        .env("HOME", dir.path())
        .env("RABBITMQ_NODENAME", format!("crosstie{port}@localhost"))
        .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODE_PORT", port.to_string())
        .env("RABBITMQ_DIST_PORT", free_port().to_string())
        .env("RABBITMQ_PID_FILE", path(PID_FILE))
        .env("RABBITMQ_MNESIA_BASE", path("mnesia"))
        .env("RABBITMQ_LOG_BASE", path("log"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins"))
        .env("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf"))
        .env("ERL_EPMD_PORT", mapper_port.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false");
    Process::start("rabbitmq", &mut command)
}
