//! How many deliveries an incoming link may have under way: enough that it never runs dry, few enough that they do not wait here.

use crosstie_model::settings::LinkCapacity;

/// It does not shrink below this many deliveries.
const LEAST: u32 = 1;

/// Where one slow consumer of many is no reason to shrink further.
const EASES_DOWN_TO: u32 = 64;

/// Up to what holds this many deliveries, or bytes, it doubles whenever the link runs dry.
const DOUBLES_UNTIL: usize = 64;
const DOUBLES_UNTIL_BYTES: usize = 256 << 10;

/// Credit and unsettled deliveries of a link together.
///
/// It doubles while the link runs dry. Where deliveries had to wait for a consumer it shrinks, and from there on it grows by small
/// steps: what waits is copied twice, and holds memory, without making anything faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Capacity {
    now: u32,
    initial: u32,
    max: u32,
    /// Beyond it growth is slow.
    known: u32,
    is_fixed: bool,
}

impl Capacity {
    /// One that is written out in the configuration, with no room to grow, is kept.
    pub(crate) const fn new(LinkCapacity { initial, max }: LinkCapacity) -> Self {
        Self { now: initial, initial, max, known: max, is_fixed: initial >= max }
    }

    /// One that stays as it is.
    pub(crate) const fn fixed(now: u32) -> Self {
        Self::new(LinkCapacity { initial: now, max: now })
    }

    pub(crate) const fn get(self) -> u32 {
        self.now
    }

    /// The link ran dry though nothing waits: consumers have all that is `held`, and may wait for more before they settle it. `room`:
    /// what its connection may hold beside.
    pub(crate) fn grow(&mut self, held: u32, room: u32) {
        let used = self.now.max(held);
        let grown = match used < self.known {
            true => used.saturating_mul(2).min(self.known),
            false => used.saturating_add(used / 32).saturating_add(1),
        };
        self.now = grown.min(self.max).min(self.now.saturating_add(room));
    }

    /// The consumer has credit, and settles none of those that it `held`: it may wait for more. `room`: what the connection may hold
    /// beside.
    pub(crate) fn relieve(&mut self, held: u32, room: u32) {
        let wanted = held.saturating_mul(2).min(self.max).min(self.now.saturating_add(room));
        self.now = self.now.max(wanted);
        self.known = self.known.max(self.now);
    }

    /// The link ran dry while copies wait for some of many consumers: others may wait for more before they settle what they have.
    pub(crate) fn restore(&mut self, room: u32) {
        self.now = self.now.max(self.initial.min(self.now.saturating_add(room)));
        self.known = self.known.max(self.now);
    }

    /// Copies wait for some of many consumers: it shrinks by a small step, and not below what the others need.
    pub(crate) fn ease(&mut self) {
        if !self.is_fixed && self.now > EASES_DOWN_TO {
            self.now = self.now.saturating_sub(self.now / 32).saturating_sub(1).max(EASES_DOWN_TO);
            self.known = self.now;
        }
    }

    /// So many deliveries, of so many bytes, wait for a consumer.
    pub(crate) fn shrink(&mut self, waiting: usize, bytes: usize) {
        if self.is_fixed || waiting == 0 {
            return;
        }
        let fit = DOUBLES_UNTIL_BYTES.saturating_mul(waiting).checked_div(bytes).unwrap_or(DOUBLES_UNTIL);
        let fit = u32::try_from(fit.min(DOUBLES_UNTIL)).unwrap_or(u32::MAX);
        let useful = self.now.saturating_sub(u32::try_from(waiting).unwrap_or(u32::MAX));
        self.now = useful.max(self.now / 2).max(LEAST).min(self.now);
        self.known = self.now.max(fit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown(mut capacity: Capacity, times: usize) -> u32 {
        (0..times).for_each(|_| capacity.grow(0, u32::MAX));
        capacity.get()
    }

    #[test]
    fn it_doubles_until_something_waits() {
        let mut capacity = Capacity::new(LinkCapacity { initial: 250, max: 1000 });
        assert_eq!((grown(capacity, 1), grown(capacity, 2), grown(capacity, 3)), (500, 1000, 1000));
        capacity.shrink(50, 5000);
        assert_eq!((capacity.get(), grown(capacity, 1), grown(capacity, 100)), (200, 207, 1000));
        capacity.grow(0, 5);
        assert_eq!(capacity.get(), 205);
        (0..20).for_each(|_| capacity.shrink(1000, 100_000));
        assert_eq!((capacity.get(), grown(capacity, 6), grown(capacity, 7)), (LEAST, 64, 67));
        capacity.shrink(60, 60 << 20);
        (0..9).for_each(|_| capacity.shrink(60, 60 << 20));
        assert_eq!((capacity.get(), grown(capacity, 1), grown(capacity, 2)), (LEAST, 2, 3));
    }

    #[test]
    fn it_eases_down_and_grows_again_in_small_steps() {
        let mut capacity = Capacity::new(LinkCapacity { initial: 250, max: 1000 });
        capacity.ease();
        assert_eq!((capacity.get(), grown(capacity, 1)), (242, 250));
        (0..1000).for_each(|_| capacity.ease());
        assert_eq!((capacity.get(), grown(capacity, 1), grown(capacity, 1000)), (EASES_DOWN_TO, 67, 1000));
        let mut small = Capacity::new(LinkCapacity { initial: 5, max: 1000 });
        small.ease();
        assert_eq!((small.get(), grown(small, 1)), (5, 10));
    }

    #[test]
    fn it_grows_beyond_what_consumers_hold() {
        let mut capacity = Capacity::new(LinkCapacity { initial: 250, max: 1000 });
        (0..20).for_each(|_| capacity.shrink(1000, 100_000));
        capacity.grow(142, u32::MAX);
        assert_eq!(capacity.get(), 147);
        (0..100).for_each(|_| capacity.grow(capacity.get(), u32::MAX));
        assert_eq!(capacity.get(), 1000);
    }

    #[test]
    fn a_consumer_that_settles_in_batches_gets_what_it_waits_for() {
        let mut capacity = Capacity::new(LinkCapacity { initial: 250, max: 1000 });
        (0..20).for_each(|_| capacity.shrink(1000, 100_000));
        capacity.relieve(142, u32::MAX);
        assert_eq!(capacity.get(), 284);
        capacity.relieve(142, u32::MAX);
        assert_eq!(capacity.get(), 284);
        capacity.relieve(284, 16);
        assert_eq!(capacity.get(), 300);
        capacity.relieve(900, u32::MAX);
        assert_eq!(capacity.get(), 1000);
    }

    #[test]
    fn one_that_is_written_out_stays() {
        let mut capacity = Capacity::new(LinkCapacity { initial: 10, max: 10 });
        capacity.shrink(9, 900);
        capacity.ease();
        capacity.relieve(10, u32::MAX);
        assert_eq!((capacity.get(), grown(capacity, 9), grown(Capacity::fixed(3), 9)), (10, 10, 3));
    }
}
