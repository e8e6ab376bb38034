//! A failover list that is only bytes: what stands for it in the Open of a broker.

use crosstie_amqp::connection::{Connection, Event};
use crosstie_amqp::frame::{self, Kind};
use crosstie_amqp::sasl::Nonce;
use crosstie_amqp::time::Time;
use crosstie_model::settings::FAILOVER_URLS_MAX;
use crosstie_router::failover_list::{self, Advertisement};
use fe2o3_amqp_types::primitives::{Array, Symbol};
use fe2o3_amqp_types::sasl::{SaslCode, SaslMechanisms, SaslOutcome};

use crate::door;
use crate::speech::body;

/// Of an Open its descriptor, its ten fields, a container-id, and eight that are null. Source: AMQP 1.0 part 1, 1.6; part 2, 2.7.1.
const OPEN: &[u8] = b"\x00\x53\x10\xd0\0\0\0\0\0\0\0\x0a\xa1\x06broker\x40\x40\x40\x40\x40\x40\x40\x40";
/// Where the size of its list stands, and how much of it comes before what is counted.
const SIZE_AT: usize = 4;

/// Has a connector read it. Absent: the Open was refused.
///
/// # Panics
///
/// When an item is taken that nothing can be dialled with.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Advertisement> {
    let now = Time::default();
    let mut amqp = Connection::new(now, door::setup("hub", door::client()), Nonce([9; 18]));
    let said = speech(bytes);
    let mut input = said.as_slice();
    while let Some(event) = amqp.handle_input(now, &mut input) {
        match event {
            Event::Opened(open) => {
                let read = failover_list::read(open.properties.as_ref());
                check(&read);
                return Some(read);
            }
            Event::Failed(_) => return None,
            _ => {}
        }
    }
    None
}

/// All that a broker says up to its Open.
fn speech(list: &[u8]) -> Vec<u8> {
    let mechanisms = SaslMechanisms { sasl_server_mechanisms: Array::from(vec![Symbol::from("ANONYMOUS")]) };
    let mut said = frame::SASL_HEADER.to_vec();
    frame::write(&mut said, Kind::Sasl, 0, |out| out.extend(body(&mechanisms)));
    let outcome = SaslOutcome { code: SaslCode::Ok, additional_data: None };
    frame::write(&mut said, Kind::Sasl, 0, |out| out.extend(body(&outcome)));
    said.extend(frame::AMQP_HEADER);
    let mut map = b"\xd1\0\0\0\0\0\0\0\x02\xa3\x14failover-server-list".to_vec();
    map.extend(list);
    put_size(&mut map, 1);
    let mut open = OPEN.to_vec();
    open.extend(map);
    put_size(&mut open, SIZE_AT);
    frame::write(&mut said, Kind::Amqp, 0, |out| out.extend(open));
    said
}

/// Writes how many bytes come behind the four at a place.
fn put_size(out: &mut [u8], at: usize) {
    let size = u32::try_from(out.len() - at - 4).expect("an input is short");
    out[at..at + 4].copy_from_slice(&size.to_be_bytes());
}

fn check(read: &Advertisement) {
    let items = read.items.as_deref().unwrap_or_default();
    assert!(items.len() <= FAILOVER_URLS_MAX, "{} items", items.len());
    for item in items {
        let hosts = [Some(item.host.as_str()), item.hostname.as_deref()];
        for host in hosts.into_iter().flatten() {
            assert!((1..=255).contains(&host.len()) && host.chars().all(|c| c.is_ascii_graphic()), "{host:?}");
        }
        assert_ne!(item.port, 0);
    }
}
