//! `run --qdrouterd-conf`: a configuration of the reference, directly.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crosstie_tests::peer::Peer;
use crosstie_tests::performative::open;
use crosstie_tests::place::{TestDir, router_binary};
use crosstie_tests::process::Process;
use crosstie_tests::router::{Router, plain_kdl};
use fe2o3_amqp_types::performatives::Open;
use fe2o3_amqp_types::primitives::{Symbol, Value};

use crate::reload::reload;

const LOG: &str = "log {\n    module: DEFAULT\n    enable: debug+\n    outputFile: stderr\n}\n";

#[test]
fn a_listener_opens_as_the_reference_would() {
    let conf = format!(
        "{LOG}router {{\n    id: QDR\n}}\nlistener {{\n    host: 127.0.0.1\n    port: 0\n    saslMechanisms: ANONYMOUS\n}}\n\
         listener {{\n    name: small\n    host: 127.0.0.1\n    port: 0\n    maxFrameSize: 2048\n    maxSessions: 10\n    \
         failoverList: second-host:25000\n    openProperties: {{\n        \"site\": \"berlin\"\n    }}\n}}\n"
    );
    let mut router = Router::start_qdrouterd_conf(&conf, &["listener/127.0.0.1:0", "small"]);
    router.wait_log(0, Duration::from_secs(20), &["`failoverList` is deprecated", "line=20"]);

    let (mut peer, theirs) = Peer::open_with(router.addr("listener/127.0.0.1:0"), &open("client"));
    // Source: features 1.2, the Open frame.
    assert_eq!(theirs.container_id, "QDR");
    assert_eq!((theirs.max_frame_size.0, theirs.channel_max.0), (16_384, 32_767));
    assert_eq!(theirs.idle_time_out, Some(8_000));
    peer.close();

    let (mut peer, theirs) = Peer::open_with(router.addr("small"), &open("client"));
    assert_eq!((theirs.max_frame_size.0, theirs.channel_max.0), (2_048, 9));
    let properties = theirs.properties.expect("properties");
    assert_eq!(properties.get(&Symbol::from("site")), Some(&Value::String("berlin".to_owned())));
    assert!(properties.get(&Symbol::from("failover-server-list")).is_some());
    peer.close();
    router.assert_healthy();
}

#[test]
fn what_is_refused_is_refused_in_the_words_of_the_reference() {
    let dir = TestDir::new("run");
    let text = "router {\n    mode: standalone\n}\nlistener {\n    role: edge\n    port: 0\n}\n";
    let file = dir.write("bad.conf", text);
    let mut command = std::process::Command::new(router_binary());
    let mut process = Process::start("crosstie", command.arg("run").arg("--qdrouterd-conf").arg(&file));
    assert_eq!(process.wait_exit(Duration::from_secs(20)).code(), Some(1), "{}", process.tail(20));
    let wanted = format!(
        "Exception: Cannot load configuration file {}: role='standalone' not allowed to connect to or accept connections \
         from other routers.",
        file.display()
    );
    assert!(process.tail(20).contains(&wanted), "{}", process.tail(20));
}

#[test]
fn a_conf_is_shown_as_kdl() {
    let dir = TestDir::new("check");
    let file = dir.write("good.conf", "address {\n    prefix: multicast\n    distribution: multicast\n}\n");
    let output =
        std::process::Command::new(router_binary()).args(["check", "--show", "--qdrouterd-conf"]).arg(file).output();
    let output = output.expect("crosstie runs");
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("    distribution multicast\n"));
}

fn import(args: &[&std::ffi::OsStr]) -> std::process::Output {
    std::process::Command::new(router_binary()).arg("import").args(args).output().expect("crosstie runs")
}

#[test]
fn a_conf_is_imported_and_the_kdl_runs() {
    let dir = TestDir::new("import");
    let conf = "# for the clients\nrouter {\n    id: QDR\n}\nlistener {\n    name: clients\n    host: 127.0.0.1\n    port: 0\n    \
                maxFrameSize: 2048\n}\n";
    let file = dir.write("qdrouterd.conf", conf);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("permissions");
    let kdl = file.with_file_name("crosstie.kdl");
    let arguments = [file.as_os_str(), "--output".as_ref(), kdl.as_os_str()];
    let output = import(&arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("unlike Crosstie's own defaults"), "{told}");
    let written = std::fs::read_to_string(&kdl).expect("the KDL is there");
    assert!(written.contains("\n// for the clients\nrouter \"QDR\"\n"), "{written}");
    let mode = std::fs::metadata(&kdl).expect("the KDL is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it is for the eyes of those who may read the file");

    let mut router = Router::start(&format!("{written}\nlog {{\n    level \"debug\"\n}}\n"));
    let (mut peer, theirs) = Peer::open_with(router.clients(), &open("client"));
    assert_eq!((theirs.container_id.as_str(), theirs.max_frame_size.0), ("QDR", 2048));
    peer.close();
    router.assert_healthy();

    let again = import(&arguments);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("crosstie.kdl`: File exists"), "{again:?}");
}

#[test]
fn what_would_lock_users_out_is_not_imported() {
    let dir = TestDir::new("import-users");
    let conf = "router {\n    saslConfigDir: /etc/sasl2\n}\nlistener {\n    authenticatePeer: yes\n    saslMechanisms: PLAIN\n}\n";
    let output = import(&[dir.write("qdrouterd.conf", conf).as_os_str()]);
    assert_eq!(output.status.code(), Some(78));
    assert!(output.stdout.is_empty(), "nothing is written");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    for part in ["qdrouterd.conf:2:5", "qdrouterd.conf:6:21", "name the users in `user` nodes"] {
        assert!(told.contains(part), "{told}");
    }
}

fn first_host(open: &Open) -> Option<String> {
    let list = open.properties.as_ref()?.get(&Symbol::from("failover-server-list"))?;
    let Value::List(items) = list else { panic!("{list:?}") };
    let Some(Value::Map(first)) = items.first() else { panic!("{items:?}") };
    match first.get(&Value::Symbol(Symbol::from("network-host")))? {
        Value::String(host) => Some(host.clone()),
        other => panic!("{other:?}"),
    }
}

/// By a conf and by KDL: whoever connects from then on hears the changed list, and whoever is there stays.
#[test]
fn s20_a_changed_failover_list_and_a_new_listener_are_applied_to_a_conf_too() {
    let listener = |name: &str, urls: &str| {
        format!(
            "listener {{\n    name: {name}\n    host: 127.0.0.1\n    port: 0\n    saslMechanisms: ANONYMOUS\n    {urls}\n}}\n"
        )
    };
    let conf = |host: &str| {
        let router = "router {\n    id: QDR\n}\n";
        [LOG, router, &listener("clients", &format!("failoverUrls: amqp://{host}"))].concat()
    };
    let kdl = |host: &str| plain_kdl("").replace("port 0\n", &format!("port 0\n    failover-urls \"amqp://{host}\"\n"));
    let by_conf = Router::start_qdrouterd_conf(&conf("before"), &["clients"]);
    let by_kdl = Router::start(&kdl("before"));
    let more = [conf("after"), listener("more", "")].concat();
    for (mut router, name, text) in [(by_conf, "qdrouterd.conf", more), (by_kdl, "crosstie.kdl", kdl("after"))] {
        let (mut stays, theirs) = Peer::open_with(router.clients(), &open("stays"));
        assert_eq!(first_host(&theirs).as_deref(), Some("before"), "{name}");
        router.dir().write(name, text);
        let mark = router.log_mark();
        assert_eq!(reload(router.clients(), &[]).code, Some(0), "{name}");
        let (mut comes, theirs) = Peer::open_with(router.clients(), &open("comes"));
        assert_eq!(first_host(&theirs).as_deref(), Some("after"), "{name}");
        for peer in [&mut stays, &mut comes] {
            peer.begin(0);
        }
        if name == "qdrouterd.conf" {
            router.wait_log(mark, Duration::from_secs(20), &["listening", "more"]);
            let (_, theirs) = Peer::open_with(router.addr("more"), &open("more"));
            assert_eq!(first_host(&theirs), None);
            // what is wrong in it changes nothing
            router.dir().write(name, "listener {\n    prot: 1\n}\n");
            assert_eq!(reload(router.clients(), &[]).code, Some(78));
            comes.begin(1);
        }
        router.assert_healthy();
    }
}
