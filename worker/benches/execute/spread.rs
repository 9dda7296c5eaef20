//! Times of the same work, done again and again.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::Result;

/// How long the work took each time.
pub fn timed(times: usize, mut work: impl FnMut() -> Result<()>) -> Result<Vec<Duration>> {
    let once = |_| {
        let begin = Instant::now();
        work().map(|()| begin.elapsed())
    };
    (0..times).map(once).collect()
}

/// The least, the median and the 99th percentile, in microseconds.
pub struct Spread {
    pub least: f64,
    pub median: f64,
    p99: f64,
}

impl Spread {
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |part: f64| {
            let index = ((times.len() as f64 * part) as usize).min(times.len().saturating_sub(1));
            times.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
        };
        Self { least: at(0.0), median: at(0.5), p99: at(0.99) }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:8.1} µs median, {:.1} µs p99", self.median, self.p99)
    }
}
