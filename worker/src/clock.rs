//! What time it is on the chain. Deadlines are the chain's, and this machine's clock may be wrong or be set while the
//! worker runs; so the time of the newest final block is taken, and carried on by a clock that only counts.

use std::{sync::Arc, time::Instant};

use parking_lot::Mutex;

use crate::store::Moment;

/// The chain's time. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ChainClock(Arc<Mutex<Option<Seen>>>);

#[derive(Clone, Copy, Debug)]
struct Seen {
    block_time: Moment,
    at: Instant,
}

impl ChainClock {
    /// The newest final block was made at `block_time`.
    pub fn seen(&self, block_time: Moment) {
        *self.0.lock() = Some(Seen { block_time, at: Instant::now() });
    }

    /// The time on the chain, a second or two late; this machine's when no chain has told.
    #[must_use]
    pub fn now(&self) -> Moment {
        let seen = *self.0.lock();
        seen.map_or_else(Moment::now, |seen| seen.block_time.after(seen.at.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_chains_time_counts_and_not_this_machines() {
        let clock = ChainClock::default();
        assert!(clock.now() >= Moment::now().before(Duration::from_secs(5)), "nobody has told another time yet");
        let an_hour_ago = Moment::now().before(Duration::from_secs(3_600));
        clock.clone().seen(an_hour_ago);
        assert!(clock.now() < an_hour_ago.after(Duration::from_secs(600)) && clock.now() >= an_hour_ago);
    }
}
