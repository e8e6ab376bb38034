//! Random peers, random loss, random slowness, each from a seed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use crosstie_sim::world::{Outcome, ROUTED, play};

/// Seeds of every run.
const SEEDS: u64 = 200;

/// Seeds of a long run.
const SEEDS_LONG: u64 = 10_000;

/// Seeds beyond those of every run that once found something in the router: a gate that stayed shut when an unsettled delivery
/// was given up, deliveries that waited for each other, a drain that was not answered, an address that was not forgotten, a delivery
/// that waited behind a gate that was open.
const FOUND: [u64; 11] = [483, 486, 830, 266, 391, 403, 2276, 2511, 2587, 9739, ROUTED + 5135];

/// Plays a seed; one that fails prints the line that replays it.
fn replayable(seed: u64, tells: bool) -> Option<Outcome> {
    let outcome = std::panic::catch_unwind(|| play(seed, tells)).ok();
    if outcome.is_none() {
        eprintln!("replay: CROSSTIE_SEED={seed} cargo test -p crosstie-sim --test simulation -- --nocapture");
    }
    outcome
}

#[test]
fn every_delivery_ends_once_whatever_dies_in_between() {
    if let Some(seed) = std::env::var("CROSSTIE_SEED").ok().and_then(|seed| seed.parse().ok()) {
        let outcome = replayable(seed, true).expect("this seed fails");
        return println!("{outcome:?}");
    }
    let (sent, arrived, _) = play_all(0);
    assert!(arrived > sent / 4, "the runs do little: {sent} messages, {arrived} arrived");
}

#[test]
fn routed_links_are_whole_whatever_dies_in_between() {
    if std::env::var_os("CROSSTIE_SEED").is_some() {
        return;
    }
    let (_, _, (links, messages)) = play_all(ROUTED);
    assert!(messages > 500 && links > 500, "the runs do little: {links} links, {messages} messages");
}

/// Plays the seeds from here on; says what they sent, what of it arrived, and what was routed.
fn play_all(from: u64) -> (usize, usize, (usize, usize)) {
    let long = std::env::var_os("CROSSTIE_LONG").is_some();
    let (mut sent, mut arrived, mut links, mut routed, mut failed) = (0, 0, 0, 0, Vec::new());
    for seed in from..from + if long { SEEDS_LONG } else { SEEDS } {
        match replayable(seed, false) {
            Some(outcome) => {
                (sent, arrived) = (sent + outcome.sent, arrived + outcome.arrived);
                (links, routed) = (links + outcome.routed.0, routed + outcome.routed.1);
            }
            None => failed.push(seed),
        }
    }
    assert!(failed.is_empty(), "seeds that fail: {failed:?}");
    println!("{sent} messages, {arrived} arrived, {routed} of them by {links} routed links");
    (sent, arrived, (links, routed))
}

#[test]
fn seeds_that_found_something_find_nothing() {
    let failed: Vec<u64> = FOUND.into_iter().filter(|seed| replayable(*seed, false).is_none()).collect();
    assert!(failed.is_empty(), "seeds that fail: {failed:?}");
}

#[test]
fn two_equal_seeds_give_two_equal_traces() {
    for seed in (0..20).chain(ROUTED..ROUTED + 20) {
        let outcome = replayable(seed, false);
        assert!(outcome.is_some() && outcome == replayable(seed, false), "seed {seed}");
    }
}
