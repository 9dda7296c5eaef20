//! Values that make no sense, found before anything starts.

use near_account_id::AccountId;
use offchainvm_interface::calls::MAX_BATCH;

use super::{Config, RetrySection};
use crate::chain::{KeySource, LaneKeyError, LaneKeys, OperatorSigner, SignerError};

/// A setting whose value makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{setting} {problem}")]
pub struct Problem {
    setting: &'static str,
    problem: String,
}

/// There is no usable key.
#[derive(Debug, thiserror::Error)]
pub enum SignerProblem {
    /// The settings do not lead to one.
    #[error("configuration: {0}")]
    Setting(#[from] Problem),
    /// It does not read.
    #[error(transparent)]
    Key(#[from] SignerError),
    /// A lane key does not.
    #[error(transparent)]
    LaneKey(#[from] LaneKeyError),
}

impl Config {
    /// The contract to serve.
    ///
    /// # Errors
    /// [`Problem`] when it was not set.
    pub fn contract_id(&self) -> Result<&AccountId, Problem> {
        self.chain.contract_id.as_ref().ok_or_else(|| missing("chain.contract_id"))
    }

    /// Where the operator's key comes from.
    ///
    /// # Errors
    /// [`Problem`] when there is none, or when there are two.
    pub fn key_source(&self) -> Result<KeySource, Problem> {
        let operator = &self.operator;
        match (&operator.key_file, &operator.private_key) {
            (Some(path), None) => Ok(KeySource::File(path.clone())),
            (None, Some(key)) => {
                let account_id = operator.account_id.clone().ok_or_else(|| missing("operator.account_id"))?;
                Ok(KeySource::Given { account_id, private_key: key.clone() })
            }
            (None, None) => Err(missing("operator.key_file")),
            (Some(_), Some(_)) => {
                let problem = "and operator.private_key are both set; one of them must go".to_owned();
                Err(Problem { setting: "operator.key_file", problem })
            }
        }
    }

    /// Reads the operator's key.
    ///
    /// # Errors
    /// [`SignerProblem`] when there is none, or when it is another account's than `operator.account_id` says.
    pub fn signer(&self) -> Result<OperatorSigner, SignerProblem> {
        let signer = OperatorSigner::load(&self.key_source()?)?;
        match &self.operator.account_id {
            Some(expected) if expected != signer.account_id() => {
                let problem = format!("is {expected}, but the key is {}'s", signer.account_id());
                Err(Problem { setting: "operator.account_id", problem }.into())
            }
            _ => Ok(signer),
        }
    }

    /// The folder of the operator's further keys.
    #[must_use]
    pub fn lane_keys(&self) -> LaneKeys {
        LaneKeys::new(self.operator.lane_keys.clone().unwrap_or_else(|| self.store.path.join("lane-keys")))
    }

    /// Reads all keys that answers may leave on: the operator's own, then those of the lanes, by their files' names.
    ///
    /// # Errors
    /// [`SignerProblem`] when one of them does not read or is another account's.
    pub fn signers(&self) -> Result<Vec<OperatorSigner>, SignerProblem> {
        let main = self.signer()?;
        let lanes = self.lane_keys().read(main.account_id())?;
        // The main key's file may well lie among them.
        let key = main.public_key();
        let others = lanes.into_iter().map(|lane| lane.signer).filter(|signer| signer.public_key() != key);
        Ok([main].into_iter().chain(others).collect())
    }

    /// Finds the first value that makes no sense.
    pub(super) fn check(&self) -> Result<(), Problem> {
        self.contract_id()?;
        if self.chain.rpc_urls.is_empty() {
            return Err(Problem { setting: "chain.rpc_urls", problem: "must name at least one node".to_owned() });
        }
        let addresses = [("chain.rpc_urls", &self.chain.rpc_urls), ("chain.block_sources", &self.chain.block_sources)];
        for (setting, url) in addresses.into_iter().flat_map(|(name, urls)| urls.iter().map(move |url| (name, url))) {
            if !matches!(url.scheme(), "http" | "https") {
                let problem = format!("begins with {}:, but must begin with http:// or https://", url.scheme());
                return Err(Problem { setting, problem });
            }
        }
        self.key_source()?;
        let at_least_one = [
            ("ingest.reconcile_seconds", self.ingest.reconcile_seconds),
            ("ingest.poll_ms", self.ingest.poll_ms),
            ("api.ready_max_silence_seconds", self.api.ready_max_silence_seconds),
            ("api.chain_probe_seconds", self.api.chain_probe_seconds),
            ("publish.in_flight", self.publish.in_flight as u64),
            ("publish.max_batch", self.publish.max_batch as u64),
            ("publish.confirm_seconds", self.publish.confirm_seconds),
            ("stages.lease_seconds", self.stages.lease_seconds),
            ("stages.poll_ms", self.stages.poll_ms),
        ];
        if let Some((setting, _)) = at_least_one.into_iter().find(|(_, value)| *value == 0) {
            return Err(Problem { setting, problem: "is 0, but must be at least 1".to_owned() });
        }
        if self.publish.max_batch > MAX_BATCH {
            let problem = format!("is {}, but the contract takes at most {MAX_BATCH}", self.publish.max_batch);
            return Err(Problem { setting: "publish.max_batch", problem });
        }
        if !(0.0..=1e9).contains(&self.publish.low_balance_near) {
            let problem = format!("is {}, but must be between 0 and 1000000000", self.publish.low_balance_near);
            return Err(Problem { setting: "publish.low_balance_near", problem });
        }
        if let Some(url) = &self.store.database_url
            && !matches!(url.scheme(), "postgres" | "postgresql")
        {
            let problem =
                format!("begins with {}://, but must be postgres://user:password@host/database", url.scheme());
            return Err(Problem { setting: "store.database_url", problem });
        }
        let sections = [
            (
                [
                    "retry.build.base_delay_secs",
                    "retry.build.multiplier",
                    "retry.build.max_delay_secs",
                    "retry.build.jitter",
                ],
                &self.retry.build,
            ),
            (
                [
                    "retry.execute.base_delay_secs",
                    "retry.execute.multiplier",
                    "retry.execute.max_delay_secs",
                    "retry.execute.jitter",
                ],
                &self.retry.execute,
            ),
            (
                [
                    "retry.publish.base_delay_secs",
                    "retry.publish.multiplier",
                    "retry.publish.max_delay_secs",
                    "retry.publish.jitter",
                ],
                &self.retry.publish,
            ),
        ];
        sections.into_iter().try_for_each(|(settings, section)| check_retry(settings, section))
    }
}

/// The ranges of a stage's retry policy; `settings` are the names of its four numbers.
fn check_retry(settings: [&'static str; 4], section: &RetrySection) -> Result<(), Problem> {
    let values = [section.base_delay_secs, section.multiplier, section.max_delay_secs, section.jitter];
    let ranges = [(0.0, 3_600.0), (1.0, 100.0), (0.0, 3_600.0), (0.0, 1.0)];
    let outside =
        settings.into_iter().zip(values).zip(ranges).find(|((_, value), (low, high))| !(*low..=*high).contains(value));
    match outside {
        Some(((setting, value), (low, high))) => {
            Err(Problem { setting, problem: format!("is {value}, but must be between {low} and {high}") })
        }
        None => Ok(()),
    }
}

fn missing(setting: &'static str) -> Problem {
    let variable = setting.replace('.', "__").to_uppercase();
    let problem = format!("must be set, in the file or as {}{variable}", super::ENV_PREFIX);
    Problem { setting, problem }
}
