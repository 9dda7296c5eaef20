//! The stages: what waits for them, how long it waits, how long the work takes.

use std::{
    sync::atomic::AtomicU64,
    time::{Duration, Instant},
};

use offchainvm_interface::FailureCode;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::{Metrics, measured, observe, plain, seconds_of_work};
use crate::job::Stage;

/// What came of one piece of work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StageOutcome {
    /// The stage did its part; a program that failed has run, too.
    Done,
    /// Something failed, to be tried again or not.
    Failed,
    /// Put back without having failed.
    NotYet,
    /// The job was over, or somebody else's by then.
    Void,
}

impl StageOutcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::NotYet => "not_yet",
            Self::Void => "void",
        }
    }
}

/// What one stage has before it, in the whole store.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Queue {
    /// Jobs that wait for the stage.
    pub waiting: u64,
    /// Jobs that somebody works on.
    pub running: u64,
    /// How long ago the oldest of both was taken in.
    pub oldest: Option<Duration>,
}

#[derive(Debug)]
pub(super) struct Stages {
    wait: Family<StageLabels, Histogram>,
    work: Family<WorkLabels, Histogram>,
    running: Family<StageLabels, Gauge>,
    retries: Family<RetryLabels, Counter>,
    queued: Family<QueueLabels, Gauge>,
    oldest: Family<StageLabels, Gauge<f64, AtomicU64>>,
    paused: Gauge<f64, AtomicU64>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct StageLabels {
    stage: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct WorkLabels {
    stage: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RetryLabels {
    stage: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct QueueLabels {
    stage: &'static str,
    state: &'static str,
}

impl Stages {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            wait: measured(
                registry,
                "stage_wait_duration",
                Unit::Seconds,
                "From the moment a job was ready for the stage to the moment a worker took it",
                Family::new_with_constructor(seconds_of_work as fn() -> Histogram),
            ),
            work: measured(
                registry,
                "stage_work_duration",
                Unit::Seconds,
                "From taking a job to recording what came of it: done, failed, not_yet or void",
                Family::new_with_constructor(seconds_of_work as fn() -> Histogram),
            ),
            running: plain(registry, "jobs_running", "Jobs that this process works on", Family::default()),
            retries: plain(
                registry,
                "retries",
                "Pieces of work that failed and are tried again, by failure code",
                Family::default(),
            ),
            queued: plain(
                registry,
                "queue_jobs",
                "Open jobs of the whole store by stage, waiting or running; the same in every process that shares it",
                Family::default(),
            ),
            oldest: measured(
                registry,
                "queue_oldest_age",
                Unit::Seconds,
                "How long ago the stage's oldest open job was taken in, in the whole store; 0 when there is none",
                Family::default(),
            ),
            paused: plain(
                registry,
                "paused",
                "1 while an operator has paused building and running, in the whole store; NaN when it is not known",
                Gauge::default(),
            ),
        }
    }
}

/// A job at work in this process. Dropping it says that the work has ended.
#[derive(Debug)]
#[must_use = "the job counts as running for as long as this is kept"]
pub struct Running {
    metrics: Metrics,
    stage: Stage,
    begun: Instant,
}

impl Running {
    /// Says what came of the work; its duration ends here.
    pub fn finished(self, outcome: StageOutcome) {
        let labels = WorkLabels { stage: self.stage.as_str(), outcome: outcome.as_str() };
        observe(&self.metrics.inner.stages.work.get_or_create(&labels), self.begun.elapsed());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.metrics.inner.stages.running.get_or_create(&StageLabels { stage: self.stage.as_str() }).dec();
    }
}

impl Metrics {
    /// Says that this process begins to work on a job of the stage, `waited` after it was ready.
    pub fn stage_began(&self, stage: Stage, waited: Duration) -> Running {
        let labels = StageLabels { stage: stage.as_str() };
        observe(&self.inner.stages.wait.get_or_create(&labels), waited);
        self.inner.stages.running.get_or_create(&labels).inc();
        Running { metrics: self.clone(), stage, begun: Instant::now() }
    }

    /// Counts a piece of work that failed and is tried again.
    pub fn retried(&self, stage: Stage, code: FailureCode) {
        let labels = RetryLabels { stage: stage.as_str(), code: code.as_str() };
        self.inner.stages.retries.get_or_create(&labels).inc();
    }

    /// Says what the store holds for the stage.
    pub fn queue(&self, stage: Stage, queue: Queue) {
        let (stages, stage) = (&self.inner.stages, stage.as_str());
        for (state, jobs) in [("waiting", queue.waiting), ("running", queue.running)] {
            stages.queued.get_or_create(&QueueLabels { stage, state }).set(i64::try_from(jobs).unwrap_or(i64::MAX));
        }
        stages.oldest.get_or_create(&StageLabels { stage }).set(queue.oldest.unwrap_or_default().as_secs_f64());
    }

    /// Says whether building and running are paused.
    pub fn paused(&self, paused: bool) {
        self.inner.stages.paused.set(f64::from(u8::from(paused)));
    }

    /// Forgets what the store holds: it cannot be asked, and an old number would be taken for a new one.
    pub fn store_unknown(&self) {
        self.inner.stages.queued.clear();
        self.inner.stages.oldest.clear();
        self.inner.stages.paused.set(f64::NAN);
    }
}
