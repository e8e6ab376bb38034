//! Services: ports by their names, those of AMQP and of the web also where the machine knows none. Source: services(5).

use std::fs;

/// Where the machine has its names.
const FILE: &str = "/etc/services";

/// What a longer file would hold is not looked at.
const FILE_MAX_BYTES: u64 = 1 << 20;

/// Known everywhere.
const KNOWN: [(&str, u16); 4] = [("amqp", 5672), ("amqps", 5671), ("http", 80), ("https", 443)];

/// The port of a service over TCP.
pub(crate) fn port(name: &str) -> Option<u16> {
    let known = KNOWN.iter().find(|(known, _)| *known == name).map(|(_, port)| *port);
    known.or_else(|| find(&read(), name))
}

/// The file, as far as it is text. A machine may do without.
fn read() -> String {
    use std::io::Read;
    let mut bytes = Vec::new();
    if let Ok(file) = fs::File::open(FILE) {
        // what was read before a failure may do
        let _ = file.take(FILE_MAX_BYTES).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The first line for TCP that has a name, itself or as an alias.
fn find(services: &str, name: &str) -> Option<u16> {
    services.lines().find_map(|line| {
        let mut words = line.split('#').next().unwrap_or("").split_whitespace();
        let (service, port) = (words.next()?, words.next()?.strip_suffix("/tcp")?);
        let is_it = service == name || words.any(|alias| alias == name);
        port.parse().ok().filter(|port| is_it && *port > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_tcp_gives_the_port_of_its_name_and_of_its_aliases() {
        let services =
            "# amqp 1/tcp\nsip\t5060/udp\nsip\t5061/tcp sip-tls other # or mine\nbad 99999/tcp\nnull 0/tcp\nlone\n";
        for (name, port) in [("sip", 5061), ("sip-tls", 5061), ("other", 5061)] {
            assert_eq!(find(services, name), Some(port), "{name}");
        }
        for name in ["amqp", "mine", "bad", "null", "lone", "5061/tcp", "", "#"] {
            assert_eq!(find(services, name), None, "{name}");
        }
        assert_eq!((port("amqp"), port("https"), port("of nobody")), (Some(5672), Some(443), None));
    }
}
