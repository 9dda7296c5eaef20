//! Ingest with nothing but a node's JSON-RPC: the contract is asked whether requests came or went, and when they did,
//! for all that wait.
//!
//! Why not blocks by JSON-RPC: a node shows the log lines of a receipt only to those who name its transaction, and a
//! block does not list what was executed in it, so events cannot be read with a bounded number of questions. The
//! contract's state tells the same: a request that waits is in it, and one that is settled is not.

use std::time::Duration;

use offchainvm_interface::views::Stats;
use tokio::time::{Instant, sleep};

use super::{Ingest, IngestError};
use crate::{chain::BlockRef, store::Moment};

/// What the contract's counters said when the store was last compared with it.
#[derive(Debug, Default)]
pub(super) struct Watch {
    last: Option<Seen>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Seen {
    height: u64,
    counters: (u64, u64),
}

impl Seen {
    /// Every request that comes counts up the first of these, every one that goes counts down the second: as long as
    /// both stay, the same requests wait.
    fn new(stats: &Stats, at: BlockRef) -> Self {
        Self { height: at.height, counters: (stats.total_requests, stats.pending_requests) }
    }
}

impl Watch {
    /// Whether these counters are newer than the last ones, and differ.
    fn differs(&self, seen: Seen) -> bool {
        self.last.is_none_or(|last| seen.height > last.height && seen.counters != last.counters)
    }
}

impl Ingest {
    /// Watches the contract instead of blocks. The cursor moves with each comparison.
    pub(super) async fn watch_contract(&self) -> Result<(), IngestError> {
        let mut watch = Watch::default();
        let period = Duration::from_secs(self.config.reconcile_seconds);
        let mut next_reconciliation = Instant::now() + period;
        loop {
            if Instant::now() >= next_reconciliation {
                watch = Watch::default();
            }
            if self.look(&mut watch, true).await?.is_some() {
                next_reconciliation = Instant::now() + period;
            }
            sleep(Duration::from_millis(self.config.poll_ms)).await;
        }
    }

    /// Asks for the counters, and when they changed compares the store with what waits as of the same block; tells
    /// which block that was. With `skip`, the cursor moves there.
    pub(super) async fn look(&self, watch: &mut Watch, skip: bool) -> Result<Option<BlockRef>, IngestError> {
        let (stats, at) = self.contract.stats().await?;
        let seen = Seen::new(&stats, at);
        // As good as read: what the counters do not tell of did not happen.
        self.health.block_read(at.height, Moment::now());
        if !watch.differs(seen) {
            return Ok(None);
        }
        self.reconcile_at(at, skip).await?;
        watch.last = Some(seen);
        Ok(Some(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(height: u64, total: u64, pending: u64) -> Seen {
        Seen { height, counters: (total, pending) }
    }

    #[test]
    fn only_newer_and_different_counters_count() {
        let mut watch = Watch::default();
        assert!(watch.differs(seen(5, 0, 0)), "the first look compares");
        watch.last = Some(seen(5, 3, 1));
        assert!(!watch.differs(seen(6, 3, 1)));
        assert!(watch.differs(seen(6, 4, 2)), "one came");
        assert!(watch.differs(seen(6, 3, 0)), "one went");
        assert!(watch.differs(seen(6, 4, 1)), "one came and one went");
        assert!(!watch.differs(seen(4, 2, 1)), "a node that is a little behind");
    }
}
