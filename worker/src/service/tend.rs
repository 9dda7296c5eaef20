//! What every worker process does beside its stages: say that it lives, and tend the jobs that nobody holds.

use std::time::Duration;

use tokio::time;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Roles;
use crate::{
    clock::ChainClock,
    store::{Late, Moment, Store, StoreError},
    telemetry::Metrics,
};

/// A process that has been silent for this many leases is gone.
const SILENT_LEASES: u32 = 4;

/// The tending of one process.
#[derive(Clone, Debug)]
pub(super) struct Tend {
    pub(super) store: Store,
    pub(super) roles: Roles,
    pub(super) lease: Duration,
    pub(super) period: Duration,
    pub(super) reserve: Duration,
    pub(super) clock: ChainClock,
    pub(super) metrics: Metrics,
}

impl Tend {
    /// Tends until it is told to stop.
    pub(super) async fn run(self, stop: CancellationToken) -> Result<(), StoreError> {
        let mut round = time::interval(self.period);
        round.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let mut next_beat = time::Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return self.store.leave().await,
                _ = round.tick() => {}
            }
            if next_beat <= time::Instant::now() {
                self.store.beat(&self.roles.to_string(), self.lease * SILENT_LEASES, Moment::now()).await?;
                next_beat = time::Instant::now() + self.lease / 3;
            }
            self.jobs().await?;
        }
    }

    async fn jobs(&self) -> Result<(), StoreError> {
        let freed = self.store.take_back(Moment::now()).await?;
        if freed > 0 {
            warn!(event = "job.lease_ran_out", jobs = freed, "jobs whose worker went silent wait for another");
        }
        for Late { id, closed } in self.store.end_late(self.reserve, self.clock.now()).await? {
            info!(event = "job.late", request_id = id.request_id, data_id = %id.data_id,
                "nobody came to it in time; its caller is told so, or it is too late even for that");
            if let Some(closed) = closed {
                self.metrics.request_closed(closed.ending, closed.code, Moment::now().since(closed.created_at));
            }
        }
        Ok(())
    }
}
