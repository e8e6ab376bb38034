//! Where a connector goes, in which order, and when.

use std::time::Duration;

use crosstie_model::policy::{FailoverAnswer, FailoverCause, Pick};
use crosstie_router::failover::{Failover, Failure, Opened, Step};

use crate::{advertise, clock, connector, dialled, round};

#[test]
fn rounds_go_by_priority_and_back_off() {
    let mut failover = Failover::new(&connector(&[]), 1);
    let mut at = 0;
    for wait in [1, 2, 4, 8, 8] {
        assert_eq!(round(&mut failover, clock(at)), ("abc".to_owned(), clock(at + wait).now));
        at += wait;
    }
}

#[test]
fn the_lost_one_comes_first_and_advertised_ones_last() {
    let mut failover = Failover::new(&connector(&[]), 1);
    assert_eq!(dialled(&mut failover, clock(0)).host, "a");
    failover.handle_failed(clock(0), Failure::default());
    assert_eq!(dialled(&mut failover, clock(0)).host, "b");
    failover.handle_opened(clock(0), advertise(&["x", "a", "y"]));
    failover.handle_lost(clock(9), Failure::default());
    assert_eq!(round(&mut failover, clock(9)).0, "bacxy");
}

#[test]
fn an_advertised_peer_replaces_the_list_and_stays_itself() {
    let mut failover = Failover::new(&connector(&[]), 1);
    dialled(&mut failover, clock(0));
    failover.handle_opened(clock(0), advertise(&["x", "y"]));
    failover.handle_lost(clock(5), Failure::default());
    for host in ["a", "b", "c", "x"] {
        assert_eq!(dialled(&mut failover, clock(5)).host, host);
        if host != "x" {
            failover.handle_failed(clock(5), Failure::default());
        }
    }
    failover.handle_opened(clock(5), advertise(&[]));
    failover.handle_lost(clock(9), Failure::default());
    assert_eq!(round(&mut failover, clock(9)).0, "xabc");
}

#[test]
fn a_peer_that_opens_and_goes_is_not_dialled_in_a_loop() {
    let mut failover = Failover::new(&connector(&[]), 1);
    let mut hosts = String::new();
    let until = loop {
        match failover.poll(clock(0)) {
            Step::Ask(_) => failover.handle_answer(clock(0), None),
            Step::Dial(dial) => {
                hosts.push_str(&dial.host);
                failover.handle_opened(clock(0), Opened::default());
                failover.handle_lost(clock(0), Failure::default());
            }
            Step::Wait(until) => break until,
            Step::Idle => panic!("idle"),
        }
    };
    assert_eq!((hosts.as_str(), until), ("aabc", clock(1).now));
}

#[test]
fn a_plugins_order_delays_and_retry_hold() {
    let mut failover = Failover::new(&connector(&[]), 1);
    let Step::Ask(request) = failover.poll(clock(0)) else { panic!() };
    assert_eq!((request.cause, request.candidates.len()), (FailoverCause::Startup, 3));
    let pick = |index, delay| Pick { index, delay: Duration::from_secs(delay) };
    failover.handle_answer(
        clock(0),
        Some(FailoverAnswer {
            plugin: "p".into(),
            order: vec![pick(2, 0), pick(0, 3)],
            retry_after: Some(Duration::from_secs(60)),
            reconsider_after: None,
            note: None,
        }),
    );
    assert_eq!(dialled(&mut failover, clock(0)).host, "c");
    failover.handle_failed(clock(0), Failure::default());
    assert!(matches!(failover.poll(clock(0)), Step::Wait(until) if until == clock(3).now));
    assert_eq!(dialled(&mut failover, clock(3)).host, "a");
    failover.handle_failed(clock(3), Failure::default());
    assert!(matches!(failover.poll(clock(3)), Step::Wait(until) if until == clock(63).now));
}

#[test]
fn a_plugin_that_drops_all_and_wants_to_be_asked_at_once_waits_nevertheless() {
    let mut failover = Failover::new(&connector(&[]), 1);
    let Step::Ask(_) = failover.poll(clock(0)) else { panic!() };
    let nothing = FailoverAnswer {
        plugin: "p".into(),
        order: vec![],
        retry_after: Some(Duration::ZERO),
        reconsider_after: None,
        note: None,
    };
    failover.handle_answer(clock(0), Some(nothing));
    assert!(matches!(failover.poll(clock(0)), Step::Wait(until) if until == clock(0).now + Duration::from_millis(100)));
}

#[test]
fn a_round_goes_on_past_candidates_that_are_advertised_no_longer() {
    let mut connector = connector(&[]);
    connector.endpoints.truncate(1);
    let mut failover = Failover::new(&connector, 1);
    assert_eq!(dialled(&mut failover, clock(0)).host, "b");
    failover.handle_opened(clock(0), advertise(&["x", "y", "z"]));
    failover.handle_lost(clock(0), Failure::default());
    // the second loss within a second goes on in the round, whose x, y and z are gone
    assert_eq!(dialled(&mut failover, clock(0)).host, "b");
    failover.handle_opened(clock(0), advertise(&[]));
    failover.handle_lost(clock(0), Failure::default());
    assert!(matches!(failover.poll(clock(0)), Step::Wait(until) if until == clock(1).now));
    assert_eq!(round(&mut failover, clock(1)).0, "b");
}

#[test]
fn who_gives_up_starts_again_after_the_backoff() {
    let mut failover = Failover::new(&connector(&[]), 1);
    dialled(&mut failover, clock(0));
    failover.give_up(clock(0));
    assert!(matches!(failover.poll(clock(0)), Step::Wait(until) if until == clock(1).now));
    assert_eq!(round(&mut failover, clock(1)).0, "abc");
}

#[test]
fn a_list_in_another_order_changes_nobody_in_a_round() {
    let mut connector = connector(&[]);
    connector.endpoints.truncate(1);
    let mut failover = Failover::new(&connector, 1);
    dialled(&mut failover, clock(0));
    failover.handle_opened(clock(0), advertise(&["x", "y", "z"]));
    failover.handle_lost(clock(0), Failure::default());
    dialled(&mut failover, clock(0));
    failover.handle_opened(clock(0), advertise(&["z", "v", "x"]));
    failover.handle_lost(clock(0), Failure::default());
    assert_eq!(round(&mut failover, clock(0)).0, "xz");
}
