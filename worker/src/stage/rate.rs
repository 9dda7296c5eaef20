//! How quickly jobs are done, so that as many can be taken in hand.

use std::time::Duration;

use tokio::time;

/// How often the rate is measured by which jobs are done.
const MEASURED_EVERY: Duration = Duration::from_millis(50);

/// How many jobs are done in a time, by the last measurement.
pub(super) struct Rate {
    since: time::Instant,
    done: u32,
    per_second: f64,
}

impl Rate {
    pub(super) fn new() -> Self {
        Self { since: time::Instant::now(), done: 0, per_second: 0.0 }
    }

    pub(super) fn done(&mut self) {
        self.done = self.done.saturating_add(1);
    }

    pub(super) fn jobs_in(&mut self, time: Duration) -> usize {
        let passed = self.since.elapsed();
        if passed >= MEASURED_EVERY {
            self.per_second = f64::from(self.done) / passed.as_secs_f64();
            (self.since, self.done) = (time::Instant::now(), 0);
        }
        // Not negative, and far below what would be cut off.
        (self.per_second * time.as_secs_f64()) as usize
    }
}
