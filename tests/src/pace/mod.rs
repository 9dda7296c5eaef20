//! How quickly a worker reads, runs and answers on a chain with real blocks: `scripts/bench chain` measures it;
//! and how quickly one that was away reads what it missed: `scripts/bench catchup`.

mod catchup;
mod fetch;
mod lanes;
mod latency;
mod recording;
mod scene;
mod shelf;

pub use catchup::{Absence, Answers, Catchup};
pub use lanes::{Throughput, throughput};
pub use latency::{Latency, latency};

use std::time::Duration;

/// The pace of the public chain.
pub const BLOCK_TIME: Duration = Duration::from_millis(600);
