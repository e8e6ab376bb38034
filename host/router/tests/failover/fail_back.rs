//! The way back to a better endpoint, of point 5: beside the connection, after the hold-down.

use std::time::Duration;

use crosstie_model::policy::{FailoverAnswer, FailoverCause, Pick};
use crosstie_router::failover::{Clock, Failover, Failure, Opened, Step};

use crate::{advertise, clock, connector, dialled, round, with_endpoints};

/// A connector to `a` before `b` and `c`, which are as good as each other, that is connected to `b` since 0.
fn on_second() -> Failover {
    let mut connector = connector(&[]);
    connector.failover.fail_back = Some(Duration::from_secs(60));
    let mut failover = Failover::new(&connector, 1);
    assert_eq!(dialled(&mut failover, clock(0)).host, "a");
    failover.handle_failed(clock(0), Failure::default());
    assert_eq!(dialled(&mut failover, clock(0)).host, "b");
    failover.handle_opened(clock(0), Opened::default());
    failover
}

fn waits_until(failover: &mut Failover, at: u64, until: u64) {
    match failover.poll(clock(at)) {
        Step::Wait(found) => assert_eq!(found, clock(until).now),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_better_one_is_tried_after_the_hold_down_and_again_after_each_failure() {
    let mut failover = on_second();
    waits_until(&mut failover, 0, 60);
    waits_until(&mut failover, 59, 60);
    for at in [60, 130, 200] {
        assert_eq!(dialled(&mut failover, clock(at)).host, "a");
        assert!(matches!(failover.poll(clock(at)), Step::Idle), "one attempt at a time");
        assert!(failover.is_connected(), "the connection stays");
        failover.handle_failed(clock(at + 10), Failure::default());
        // c is no better than b
        waits_until(&mut failover, at + 10, at + 70);
    }
    assert_eq!(failover.urls()[0], "amqp://b:5672");
    assert_eq!(failover.counts(), (5, 0));
}

#[test]
fn the_better_one_takes_over_when_it_opens_and_stays() {
    let mut failover = on_second();
    assert_eq!(dialled(&mut failover, clock(60)).host, "a");
    failover.handle_opened(clock(61), advertise(&["x"]));
    assert!(failover.is_connected());
    assert_eq!(failover.urls()[0], "amqp://a:5672");
    assert_eq!(failover.counts(), (3, 1));
    for at in [61, 1000] {
        assert!(matches!(failover.poll(clock(at)), Step::Idle), "nobody is better");
    }
    failover.handle_lost(clock(2000), Failure::default());
    assert_eq!(round(&mut failover, clock(2000)).0, "abcx");
}

#[test]
fn without_a_hold_down_it_stays_where_it_works() {
    let mut failover = Failover::new(&connector(&[]), 1);
    dialled(&mut failover, clock(0));
    failover.handle_failed(clock(0), Failure::default());
    dialled(&mut failover, clock(0));
    failover.handle_opened(clock(0), Opened::default());
    assert!(matches!(failover.poll(clock(100_000)), Step::Idle));
}

#[test]
fn endpoints_of_one_priority_are_as_good_and_advertised_ones_are_not() {
    let mut connector = with_endpoints(&[("a", 3), ("b", 3)]);
    connector.failover.fail_back = Some(Duration::from_secs(60));
    let mut failover = Failover::new(&connector, 1);
    dialled(&mut failover, clock(0));
    failover.handle_failed(clock(0), Failure::default());
    assert_eq!(dialled(&mut failover, clock(0)).host, "b");
    failover.handle_opened(clock(0), advertise(&["x"]));
    assert!(matches!(failover.poll(clock(0)), Step::Idle));
    failover.handle_lost(clock(5), Failure::default());
    for host in ["b", "a"] {
        assert_eq!(dialled(&mut failover, clock(5)).host, host);
        failover.handle_failed(clock(5), Failure::default());
    }
    assert_eq!(dialled(&mut failover, clock(5)).host, "x");
    failover.handle_opened(clock(5), Opened::default());
    waits_until(&mut failover, 5, 65);
    for host in ["a", "b"] {
        assert_eq!(dialled(&mut failover, clock(65)).host, host);
        failover.handle_failed(clock(65), Failure::default());
    }
    waits_until(&mut failover, 65, 125);
}

#[test]
fn a_loss_on_the_way_back_begins_with_the_lost_one() {
    let mut failover = on_second();
    assert_eq!(dialled(&mut failover, clock(60)).host, "a");
    failover.handle_lost(clock(60), Failure::default());
    assert_eq!(dialled(&mut failover, clock(60)).host, "b");
    failover.handle_opened(clock(60), Opened::default());
    waits_until(&mut failover, 60, 120);
}

#[test]
fn a_plugin_may_keep_the_connection_or_name_another() {
    let pick = |index| Pick { index, delay: Duration::ZERO };
    let answer = |order: Vec<Pick>| FailoverAnswer {
        plugin: "p".into(),
        order,
        retry_after: None,
        reconsider_after: None,
        note: None,
    };
    let ask = |failover: &mut Failover, at: Clock| match failover.poll(at) {
        Step::Ask(request) => {
            assert_eq!((request.cause, request.current), (FailoverCause::Reconsider, Some(1)));
            let hosts: Vec<String> = request.candidates.into_iter().map(|candidate| candidate.host).collect();
            assert_eq!(hosts, ["a", "b", "c"]);
        }
        other => panic!("{other:?}"),
    };
    let mut failover = on_second();
    ask(&mut failover, clock(60));
    failover.handle_answer(clock(60), Some(answer(vec![pick(1), pick(0)])));
    waits_until(&mut failover, 60, 120);
    ask(&mut failover, clock(120));
    failover.handle_answer(clock(120), Some(answer(vec![pick(2), pick(1), pick(0)])));
    assert_eq!(dialled(&mut failover, clock(120)).host, "c");
}

#[test]
fn the_way_back_is_that_of_the_connector_as_it_is_now() {
    let mut other = connector(&[]);
    let mut failover = on_second();
    assert_eq!(dialled(&mut failover, clock(60)).host, "a");
    // what was dialled is left, and nothing is tried any more
    failover.change(clock(61), &other);
    assert!(failover.is_connected() && matches!(failover.poll(clock(10_000)), Step::Idle));
    other.failover.fail_back = Some(Duration::from_secs(30));
    let mut better = other.endpoints[0].clone();
    (better.host, better.priority) = ("d".to_owned(), 0);
    other.endpoints.insert(0, better);
    failover.change(clock(10_000), &other);
    // there is another one than before: somebody may want to go there at once
    match failover.poll(clock(10_000)) {
        Step::Ask(request) => assert_eq!((request.cause, request.current), (FailoverCause::Reload, Some(2))),
        other => panic!("{other:?}"),
    }
    failover.handle_answer(clock(10_000), None);
    waits_until(&mut failover, 10_000, 10_030);
    for host in ["d", "a"] {
        assert_eq!(dialled(&mut failover, clock(10_030)).host, host);
        failover.handle_failed(clock(10_030), Failure::default());
    }
    let attempts: Vec<_> = failover.candidates().map(|known| (known.host.clone(), known.attempts)).collect();
    assert_eq!(attempts, [("d", 1), ("a", 3), ("b", 1), ("c", 0)].map(|(host, count)| (host.to_owned(), count)));
    failover.handle_lost(clock(10_031), Failure::default());
    assert_eq!(round(&mut failover, clock(10_031)).0, "bdac");
}

#[test]
fn a_plugin_may_have_a_changed_connector_move_at_once() {
    let mut failover = on_second();
    let mut other = connector(&[]);
    other.endpoints[2].host = "d".to_owned();
    failover.change(clock(1), &other);
    assert!(matches!(failover.poll(clock(1)), Step::Ask(_)));
    let pick = |index| Pick { index, delay: Duration::ZERO };
    let order = vec![pick(2), pick(1)];
    failover.handle_answer(
        clock(1),
        Some(FailoverAnswer { plugin: "p".into(), order, retry_after: None, reconsider_after: None, note: None }),
    );
    assert!(failover.is_connected());
    assert_eq!(dialled(&mut failover, clock(1)).host, "d");
    failover.handle_opened(clock(2), Opened::default());
    assert_eq!(failover.used(), Some("amqp://d:5672"));
    // without another endpoint nobody is asked
    failover.change(clock(3), &other);
    assert!(matches!(failover.poll(clock(3)), Step::Idle));
}

#[test]
fn advertised_endpoints_stay_where_the_connector_as_it_is_now_allows_them() {
    let mut failover = Failover::new(&connector(&[]), 1);
    dialled(&mut failover, clock(0));
    failover.handle_opened(clock(0), advertise(&["x", "y.z", "d.z"]));
    let mut other = connector(&["*.z"]);
    other.endpoints[2].host = "d.z".to_owned();
    failover.change(clock(1), &other);
    assert_eq!(failover.urls(), ["a", "b", "d.z", "y.z"].map(|host| format!("amqp://{host}:5672")));
    other.failover.follow_advertised = false;
    failover.change(clock(1), &other);
    assert_eq!(failover.urls().len(), 3);
}

#[test]
fn one_that_changes_without_a_connection_starts_again_and_counts_on() {
    let mut failover = Failover::new(&connector(&[]), 1);
    let (_, until) = round(&mut failover, clock(0));
    assert_eq!(until, clock(1).now);
    let mut other = connector(&[]);
    other.endpoints[2].host = "d".to_owned();
    for at in [clock(0), clock(1)] {
        failover.change(at, &other);
        match failover.poll(at) {
            Step::Ask(request) => assert_eq!((request.cause, request.round), (FailoverCause::Reload, 0)),
            other => panic!("{other:?}"),
        }
        failover.handle_answer(at, None);
        let (hosts, until) = round(&mut failover, at);
        assert_eq!((hosts.as_str(), until), ("abd", (at.now + Duration::from_secs(1))));
    }
    // one attempt is under way
    assert_eq!(dialled(&mut failover, clock(9)).host, "a");
    failover.change(clock(9), &other);
    assert_eq!(failover.counts(), (10, 0));
    let attempts: Vec<_> = failover.candidates().map(|known| known.attempts).collect();
    assert_eq!(attempts, [4, 3, 2]);
    assert_eq!(round(&mut failover, clock(9)).0, "abd");
}
