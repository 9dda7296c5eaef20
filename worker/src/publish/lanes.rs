//! The loops beside the stage: a lane for each access key, and the watch on the balance that they live on.

use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{balance::BalanceWatch, lane::Lane};

/// Everything that has to run for answers to leave. Cloning it is cheap: a clone is the same lanes.
#[derive(Clone, Debug)]
pub struct Lanes {
    pub(super) lanes: Vec<Lane>,
    pub(super) balance: BalanceWatch,
}

impl Lanes {
    /// Runs until it is told to stop, which must come after the stage has stopped: until then answers are on their way.
    ///
    /// # Errors
    /// [`JoinError`] when a lane panics; all of them can be run again.
    pub async fn run(self, stop: CancellationToken) -> Result<(), JoinError> {
        let mut loops = JoinSet::new();
        for lane in self.lanes {
            loops.spawn(lane.run(stop.clone()));
        }
        let (balance, stopped) = (self.balance, stop.clone());
        loops.spawn(async move { stopped.run_until_cancelled(balance.run()).await.unwrap_or_default() });
        while let Some(ended) = loops.join_next().await {
            ended?;
        }
        Ok(())
    }
}
