//! Reading the chain: how far, how far behind, and from whom.

use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::{Metrics, measured, plain};

/// Somebody who is asked about the chain.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub struct Endpoint {
    kind: &'static str,
    endpoint: String,
}

impl Endpoint {
    /// An endpoint by what it is and by its name: host and port alone, since the rest of an address may hold a key.
    #[must_use]
    pub fn new(kind: &'static str, name: &str) -> Self {
        Self { kind, endpoint: name.to_owned() }
    }
}

#[derive(Debug)]
pub(super) struct Chain {
    height_read: Gauge,
    height_final: Gauge,
    lag_blocks: Gauge,
    lag_seconds: Gauge<f64, AtomicU64>,
    errors: Family<Endpoint, Counter>,
    usable: Family<Endpoint, Gauge>,
}

impl Chain {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            height_read: plain(
                registry,
                "block_height_read",
                "The height of the last block that this process has read",
                Gauge::default(),
            ),
            height_final: plain(
                registry,
                "block_height_final",
                "The height of the newest final block that a node has told of",
                Gauge::default(),
            ),
            lag_blocks: measured(
                registry,
                "block_lag",
                Unit::Other("blocks".to_owned()),
                "Final blocks that are still to be read",
                Gauge::default(),
            ),
            lag_seconds: measured(
                registry,
                "block_lag",
                Unit::Seconds,
                "How old the last block that was read is by now",
                Gauge::default(),
            ),
            errors: plain(
                registry,
                "endpoint_errors",
                "Questions that an endpoint, a node or a block source, failed to answer",
                Family::default(),
            ),
            usable: plain(
                registry,
                "endpoint_usable",
                "1 while the endpoint is used, 0 while it rests because it failed",
                Family::default(),
            ),
        }
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Metrics {
    /// Says how far the chain was read, and how old that block is.
    pub fn block_read(&self, height: u64, age: Duration) {
        self.inner.chain.height_read.set(signed(height));
        self.inner.chain.lag_seconds.set(age.as_secs_f64());
    }

    /// Says how far the chain has come, and how many blocks of it are still to be read.
    pub fn chain_head(&self, height: u64, lag_blocks: u64) {
        self.inner.chain.height_final.set(signed(height));
        self.inner.chain.lag_blocks.set(signed(lag_blocks));
    }

    /// Counts a question that an endpoint failed to answer.
    pub fn endpoint_failed(&self, endpoint: &Endpoint) {
        self.inner.chain.errors.get_or_create(endpoint).inc();
    }

    /// Says whether an endpoint is used.
    pub fn endpoint_usable(&self, endpoint: &Endpoint, usable: bool) {
        // So that the first failure is seen as a change, not as the beginning of a counter.
        drop(self.inner.chain.errors.get_or_create(endpoint));
        self.inner.chain.usable.get_or_create(endpoint).set(i64::from(usable));
    }
}
