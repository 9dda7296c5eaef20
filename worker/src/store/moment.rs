//! Points in time as the store keeps them.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Milliseconds since 1970, by this machine's clock. Leases and waits are compared by it, so the clocks of workers that
/// share a store must agree to within a part of a lease.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment(pub i64);

impl Moment {
    /// Before every other: what need not wait. Not "now", so that a clock that is set back does not make it wait.
    pub const AT_ONCE: Self = Self(0);

    /// This very moment.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// A block's time, which is in nanoseconds.
    #[must_use]
    pub fn from_block_time(nanoseconds: u64) -> Self {
        Self(i64::try_from(nanoseconds / 1_000_000).unwrap_or(i64::MAX))
    }

    /// Later by `duration`.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Earlier by `duration`.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long it is from `earlier` until now; zero when it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}
