//! Policy that wants to be asked again while a connector is connected (`reconsider-after-ms`).

use std::time::Duration;

use crosstie_model::policy::{FailoverAnswer, FailoverCause, FailoverRequest, Pick};
use crosstie_router::failover::{Clock, Failover, Failure, Opened, Step};

use crate::{clock, connector, dialled};

fn asked(failover: &mut Failover, at: Clock) -> FailoverRequest {
    match failover.poll(at) {
        Step::Ask(request) => request,
        other => panic!("{other:?}"),
    }
}

fn waits_until(failover: &mut Failover, at: u64, until: u64) {
    match failover.poll(clock(at)) {
        Step::Wait(found) => assert_eq!(found, clock(until).now),
        other => panic!("{other:?}"),
    }
}

/// The candidates `a`, `b` and `c` in this order, and when to ask again.
fn answer(order: &[u32], reconsider_after: Option<u64>) -> Option<FailoverAnswer> {
    let order = order.iter().map(|index| Pick { index: *index, delay: Duration::ZERO }).collect();
    let reconsider_after = reconsider_after.map(Duration::from_secs);
    Some(FailoverAnswer { plugin: "p".into(), order, retry_after: None, reconsider_after, note: None })
}

/// Connected at 0 to `a`, `b` or `c`, by a plugin that wants to be asked after ten seconds.
fn connected_to(index: u32) -> Failover {
    let mut failover = Failover::new(&connector(&[]), 1);
    asked(&mut failover, clock(0));
    failover.handle_answer(clock(0), answer(&[index], Some(10)));
    dialled(&mut failover, clock(0));
    failover.handle_opened(clock(0), Opened::default());
    failover
}

#[test]
fn who_wants_to_be_asked_again_is_and_sees_who_is_in_use() {
    let mut failover = connected_to(1);
    waits_until(&mut failover, 0, 10);
    waits_until(&mut failover, 9, 10);
    let request = asked(&mut failover, clock(10));
    assert_eq!((request.cause, request.current, request.down_since_ms), (FailoverCause::Reconsider, Some(1), None));
    // the one in use first: all stays, and the time is the latest answer's
    failover.handle_answer(clock(10), answer(&[1, 0], Some(5)));
    waits_until(&mut failover, 10, 15);
    asked(&mut failover, clock(15));
    failover.handle_answer(clock(15), answer(&[1], None));
    assert!(matches!(failover.poll(clock(10_000)), Step::Idle), "nobody wants to be asked");
    assert_eq!(failover.used(), Some("amqp://b:5672"));
}

#[test]
fn another_first_pick_is_connected_before_it_takes_over() {
    let mut failover = connected_to(1);
    asked(&mut failover, clock(10));
    failover.handle_answer(clock(10), answer(&[2, 1, 0], Some(20)));
    assert_eq!(dialled(&mut failover, clock(10)).host, "c");
    assert_eq!(failover.used(), Some("amqp://b:5672"), "the connection stays meanwhile");
    failover.handle_opened(clock(11), Opened::default());
    assert_eq!(failover.used(), Some("amqp://c:5672"));
    waits_until(&mut failover, 11, 31);
}

#[test]
fn one_that_cannot_be_reached_leaves_the_connection_and_the_next_question() {
    let mut failover = connected_to(1);
    asked(&mut failover, clock(10));
    failover.handle_answer(clock(10), answer(&[2, 0, 1], Some(20)));
    for (host, at) in [("c", 10), ("a", 12)] {
        assert_eq!(dialled(&mut failover, clock(at)).host, host);
        failover.handle_failed(clock(12), Failure::default());
    }
    assert_eq!(failover.used(), Some("amqp://b:5672"));
    waits_until(&mut failover, 12, 32);
    let request = asked(&mut failover, clock(32));
    let failures: Vec<_> = request.candidates.iter().map(|candidate| candidate.failures_in_row).collect();
    assert_eq!(failures, [1, 0, 1]);
}

#[test]
fn without_an_opinion_the_connection_stays_and_the_question_comes_again() {
    let mut failover = connected_to(2);
    for at in [10, 20, 30] {
        assert_eq!(asked(&mut failover, clock(at)).cause, FailoverCause::Reconsider);
        failover.handle_answer(clock(at), None);
        waits_until(&mut failover, at, at + 10);
    }
    failover.handle_lost(clock(31), Failure::default());
    asked(&mut failover, clock(31));
    failover.handle_answer(clock(31), None);
    assert_eq!(dialled(&mut failover, clock(31)).host, "c");
    failover.handle_opened(clock(31), Opened::default());
    assert!(matches!(failover.poll(clock(10_000)), Step::Idle), "the built-in does not ask");
}

#[test]
fn the_wait_of_policy_stands_before_that_of_fail_back() {
    let mut with_back = connector(&[]);
    with_back.failover.fail_back = Some(Duration::from_secs(60));
    let mut failover = connected_to(1);
    failover.change(clock(0), &with_back);
    waits_until(&mut failover, 0, 10);
    asked(&mut failover, clock(10));
    // nobody decides: the built-in goes back to what is better
    failover.handle_answer(clock(10), None);
    assert_eq!(dialled(&mut failover, clock(10)).host, "a");
}

#[test]
fn a_loss_ends_what_is_dialled_beside_the_connection() {
    let mut failover = connected_to(1);
    asked(&mut failover, clock(10));
    failover.handle_answer(clock(10), answer(&[2, 1], Some(10)));
    assert_eq!(dialled(&mut failover, clock(10)).host, "c");
    failover.handle_lost(clock(10), Failure::default());
    let request = asked(&mut failover, clock(10));
    assert_eq!((request.cause, request.current), (FailoverCause::Lost, Some(0)));
}
