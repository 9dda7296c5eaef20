//! The store as the operator's commands open it: beside a worker that runs, and never a new one.

use std::path::PathBuf;

use anyhow::{Context, bail};

use crate::{
    chain::{Contract, Rpc},
    config::Config,
    identity::Identity,
    store::{Database, Store},
};

/// Which worker's store it is.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct StoreArgs {
    /// The worker's configuration file (TOML)
    #[arg(long, env = "OFFCHAINVM_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

/// A store, and the settings that led to it.
pub(super) struct Opened {
    pub(super) config: Config,
    pub(super) store: Store,
}

impl StoreArgs {
    /// The settings, without the store.
    ///
    /// # Errors
    /// When the configuration does not read.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        Ok(Config::read(self.config.as_deref())?)
    }

    /// Opens the store that the configuration names.
    ///
    /// # Errors
    /// When the configuration does not read, or when no worker has used that store yet.
    pub(super) async fn open(&self) -> anyhow::Result<Opened> {
        let config = self.config()?;
        let database = config.store.database();
        if let Database::Sqlite(path) = &database
            && !path.exists()
        {
            bail!(
                "there is no store at {}: no worker has run with this configuration (--config, or store.path)",
                path.display()
            );
        }
        let store = Store::open(database, Identity::new().name()).await?;
        Ok(Opened { config, store })
    }
}

impl Opened {
    /// The contract that the store's requests wait at.
    ///
    /// # Errors
    /// When the configuration does not name it.
    pub(super) fn contract(&self) -> anyhow::Result<Contract> {
        let id = self.config.contract_id().context("configuration")?;
        Ok(Contract::new(Rpc::new(&self.config.chain.rpc_urls)?, id.clone()))
    }
}
