//! Serial numbers that wrap at 2^32, compared as RFC 1982 says.

/// A delivery-id, transfer-id or delivery-count. Source: AMQP 1.0 part 2, 2.8.10; RFC 1982 with 32 bits.
///
/// There is no `Ord`: the order of serial numbers is not transitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Serial(pub u32);

impl Serial {
    /// The number `steps` after this one.
    #[must_use]
    pub const fn add(self, steps: u32) -> Self {
        Self(self.0.wrapping_add(steps))
    }

    /// The number that follows this one.
    #[must_use]
    pub const fn next(self) -> Self {
        self.add(1)
    }

    /// How many steps lead forward from `earlier` to this number, 0 to 2^32 - 1.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// The signed distance from `other` to this number: negative when this one comes before.
    /// Exactly 2^31 apart, where RFC 1982 leaves the order open, counts as before.
    #[must_use]
    pub const fn distance(self, other: Self) -> i32 {
        self.since(other).cast_signed()
    }

    /// Whether this number comes before `other`. Never true both ways: 2^31 apart is no order.
    #[must_use]
    pub const fn before(self, other: Self) -> bool {
        let ahead = other.since(self);
        ahead != 0 && ahead < 1 << 31
    }

    /// Whether this number is `other` or comes before it.
    #[must_use]
    pub const fn at_or_before(self, other: Self) -> bool {
        self.0 == other.0 || self.before(other)
    }
}

impl std::fmt::Display for Serial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOP: Serial = Serial(u32::MAX);

    #[test]
    fn numbers_wrap() {
        assert_eq!(TOP.next(), Serial(0));
        assert_eq!(TOP.add(5), Serial(4));
    }

    #[test]
    fn order_survives_the_wrap() {
        assert!(TOP.before(Serial(0)) && !Serial(0).before(TOP));
        assert!(!TOP.before(TOP));
        assert_eq!(Serial(2).distance(TOP), 3);
        assert_eq!(TOP.distance(Serial(2)), -3);
        assert_eq!(Serial(2).since(TOP), 3);
    }

    #[test]
    fn numbers_half_the_circle_apart_have_no_order() {
        let (a, b) = (Serial(0), Serial(1 << 31));
        assert!(!a.before(b) && !b.before(a));
    }
}
