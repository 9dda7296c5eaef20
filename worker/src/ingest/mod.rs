//! Stage 1: from the chain into the store.
//!
//! Final blocks are read in order from a durable cursor; what a block says and the cursor's move onto it are one
//! transaction. Beside that, the store is compared with `list_pending` at the start, now and then, and whenever blocks
//! cannot be read: nothing that waits on chain is missed, however long the worker was away.

mod block;
mod events;
mod source;

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    chain::{Contract, RpcError},
    config::IngestConfig,
    store::{Cursor, Moment, Store, StoreError, Taken},
};

pub use block::{Block, BlockFault};
pub use events::{events_of, job};
pub use source::{BlockSource, Fetched, SourceError};

/// How many blocks the node may be behind the block source.
const NODE_LAG: u64 = 100;

/// Ingest cannot go on for now.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The contract cannot be asked.
    #[error("reconciling with the chain: {0}")]
    Chain(#[from] RpcError),
    /// The block source fails.
    #[error("reading blocks: {0}")]
    Source(#[from] SourceError),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What ingest works with.
#[derive(Debug)]
pub struct Ingest {
    /// The contract whose requests are taken in.
    pub contract: Contract,
    /// Where blocks come from.
    pub source: BlockSource,
    /// Where jobs go.
    pub store: Store,
    /// The settings.
    pub config: IngestConfig,
}

impl Ingest {
    /// Reads the chain until it is told to stop.
    ///
    /// # Errors
    /// [`IngestError`] when it cannot go on; it may be called again and goes on from the cursor.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), IngestError> {
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            result = self.follow() => result,
        }
    }

    async fn follow(&self) -> Result<(), IngestError> {
        let mut cursor = self.begin().await?;
        let mut next = cursor.height + 1;
        let period = Duration::from_secs(self.config.reconcile_seconds);
        let mut next_reconciliation = Instant::now() + period;
        loop {
            let fetched = tokio::select! {
                fetched = self.source.block(next) => fetched?,
                () = sleep_until(next_reconciliation) => {
                    self.reconcile(false).await?;
                    next_reconciliation = Instant::now() + period;
                    continue;
                }
            };
            match fetched {
                Fetched::Block(block) if block.follows(&cursor) => cursor = self.take(&block).await?,
                Fetched::Block(block) => {
                    warn!(
                        event = "ingest.gap",
                        height = block.height(),
                        after = cursor.height,
                        "the block does not follow the last one that was read: blocks are missing, or the chain is another"
                    );
                    cursor = self.reconcile(true).await?;
                }
                // The cursor stays: the next block says after which one it comes.
                Fetched::Skipped => {
                    next += 1;
                    continue;
                }
                Fetched::NotServed => {
                    warn!(
                        event = "ingest.gap",
                        after = cursor.height,
                        "the block source does not serve blocks that old"
                    );
                    cursor = self.reconcile(true).await?;
                }
                Fetched::NotYet => {
                    sleep(Duration::from_millis(self.config.poll_ms)).await;
                    continue;
                }
            }
            next = cursor.height + 1;
        }
    }

    /// Where to begin: at the cursor, unless it is missing or too far behind to catch up block by block. Either way
    /// what waits on chain is in the store afterwards.
    async fn begin(&self) -> Result<Cursor, IngestError> {
        let cursor = self.store.cursor().await?;
        let newest = self.contract.rpc().final_block().await?.height;
        match cursor {
            Some(cursor) if cursor.height > newest.saturating_add(NODE_LAG) => {
                warn!(
                    event = "ingest.gap",
                    height = newest,
                    after = cursor.height,
                    "the chain ends before the last block that was read: it is another chain"
                );
                self.reconcile(true).await
            }
            Some(cursor) if newest.saturating_sub(cursor.height) <= self.config.max_blocks_behind => {
                info!(
                    event = "ingest.resumed",
                    height = cursor.height,
                    behind = newest.saturating_sub(cursor.height),
                    "reading blocks from where the last run stopped"
                );
                self.reconcile(false).await?;
                Ok(cursor)
            }
            Some(cursor) => {
                warn!(
                    event = "ingest.skipped",
                    from = cursor.height,
                    to = newest,
                    "too many blocks were missed to read them all; what waits on chain is asked for instead"
                );
                self.reconcile(true).await
            }
            None => self.reconcile(true).await,
        }
    }
}

impl Ingest {
    async fn take(&self, block: &Block) -> Result<Cursor, IngestError> {
        let events = events_of(block, self.contract.id());
        let cursor = events.block.clone();
        let taken = self.store.take_block(events, Moment::now()).await?;
        tell(&taken, "block", block.height());
        Ok(cursor)
    }

    /// Compares the store with what waits on chain. With `skip`, the cursor moves to the block of that comparison.
    async fn reconcile(&self, skip: bool) -> Result<Cursor, IngestError> {
        let pending = self.contract.pending().await?;
        let at = Cursor { height: pending.at.height, hash: pending.at.hash.to_string() };
        let waiting: Vec<_> = pending.requests.into_iter().map(job).collect();
        let count = waiting.len();
        let taken = self.store.reconcile(waiting, at.clone(), skip, Moment::now()).await?;
        tell(&taken, "list_pending", at.height);
        info!(
            event = "ingest.reconciled",
            height = at.height,
            waiting = count,
            found = taken.inserted.len(),
            closed = taken.closed.len(),
            "compared with what waits on chain"
        );
        Ok(at)
    }
}

fn tell(taken: &Taken, seen_in: &'static str, height: u64) {
    for id in &taken.inserted {
        info!(event = "job.ingested", request_id = id.request_id, data_id = %id.data_id, height, seen_in, "a new request");
    }
    for (id, ending) in &taken.closed {
        info!(
            event = "job.closed",
            request_id = id.request_id,
            ending = ending.as_str(),
            height,
            seen_in,
            "the chain does not wait for the request any more"
        );
    }
}
