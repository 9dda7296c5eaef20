//! Section `[api]`.

use std::{net::SocketAddr, time::Duration};

use serde::Deserialize;

use crate::telemetry::Expectations;

/// Section `[api]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiConfig {
    /// Where to listen; [`None`] to answer nobody.
    #[serde(deserialize_with = "crate::config::unless_empty")]
    pub listen: Option<SocketAddr>,
    /// Final blocks that may be unread while the worker counts as ready.
    pub ready_max_lag_blocks: u64,
    /// Seconds that the chain may be silent while the worker counts as ready.
    pub ready_max_silence_seconds: u64,
    /// Seconds between two questions to the chain how far it is.
    pub chain_probe_seconds: u64,
}

impl ApiConfig {
    /// What the worker must have in order to be ready.
    #[must_use]
    pub fn expectations(&self) -> Expectations {
        Expectations {
            max_lag_blocks: self.ready_max_lag_blocks,
            max_silence: Duration::from_secs(self.ready_max_silence_seconds),
        }
    }
}
