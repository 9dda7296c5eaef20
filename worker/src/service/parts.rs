//! What a service is made of, each part for the roles that need it.

use std::{sync::Arc, time::Duration};

use tokio::task::spawn_blocking;
use tracing::warn;

use super::{Builder, Role, ServiceError, Surroundings, patience::Patience};
use crate::{
    api::{ApiError, Door, Front, Porter, View},
    build::Builder as ProgramBuilder,
    chain::{Contract, Rpc},
    execute::Executor,
    ingest::{Ingest, Source},
    job::Stage,
    publish::{LanePace, Lanes, Publish, PublishParts, ResultCap},
    stage::{Handler, Pace, Pool},
    stages::{BuildReports, BuildWork, ExecuteWork, Inputs, KeptInputs, Programs},
    store::{Blobs, Database, Store},
    telemetry::{Health, Metrics},
    watch::Watch,
};

/// Sources looked at for each build that may run: what is in the cache does not queue behind what is being built.
const SOURCES_A_BUILD: usize = 4;
/// What messages call the place of the blobs, for which a start may have to wait.
const BLOB_STORE: &str = "blob store";

/// What this machine builds and runs with.
#[derive(Clone)]
pub(super) struct Tools {
    pub(super) builder: Option<ProgramBuilder>,
    pub(super) executor: Option<Executor>,
}

impl Builder {
    pub(super) fn ingest(
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

    /// What this machine builds and runs with. No time mends what is missing of it.
    pub(super) async fn tools(&self) -> Result<Tools, ServiceError> {
        let config = &self.config;
        let builder = if self.roles.has(Role::Build) {
            let (settings, folder) = (config.build.clone(), config.store.build_dir());
            Some(spawn_blocking(move || ProgramBuilder::new(settings, &folder)).await??)
        } else {
            None
        };
        let executor = if self.roles.has(Role::Execute) {
            let (settings, folder) = (config.execute.clone(), config.store.execute_dir());
            Some(spawn_blocking(move || Executor::new(&settings, &folder)).await??)
        } else {
            None
        };
        Ok(Tools { builder, executor })
    }

    pub(super) fn watch(&self, found: &Surroundings, health: &Health) -> Watch {
        health.needs_chain();
        let period = Duration::from_secs(self.config.api.chain_probe_seconds);
        Watch { rpc: found.contract.rpc().clone(), health: health.clone(), period }
    }

    /// Where the window will be, with somebody who answers there until it is.
    pub(super) async fn door(&self, health: &Health, metrics: &Metrics) -> Result<Option<(Door, Porter)>, ApiError> {
        let Some(address) = self.config.api.listen.filter(|_| self.roles.has(Role::Api)) else { return Ok(None) };
        let (health, metrics) = (health.clone(), metrics.clone());
        let door = Door::open(address).await?;
        let porter = Front { health, metrics, expected: self.config.api.expectations() }.answer_at(&door)?;
        Ok(Some((door, porter)))
    }

    pub(super) fn view(
        &self,
        store: &Store,
        (inputs, reports): (KeptInputs, BuildReports),
        health: &Health,
        metrics: &Metrics,
    ) -> View {
        View {
            store: store.clone(),
            health: health.clone(),
            metrics: metrics.clone(),
            expected: self.config.api.expectations(),
            reports,
            inputs,
        }
    }

    pub(super) fn pools(
        &self,
        found: Option<&Surroundings>,
        tools: Tools,
        (blobs, reports): (Blobs, &BuildReports),
        store: &Store,
        metrics: &Metrics,
    ) -> Result<Vec<Pool>, ServiceError> {
        let config = &self.config;
        let mut pools = Vec::new();
        let kept = KeptInputs::new(blobs.clone());
        let programs = Programs::new(blobs, config.build.max_wasm_bytes());
        if let Some(builder) = tools.builder {
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
        if let Some(executor) = tools.executor {
            let inputs = Inputs { contract: self.contract(found)?, kept };
            let retry = config.retry.of(Stage::Execute);
            let work = ExecuteWork { executor, programs, inputs, retry, metrics: metrics.clone() };
            let execute = self.pool(Stage::Execute, Arc::new(work), config.execute.runs() as usize, store, metrics);
            pools = pools.into_iter().map(|build| build.followed_by(&execute)).collect();
            pools.push(execute);
        }
        Ok(pools)
    }

    /// Where programs pass from those who build to those who run, and what is known of builds to whoever asks.
    pub(super) async fn blobs(&self, patience: &Patience) -> Result<Blobs, ServiceError> {
        if self.config.blobs.is_local() && matches!(self.config.store.database(), Database::Postgres(_)) {
            warn!(event = "worker.blobs_local", folder = %self.config.store.blobs_dir().display(),
                "the store may be shared with other machines, but programs are kept in a folder of this one; set blobs.url");
        }
        let blobs = Blobs::open(&self.config.blobs, &self.config.store.blobs_dir())?;
        if self.roles.has(Role::Build) || self.roles.has(Role::Execute) {
            patience.until_there(BLOB_STORE, async || Ok(blobs.check().await?)).await?;
        }
        Ok(blobs)
    }

    /// The publish stage and its lanes, if somebody signs.
    pub(super) fn publishing(
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
    fn contract(&self, found: Option<&Surroundings>) -> Result<Option<Contract>, ServiceError> {
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
}
