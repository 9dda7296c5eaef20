//! Ingest by blocks: each final one in its order, from whichever source serves it.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tracing::warn;

use super::{
    Ingest, IngestError,
    ahead::Ahead,
    block::Block,
    place::{Fault, Place, Step},
    source::{Fetched, SourceError},
    sources::{Answer, BlockSources},
    watch::Watch,
};

/// How long a source may have nothing new before it is checked whether the chain has.
const STALL_AFTER: Duration = Duration::from_secs(8);
/// How often sources that all fail are tried, and the contract is asked meanwhile.
const WITHOUT_BLOCKS: Duration = Duration::from_secs(1);
/// How many blocks that say nothing may lie behind the one that the cursor moved onto last, while others are missing: so
/// many are read once more after a crash. For each its own move would take longer than reading it.
const MOST_UNNOTED: u32 = 32;
/// How soon a comparison that failed is tried again.
const COMPARE_AGAIN: Duration = Duration::from_secs(5);

/// A run of the reading loop.
pub(super) struct Reader<'a> {
    ingest: &'a Ingest,
    sources: &'a BlockSources,
    ahead: Ahead,
    place: Place,
    /// How many blocks were read since the cursor moved.
    unnoted: u32,
    last_block: Instant,
    next_comparison: Instant,
    /// Kept while no source answers.
    watch: Option<Watch>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(ingest: &'a Ingest, sources: &'a BlockSources, place: Place) -> Self {
        let now = Instant::now();
        let next_comparison = now + ingest.comparison_period();
        Self {
            ingest,
            sources,
            ahead: Ahead::new(sources.clone()),
            place,
            unnoted: 0,
            last_block: now,
            next_comparison,
            watch: None,
        }
    }

    /// Reads on and on.
    pub(super) async fn run(mut self) -> Result<(), IngestError> {
        loop {
            let newest = self.ingest.contract.rpc().newest_final();
            if self.place.behind(newest) > self.ingest.config.max_blocks_behind {
                self.skip("too many blocks are missing to read them all").await?;
            }
            let answer = tokio::select! {
                answer = self.ahead.block(self.place.next(), newest) => answer,
                () = sleep_until(self.next_comparison) => {
                    self.compare().await?;
                    continue;
                }
            };
            match answer {
                Ok(answer) => self.act(answer).await?,
                Err(error) => self.do_without_blocks(&error).await?,
            }
        }
    }

    async fn act(&mut self, Answer { fetched, from }: Answer) -> Result<(), IngestError> {
        self.watch = None;
        let newest = self.newest_for(&fetched).await;
        match self.place.judge(fetched, newest, self.sources.len()) {
            Step::Take(block) => {
                self.take(&block, newest).await?;
                self.place.took(&block);
                self.ahead.went_well();
                self.last_block = Instant::now();
                return Ok(());
            }
            Step::AskOn => {
                self.ahead.went_well();
                return Ok(());
            }
            Step::Distrust(fault) => {
                self.sources.blame(from, &fault);
                self.check_for_stall(from).await?;
            }
            Step::Skip(reason) => self.skip(reason).await?,
            Step::Wait => self.check_for_stall(from).await?,
        }
        self.ahead.stumbled();
        self.pause().await;
        Ok(())
    }

    /// Takes the next block in. One that says nothing is only counted while others are missing.
    async fn take(&mut self, block: &Block, newest: u64) -> Result<(), IngestError> {
        let events = self.ingest.news(block, &self.place);
        let says_nothing = events.requested.is_empty() && events.settled.is_empty();
        if says_nothing && block.height() < newest && self.unnoted < MOST_UNNOTED {
            self.unnoted += 1;
        } else {
            self.ingest.take(block, events).await?;
            self.unnoted = 0;
        }
        self.ingest.health.block_read(block.height(), block.time());
        Ok(())
    }

    /// How far the chain is, as well as it must be known to judge the answer.
    async fn newest_for(&self, fetched: &Fetched) -> u64 {
        let rpc = self.ingest.contract.rpc();
        if matches!(fetched, Fetched::Skipped) && self.place.next() > rpc.newest_final() {
            // When no node answers, nothing is known to be passed over.
            let _ = rpc.final_block().await;
        }
        rpc.newest_final()
    }

    /// A source without the next block while the chain goes on is stuck; one that waits with the chain is not.
    async fn check_for_stall(&mut self, from: usize) -> Result<(), IngestError> {
        if self.last_block.elapsed() < STALL_AFTER {
            return Ok(());
        }
        self.last_block = Instant::now();
        let after = self.place.cursor().height;
        if self.ingest.contract.rpc().final_block().await.is_ok_and(|block| block.height > after) {
            self.sources.blame(from, &Fault::Stuck { after });
            self.compare().await?;
        }
        Ok(())
    }

    /// Gives up on the next blocks: what waits on chain is asked for instead.
    async fn skip(&mut self, reason: &str) -> Result<(), IngestError> {
        warn!(
            event = "ingest.gap",
            after = self.place.cursor().height,
            next = self.place.next(),
            reason,
            "blocks are skipped; what waits on chain is asked for instead"
        );
        let at = self.ingest.reconcile(true).await?;
        self.place = Place::after(at.clone(), at.height);
        Ok(())
    }

    /// The comparison beside the blocks. A node that is away does not keep blocks from being read.
    async fn compare(&mut self) -> Result<(), IngestError> {
        let wait = match self.ingest.reconcile(false).await {
            Ok(at) => {
                self.place.compared(at.height);
                self.ingest.comparison_period()
            }
            Err(IngestError::Chain(error)) if error.is_transient() => {
                warn!(event = "ingest.comparison_failed", %error, "the store is compared with the chain later");
                COMPARE_AGAIN.min(self.ingest.comparison_period())
            }
            Err(error) => return Err(error),
        };
        self.next_comparison = Instant::now() + wait;
        Ok(())
    }

    /// No source answers: the place stays, and the contract itself is watched until one does.
    async fn do_without_blocks(&mut self, error: &SourceError) -> Result<(), IngestError> {
        self.ahead.stumbled();
        let watch = self.watch.get_or_insert_with(|| {
            warn!(event = "ingest.without_blocks", %error, "no block source answers; the contract itself is asked meanwhile");
            Watch::default()
        });
        if let Some(at) = self.ingest.look(watch, false).await? {
            self.place.compared(at.height);
        }
        sleep(WITHOUT_BLOCKS).await;
        Ok(())
    }

    async fn pause(&self) {
        sleep(Duration::from_millis(self.ingest.config.poll_ms)).await;
    }
}
