//! Asks the chain every few seconds how it stands, also when there is nothing else to ask: for readiness and for lag.

use std::{convert::Infallible, time::Duration};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{chain::Rpc, telemetry::Health};

/// Asks a node and tells the board.
#[derive(Debug)]
pub struct Watch {
    /// Who is asked.
    pub rpc: Rpc,
    /// Who is told.
    pub health: Health,
    /// Between two questions.
    pub period: Duration,
}

impl Watch {
    /// Asks until `stop` fires. That the chain does not answer is something to tell, not a failure of this loop.
    ///
    /// # Errors
    /// None.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut beat = interval(self.period);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(beat.tick()).await.is_some() {
            match stop.run_until_cancelled(self.rpc.final_block()).await {
                Some(Ok(block)) => self.health.chain_answered(block.height),
                Some(Err(error)) => {
                    debug!(event = "chain.silent", %error, "the chain does not answer");
                    self.health.chain_failed(error.to_string());
                }
                None => break,
            }
        }
        Ok(())
    }
}
