//! Requests: how many came, how they ended, how long that took.

use std::time::Duration;

use offchainvm_interface::FailureCode;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::{Metrics, measured, observe, plain, seconds_of_work};
use crate::job::Ending;

/// The code of a request that did not fail.
const SUCCESS: &str = "success";

/// Where a request was first seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SeenIn {
    /// In the events of a block.
    Block,
    /// In the contract's list of what waits.
    Pending,
}

impl SeenIn {
    /// The place's stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Pending => "list_pending",
        }
    }
}

#[derive(Debug)]
pub(super) struct Requests {
    taken: Family<TakenLabels, Counter>,
    closed: Family<ClosedLabels, Counter>,
    reopened: Family<EndingLabels, Counter>,
    duration: Family<EndingLabels, Histogram>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct TakenLabels {
    seen_in: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ClosedLabels {
    ending: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct EndingLabels {
    ending: &'static str,
}

impl Requests {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let by_ending = Family::new_with_constructor(seconds_of_work as fn() -> Histogram);
        Self {
            taken: plain(
                registry,
                "requests_taken",
                "Requests taken in from the chain, by where they were first seen: block or list_pending",
                Family::default(),
            ),
            closed: plain(
                registry,
                "requests_closed",
                "Requests that are over, by ending and by the failure code of their answer, or success",
                Family::default(),
            ),
            reopened: plain(
                registry,
                "requests_reopened",
                "Requests that were held as over and taken up again because the chain waited for them, by ending",
                Family::default(),
            ),
            duration: measured(
                registry,
                "request_duration",
                Unit::Seconds,
                "From taking a request in to its end",
                by_ending,
            ),
        }
    }
}

impl Metrics {
    /// Counts requests that were taken in.
    pub fn requests_taken(&self, count: usize, seen_in: SeenIn) {
        let seen_in = seen_in.as_str();
        self.inner.requests.taken.get_or_create(&TakenLabels { seen_in }).inc_by(count as u64);
    }

    /// Counts a request that is taken up again after this ending.
    pub fn request_reopened(&self, ending: Ending) {
        self.inner.requests.reopened.get_or_create(&EndingLabels { ending: ending.as_str() }).inc();
    }

    /// Counts a request that is over, `age` after it was taken in. `code` is that of the answer that was, or was to be,
    /// given; [`None`] for a success or when there was none.
    pub fn request_closed(&self, ending: Ending, code: Option<FailureCode>, age: Duration) {
        let (ending, code) = (ending.as_str(), code.map_or(SUCCESS, FailureCode::as_str));
        self.inner.requests.closed.get_or_create(&ClosedLabels { ending, code }).inc();
        observe(&self.inner.requests.duration.get_or_create(&EndingLabels { ending }), age);
    }
}
