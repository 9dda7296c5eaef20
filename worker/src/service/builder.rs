//! How a service comes to be: its window opens, the machine and the chain are checked, the store opened, the parts made.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;
use tracing::info;

use super::{
    Desk, Handle, Roles, Service, ServiceError, Surroundings, Tend, handle::COMMANDS, patience::Patience, start::Found,
};
use crate::{
    api::Api,
    build::BuildLogs,
    clock::ChainClock,
    config::Config,
    job::Stage,
    stage::{Handler, Pool, Stop},
    stages::{BuildReports, KeptInputs},
    store::Store,
    telemetry::{Health, Metrics},
};

type Wrap = Box<dyn FnOnce(Arc<dyn Handler>) -> Arc<dyn Handler> + Send>;

/// A service that is being configured.
pub struct Builder {
    pub(super) config: Config,
    pub(super) roles: Roles,
    pub(super) found: Option<Surroundings>,
    pub(super) store: Option<Store>,
    pub(super) clock: ChainClock,
    wraps: Vec<(Stage, Wrap)>,
    waits: bool,
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
            waits: false,
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

    /// A process of its own, as `offchainvm worker` is: it asks the chain whatever its roles, and while no node answers,
    /// or the database or the blob store is away, it waits for them instead of failing. Dropping the launch ends the wait.
    #[must_use]
    pub fn waits(self) -> Self {
        Self { waits: true, ..self }
    }

    /// Opens the window, checks this machine, the chain and the store, goes on with what the last run left, and starts.
    ///
    /// # Errors
    /// [`ServiceError`] says what is missing; nothing was taken then.
    pub async fn launch(mut self) -> Result<Handle, ServiceError> {
        let (health, metrics) = (Health::new(), Metrics::new());
        health.starting();
        let door = self.door(&health, &metrics).await?;
        let tools = self.tools().await?;
        let Found { surroundings, blobs, store, presence } = self.find(&Patience::new(self.waits, &health)).await?;
        store.report_to(&metrics);
        if let Some(found) = &surroundings {
            for line in found.describe(&self.config, &self.roles).lines() {
                info!(event = "worker.summary", "{line}");
            }
            found.contract.rpc().report_to(&metrics);
            self.clock = found.contract.rpc().clock().clone();
        }
        let builder = tools.builder.clone();
        let reports = BuildReports::new(blobs.clone(), BuildLogs::under(&self.config.store.build_dir()));
        let inputs = KeptInputs::new(blobs.clone());
        let mut pools = self.pools(surroundings.as_ref(), tools, (blobs, &reports), &store, &metrics)?;
        let mut lanes = None;
        if let Some((pool, run)) = self.publishing(surroundings.as_ref(), &store, &health, &metrics) {
            pools.push(pool);
            lanes = Some(run);
        }
        let ingest = self.ingest(surroundings.as_ref(), &store, &health, &metrics)?;
        let watch = surroundings.as_ref().map(|found| Arc::new(self.watch(found, &health)));
        let view = self.view(&store, (inputs, reports), &health, &metrics);
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
        let contract = surroundings.map(|found| found.contract);
        let desk = Desk { store: store.clone(), contract, builder, stop: Stop::default() };
        let drain_for = Duration::from_secs(stages.drain_seconds);
        let pools = self.wrapped(pools);
        health.started();
        let api = match door {
            Some((door, porter)) => {
                porter.leave().await;
                Some(Api { door, view })
            }
            None => None,
        };
        let service =
            Service { ingest, pools, lanes, tend, watch, api, health, metrics, store, presence, desk, drain_for };
        let (sender, commands) = mpsc::channel(COMMANDS);
        tokio::spawn(service.run(commands));
        Ok(Handle(sender))
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
