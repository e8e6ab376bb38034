//! What a peer's Open says, and what becomes of the list: the three cases of the reference's features, 1.3.2.

use crosstie_router::failover::{Failover, Failure, Opened};
use crosstie_router::failover_list::Advertisement;

use crate::{advertise, clock, dialled, round, said, with_endpoints};

/// A connector to `p` that has moved to `x`, which `p` has advertised before `y`.
fn moved() -> Failover {
    let mut failover = Failover::new(&with_endpoints(&[("p", 0)]), 1);
    dialled(&mut failover, clock(0));
    failover.handle_opened(clock(0), advertise(&["x", "y"]));
    failover.handle_lost(clock(5), Failure::default());
    assert_eq!(dialled(&mut failover, clock(5)).host, "p");
    failover.handle_failed(clock(5), Failure::default());
    assert_eq!(dialled(&mut failover, clock(5)).host, "x");
    failover
}

/// What is tried when `x`, which said this, is lost, and as what it is shown while it is in use.
fn after(opened: Opened) -> (String, String) {
    let mut failover = moved();
    failover.handle_opened(clock(5), opened);
    let shown = failover.urls().join(" ").replace("amqp://", "").replace(":5672", "");
    failover.handle_lost(clock(9), Failure::default());
    (round(&mut failover, clock(9)).0, shown)
}

#[test]
fn an_absent_list_leaves_what_is_known() {
    assert_eq!(after(Opened::default()), ("xpy".to_owned(), "x y p".to_owned()));
}

#[test]
fn an_empty_list_leaves_the_configured_ones_and_the_one_in_use() {
    assert_eq!(after(advertise(&[])), ("xp".to_owned(), "x p".to_owned()));
}

#[test]
fn a_list_replaces_what_was_advertised_before_and_names_nobody_twice() {
    assert_eq!(after(advertise(&["z", "X", "P", "z", "w"])), ("xpzw".to_owned(), "x z w p".to_owned()));
}

#[test]
fn a_list_that_is_no_list_is_as_if_absent() {
    assert_eq!(after(said(Advertisement { items: None, skipped: 1 })).0, "xpy");
}
