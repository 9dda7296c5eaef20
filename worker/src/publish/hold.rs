//! Whose a key is: taken when it is free, kept by a lease, given back when another process has fewer, or at the end.

use std::{sync::OnceLock, time::Duration};

use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::lane::{Lane, SHORT_REST};
use crate::store::{LaneHold, Moment, StoreError};

/// How often a key that another process has is asked for: one that it leaves should not lie about.
const WAITING: Duration = Duration::from_secs(5);

/// Why a key is not used any more.
enum Parting {
    /// It was given back for another process.
    Given,
    /// Its lease is lost, or may be.
    Lost,
}

impl Lane {
    /// Works until it is told to stop; then the key is free for another process.
    pub(super) async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.work()).await;
        self.leave_key().await;
    }

    async fn work(&self) {
        let mut waits = false;
        loop {
            match self.take_key().await {
                Ok(LaneHold::Ours | LaneHold::Owed) => {
                    waits = false;
                    self.use_key().await;
                }
                Ok(LaneHold::Theirs) => {
                    if !waits {
                        info!(
                            event = "publish.lane_taken",
                            lane = self.0.number,
                            key = self.key(),
                            "another process sends with this key; it is left alone"
                        );
                    }
                    waits = true;
                    sleep(WAITING.min(self.0.pace.lease / 3)).await;
                }
                Err(error) => {
                    warn!(%error, lane = self.0.number, "the key could not be taken");
                    sleep(SHORT_REST).await;
                }
            }
        }
    }

    async fn take_key(&self) -> Result<LaneHold, StoreError> {
        self.0.store.take_lane(&self.key(), self.0.pace.lease, Moment::now()).await
    }

    async fn leave_key(&self) {
        if let Err(error) = self.0.store.leave_lane(&self.key()).await {
            warn!(%error, lane = self.0.number, "the key could not be given back; its lease runs out");
        }
    }

    /// Publishes as long as the key is ours. What is on its way when its lease is lost is asked for by whoever has the
    /// jobs next.
    async fn use_key(&self) {
        let (owed, turn) = (CancellationToken::new(), OnceLock::new());
        let parting = tokio::select! {
            () = self.publish_until(&owed) => Parting::Given,
            () = self.keep_key(&owed, &turn) => Parting::Lost,
        };
        self.0.health.lane_left(self.0.number);
        let (lane, key) = (self.0.number, self.key());
        match parting {
            Parting::Given => {
                self.leave_key().await;
                info!(event = "publish.lane_given", lane, key, "a process that has fewer keys gets this one");
            }
            Parting::Lost => warn!(event = "publish.lane_lost", lane, key, "another process has the key now"),
        }
    }

    /// Renews the lease until it is lost. A store that fails for so long that the lease may have run out is as bad. Says
    /// when the key is owed, and fills `turn` then: one key is given back at a time, and then it is counted anew.
    async fn keep_key(&self, owed: &CancellationToken, turn: &OnceLock<OwnedSemaphorePermit>) {
        let lease = self.0.pace.lease;
        let mut ends = Instant::now() + lease;
        loop {
            sleep(lease / 3).await;
            let renewed_at = Instant::now();
            match timeout_at(ends, self.take_key()).await {
                Ok(Ok(LaneHold::Ours)) => ends = renewed_at + lease,
                Ok(Ok(LaneHold::Owed)) => {
                    ends = renewed_at + lease;
                    // Another lane may have given its key back since it was counted.
                    if let Ok(permit) = self.0.giving.clone().try_acquire_owned()
                        && matches!(timeout_at(ends, self.take_key()).await, Ok(Ok(LaneHold::Owed)))
                        && turn.set(permit).is_ok()
                    {
                        owed.cancel();
                    }
                }
                Ok(Ok(LaneHold::Theirs)) => return,
                Ok(Err(error)) if renewed_at < ends => warn!(%error, "the key's lease could not be renewed yet"),
                _ => return,
            }
        }
    }
}
