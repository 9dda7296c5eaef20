//! The process itself: its loops, its store, its version.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use super::{Metrics, measured, observe, plain};

#[derive(Debug)]
pub(super) struct Process {
    loop_restarts: Family<LoopLabels, Counter>,
    commit_duration: Histogram,
    commit_changes: Histogram,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct LoopLabels {
    task: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct VersionLabels {
    version: &'static str,
}

impl Process {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let version = VersionLabels { version: env!("CARGO_PKG_VERSION") };
        registry.register("worker", "The worker that serves this", Info::new(version));
        Self {
            loop_restarts: plain(
                registry,
                "loop_restarts",
                "Loops of the worker that failed and were started again",
                Family::default(),
            ),
            commit_duration: measured(
                registry,
                "store_commit_duration",
                Unit::Seconds,
                "How long the store took to make a group of changes durable",
                Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0]),
            ),
            commit_changes: plain(
                registry,
                "store_commit_changes",
                "Changes that were made durable together",
                Histogram::new([1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0]),
            ),
        }
    }
}

impl Metrics {
    /// Says that there is a loop: its restarts are served as 0 before the first one.
    pub fn loop_known(&self, task: &'static str) {
        drop(self.inner.process.loop_restarts.get_or_create(&LoopLabels { task }));
    }

    /// Counts a loop that failed and is started again.
    pub fn loop_restarted(&self, task: &'static str) {
        self.inner.process.loop_restarts.get_or_create(&LoopLabels { task }).inc();
    }

    /// Counts a commit of the store that held `changes` changes.
    pub fn store_committed(&self, changes: usize, took: Duration) {
        self.inner.process.commit_changes.observe(changes as f64);
        observe(&self.inner.process.commit_duration, took);
    }
}
