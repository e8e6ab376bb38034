//! What becomes of a sender's credit when nobody consumes. Source: the reference, 1.7 and 1.11.

use crosstie_amqp::raw;
use crosstie_model::settings::{AutoLink, ContainerRef, Direction, Distribution, LinkCapacity, Role};

use crate::scene::{CAPACITY, Heard, Scene};

const fn credit(left: u32, drain: bool) -> Heard {
    Heard::Credit { handle: 0, left, drain }
}

const fn released(id: u32) -> Heard {
    Heard::Outcome { ids: (id, id), code: raw::STATE_RELEASED }
}

/// Of address `a`.
fn auto_link(name: &str, direction: Direction) -> AutoLink {
    AutoLink {
        name: name.to_owned(),
        address: "a".to_owned(),
        direction,
        container: ContainerRef::Connection("container".to_owned()),
        external_address: None,
        phase: 0,
    }
}

#[test]
fn a_sender_without_consumers_keeps_its_credit_until_it_sends() {
    for shards in [1, 2] {
        let mut scene = Scene::new(shards, Distribution::Balanced, Vec::new());
        let (sender, consumer) = (scene.join(0), scene.join(usize::from(shards) - 1));
        scene.sender(sender, 0, "a");
        assert_eq!(scene.heard(), [], "credit without a consumer");
        scene.receiver(consumer, 0, "a", false);
        assert_eq!(scene.heard(), [(sender, credit(CAPACITY, false))]);

        scene.detach(consumer, 0);
        assert_eq!(scene.heard(), [], "nothing is said when the last consumer goes");
        scene.send(sender, 0, 0, true);
        assert_eq!(scene.heard(), [(sender, credit(CAPACITY - 1, true))]);
        assert_eq!(scene.dropped(), 1);
        scene.send(sender, 0, 1, false);
        scene.send(sender, 0, 2, true);
        assert_eq!(scene.heard(), [(sender, released(1))], "no more credit, and no second drain");
        assert_eq!(scene.dropped(), 2);

        scene.receiver(consumer, 0, "a", false);
        assert_eq!(scene.heard(), [(sender, credit(CAPACITY, false))]);
        scene.send(sender, 0, 3, true);
        assert_eq!(scene.heard(), [(consumer, Heard::Transfer { handle: 0 })]);
    }
}

#[test]
fn a_sender_that_gave_its_credit_back_gets_it_again_with_the_consumer() {
    let mut scene = Scene::new(1, Distribution::Balanced, Vec::new());
    let (sender, consumer) = (scene.join(0), scene.join(0));
    scene.sender(sender, 0, "a");
    scene.receiver(consumer, 0, "a", false);
    scene.detach(consumer, 0);
    scene.send(sender, 0, 0, false);
    scene.heard();
    scene.give_back(sender, 0, CAPACITY);
    assert_eq!(scene.heard(), []);
    scene.receiver(consumer, 0, "a", false);
    assert_eq!(scene.heard(), [(sender, credit(CAPACITY, false))]);
    for id in 1..=CAPACITY {
        scene.send(sender, 0, id, false);
    }
    assert_eq!(scene.heard().len(), CAPACITY as usize);
}

#[test]
fn deliveries_that_wait_for_the_last_consumer_are_released_without_a_drain() {
    let mut scene = Scene::new(1, Distribution::Balanced, Vec::new());
    let (sender, consumer) = (scene.join(0), scene.join(0));
    scene.sender(sender, 0, "a");
    scene.receiver(consumer, 0, "a", false);
    // a consumer whose session takes nothing: what is sent waits
    scene.shut_window(consumer);
    scene.heard();
    scene.send(sender, 0, 0, false);
    scene.send(sender, 0, 1, false);
    assert_eq!(scene.heard(), []);
    scene.detach(consumer, 0);
    assert_eq!(
        scene.heard().into_iter().filter(|(who, _)| *who == sender).collect::<Vec<_>>(),
        [(sender, Heard::Outcome { ids: (0, 1), code: raw::STATE_RELEASED })]
    );
}

#[test]
fn a_capacity_that_shrank_takes_no_credit_back_with_a_new_consumer() {
    let capacity = LinkCapacity { initial: 100, max: 1000 };
    let mut scene = Scene::with_capacity(capacity, 1, Distribution::Balanced, Vec::new());
    let (sender, consumer) = (scene.join(0), scene.join(0));
    scene.sender(sender, 0, "a");
    scene.receiver(consumer, 0, "a", false);
    scene.shut_window(consumer);
    assert_eq!(scene.heard(), [(sender, credit(100, false))]);
    for id in 0..40 {
        scene.send(sender, 0, id, false);
    }
    // whenever one ends while others wait, the capacity shrinks
    scene.forget(sender, 0);
    scene.forget(sender, 1);
    assert_eq!(scene.heard(), [], "60 are left, which is more than is due");
    scene.detach(consumer, 0);
    scene.heard();
    scene.receiver(consumer, 0, "a", false);
    assert_eq!(scene.heard(), [(sender, credit(60, false))]);
}

/// A broker that is lost comes back, or another one takes its place: until then its producers are to wait, not to send what
/// is then released.
#[test]
fn the_producers_of_a_lost_broker_have_no_credit_until_it_is_back() {
    let mut scene = Scene::new(1, Distribution::Balanced, vec![auto_link("out", Direction::Out)]);
    let sender = scene.join(0);
    scene.sender(sender, 0, "a");
    let broker = scene.join_as(0, Role::RouteContainer);
    scene.answer_receiving(broker, 0, "auto-link.out", "a");
    assert_eq!(scene.heard(), [(sender, credit(CAPACITY, false))]);
    scene.send(sender, 0, 0, false);
    assert_eq!(scene.heard(), [(broker, Heard::Transfer { handle: 0 })]);

    scene.lose(broker);
    let failed = Heard::Outcome { ids: (0, 0), code: raw::STATE_MODIFIED };
    let heard = scene.heard();
    assert!(heard.contains(&(sender, failed)) && heard.contains(&(sender, credit(0, false))), "{heard:?}");
    // one that was on its way
    scene.send(sender, 0, 1, false);
    assert_eq!(scene.heard(), [(sender, released(1))]);

    let broker = scene.join_as(0, Role::RouteContainer);
    scene.answer_receiving(broker, 0, "auto-link.out", "a");
    assert_eq!(scene.heard(), [(sender, credit(CAPACITY, false))]);
}

/// Less than a broker has in flight is not to be granted, and what is presettled is not seen to be in flight.
#[test]
fn a_broker_that_streams_presettled_deliveries_keeps_its_credit_until_it_rests() {
    for sent in [0, 3] {
        let mut scene = Scene::new(1, Distribution::Balanced, vec![auto_link("in", Direction::In)]);
        let (broker, consumer) = (scene.join_as(0, Role::RouteContainer), scene.join(0));
        scene.answer_sending(broker, 0, "auto-link.in", "a");
        scene.receiver(consumer, 0, "a", false);
        assert_eq!(scene.heard(), [(broker, credit(CAPACITY, false))]);
        for id in 0..sent {
            scene.send(broker, 0, id, true);
            assert_eq!(scene.heard(), [(consumer, Heard::Transfer { handle: 0 })]);
        }
        scene.detach(consumer, 0);
        if sent == 0 {
            assert_eq!(scene.heard(), [(broker, credit(0, false))], "it rests");
            continue;
        }
        assert_eq!(scene.heard(), [], "it is at work");
        scene.send(broker, 0, sent, true);
        scene.look();
        assert_eq!((scene.heard(), scene.dropped()), (Vec::new(), 1));
        scene.look();
        assert_eq!(scene.heard(), [(broker, credit(0, false))], "nothing has come between two looks");
        scene.receiver(consumer, 0, "a", false);
        assert_eq!(scene.heard(), [(broker, credit(CAPACITY, false))]);
        scene.send(broker, 0, sent + 1, true);
        assert_eq!(scene.heard(), [(consumer, Heard::Transfer { handle: 0 })]);
    }
}

/// Whatever was shrunk before, and however much is held: where deliveries stop coming, such a consumer waits for ever.
#[test]
fn a_consumer_that_settles_in_batches_gets_whole_batches() {
    let capacities = [LinkCapacity { initial: 250, max: 1000 }, LinkCapacity { initial: 1000, max: 1000 }];
    for (capacity, batch) in capacities.into_iter().flat_map(|of| [1, 7, 200, 249, 800, 1000].map(|batch| (of, batch)))
    {
        for forgotten in [0, 2, 40] {
            let mut scene = Scene::with_capacity(capacity, 1, Distribution::Balanced, Vec::new());
            let (sender, consumer) = (scene.join(0), scene.join(0));
            scene.sender(sender, 0, "a");
            scene.receiver(consumer, 0, "a", false);
            scene.grant(consumer, 0, 0);
            let (mut left, mut sent, mut came, mut settled) = (0, 0, 0, 0);
            while settled < 5 * batch {
                for (who, heard) in scene.heard() {
                    match heard {
                        Heard::Credit { left: granted, .. } if who == sender => left = granted,
                        Heard::Transfer { .. } => came += 1,
                        _ => {}
                    }
                }
                if came - settled >= batch {
                    scene.answer(consumer, (settled, came - 1), raw::ACCEPTED, true);
                    settled = came;
                } else if left > 0 {
                    scene.send(sender, 0, sent, false);
                    (sent, left) = (sent + 1, left - 1);
                } else if sent > 0 && came == 0 {
                    // whenever one ends while others wait, the capacity shrinks
                    (0..forgotten).for_each(|id| scene.forget(sender, id));
                    scene.grant(consumer, 0, 100_000);
                } else {
                    let waits = came - settled;
                    panic!("{batch} at a time of {capacity:?}, {forgotten} forgotten: it holds {waits} of {sent}");
                }
            }
        }
    }
}

/// While one consumer has little credit, its copies wait; the other one is not to wait for that.
#[test]
fn a_consumer_of_copies_that_settles_in_batches_gets_whole_batches() {
    for batch in [65, 142, 240] {
        let capacity = LinkCapacity { initial: 250, max: 1000 };
        let mut scene = Scene::with_capacity(capacity, 1, Distribution::Multicast, Vec::new());
        let (sender, consumer, slow) = (scene.join(0), scene.join(0), scene.join(0));
        scene.sender(sender, 0, "a");
        for (who, credit) in [(consumer, 100_000), (slow, 10)] {
            scene.receiver(who, 0, "a", false);
            scene.grant(who, 0, credit);
        }
        let (mut left, mut sent, mut came, mut settled, mut slow_came, mut slow_settled) = (0, 0, 0, 0, 0, 0);
        while settled < 20 * batch {
            for (who, heard) in scene.heard() {
                match heard {
                    Heard::Credit { left: granted, .. } if who == sender => left = granted,
                    Heard::Transfer { .. } if who == consumer => came += 1,
                    Heard::Transfer { .. } => slow_came += 1,
                    _ => {}
                }
            }
            if came - settled >= batch {
                scene.answer(consumer, (settled, came - 1), raw::ACCEPTED, true);
                settled = came;
            } else if left > 0 {
                scene.send(sender, 0, sent, false);
                (sent, left) = (sent + 1, left - 1);
            } else if slow_settled < slow_came {
                scene.answer(slow, (slow_settled, slow_came - 1), raw::ACCEPTED, true);
                scene.grant(slow, 0, slow_came + 10);
                slow_settled = slow_came;
            } else {
                panic!("{batch} at a time: it holds {} of {sent}", came - settled);
            }
        }
    }
}
