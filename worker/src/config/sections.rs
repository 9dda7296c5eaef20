//! The sections of the configuration that belong to no stage of their own.

use std::{fmt, path::PathBuf, time::Duration};

use near_account_id::AccountId;
use near_token::NearToken;
use serde::{Deserialize, Deserializer, de};
use url::Url;

use crate::{
    chain::Secret,
    job::{RetryPolicy, Stage},
    store::Database,
};

/// Section `[chain]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainConfig {
    /// Nodes' JSON-RPC, the preferred one first.
    pub rpc_urls: Vec<Url>,
    /// Blocks by height, the preferred source first; none means that the nodes alone must do.
    pub block_sources: Vec<Url>,
    /// The contract; [`None`] when it was not set.
    #[serde(deserialize_with = "unless_empty")]
    pub contract_id: Option<AccountId>,
}

/// Section `[operator]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorConfig {
    /// A near-cli key file.
    #[serde(deserialize_with = "unless_empty")]
    pub key_file: Option<PathBuf>,
    /// The account of `private_key`.
    #[serde(deserialize_with = "unless_empty")]
    pub account_id: Option<AccountId>,
    /// The key itself.
    #[serde(deserialize_with = "unless_empty")]
    pub private_key: Option<Secret>,
    /// The folder of further keys; [`None`] means the one in the store's folder.
    #[serde(deserialize_with = "unless_empty")]
    pub lane_keys: Option<PathBuf>,
}

/// Section `[store]`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// The folder for all that the worker keeps.
    pub path: PathBuf,
    /// A PostgreSQL server for the job store; [`None`] for a file in the folder.
    #[serde(deserialize_with = "unless_empty")]
    pub database_url: Option<Url>,
}

/// Never a database's password.
impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path.display(), self.database())
    }
}

impl StoreConfig {
    /// The job store.
    #[must_use]
    pub fn database(&self) -> Database {
        match &self.database_url {
            Some(url) => Database::Postgres(url.clone()),
            None => Database::Sqlite(self.path.join("worker.sqlite")),
        }
    }

    /// The folder of blobs, unless the settings name another place for them.
    #[must_use]
    pub fn blobs_dir(&self) -> PathBuf {
        self.path.join("blobs")
    }

    /// The build stage's own folder.
    #[must_use]
    pub fn build_dir(&self) -> PathBuf {
        self.path.join("build")
    }

    /// Where the workers of this folder show that they live.
    #[must_use]
    pub fn presence_dir(&self) -> PathBuf {
        self.path.join("presence")
    }

    /// The execute stage's own folder.
    #[must_use]
    pub fn execute_dir(&self) -> PathBuf {
        self.path.join("execute")
    }
}

/// Section `[ingest]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IngestConfig {
    /// Seconds between two reconciliations.
    pub reconcile_seconds: u64,
    /// Milliseconds between two questions for a block that is not there yet.
    pub poll_ms: u64,
    /// More missed blocks than this are skipped.
    pub max_blocks_behind: u64,
}

/// Section `[publish]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishConfig {
    /// How many answers are in hand at the same time, on their way or waiting for a lane.
    pub in_flight: usize,
    /// The most answers in one transaction.
    pub max_batch: usize,
    /// Seconds to wait for a sent transaction.
    pub confirm_seconds: u64,
    /// Below this the operator's balance is warned of, in NEAR.
    pub low_balance_near: f64,
}

impl PublishConfig {
    /// Below this the operator's balance is warned of, to the thousandth of a NEAR.
    #[must_use]
    pub fn low_balance(&self) -> NearToken {
        NearToken::from_millinear((self.low_balance_near.max(0.0) * 1_000.0) as u128)
    }
}

/// Section `[stages]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StagesConfig {
    /// Seconds of a lease.
    pub lease_seconds: u64,
    /// Milliseconds between two looks without a wake-up.
    pub poll_ms: u64,
    /// Seconds before its deadline by which a job must have its outcome.
    pub reserve_seconds: u64,
    /// Seconds that work has to finish when the worker stops.
    pub drain_seconds: u64,
}

/// Section `[retry]`: a policy for each stage.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryConfig {
    /// Building.
    pub build: RetrySection,
    /// Running.
    pub execute: RetrySection,
    /// Publishing.
    pub publish: RetrySection,
}

/// Sections `[retry.build]`, `[retry.execute]`, `[retry.publish]`: see [`RetryPolicy`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetrySection {
    /// Retries after the first attempt.
    pub max_retries: u32,
    /// Seconds before the first.
    pub base_delay_secs: f64,
    /// Growth.
    pub multiplier: f64,
    /// The longest wait in seconds.
    pub max_delay_secs: f64,
    /// Part of a wait that is random.
    pub jitter: f64,
}

impl RetryConfig {
    /// The policy of a stage.
    #[must_use]
    pub fn of(&self, stage: Stage) -> RetryPolicy {
        let section = match stage {
            Stage::Build => &self.build,
            Stage::Execute => &self.execute,
            Stage::Publish => &self.publish,
        };
        let seconds = |value: f64| Duration::try_from_secs_f64(value).unwrap_or_default();
        RetryPolicy {
            max_retries: section.max_retries,
            base: seconds(section.base_delay_secs),
            multiplier: section.multiplier,
            cap: seconds(section.max_delay_secs),
            jitter: section.jitter,
        }
    }
}

/// Section `[log]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// For people or for machines.
    pub format: LogFormat,
    /// What is logged.
    pub filter: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A sentence and its fields.
    Text,
    /// One JSON object a line.
    Json,
}

/// The default file shows every setting, those without a default as an empty string.
pub(crate) fn unless_empty<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: std::str::FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(de::Error::custom)
}
