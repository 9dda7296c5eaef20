//! Whether there is money for gas: a warning comes before publishing stops.

use std::time::Duration;

use near_account_id::AccountId;
use near_token::NearToken;
use tokio::time;
use tracing::{debug, warn};

use crate::{chain::Rpc, telemetry::Metrics};

/// How often the balance is looked at.
const PERIOD: Duration = Duration::from_secs(60);

/// The watch on the operator's balance.
#[derive(Clone, Debug)]
pub(super) struct BalanceWatch {
    pub(super) rpc: Rpc,
    pub(super) account: AccountId,
    pub(super) low: NearToken,
    pub(super) metrics: Metrics,
}

impl BalanceWatch {
    /// Looks at once, and then every minute; it never ends.
    pub(super) async fn run(self) {
        let mut round = time::interval(PERIOD);
        round.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            round.tick().await;
            match self.rpc.balance(&self.account).await {
                Ok(balance) => self.tell(balance),
                // The lanes say loudly enough that no node answers.
                Err(error) => debug!(%error, "the operator's balance cannot be read now"),
            }
        }
    }

    fn tell(&self, balance: NearToken) {
        self.metrics.operator_balance(balance);
        if balance < self.low {
            warn!(event = "publish.low_balance", account = %self.account, balance = %balance, low_balance = %self.low,
                "the operator's account needs money soon, or answers will have to wait");
        }
    }
}
