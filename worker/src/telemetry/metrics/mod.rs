//! What the worker counts and measures, for Prometheus. The registry and every metric are behind one value that is
//! passed to whoever reports; `docs/METRICS.md` lists them, and a test compares the list with what is served.
//!
//! One file a subject: `requests`, `stages`, `builds`, `publishing`, `chain`, `process`. Names follow Prometheus'
//! conventions: the prefix of the product, base units in the name, `_total` on counters. Labels have few values, known
//! beforehand or from the configuration: never a request, an account or a repository.

mod builds;
mod chain;
mod process;
mod publishing;
mod requests;
mod stages;

use std::{fmt, sync::Arc, time::Duration};

use prometheus_client::{
    encoding::text,
    metrics::histogram::Histogram,
    registry::{Metric, Registry, Unit},
};

pub use builds::BuildOutcome;
pub use chain::Endpoint;
pub use publishing::TxFate;
pub use requests::SeenIn;
pub use stages::{Queue, Running, StageOutcome};

/// What all names begin with.
const PREFIX: &str = "offchainvm";

/// The content type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All of the worker's metrics. Cloning it is cheap; clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    registry: Registry,
    requests: requests::Requests,
    stages: stages::Stages,
    builds: builds::Builds,
    publishing: publishing::Publishing,
    chain: chain::Chain,
    process: process::Process,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics that nothing was reported to yet.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let requests = requests::Requests::register(&mut registry);
        let stages = stages::Stages::register(&mut registry);
        let builds = builds::Builds::register(&mut registry);
        let publishing = publishing::Publishing::register(&mut registry);
        let chain = chain::Chain::register(&mut registry);
        let process = process::Process::register(&mut registry);
        Self { inner: Arc::new(Inner { registry, requests, stages, builds, publishing, chain, process }) }
    }

    /// Everything as OpenMetrics text.
    ///
    /// # Errors
    /// [`fmt::Error`], which writing into memory does not raise.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.inner.registry)?;
        Ok(text)
    }
}

/// Registers a metric and gives it back.
fn plain<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

/// Registers a metric whose name ends with its unit and gives it back.
fn measured<M: Metric + Clone>(registry: &mut Registry, name: &str, unit: Unit, help: &str, metric: M) -> M {
    registry.register_with_unit(name, help, unit, metric.clone());
    metric
}

/// From a millisecond, a warm run, to ten minutes, a request's deadline.
fn seconds_of_work() -> Histogram {
    Histogram::new([
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
    ])
}

fn observe(histogram: &Histogram, duration: Duration) {
    histogram.observe(duration.as_secs_f64());
}

#[cfg(test)]
mod tests;
