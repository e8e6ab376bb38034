//! Time as protocol code sees it: microseconds that somebody else counts.

use std::ops::Add;
use std::time::Duration;

/// Microseconds since an instant that the caller chose; never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time(pub u64);

impl Time {
    /// Whole seconds; they wrap after 136 years.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        (self.0 / 1_000_000) as u32
    }

    /// How long after `earlier` this is; zero when it is before.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX)))
    }
}
