//! A peer that closes with `amqp:connection:redirect` is followed. Source: AMQP 1.0 part 2, 2.8.16.

use crosstie_model::policy::{CandidateOrigin, FailoverCause, FailoverRequest};
use crosstie_router::failover::{Clock, Failover, Failure, Opened, Step};

use crate::{advertise, at, clock, connector, dialled, round};

fn redirect(host: &str) -> Failure {
    let condition = Some("amqp:connection:redirect".to_owned());
    Failure { error: "elsewhere".to_owned(), condition, redirect: Some(Box::new(at(host))) }
}

/// Opens with the next endpoint, which sends the router to `host`.
fn sent(failover: &mut Failover, at: Clock, host: &str) -> String {
    let tried = dialled(failover, at).host;
    failover.handle_opened(at, Opened::default());
    failover.handle_lost(at, redirect(host));
    tried
}

fn asked(failover: &mut Failover, at: Clock) -> FailoverRequest {
    match failover.poll(at) {
        Step::Ask(request) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn where_the_peer_sends_the_router_comes_first_and_the_others_behind_it() {
    let mut failover = Failover::new(&connector(&[]), 1);
    assert_eq!(sent(&mut failover, clock(0), "x"), "a");
    assert_eq!(failover.urls()[0], "amqp://x:5672");
    let request = asked(&mut failover, clock(0));
    assert_eq!((request.cause, request.current), (FailoverCause::Redirected, Some(1)));
    let known = |index: usize| (request.candidates[index].host.as_str(), request.candidates[index].origin);
    assert_eq!(known(0), ("x", CandidateOrigin::Redirected));
    assert_eq!(known(1), ("a", CandidateOrigin::Configured));
    assert_eq!(request.candidates[1].last_condition.as_deref(), Some("amqp:connection:redirect"));
    failover.handle_answer(clock(0), None);
    assert_eq!(round(&mut failover, clock(0)).0, "xabc");
}

#[test]
fn a_redirect_to_somebody_who_is_known_makes_nobody_twice() {
    let mut failover = Failover::new(&connector(&[]), 1);
    sent(&mut failover, clock(0), "C");
    let request = asked(&mut failover, clock(0));
    let hosts: Vec<_> = request.candidates.iter().map(|candidate| candidate.host.as_str()).collect();
    assert_eq!(hosts, ["c", "a", "b"]);
    assert!(request.candidates.iter().all(|candidate| candidate.origin == CandidateOrigin::Configured));
}

#[test]
fn peers_that_send_the_router_on_and_on_are_left_for_a_while() {
    let mut failover = Failover::new(&connector(&[]), 1);
    let mut hosts = Vec::new();
    let until = loop {
        match failover.poll(clock(0)) {
            Step::Ask(_) => failover.handle_answer(clock(0), None),
            Step::Dial(dial) => {
                failover.handle_opened(clock(0), Opened::default());
                failover.handle_lost(clock(0), redirect(&format!("x{}", hosts.len())));
                hosts.push(dial.host);
            }
            Step::Wait(until) => break until,
            Step::Idle => panic!("idle"),
        }
    };
    assert_eq!(hosts[..5], ["a", "x0", "x1", "x2", "x3"]);
    assert!(hosts.len() < 16, "{hosts:?}");
    assert_eq!(until, clock(1).now);
    // one that has sent it elsewhere and the one that it was sent to
    assert!(failover.candidates().count() <= 5);
}

#[test]
fn what_a_peer_names_may_be_kept_away_from() {
    let mut ignores = connector(&[]);
    ignores.failover.follow_advertised = false;
    for connector in [connector(&["*.example.com"]), ignores] {
        let mut failover = Failover::new(&connector, 1);
        sent(&mut failover, clock(0), "x");
        let request = asked(&mut failover, clock(0));
        assert_eq!((request.cause, request.candidates.len()), (FailoverCause::Lost, 3));
    }
    let mut failover = Failover::new(&connector(&["*.example.com"]), 1);
    sent(&mut failover, clock(0), "x.example.com");
    let dial = dialled(&mut failover, clock(0));
    assert_eq!((dial.host.as_str(), dial.with_credentials), ("x.example.com", true));
}

#[test]
fn credentials_do_not_follow_a_redirect() {
    let mut failover = Failover::new(&connector(&[]), 1);
    sent(&mut failover, clock(0), "x");
    let dial = dialled(&mut failover, clock(0));
    assert_eq!((dial.host.as_str(), dial.with_credentials), ("x", false));
}

#[test]
fn one_that_a_list_names_later_is_an_advertised_one() {
    let mut failover = Failover::new(&connector(&[]), 1);
    sent(&mut failover, clock(0), "x");
    assert_eq!(dialled(&mut failover, clock(0)).host, "x");
    failover.handle_failed(clock(0), Failure::default());
    assert_eq!(dialled(&mut failover, clock(0)).host, "a");
    failover.handle_opened(clock(0), advertise(&["y", "x"]));
    let named: Vec<_> = failover.candidates().skip(3).map(|of| (of.host.clone(), of.origin, of.attempts)).collect();
    let advertised = |host: &str, attempts| (host.to_owned(), CandidateOrigin::Advertised, attempts);
    assert_eq!(named, [advertised("y", 0), advertised("x", 1)]);
}

#[test]
fn what_is_measured_is_known_of_the_last_success() {
    let mut failover = Failover::new(&connector(&[]), 1);
    dialled(&mut failover, clock(0));
    let opened = Opened { rtt_us: Some(700), certificate_not_after_ms: Some(9), ..Opened::default() };
    failover.handle_opened(clock(0), opened);
    failover.handle_lost(clock(5), Failure::default());
    let request = asked(&mut failover, clock(5));
    let known = &request.candidates[0];
    assert_eq!((known.last_rtt_us, known.certificate_not_after_ms), (Some(700), Some(9)));
    failover.handle_answer(clock(5), None);
    dialled(&mut failover, clock(5));
    failover.handle_failed(clock(5), Failure::default());
    assert_eq!(failover.candidates().next().unwrap().last_rtt_us, Some(700), "a failure does not forget");
}
