//! Frames that are mutated or made up from a seed, replayed against a running router.

use std::time::{Duration, Instant};

use crosstie_tests::body::Random;
use crosstie_tests::frame::{self, AMQP_HEADER, SASL_HEADER};
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::{begin, disposition, flow, open, receiver, sender, transfer};
use fe2o3_amqp_types::definitions::Handle;
use fe2o3_amqp_types::messaging::Accepted;
use fe2o3_amqp_types::performatives::{Close, Detach, End};

use crate::scene::Scene;

/// Seeds that once found something stay here; the range after them is replayed as far as the time allows.
const SEEDS: [u64; 4] = [1, 2, 3, 0xdead_beef];

fn budget() -> Duration {
    Duration::from_secs(if std::env::var_os("CROSSTIE_LONG").is_some() { 180 } else { 10 })
}

/// A conversation that a well-behaved peer could have, as single frames.
fn conversation(random: &mut Random) -> Vec<Vec<u8>> {
    let mut frames = vec![AMQP_HEADER.to_vec(), frame::amqp(0, &open("fuzz"), &[]), frame::amqp(0, &begin(None), &[])];
    let address = ["fuzz/a", "fuzz/b", "healthy/not", "$management", "", "_local/x"][random.below(6)];
    frames.push(frame::amqp(0, &receiver(0, address), &[]));
    frames.push(frame::amqp(0, &sender(1, address), &[]));
    frames.push(frame::amqp(0, &flow(0, 0, 100), &[]));
    for id in 0..u32::try_from(random.below(12)).unwrap() {
        let mut delivery = transfer(1, id);
        delivery.more = random.below(4) == 0;
        delivery.settled = Some(random.below(3) == 0);
        let body = vec![7; random.below(2000)];
        frames.push(frame::amqp(0, &delivery, &frame::data_message(&body)));
        frames.push(frame::amqp(0, &disposition(id, Accepted {}.into()), &[]));
    }
    frames.push(frame::amqp(0, &Detach { handle: Handle::from(1), closed: true, error: None }, &[]));
    frames.push(frame::amqp(0, &End { error: None }, &[]));
    frames.push(frame::amqp(0, &Close { error: None }, &[]));
    frames
}

/// Values that lie at the edges of what a byte can mean in AMQP.
const EDGES: [u8; 16] = [0, 1, 0x40, 0x43, 0x45, 0x53, 0x70, 0x7f, 0x80, 0xa0, 0xb0, 0xc0, 0xd0, 0xe0, 0xf0, 0xff];

fn mutate(random: &mut Random, frames: &mut Vec<Vec<u8>>) {
    let at = random.below(frames.len());
    match random.below(8) {
        0 => {
            frames.remove(at);
            frames.push(AMQP_HEADER.to_vec());
        }
        1 => frames.push(frames[at].clone()),
        2 => {
            let other = random.below(frames.len());
            frames.swap(at, other);
        }
        3 => {
            let keep = random.below(frames[at].len());
            frames[at].truncate(keep);
            if keep >= 4 {
                frames[at][..4].copy_from_slice(&u32::try_from(keep).unwrap().to_be_bytes());
            }
        }
        4 => {
            let body: Vec<u8> = (0..random.below(200)).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
            let channel = u16::try_from(random.below(3)).unwrap();
            frames[at] = frame::frame(u8::try_from(random.below(3)).unwrap(), channel, &body);
        }
        5 => frames[at] = SASL_HEADER.to_vec(),
        _ => {
            // Frame bodies more often than their headers, which end the conversation at once.
            let length = frames[at].len();
            let position =
                if length > 9 && random.below(8) > 0 { 8 + random.below(length - 8) } else { random.below(length) };
            frames[at][position] = match random.below(3) {
                0 => EDGES[random.below(EDGES.len())],
                1 => frames[at][position] ^ (1 << random.below(8)),
                _ => u8::try_from(random.below(256)).unwrap(),
            };
        }
    }
}

fn replay(scene: &Scene, seed: u64) {
    let mut random = Random::new(seed);
    let mut frames = conversation(&mut random);
    for _ in 0..=random.below(6) {
        mutate(&mut random, &mut frames);
        frames.retain(|frame| !frame.is_empty());
    }
    let mut peer = Peer::dial(scene.router.clients());
    peer.set_send_deadline(Duration::from_secs(2));
    if random.below(3) == 0 {
        let _ = frames.iter().try_for_each(|frame| peer.try_send_bytes(frame));
    } else {
        let _ = peer.try_send_bytes(&frames.concat());
    }
    peer.drain(Duration::from_millis(2));
}

#[test]
fn frames_from_a_seed_never_end_the_router() {
    let mut scene = Scene::new();
    let end = Instant::now() + budget();
    let mut replayed = 0_u64;
    for seed in SEEDS.into_iter().chain(1000..) {
        if Instant::now() > end {
            break;
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            replay(&scene, seed);
            scene.router.assert_healthy();
        }));
        if let Err(panic) = outcome {
            eprintln!("the failing seed: {seed}; add it to SEEDS");
            std::panic::resume_unwind(panic);
        }
        replayed += 1;
    }
    assert!(replayed > u64::try_from(SEEDS.len()).unwrap(), "only {replayed} seeds in {:?}", budget());
    eprintln!("{replayed} seeds replayed");
    scene.finish();
}
