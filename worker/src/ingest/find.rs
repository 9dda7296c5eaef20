//! Looking for what happened long ago: the block of a moment, and the events in it and after it.

use near_account_id::AccountId;
use offchainvm_interface::{Event, EventLog, ExecutionRequest, RequestId, events::ExecutionCompleted};

use super::{
    ahead::Ahead,
    block::Block,
    source::{Fetched, SourceError},
    sources::BlockSources,
};

/// Blocks that one search may fetch: a search by time halves what is left, and starts with a chain's whole length.
const MAX_PROBES: u32 = 80;
/// About how long a block takes: a first guess, which need not be good.
const NANOS_PER_BLOCK: u64 = 600_000_000;
/// How many heights a chain passes over at most.
const MAX_GAP: usize = 50;
/// How many blocks after its request a settlement is looked for: longer than the default deadline of ten minutes.
const MAX_BLOCKS: u64 = 1_500;

/// Where a request was made.
#[derive(Clone, Debug)]
pub struct FoundRequest {
    /// The request, as it was announced.
    pub request: ExecutionRequest,
    /// The height of its block.
    pub height: u64,
}

/// The history of one contract, as far as the block sources go back.
#[derive(Clone, Debug)]
pub struct History {
    /// Where blocks come from.
    pub sources: BlockSources,
    /// The contract.
    pub contract: AccountId,
}

impl History {
    /// The request that was announced in the block whose time, in nanoseconds, is `requested_at`; [`None`] when that
    /// block does not announce it, or is not to be had.
    ///
    /// # Errors
    /// [`SourceError`] of the last source.
    pub async fn request(
        &self,
        request_id: RequestId,
        requested_at: u64,
        newest: u64,
    ) -> Result<Option<FoundRequest>, SourceError> {
        let Some(block) = self.block_at(requested_at, newest).await? else { return Ok(None) };
        let requested = self.events(&block).filter_map(|event| match event {
            Event::ExecutionRequested(entries) => Some(entries),
            _ => None,
        });
        let entry = requested.flatten().find(|entry| entry.request_id == request_id);
        let request = entry.and_then(|entry| entry.request().ok());
        Ok(request.map(|request| FoundRequest { request, height: block.height() }))
    }

    /// How a request ended that was made in the block at `height`; [`None`] when no block up to `newest` says so, or not
    /// soon enough.
    ///
    /// # Errors
    /// [`SourceError`] of the last source.
    pub async fn settlement(
        &self,
        request_id: RequestId,
        height: u64,
        newest: u64,
    ) -> Result<Option<ExecutionCompleted>, SourceError> {
        let last = newest.min(height.saturating_add(MAX_BLOCKS));
        let mut ahead = Ahead::new(self.sources.clone());
        for height in height..=last {
            let Fetched::Block(block) = ahead.block(height, last).await?.fetched else { continue };
            ahead.went_well();
            let completed = self.events(&block).filter_map(|event| match event {
                Event::ExecutionCompleted(entries) => Some(entries),
                _ => None,
            });
            let found = completed.flatten().find(|entry| entry.request_id == request_id);
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn events<'a>(&'a self, block: &'a Block) -> impl Iterator<Item = Event> + 'a {
        block.logs_of(&self.contract).filter_map(EventLog::parse).map(|log| log.event)
    }

    /// The first block that is not before `time`, if its time is just that.
    async fn block_at(&self, time: u64, newest: u64) -> Result<Option<Box<Block>>, SourceError> {
        // Below `low` all are before `time`; at `high` and above none is.
        let (mut low, mut high) = (0, newest.saturating_add(1));
        let mut guess = newest;
        let mut found: Option<Box<Block>> = None;
        for turn in 0..MAX_PROBES {
            if low >= high {
                break;
            }
            // The chain's pace leads close, and a half now and then closes in wherever it leads.
            let middle = low.saturating_add((high - low) / 2);
            let probe = if turn % 2 == 0 { guess.clamp(low, high - 1) } else { middle };
            match self.at_or_after(probe, high).await? {
                Probe::Block(block) if block.timestamp() < time => {
                    low = block.height().saturating_add(1);
                    guess = low.saturating_add((time - block.timestamp()) / NANOS_PER_BLOCK);
                }
                Probe::Block(block) => {
                    high = probe;
                    guess = probe.saturating_sub((block.timestamp() - time) / NANOS_PER_BLOCK);
                    found = Some(block);
                }
                Probe::NotServed => low = probe.saturating_add(1),
                Probe::Gap => high = probe,
            }
        }
        Ok(found.filter(|block| block.timestamp() == time))
    }

    /// The block at `height`, or the next one below `end` when the chain passed over it.
    async fn at_or_after(&self, height: u64, end: u64) -> Result<Probe, SourceError> {
        for height in (height..end).take(MAX_GAP) {
            match self.sources.block(height).await?.fetched {
                Fetched::Block(block) => return Ok(Probe::Block(block)),
                Fetched::NotServed => return Ok(Probe::NotServed),
                Fetched::Skipped | Fetched::NotYet => {}
            }
        }
        Ok(Probe::Gap)
    }
}

/// What is at a height.
enum Probe {
    Block(Box<Block>),
    /// It is before all that the sources have.
    NotServed,
    /// Nothing, nor after it.
    Gap,
}
