//! Stage 1: from the chain into the store.
//!
//! Final blocks are read in order from a durable cursor; what a block says and the cursor's move onto it are one
//! transaction. Beside that, the store is compared with `list_pending` at the start, now and then, and whenever blocks
//! cannot be read: nothing that waits on chain is missed, however long the worker was away.
//!
//! - `block`, `events`: what a block says about our contract
//! - `source`, `sources`: where blocks come from
//! - `place`: where we stand, and what an answer means there
//! - `blocks`: reading blocks; `ahead`: several at a time when many are missing; `watch`: doing without them
//! - `find`: looking for what happened long ago

mod ahead;
mod block;
mod blocks;
mod events;
mod find;
mod place;
mod source;
mod sources;
mod watch;

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use url::Url;

use crate::{
    chain::{BlockRef, Contract, RpcError},
    config::IngestConfig,
    store::{BlockEvents, Comparison, Cursor, Moment, Reopened, Store, StoreError, Taken},
    telemetry::{Health, Metrics, SeenIn},
};

pub use block::{Block, BlockFault};
pub use events::{events_of, job};
pub use find::{FoundRequest, History};
pub use source::SourceError;
pub use sources::BlockSources;

use blocks::Reader;
use place::Place;

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
    /// Where news come from.
    pub source: Source,
    /// Where jobs go.
    pub store: Store,
    /// Who is told how far the chain is read.
    pub health: Health,
    /// Where requests are counted.
    pub metrics: Metrics,
    /// The settings.
    pub config: IngestConfig,
}

/// Where news of the chain come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// From its blocks.
    Blocks(BlockSources),
    /// From the contract's state, by the nodes' JSON-RPC.
    Contract,
}

impl Source {
    /// The block sources; without any, the contract.
    ///
    /// # Errors
    /// [`SourceError::Client`] when TLS cannot be set up.
    pub fn new(urls: &[Url]) -> Result<Self, SourceError> {
        Ok(if urls.is_empty() { Self::Contract } else { Self::Blocks(BlockSources::new(urls)?) })
    }
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
        let place = self.begin().await?;
        match &self.source {
            Source::Blocks(sources) => Reader::new(self, sources, place).run().await,
            Source::Contract => self.watch_contract().await,
        }
    }

    /// Where to begin: at the cursor, unless it is missing or too far behind to catch up block by block. Either way
    /// what waits on chain is in the store afterwards.
    async fn begin(&self) -> Result<Place, IngestError> {
        let newest = self.contract.rpc().final_block().await?.height;
        let kept = match self.store.cursor().await? {
            Some(cursor) if cursor.height > newest.saturating_add(NODE_LAG) => {
                warn!(
                    event = "ingest.gap",
                    height = newest,
                    after = cursor.height,
                    "the chain ends before the last block that was read: it is another chain"
                );
                None
            }
            Some(cursor) if newest.saturating_sub(cursor.height) > self.config.max_blocks_behind => {
                warn!(
                    event = "ingest.skipped",
                    from = cursor.height,
                    to = newest,
                    "too many blocks were missed to read them all; what waits on chain is asked for instead"
                );
                None
            }
            Some(cursor) => {
                info!(
                    event = "ingest.resumed",
                    height = cursor.height,
                    behind = newest.saturating_sub(cursor.height),
                    "reading blocks from where the last run stopped"
                );
                Some(cursor)
            }
            None => None,
        };
        let at = self.reconcile(kept.is_none()).await?;
        let compared = at.height;
        Ok(Place::after(kept.unwrap_or(at), compared))
    }

    fn comparison_period(&self) -> Duration {
        Duration::from_secs(self.config.reconcile_seconds)
    }

    /// What a block says that matters here. Of a block that the store was compared after, only how requests ended: those
    /// of its requests that wait are in the store, and the others need no work any more.
    fn news(&self, block: &Block, place: &Place) -> BlockEvents {
        let mut events = events_of(block, self.contract.id());
        if place.is_compared(block.height()) {
            events.requested.clear();
        }
        events
    }

    /// Takes in what a block says, and moves the cursor onto it.
    async fn take(&self, block: &Block, events: BlockEvents) -> Result<(), IngestError> {
        if !events.requested.is_empty() {
            debug!(
                event = "ingest.block_read",
                height = block.height(),
                requests = events.requested.len(),
                "a block with requests"
            );
        }
        let taken = self.store.take_block(events, Moment::now()).await?;
        self.tell(&taken, SeenIn::Block, block.height());
        Ok(())
    }

    /// Compares the store with what waits on chain. With `skip`, the cursor moves to the block of that comparison.
    async fn reconcile(&self, skip: bool) -> Result<Cursor, IngestError> {
        self.reconcile_at(self.contract.rpc().final_block().await?, skip).await
    }

    async fn reconcile_at(&self, block: BlockRef, skip: bool) -> Result<Cursor, IngestError> {
        let pending = self.contract.pending_at(block).await?;
        let at = Cursor { height: block.height, hash: block.hash.to_string() };
        let waiting: Vec<_> = pending.requests.into_iter().map(job).collect();
        let count = waiting.len();
        let comparison = Comparison {
            waiting,
            at: at.clone(),
            skip,
            chain_time: self.contract.rpc().clock().now(),
            period: self.comparison_period(),
        };
        let taken = self.store.reconcile(comparison, Moment::now()).await?;
        if skip {
            // As good as read: all that the blocks before it said is accounted for.
            self.health.block_read(at.height, Moment::now());
        }
        self.tell(&taken, SeenIn::Pending, at.height);
        info!(
            event = "ingest.reconciled",
            height = at.height,
            waiting = count,
            found = taken.inserted.len(),
            closed = taken.closed.len(),
            reopened = taken.reopened.len(),
            "compared with what waits on chain"
        );
        Ok(at)
    }

    fn tell(&self, taken: &Taken, place: SeenIn, height: u64) {
        let seen_in = place.as_str();
        self.metrics.requests_taken(taken.inserted.len(), place);
        for id in &taken.inserted {
            info!(event = "job.ingested", request_id = id.request_id, data_id = %id.data_id, height, seen_in, "a new request");
        }
        for Reopened { id, ending, times } in &taken.reopened {
            self.metrics.request_reopened(*ending);
            warn!(
                event = "job.reopened",
                request_id = id.request_id,
                ending = ending.as_str(),
                times,
                height,
                "the chain waits for a request that was held as over; it is taken up again"
            );
        }
        for closed in &taken.closed {
            self.metrics.request_closed(closed.ending, closed.code, Moment::now().since(closed.created_at));
            info!(
                event = "job.closed",
                request_id = closed.id.request_id,
                ending = closed.ending.as_str(),
                height,
                seen_in,
                "the chain does not wait for the request any more"
            );
        }
    }
}
