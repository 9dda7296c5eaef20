//! Several endpoints that answer the same questions, and how each of them does.

use std::{
    error::Error,
    fmt::Display,
    sync::{Arc, OnceLock},
    time::Instant,
};

use parking_lot::Mutex;
use tracing::{debug, info, warn};
use url::Url;

use super::health::{Condition, Health};
use crate::telemetry::{Endpoint, Metrics};

/// Endpoints that are as good as each other. Cloning shares what is known of them.
#[derive(Debug)]
pub struct Endpoints<T> {
    shared: Arc<Shared<T>>,
}

#[derive(Debug)]
struct Shared<T> {
    kind: &'static str,
    members: Vec<(String, T)>,
    health: Mutex<Health>,
    metrics: OnceLock<Metrics>,
}

/// One question on its way through the endpoints. What comes back must be told to [`Round::worked`] or
/// [`Round::failed`]; an answer that says nothing about the endpoint may go untold.
#[derive(Debug)]
pub struct Round<'a, T> {
    endpoints: &'a Shared<T>,
    asked: Vec<usize>,
}

/// How an endpoint does, with its name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EndpointState {
    /// Host and port: what comes after them in a URL may be a key.
    pub name: String,
    /// How it does.
    pub condition: Condition,
}

/// The part of a URL that may be shown: host and port.
#[must_use]
pub fn name_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Why an HTTP request failed, down to the cause, without its URL: that may hold a key.
#[must_use]
pub fn http_reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl<T> Clone for Endpoints<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T> Endpoints<T> {
    /// Endpoints by name, the preferred one first. `kind` is what the log calls one of them.
    #[must_use]
    pub fn new(kind: &'static str, members: Vec<(String, T)>) -> Self {
        let health = Mutex::new(Health::of(members.len()));
        Self { shared: Arc::new(Shared { kind, members, health, metrics: OnceLock::new() }) }
    }

    /// Counts failures there from now on; the first call decides.
    pub fn report_to(&self, metrics: &Metrics) {
        let _ = self.shared.metrics.set(metrics.clone());
        for (name, _) in &self.shared.members {
            metrics.endpoint_usable(&Endpoint::new(self.shared.kind, name), true);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.members.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.members.is_empty()
    }

    /// Begins a question.
    #[must_use]
    pub fn round(&self) -> Round<'_, T> {
        Round { endpoints: &self.shared, asked: Vec::new() }
    }

    /// How each of them does, in the order of preference.
    #[must_use]
    pub fn states(&self) -> Vec<EndpointState> {
        let conditions = self.shared.health.lock().conditions(Instant::now());
        let names = self.shared.members.iter().map(|(name, _)| name.clone());
        names.zip(conditions).map(|(name, condition)| EndpointState { name, condition }).collect()
    }

    /// Notes a fault of an endpoint that came to light after its answer was taken.
    pub fn blame(&self, index: usize, reason: &dyn Display) {
        self.shared.failed(index, reason);
    }
}

impl<'a, T> Round<'a, T> {
    /// The next endpoint to ask; [`None`] when there is none left for this question.
    #[expect(clippy::should_implement_trait, reason = "what was asked must be told about before the next one is asked")]
    pub fn next(&mut self) -> Option<&'a T> {
        let index = self.endpoints.health.lock().choose(&self.asked, Instant::now())?;
        self.asked.push(index);
        self.endpoints.members.get(index).map(|(_, member)| member)
    }

    /// Which endpoint was asked last, by its place.
    #[must_use]
    pub fn index(&self) -> usize {
        self.asked.last().copied().unwrap_or_default()
    }

    /// The endpoint that was asked last answered as it should.
    pub fn worked(&self) {
        let index = self.index();
        let failures = self.endpoints.health.lock().worked(index);
        if failures > 0 {
            let (kind, endpoint) = (self.endpoints.kind, self.endpoints.name(index));
            if let Some(metrics) = self.endpoints.metrics.get() {
                metrics.endpoint_usable(&Endpoint::new(kind, endpoint), true);
            }
            info!(event = "endpoint.recovered", kind, endpoint, failures, "an endpoint answers again");
        }
    }

    /// The endpoint that was asked last did not answer as it should.
    pub fn failed(&self, reason: &dyn Display) {
        self.endpoints.failed(self.index(), reason);
    }
}

impl<T> Shared<T> {
    fn name(&self, index: usize) -> &str {
        self.members.get(index).map_or("", |(name, _)| name)
    }

    fn failed(&self, index: usize, reason: &dyn Display) {
        let failures = self.health.lock().failed(index, reason.to_string(), Instant::now(), rand::random());
        let (kind, endpoint) = (self.kind, self.name(index));
        if let Some(metrics) = self.metrics.get() {
            let label = Endpoint::new(kind, endpoint);
            metrics.endpoint_failed(&label);
            metrics.endpoint_usable(&label, false);
        }
        // Once is news; that it goes on is in the endpoint's state, and in the log of who asked for it.
        if failures == 1 {
            warn!(event = "endpoint.failed", kind, endpoint, %reason, "an endpoint failed and rests");
        } else {
            debug!(event = "endpoint.failed", kind, endpoint, %reason, failures, "an endpoint failed again");
        }
    }
}
