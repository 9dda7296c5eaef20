//! How a service comes to be: the chain is checked, the store opened, the stages prepared.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;
use tracing::warn;

use super::{
    Desk, Handle, Role, Roles, Service, ServiceError, Surroundings, Tend, handle::COMMANDS, start::open_store,
};
use crate::{
    api::{Api, View},
    build::{BuildLogs, Builder as ProgramBuilder},
    chain::{Contract, Rpc},
    clock::ChainClock,
    config::Config,
    execute::Executor,
    ingest::{Ingest, Source},
    job::Stage,
    publish::{LanePace, Lanes, Publish, PublishParts, ResultCap},
    stage::{Handler, Pace, Pool, Stop},
    stages::{BuildReports, BuildWork, ExecuteWork, Programs},
    store::{Blobs, Database, Store},
    telemetry::{Health, Metrics},
    watch::Watch,
};

/// Sources looked at for each build that may run: what is in the cache does not queue behind what is being built.
const SOURCES_A_BUILD: usize = 4;

type Wrap = Box<dyn FnOnce(Arc<dyn Handler>) -> Arc<dyn Handler> + Send>;

/// A service that is being configured.
pub struct Builder {
    config: Config,
    roles: Roles,
    found: Option<Surroundings>,
    store: Option<Store>,
    clock: ChainClock,
    wraps: Vec<(Stage, Wrap)>,
}

impl Builder {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            roles: Roles::default(),
            found: None,
            store: None,
            clock: ChainClock::default(),
            wraps: Vec::new(),
        }
    }

    /// What the service does; everything if this is not said. One that neither indexes nor publishes needs no chain.
    #[must_use]
    pub fn roles(self, roles: Roles) -> Self {
        Self { roles, ..self }
    }

    /// What [`Surroundings::find`] has found, so that the chain need not be asked again.
    #[must_use]
    pub fn surroundings(self, found: Surroundings) -> Self {
        Self { found: Some(found), ..self }
    }

    /// A store that is open already; otherwise the one that the configuration names is opened.
    #[must_use]
    pub fn store(self, store: Store) -> Self {
        Self { store: Some(store), ..self }
    }

    /// Puts a handler around a stage's own: it decides what it passes on. A later one goes around an earlier one.
    #[must_use]
    pub fn wrap<F>(mut self, stage: Stage, wrap: F) -> Self
    where
        F: FnOnce(Arc<dyn Handler>) -> Arc<dyn Handler> + Send + 'static,
    {
        self.wraps.push((stage, Box::new(wrap)));
        self
    }

    /// Checks the chain, opens the store, goes on with what the last run left, and starts.
    ///
    /// # Errors
    /// [`ServiceError`] says what is missing; nothing was taken then.
    pub async fn launch(mut self) -> Result<Handle, ServiceError> {
        let found = match self.found.take() {
            None if self.roles.need_chain() => Some(Surroundings::find(&self.config, &self.roles).await?),
            found => found,
        };
        let (store, presence) = open_store(&self.config, self.store.take(), found.as_ref()).await?;
        let (health, metrics) = (Health::new(), Metrics::new());
        store.report_to(&metrics);
        if let Some(found) = &found {
            found.contract.rpc().report_to(&metrics);
            self.clock = found.contract.rpc().clock().clone();
        }
        let builder = self.program_builder().await?;
        let blobs = self.blobs().await?;
        let reports = BuildReports::new(blobs.clone(), BuildLogs::under(&self.config.store.build_dir()));
        let mut pools = self.pools(found.as_ref(), builder.clone(), (blobs, &reports), &store, &metrics).await?;
        let mut lanes = None;
        if let Some((pool, run)) = self.publishing(found.as_ref(), &store, &health, &metrics) {
            pools.push(pool);
            lanes = Some(run);
        }
        let ingest = self.ingest(found.as_ref(), &store, &health, &metrics)?;
        let watch = found.as_ref().map(|found| Arc::new(self.watch(found, &health)));
        let api = self.api(&store, reports, &health, &metrics);
        let stages = &self.config.stages;
        let tend = Tend {
            store: store.clone(),
            roles: self.roles.clone(),
            lease: Duration::from_secs(stages.lease_seconds),
            period: Duration::from_millis(stages.poll_ms),
            reserve: Duration::from_secs(stages.reserve_seconds),
            clock: self.clock.clone(),
            metrics: metrics.clone(),
        };
        let contract = found.map(|found| found.contract);
        let desk = Desk { store: store.clone(), contract, builder, stop: Stop::default() };
        let drain_for = Duration::from_secs(stages.drain_seconds);
        let pools = self.wrapped(pools);
        let service =
            Service { ingest, pools, lanes, tend, watch, api, health, metrics, store, presence, desk, drain_for };
        let (sender, commands) = mpsc::channel(COMMANDS);
        tokio::spawn(service.run(commands));
        Ok(Handle(sender))
    }

    fn ingest(
        &self,
        found: Option<&Surroundings>,
        store: &Store,
        health: &Health,
        metrics: &Metrics,
    ) -> Result<Option<Arc<Ingest>>, ServiceError> {
        let Some(found) = found.filter(|_| self.roles.has(Role::Index)) else { return Ok(None) };
        health.reads_chain();
        let source = Source::new(&self.config.chain.block_sources)?;
        if let Source::Blocks(sources) = &source {
            sources.report_to(metrics);
        }
        Ok(Some(Arc::new(Ingest {
            contract: found.contract.clone(),
            source,
            store: store.clone(),
            health: health.clone(),
            metrics: metrics.clone(),
            config: self.config.ingest.clone(),
        })))
    }

    async fn program_builder(&self) -> Result<Option<ProgramBuilder>, ServiceError> {
        if !self.roles.has(Role::Build) {
            return Ok(None);
        }
        let (settings, folder) = (self.config.build.clone(), self.config.store.build_dir());
        Ok(Some(tokio::task::spawn_blocking(move || ProgramBuilder::new(settings, &folder)).await??))
    }

    fn watch(&self, found: &Surroundings, health: &Health) -> Watch {
        health.needs_chain();
        let period = Duration::from_secs(self.config.api.chain_probe_seconds);
        Watch { rpc: found.contract.rpc().clone(), health: health.clone(), period }
    }

    fn api(&self, store: &Store, reports: BuildReports, health: &Health, metrics: &Metrics) -> Option<Api> {
        let address = self.config.api.listen.filter(|_| self.roles.has(Role::Api))?;
        let view = View {
            store: store.clone(),
            health: health.clone(),
            metrics: metrics.clone(),
            expected: self.config.api.expectations(),
            reports,
        };
        Some(Api { address, view })
    }

    async fn pools(
        &self,
        found: Option<&Surroundings>,
        builder: Option<ProgramBuilder>,
        (blobs, reports): (Blobs, &BuildReports),
        store: &Store,
        metrics: &Metrics,
    ) -> Result<Vec<Pool>, ServiceError> {
        let config = &self.config;
        let mut pools = Vec::new();
        let programs = Programs::new(blobs, config.build.max_wasm_bytes());
        if let Some(builder) = builder {
            let work = BuildWork {
                builder,
                store: store.clone(),
                programs: programs.clone(),
                reports: reports.clone(),
                retry: config.retry.of(Stage::Build),
                metrics: metrics.clone(),
            };
            let at_a_time = config.build.concurrent_builds * SOURCES_A_BUILD;
            pools.push(self.pool(Stage::Build, Arc::new(work), at_a_time, store, metrics));
        }
        if self.roles.has(Role::Execute) {
            let (settings, folder) = (config.execute.clone(), config.store.execute_dir());
            let executor = tokio::task::spawn_blocking(move || Executor::new(&settings, &folder)).await??;
            let (inputs, retry) = (self.inputs(found)?, config.retry.of(Stage::Execute));
            let work = ExecuteWork { executor, programs, inputs, retry, metrics: metrics.clone() };
            pools.push(self.pool(Stage::Execute, Arc::new(work), config.execute.runs() as usize, store, metrics));
        }
        Ok(pools)
    }

    /// Where programs pass from those who build to those who run, and what is known of builds to whoever asks.
    async fn blobs(&self) -> Result<Blobs, ServiceError> {
        if self.config.blobs.is_local() && matches!(self.config.store.database(), Database::Postgres(_)) {
            warn!(event = "worker.blobs_local", folder = %self.config.store.blobs_dir().display(),
                "the store may be shared with other machines, but programs are kept in a folder of this one; set blobs.url");
        }
        let blobs = Blobs::open(&self.config.blobs, &self.config.store.blobs_dir())?;
        if self.roles.has(Role::Build) || self.roles.has(Role::Execute) {
            blobs.check().await?;
        }
        Ok(blobs)
    }

    /// The publish stage and its lanes, if somebody signs.
    fn publishing(
        &self,
        found: Option<&Surroundings>,
        store: &Store,
        health: &Health,
        metrics: &Metrics,
    ) -> Option<(Pool, Lanes)> {
        let (config, found) = (&self.config, found?);
        let (publish, lanes) = Publish::new(PublishParts {
            contract: found.contract.clone(),
            chain_id: found.chain_id.clone(),
            store: store.clone(),
            signer: found.signer.clone()?,
            further: found.lane_signers.clone(),
            cap: ResultCap(usize::try_from(found.settings.max_result_bytes).unwrap_or(usize::MAX)),
            in_flight: config.publish.in_flight,
            pace: LanePace {
                max_batch: config.publish.max_batch,
                confirm_for: Duration::from_secs(config.publish.confirm_seconds),
                lease: Duration::from_secs(config.stages.lease_seconds),
            },
            low_balance: config.publish.low_balance(),
            retry: config.retry.of(Stage::Publish),
            health: health.clone(),
            metrics: metrics.clone(),
        });
        Some((self.pool(Stage::Publish, Arc::new(publish), config.publish.in_flight, store, metrics), lanes))
    }

    /// Where large inputs are read, if a contract is named at all.
    fn inputs(&self, found: Option<&Surroundings>) -> Result<Option<Contract>, ServiceError> {
        match (found, &self.config.chain.contract_id) {
            (Some(found), _) => Ok(Some(found.contract.clone())),
            (None, Some(id)) => Ok(Some(Contract::new(Rpc::new(&self.config.chain.rpc_urls)?, id.clone()))),
            (None, None) => Ok(None),
        }
    }

    fn pool(
        &self,
        stage: Stage,
        handler: Arc<dyn Handler>,
        concurrency: usize,
        store: &Store,
        metrics: &Metrics,
    ) -> Pool {
        let stages = &self.config.stages;
        let pace = Pace {
            concurrency,
            lease: Duration::from_secs(stages.lease_seconds),
            poll: Duration::from_millis(stages.poll_ms),
            reserve: Duration::from_secs(stages.reserve_seconds),
            retry: self.config.retry.of(stage),
            clock: self.clock.clone(),
        };
        Pool::new(stage, handler, store.clone(), pace).counted_by(metrics)
    }

    fn wrapped(self, mut pools: Vec<Pool>) -> Vec<Pool> {
        for (stage, wrap) in self.wraps {
            if let Some(pool) = pools.iter_mut().find(|pool| pool.stage == stage) {
                pool.handler = wrap(pool.handler.clone());
            }
        }
        pools
    }
}
