//! One running chain: the value everybody shares, its clock, and the wake-ups its readers wait for.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use near_primitives::state_record::StateRecord;
use near_primitives::types::BlockHeight;
use parking_lot::RwLock;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::chain::{Chain, ChainError};
use crate::genesis::{Genesis, GenesisError};

/// A real node's pace: a block about every 600 ms.
pub const DEFAULT_BLOCK_TIME: Duration = Duration::from_millis(600);

/// When blocks are produced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// On a timer.
    Every(Duration),
    /// Only when asked for: by [`Node::produce_block`], or by `sandbox_fast_forward` over JSON-RPC.
    ByHand,
}

/// Why the chain did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The chain could not be asked: the runtime is shutting down, or the chain panicked.
    #[error("the chain did not answer: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
    /// A block could not be made.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// A handle on one running chain. Cheap to clone; all clones see the same chain.
///
/// Contracts run while the chain is locked, so every access happens on a thread that may block.
#[derive(Clone)]
pub struct Node {
    shared: Arc<Shared>,
}

struct Shared {
    chain: RwLock<Chain>,
    head: watch::Sender<BlockHeight>,
    stopping: CancellationToken,
    started: Instant,
}

impl Node {
    /// Creates the chain that `genesis` describes, with its first block already there.
    pub fn new(genesis: Genesis) -> Result<Self, GenesisError> {
        let chain = Chain::new(genesis)?;
        let head = watch::Sender::new(chain.head().height);
        Ok(Self {
            shared: Arc::new(Shared {
                chain: RwLock::new(chain),
                head,
                stopping: CancellationToken::new(),
                started: Instant::now(),
            }),
        })
    }

    /// Looks at the chain. Readers do not exclude each other.
    pub async fn read<R, F>(&self, look: F) -> Result<R, NodeError>
    where
        R: Send + 'static,
        F: FnOnce(&Chain) -> R + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        Ok(tokio::task::spawn_blocking(move || look(&shared.chain.read())).await?)
    }

    /// Changes the chain, and wakes whoever waits for a new head.
    pub async fn write<R, F>(&self, change: F) -> Result<R, NodeError>
    where
        R: Send + 'static,
        F: FnOnce(&mut Chain) -> R + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        Ok(tokio::task::spawn_blocking(move || {
            let mut chain = shared.chain.write();
            let result = change(&mut chain);
            let height = chain.head().height;
            shared.head.send_if_modified(|head| {
                let moved = *head != height;
                *head = height;
                moved
            });
            result
        })
        .await?)
    }

    /// Produces one block now, a block interval after the last, and returns its height.
    pub async fn produce_block(&self) -> Result<BlockHeight, NodeError> {
        self.produce_blocks(1).await
    }

    /// Produces `count` blocks, a block interval apart, and returns the last height.
    pub async fn produce_blocks(&self, count: u64) -> Result<BlockHeight, NodeError> {
        let height = self
            .write(move |chain| {
                for _ in 0..count {
                    chain.produce_block()?;
                }
                Ok::<_, ChainError>(chain.head().height)
            })
            .await??;
        Ok(height)
    }

    /// Produces one block now, by the clock on the wall.
    pub async fn produce_block_now(&self) -> Result<BlockHeight, NodeError> {
        let now_ns = wall_clock_ns();
        Ok(self.write(move |chain| chain.produce_block_at(now_ns).map(|block| block.height)).await??)
    }

    /// Moves height and time forward by `blocks` blocks, as `sandbox_fast_forward` does, and returns the new height.
    pub async fn fast_forward(&self, blocks: u64) -> Result<BlockHeight, NodeError> {
        Ok(self.write(move |chain| chain.fast_forward(blocks).map(|block| block.height)).await??)
    }

    /// Puts the chain's clock forward: the next block is later by this much, without any in between.
    pub async fn advance_time(&self, by: Duration) -> Result<(), NodeError> {
        self.write(move |chain| chain.advance_time(by)).await
    }

    /// Writes records into the state, in a block made for it, as `sandbox_patch_state` does.
    pub async fn patch_state(&self, records: Vec<StateRecord>) -> Result<BlockHeight, NodeError> {
        let height = self
            .write(move |chain| {
                chain.patch_state(records)?;
                chain.produce_block().map(|block| block.height)
            })
            .await??;
        Ok(height)
    }

    /// A receiver that wakes at every new head. Subscribe before looking, so that no block is missed between.
    pub fn heads(&self) -> watch::Receiver<BlockHeight> {
        self.shared.head.subscribe()
    }

    /// Cancelled when the node stops: whoever waits for a block should give up then.
    pub fn stopping(&self) -> &CancellationToken {
        &self.shared.stopping
    }

    /// How long this node has been running.
    pub fn uptime(&self) -> Duration {
        self.shared.started.elapsed()
    }

    /// Starts producing a block every `interval`, until the returned guard is dropped.
    pub fn tick_every(&self, interval: Duration) -> Ticker {
        let node = self.clone();
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(interval);
            // After a slow block the next one comes a full interval later, as on a busy node.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                if let Err(error) = node.produce_block_now().await {
                    tracing::error!(%error, "no more blocks: producing one failed");
                    return;
                }
            }
        });
        Ticker { task }
    }
}

/// Blocks are produced as long as this lives.
#[must_use = "block production stops when the ticker is dropped"]
pub struct Ticker {
    task: JoinHandle<()>,
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Nanoseconds since 1970.
pub(crate) fn wall_clock_ns() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}
