//! The whole worker on one page: open everything, run the loops, stop in two phases.
//!
//! A service is configured with [`Service::builder`] and started with [`Builder::launch`]; a [`Handle`] speaks with it.
//! `examples/embedded.rs` of this crate is a program that does so.

mod builder;
mod error;
mod handle;
mod parts;
mod patience;
mod roles;
mod start;
mod surroundings;
mod tend;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    api::Api,
    identity::Presence,
    ingest::Ingest,
    publish::Lanes,
    stage::{self, Pool, Stop},
    store::Store,
    supervisor::Supervisor,
    telemetry::{Health, Metrics},
    watch::Watch,
};

pub use builder::Builder;
pub use error::{CommandError, ServiceError};
pub use handle::Handle;
pub use roles::{ParseRolesError, Role, Roles};
pub use surroundings::Surroundings;

use handle::{Command, Desk};
use tend::Tend;

/// How long work that was told to stop at once may take for that.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// A worker with everything open, before its loops run.
pub struct Service {
    ingest: Option<Arc<Ingest>>,
    pools: Vec<Pool>,
    lanes: Option<Lanes>,
    tend: Tend,
    watch: Option<Arc<Watch>>,
    api: Option<Api>,
    health: Health,
    metrics: Metrics,
    store: Store,
    presence: Presence,
    desk: Desk,
    drain_for: Duration,
}

impl Service {
    /// Begins to configure a service.
    #[must_use]
    pub fn builder(config: crate::config::Config) -> Builder {
        Builder::new(config)
    }

    /// Runs until it is told to stop; then finishes what is at work, for a while, and stops.
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let stop = self.desk.stop.clone();
        // Answers are on their way until the last stage has stopped.
        let (lanes, done) = self.open_lanes();
        let mut loops = self.spawn(&stop);
        // It answers to the end, so that the end can be watched.
        let (window, closing) = self.open_window();
        info!(event = "worker.ready", roles = %self.tend.roles, "the worker is ready");

        let waiting = self.desk.serve(&mut commands).await;
        stop.drain.cancel();
        self.health.draining();
        info!(event = "worker.draining", "finishing what is at work");
        let drained = tokio::select! {
            drained = timeout(self.drain_for, all(&mut loops)) => drained.is_ok(),
            () = abort(&mut commands, &stop) => false,
        };
        if !drained {
            warn!(event = "worker.interrupted", "what is still at work is dropped; the next run does it again");
            stop.now.cancel();
            // Past this the leases tell the next run what was left.
            let _ = timeout(STOP_GRACE, all(&mut loops)).await;
        }
        done.cancel();
        // A key that cannot be given back now is free when its lease runs out.
        let _ = timeout(STOP_GRACE, lanes).await;
        closing.cancel();
        // It ends within its own patience, or panicked; either way there is nothing left to wait for.
        let _ = window.await;
        self.store.close().await;
        drop(self.presence);
        info!(event = "worker.stopped", "the worker has stopped");
        if let Some(reply) = waiting {
            // Whoever waited may have gone.
            let _ = reply.send(());
        }
    }

    /// The lanes, if there are any, and what ends them.
    fn open_lanes(&self) -> (JoinHandle<()>, CancellationToken) {
        let done = CancellationToken::new();
        let supervisor = Supervisor::new(done.clone(), self.health.clone(), self.metrics.clone());
        let (lanes, stop) = (self.lanes.clone(), done.clone());
        let running = tokio::spawn(async move {
            if let Some(lanes) = lanes {
                supervisor.supervise("lanes", move || lanes.clone().run(stop.clone())).await;
            }
        });
        (running, done)
    }

    fn spawn(&self, stop: &Stop) -> JoinSet<()> {
        let mut loops = JoinSet::new();
        let supervisor = Supervisor::new(stop.drain.clone(), self.health.clone(), self.metrics.clone());
        let drain = stop.drain.clone();
        if let Some(ingest) = self.ingest.clone() {
            let drain = drain.clone();
            loops.spawn(supervisor.clone().supervise("ingest", move || {
                let (ingest, drain) = (ingest.clone(), drain.clone());
                async move { ingest.run(drain).await }
            }));
        }
        if let Some(watch) = self.watch.clone() {
            let drain = drain.clone();
            loops.spawn(supervisor.clone().supervise("watch", move || {
                let (watch, drain) = (watch.clone(), drain.clone());
                async move { watch.run(drain).await }
            }));
        }
        for pool in self.pools.clone() {
            let stop = stop.clone();
            loops.spawn(
                supervisor.clone().supervise(pool.stage.as_str(), move || stage::run(pool.clone(), stop.clone())),
            );
        }
        let tend = self.tend.clone();
        loops.spawn(supervisor.supervise("tend", move || tend.clone().run(drain.clone())));
        loops
    }

    /// The window for whoever watches, if there is to be one, and what closes it.
    fn open_window(&mut self) -> (JoinHandle<()>, CancellationToken) {
        let closing = CancellationToken::new();
        let supervisor = Supervisor::new(closing.clone(), self.health.clone(), self.metrics.clone());
        // Its address is free for another process as soon as it closes.
        let (api, stop) = (self.api.take(), closing.clone());
        let window = tokio::spawn(async move {
            if let Some(api) = api {
                supervisor.supervise("api", move || api.clone().serve(stop.clone())).await;
            }
        });
        (window, closing)
    }
}

/// Waits for somebody who does not want to wait.
async fn abort(commands: &mut mpsc::Receiver<Command>, stop: &Stop) {
    loop {
        tokio::select! {
            () = stop.now.cancelled() => return,
            command = commands.recv() => match command {
                Some(Command::Abort) => return,
                // Dropping a question answers it: the service has stopped.
                Some(_) => {}
                None => return stop.now.cancelled().await,
            },
        }
    }
}

async fn all(loops: &mut JoinSet<()>) {
    while loops.join_next().await.is_some() {}
}
