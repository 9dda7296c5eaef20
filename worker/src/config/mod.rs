//! What the operator decides: a commented default that is compiled in, then a file, then the environment.

mod check;
mod fault;
mod sections;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use figment::{
    Figment,
    providers::{Env, Format, Toml},
};
use serde::Deserialize;

use crate::{api::ApiConfig, build::BuildConfig, execute::ExecuteConfig, store::BlobsConfig};

pub use check::{Problem, SignerProblem};
pub(crate) use sections::unless_empty;
pub use sections::{
    ChainConfig, IngestConfig, LogConfig, LogFormat, OperatorConfig, PublishConfig, RetryConfig, RetrySection,
    StagesConfig, StoreConfig,
};

/// The default file, as it stands in the source.
pub const DEFAULT_TOML: &str = include_str!("default.toml");
/// What the names of environment variables begin with; two underscores part section and setting.
pub const ENV_PREFIX: &str = "OFFCHAINVM_";
/// Variables with the prefix that are the command line's, not settings.
const NOT_SETTINGS: &[&str] = &["config"];

/// All settings of the worker.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The chain and the contract.
    pub chain: ChainConfig,
    /// Who signs.
    pub operator: OperatorConfig,
    /// Where things are kept.
    pub store: StoreConfig,
    /// Where programs are kept for all workers.
    #[serde(default)]
    pub blobs: BlobsConfig,
    /// Reading the chain.
    pub ingest: IngestConfig,
    /// Building.
    #[serde(default)]
    pub build: BuildConfig,
    /// Running.
    #[serde(default)]
    pub execute: ExecuteConfig,
    /// Answering.
    pub publish: PublishConfig,
    /// The window for whoever watches.
    pub api: ApiConfig,
    /// Leases, polling and stopping.
    pub stages: StagesConfig,
    /// Trying again.
    pub retry: RetryConfig,
    /// Logging.
    pub log: LogConfig,
}

/// The settings cannot be used. The message names the setting and where it was set.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read: {source}; --config or OFFCHAINVM_CONFIG names it", path.display())]
    File {
        /// Its name.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A setting is unknown, missing or of the wrong type.
    #[error("configuration: {0}")]
    Setting(String),
    /// A setting has a value that makes no sense.
    #[error("configuration: {0}")]
    Value(#[from] Problem),
}

impl Config {
    /// Reads the settings: the defaults, then `file`, then the environment.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let config = Self::read(file)?;
        config.check()?;
        Ok(config)
    }

    /// Reads the settings without checking that a worker could run with them: for commands that need only some.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting.
    pub fn read(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut figment = Figment::from(Toml::string(DEFAULT_TOML));
        if let Some(path) = file {
            fs::read(path).map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
            figment = figment.merge(Toml::file_exact(path));
        }
        figment = figment.merge(Env::prefixed(ENV_PREFIX).ignore(NOT_SETTINGS).split("__"));
        figment.extract().map_err(|error| ConfigError::Setting(fault::in_words(&error)))
    }
}

#[cfg(test)]
mod tests;
