//! A receiver that says an outcome and waits: it is settled once the sender has heard of it. Source: AMQP 1.0 part 2, 2.6.12.

use crosstie_amqp::raw;
use crosstie_model::settings::Distribution;

use crate::scene::{Heard, Scene};

const fn accepted(id: u32) -> Heard {
    Heard::Outcome { ids: (id, id), code: raw::STATE_ACCEPTED }
}

const fn settled(id: u32) -> Heard {
    Heard::Settled { ids: (id, id) }
}

#[test]
fn a_receiver_that_waits_is_settled_after_the_sender() {
    // on one connection, on two, and on two workers
    for (shards, peers) in [(1, 1), (1, 2), (2, 2)] {
        let mut scene = Scene::new(shards, Distribution::Balanced, Vec::new());
        let receiver = scene.join(usize::from(shards) - 1);
        let sender = if peers == 1 { receiver } else { scene.join(0) };
        scene.receiver(receiver, 0, "a", true);
        scene.sender(sender, 1, "a");
        scene.send(sender, 1, 0, false);
        scene.send(sender, 1, 1, false);
        scene.send(sender, 1, 2, false);
        scene.heard();
        scene.answer(receiver, (0, 1), raw::ACCEPTED, false);
        let outcome = Heard::Outcome { ids: (0, 1), code: raw::STATE_ACCEPTED };
        let mut heard = scene.heard();
        if (shards, peers) == (1, 2) {
            // two sockets that are written in the same tick
            heard.sort_by_key(|(who, _)| *who == receiver);
        }
        assert_eq!(heard, [(sender, outcome), (receiver, Heard::Settled { ids: (0, 1) })]);
        // what it settled itself is not answered
        scene.answer(receiver, (2, 2), raw::ACCEPTED, true);
        assert_eq!(scene.heard()[0], (sender, accepted(2)));
    }
}

#[test]
fn the_receivers_of_a_multicast_delivery_are_settled_after_its_sender() {
    for shards in [1, 2] {
        let mut scene = Scene::new(shards, Distribution::Multicast, Vec::new());
        let (one, sender) = (scene.join(usize::from(shards) - 1), scene.join(0));
        scene.receiver(one, 0, "a", true);
        scene.receiver(one, 1, "a", true);
        scene.receiver(sender, 0, "a", true);
        scene.sender(sender, 1, "a");
        scene.send(sender, 1, 0, false);
        scene.heard();
        scene.answer(one, (0, 1), raw::ACCEPTED, false);
        assert_eq!(scene.heard(), [], "nobody is settled before all have answered");
        scene.answer(sender, (0, 0), raw::ACCEPTED, false);
        let heard = scene.heard();
        let told = heard.iter().filter(|(who, _)| *who == sender).map(|(_, heard)| *heard);
        assert_eq!(told.collect::<Vec<_>>(), [accepted(0), settled(0)]);
        assert!(heard.contains(&(one, Heard::Settled { ids: (0, 1) })), "{heard:?}");
    }
}

#[test]
fn receivers_are_settled_when_the_sender_does_not_wait() {
    for how in ["settles", "detaches", "is lost"] {
        let mut scene = Scene::new(1, Distribution::Multicast, Vec::new());
        let (one, other, sender) = (scene.join(0), scene.join(0), scene.join(0));
        scene.receiver(one, 0, "a", true);
        scene.receiver(other, 0, "a", true);
        scene.sender(sender, 0, "a");
        scene.send(sender, 0, 0, false);
        scene.answer(one, (0, 0), raw::ACCEPTED, false);
        scene.heard();
        match how {
            "settles" => scene.forget(sender, 0),
            "detaches" => scene.detach(sender, 0),
            _ => scene.lose(sender),
        }
        assert!(scene.heard().contains(&(one, settled(0))), "the sender {how}");
        scene.answer(other, (0, 0), raw::ACCEPTED, false);
        assert_eq!(scene.heard(), [(other, settled(0))], "the sender {how}");
    }
}
