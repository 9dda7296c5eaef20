//! One access key at work: it takes what waits, as much as fits one transaction, and says what became of each.
//!
//! A key's transactions must reach the chain in the order of their nonces, so one process at a time uses it (`hold`), and
//! sends one transaction at a time. An idle lane sends at once; while it waits for a transaction, the next batch grows.

use std::{sync::Arc, time::Duration};

use near_account_id::AccountId;
use near_primitives::hash::CryptoHash;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{
    queue::{Entry, Queue, Said},
    refusal::{Permission, least_nonce},
};
use crate::{
    chain::{BlockRef, OperatorSigner, Rpc, RpcError},
    store::{Store, StoreError},
    telemetry::{Health, LaneState, Metrics},
};

/// How long what is known of the key and of the chain's height serves: a transaction is valid for a day from the block
/// it names, and nobody else should use the key.
const SIGHT_SERVES: Duration = Duration::from_secs(60);
/// How long a lane rests while nodes do not answer, or take nothing.
pub(super) const SHORT_REST: Duration = Duration::from_secs(2);
/// How long it rests when somebody has to do something first.
const LONG_REST: Duration = Duration::from_secs(15);

/// One access key. Cloning it is cheap.
#[derive(Clone, Debug)]
pub(super) struct Lane(pub(super) Arc<LaneParts>);

/// What a lane works with.
#[derive(Debug)]
pub(super) struct LaneParts {
    /// Which one of this process's it is, from 0.
    pub(super) number: u32,
    /// The key.
    pub(super) signer: OperatorSigner,
    /// Where the answers go.
    pub(super) contract: AccountId,
    /// The way there.
    pub(super) rpc: Rpc,
    /// Who remembers nonces, transactions, and whose the key is.
    pub(super) store: Store,
    /// Where answers wait.
    pub(super) queue: Arc<Queue>,
    /// How the lane works.
    pub(super) pace: LanePace,
    /// Whose turn it is, of this process's lanes, to give a key back.
    pub(super) giving: Arc<Semaphore>,
    /// Who is told how it does.
    pub(super) health: Health,
    /// Where its transactions are counted.
    pub(super) metrics: Metrics,
}

/// How lanes work.
#[derive(Clone, Copy, Debug)]
pub struct LanePace {
    /// The most answers in one transaction.
    pub max_batch: usize,
    /// How long a transaction is waited for at a time.
    pub confirm_for: Duration,
    /// How long a key belongs to a process without a sign of life.
    pub lease: Duration,
}

/// What a lane knows of its key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// A recent final block.
    pub(super) block: BlockRef,
    /// The next nonce is no smaller.
    pub(super) least_nonce: u64,
    /// The most answers that may go in one transaction.
    pub(super) most: usize,
    seen: Instant,
}

/// Why a lane takes nothing for a while.
#[derive(Debug, thiserror::Error)]
pub(super) enum Rest {
    /// Nodes do not answer, or take nothing.
    #[error("the chain: {0}")]
    Chain(#[from] RpcError),
    /// The store fails.
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    /// A node shows the key as no chain can have it.
    #[error("a node shows the nonce {nonce} at block {height}, which no chain can have reached")]
    Implausible {
        /// The nonce.
        nonce: u64,
        /// The block.
        height: u64,
    },
    /// The nonces given out are far ahead of the chain.
    #[error("the nonce {nonce} is too far ahead of block {height}; the chain has to come closer")]
    TooFarAhead {
        /// The nonce.
        nonce: u64,
        /// The block.
        height: u64,
    },
    /// A node takes no transactions now.
    #[error("a node takes no transactions now: {0}")]
    Busy(String),
    /// Somebody has to pay.
    #[error("it cannot pay: {0}")]
    NoMoney(String),
    /// Somebody has to look after the key.
    #[error("the key cannot answer requests: {0}")]
    BadKey(String),
}

impl Rest {
    fn lasts(&self) -> Duration {
        match self {
            Self::NoMoney(_) | Self::BadKey(_) => LONG_REST,
            Self::Chain(error) if !error.is_transient() => LONG_REST,
            _ => SHORT_REST,
        }
    }
}

impl Lane {
    /// The key as it is written.
    pub(super) fn key(&self) -> String {
        self.0.signer.public_key().to_string()
    }

    /// Publishes, with rests, until the key is to be given back: then nothing of it is on its way.
    pub(super) async fn publish_until(&self, owed: &CancellationToken) {
        loop {
            let Err(rest) = self.publish(owed).await else { return };
            self.tell(&rest);
            self.0.health.lane_is(self.0.number, LaneState::Unusable(rest.to_string()));
            if owed.run_until_cancelled(sleep(rest.lasts())).await.is_none() {
                return;
            }
        }
    }

    fn tell(&self, rest: &Rest) {
        let (lane, key, wait_ms) = (self.0.number, self.key(), rest.lasts().as_millis() as u64);
        match rest {
            Rest::NoMoney(_) => error!(event = "publish.no_money", lane, key, wait_ms, reason = %rest,
                account = %self.0.signer.account_id(), "answers wait until there is money for gas"),
            Rest::BadKey(_) => error!(event = "publish.bad_key", lane, key, wait_ms, reason = %rest,
                "this key is not used until somebody has looked after it"),
            _ => warn!(event = "publish.lane_rests", lane, key, wait_ms, reason = %rest, "the lane rests for a while"),
        }
    }

    /// Publishes batch after batch until the key is owed to somebody, or something stands in the way.
    async fn publish(&self, owed: &CancellationToken) -> Result<(), Rest> {
        let mut sight = self.look().await?;
        let _open = self.0.queue.open();
        loop {
            self.0.health.lane_is(self.0.number, LaneState::Idle);
            let next = timeout_at(sight.seen + SIGHT_SERVES, self.0.queue.something());
            match owed.run_until_cancelled(next).await {
                None => return Ok(()),
                Some(Err(_)) => sight = self.look().await?,
                Some(Ok(())) => {
                    self.0.health.lane_is(self.0.number, LaneState::Busy);
                    self.send_next(&mut sight).await?;
                }
            }
        }
    }

    /// Asks the chain for the key and for a recent block.
    pub(super) async fn look(&self) -> Result<Sight, Rest> {
        let parts = &*self.0;
        let (key, block) = parts.rpc.access_key(parts.signer.account_id(), &parts.signer.public_key()).await?;
        let least_nonce =
            least_nonce(block, &key).ok_or(Rest::Implausible { nonce: key.nonce, height: block.height })?;
        let most = match Permission::of(&key, &parts.contract) {
            Permission::Batches => parts.pace.max_batch,
            Permission::SingleAnswers => 1,
            Permission::Nothing => {
                return Err(Rest::BadKey(format!("it may not call resolve_execution of {}", parts.contract)));
            }
        };
        Ok(Sight { block, least_nonce, most, seen: Instant::now() })
    }
}

/// Tells those who wait that nothing was sent for them.
pub(super) fn give_back(batch: Vec<Entry>, reason: &str) {
    for entry in batch {
        // Who does not wait any more need not be told.
        let _ = entry.reply.send(Said::NotSent(reason.to_owned()));
    }
}

/// Tells those who wait what is the same for all of them.
pub(super) fn say_to_all(batch: Vec<Entry>, said: impl Fn(&Entry) -> Said) {
    for entry in batch {
        let word = said(&entry);
        let _ = entry.reply.send(word);
    }
}

/// Tells those who wait that their transaction is on its way, and no more is known.
pub(super) fn leave_open(batch: Vec<Entry>, hash: CryptoHash) {
    say_to_all(batch, |_| Said::Unknown(hash));
}
