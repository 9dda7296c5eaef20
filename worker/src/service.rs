//! The whole worker on one page: open everything, run the loops, stop in two phases.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use offchainvm_interface::views::Config as ContractConfig;
use tokio::{task::JoinSet, time::timeout};
use tracing::{info, warn};

use crate::{
    build::{BuildSetupError, Builder},
    chain::{Contract, OperatorSigner, Rpc, RpcError},
    config::{Config, Problem, SignerProblem},
    execute::{ExecuteSetupError, Executor},
    identity::Identity,
    ingest::{BlockSource, Ingest, SourceError},
    job::RetryPolicy,
    publish::{Publish, ResultCap},
    stage::{self, Pace, Stop},
    stages::{BuildWork, ExecuteWork},
    store::{Store, StoreError},
    supervisor::supervise,
};

/// How long work that was told to stop at once may take for that.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Why the worker does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A setting makes no sense.
    #[error("configuration: {0}")]
    Config(#[from] Problem),
    /// There is no key.
    #[error(transparent)]
    Signer(#[from] SignerProblem),
    /// The chain cannot be asked.
    #[error("the chain: {0}")]
    Chain(#[from] RpcError),
    /// There is no block source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The account may not answer requests.
    #[error("{account} is not an operator of {contract}; its operators are: {operators}")]
    NotOperator {
        /// The signer's account.
        account: String,
        /// The contract.
        contract: String,
        /// Who may.
        operators: String,
    },
    /// The data folder cannot be used.
    #[error("the data folder {} cannot be used: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This machine cannot build.
    #[error(transparent)]
    Build(#[from] BuildSetupError),
    /// This machine cannot run programs.
    #[error(transparent)]
    Execute(#[from] ExecuteSetupError),
    /// A task of the start panicked.
    #[error("starting: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// A worker with everything open, before its loops run.
pub struct Service {
    ingest: Arc<Ingest>,
    build: Arc<BuildWork>,
    execute: Arc<ExecuteWork>,
    publish: Arc<Publish>,
    store: Store,
    config: Config,
    summary: Summary,
}

/// What the operator should see at the start.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The network.
    pub chain_id: String,
    /// The contract, and its own settings.
    pub contract: (String, ContractConfig),
    /// Who signs.
    pub signer: OperatorSigner,
}

impl Summary {
    /// Asks the chain whether this worker may serve this contract.
    ///
    /// # Errors
    /// [`ServiceError`] says what is missing.
    pub async fn check(config: &Config) -> Result<(Self, Contract), ServiceError> {
        let signer = config.signer()?;
        let contract = Contract::new(Rpc::new(&config.chain.rpc_url)?, config.contract_id()?.clone());
        let chain_id = contract.rpc().chain_id().await?;
        let settings = contract.config().await?;
        if !settings.operators.contains(signer.account_id()) {
            let operators: Vec<&str> = settings.operators.iter().map(|account| account.as_str()).collect();
            return Err(ServiceError::NotOperator {
                account: signer.account_id().to_string(),
                contract: contract.id().to_string(),
                operators: operators.join(", "),
            });
        }
        contract.rpc().access_key(signer.account_id(), &signer.public_key()).await?;
        Ok((Self { chain_id, contract: (contract.id().to_string(), settings), signer }, contract))
    }
}

impl Service {
    /// Opens the store, checks the chain, and prepares to build and to run. Nothing is taken yet.
    ///
    /// # Errors
    /// [`ServiceError`] says what is missing.
    pub async fn open(config: Config) -> Result<Self, ServiceError> {
        let (summary, contract) = Summary::check(&config).await?;
        let folder = &config.store.path;
        std::fs::create_dir_all(folder).map_err(|source| ServiceError::Folder { path: folder.clone(), source })?;
        let identity = Identity::own();
        let store = Store::open(&config.store.database(), &identity.name()).await?;
        store.belongs_to(&summary.chain_id, contract.id().as_str()).await?;
        let taken_over = store.expire_leases(|name| identity.knows_gone(name)).await?;
        if taken_over > 0 {
            info!(event = "worker.recovered", jobs = taken_over, "jobs that the last run left unfinished go on");
        }

        let retry = RetryPolicy::from(&config.retry);
        let (build_config, build_dir) = (config.build.clone(), config.store.build_dir());
        let builder = tokio::task::spawn_blocking(move || Builder::new(build_config, &build_dir)).await??;
        let (execute_config, execute_dir) = (config.execute.clone(), config.store.execute_dir());
        let executor = tokio::task::spawn_blocking(move || Executor::new(&execute_config, &execute_dir)).await??;

        let settings = &summary.contract.1;
        let ingest = Ingest {
            contract: contract.clone(),
            source: BlockSource::new(&config.chain.block_source_url)?,
            store: store.clone(),
            config: config.ingest.clone(),
        };
        let publish = Publish::new(
            contract.clone(),
            store.clone(),
            summary.signer.clone(),
            ResultCap(usize::try_from(settings.max_result_bytes).unwrap_or(usize::MAX)),
            Duration::from_secs(config.publish.confirm_seconds),
            retry,
        );
        Ok(Self {
            ingest: Arc::new(ingest),
            build: Arc::new(BuildWork { builder, retry }),
            execute: Arc::new(ExecuteWork { executor, inputs: contract, retry }),
            publish: Arc::new(publish),
            store,
            config,
            summary,
        })
    }

    /// What the operator should see.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Runs until `stop.drain` fires; then finishes what is at work, for a while, and stops. `stop.now` drops it.
    pub async fn run(self, stop: Stop) {
        let mut loops = self.spawn(&stop);
        info!(event = "worker.ready", contract = self.summary.contract.0, chain = self.summary.chain_id,
            operator = %self.summary.signer.account_id(), "the worker is ready");

        stop.drain.cancelled().await;
        info!(event = "worker.draining", "finishing what is at work");
        let grace = Duration::from_secs(self.config.stages.drain_seconds);
        let drained = tokio::select! {
            drained = timeout(grace, all(&mut loops)) => drained.is_ok(),
            () = stop.now.cancelled() => false,
        };
        if !drained {
            warn!(event = "worker.interrupted", "what is still at work is dropped; the next run does it again");
            stop.now.cancel();
            // Past this the leases tell the next run what was left.
            let _ = timeout(STOP_GRACE, all(&mut loops)).await;
        }
        self.store.close().await;
        info!(event = "worker.stopped", "the worker has stopped");
    }

    fn spawn(&self, stop: &Stop) -> JoinSet<()> {
        let mut loops = JoinSet::new();
        let (ingest, drain) = (self.ingest.clone(), stop.drain.clone());
        loops.spawn(supervise("ingest", stop.drain.clone(), move || {
            let (ingest, drain) = (ingest.clone(), drain.clone());
            async move { ingest.run(drain).await }
        }));
        self.spawn_stage(&mut loops, &self.build, self.config.build.concurrent_builds, stop);
        self.spawn_stage(&mut loops, &self.execute, self.config.execute.runs() as usize, stop);
        self.spawn_stage(&mut loops, &self.publish, self.config.publish.in_flight, stop);
        loops
    }

    fn spawn_stage<W: stage::Work>(&self, loops: &mut JoinSet<()>, work: &Arc<W>, concurrency: usize, stop: &Stop) {
        let pace = Pace {
            concurrency,
            lease: Duration::from_secs(self.config.stages.lease_seconds),
            poll: Duration::from_millis(self.config.stages.poll_ms),
            retry: RetryPolicy::from(&self.config.retry),
        };
        let (work, store, stop) = (work.clone(), self.store.clone(), stop.clone());
        loops.spawn(supervise(W::STAGE.as_str(), stop.drain.clone(), move || {
            stage::run(work.clone(), store.clone(), pace.clone(), stop.clone())
        }));
    }
}

async fn all(loops: &mut JoinSet<()>) {
    while loops.join_next().await.is_some() {}
}
