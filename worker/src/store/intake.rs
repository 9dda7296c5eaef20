//! From the chain into the store: new jobs, ends that the chain tells of, and how far the chain was read.

use std::{collections::HashSet, time::Duration};

use offchainvm_interface::{ExecutionRequest, Sha256};
use sqlx::AnyConnection;

use super::{
    Moment, Store, StoreError,
    close::{Closed, close},
    error::int,
    insert::NewJobs,
    receipts,
    reopen::{Reopened, reopen},
    rows::id_of,
    writer::Write,
};
use crate::job::{JobId, SUBMITTED, Stage};

/// The last block whose events are in the store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cursor {
    /// Its height.
    pub height: u64,
    /// Its hash, in base 58.
    pub hash: String,
}

/// A request that the chain told of.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// The request.
    pub request: ExecutionRequest,
    /// After this there is no point in answering.
    pub deadline: Moment,
}

/// A request that the chain settled.
#[derive(Clone, Copy, Debug)]
pub struct Closing {
    /// Which.
    pub id: JobId,
    /// Whether it was answered, as opposed to timed out or withdrawn.
    pub answered: bool,
    /// The receipt it was settled with; [`None`] when there was none, or the chain did not tell.
    pub receipt: Option<Sha256>,
}

/// What one block says about our contract.
#[derive(Clone, Debug)]
pub struct BlockEvents {
    /// The block.
    pub block: Cursor,
    /// Requests in it.
    pub requested: Vec<NewJob>,
    /// Settlements in it.
    pub settled: Vec<Closing>,
}

/// What changed in the store.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Taken {
    /// Jobs that are new.
    pub inserted: Vec<JobId>,
    /// Jobs that came to their end.
    pub closed: Vec<Closed>,
    /// Jobs that were over and begin again.
    pub reopened: Vec<Reopened>,
}

/// What waits on chain as of one block, for the store to be compared with.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// All requests that wait.
    pub waiting: Vec<NewJob>,
    /// The block.
    pub at: Cursor,
    /// Whether the cursor moves there: all that the blocks before it said is accounted for then.
    pub skip: bool,
    /// What time it is on the chain, by which deadlines are looked at.
    pub chain_time: Moment,
    /// The time between two comparisons: a job that is over rests for so long at least before it is taken up again.
    pub period: Duration,
}

struct TakeBlock {
    block: Cursor,
    requested: NewJobs,
    settled: Vec<Closing>,
    now: Moment,
}

impl Write for TakeBlock {
    type Output = Taken;

    fn name(&self) -> &'static str {
        let says_nothing = self.requested.is_empty() && self.settled.is_empty();
        if says_nothing { "move_cursor" } else { "take_block" }
    }

    fn may_be_lost(&self) -> bool {
        true
    }

    async fn apply(&self, connection: &mut AnyConnection) -> Result<Taken, StoreError> {
        let inserted = self.requested.insert(connection, self.block.height, self.now).await?;
        let closed = close(connection, &self.settled, self.now).await?;
        receipts::settle(connection, &self.settled).await?;
        move_cursor(connection, &self.block).await?;
        Ok(Taken { inserted, closed, reopened: Vec::new() })
    }
}

struct Reconcile {
    with: Comparison,
    waiting: NewJobs,
    now: Moment,
}

impl Write for Reconcile {
    type Output = Taken;

    fn name(&self) -> &'static str {
        "reconcile"
    }

    async fn apply(&self, connection: &mut AnyConnection) -> Result<Taken, StoreError> {
        let Self { with, waiting, now } = self;
        let inserted = waiting.insert(connection, with.at.height, *now).await?;
        let all_are_new = inserted.len() == with.waiting.len();
        let reopened = if all_are_new { Vec::new() } else { reopen(connection, with, *now).await? };
        let waiting: HashSet<JobId> = with.waiting.iter().map(|job| JobId::from(&job.request)).collect();
        // A job of a later block than `at` is not in the list because the list is older, not because it is settled.
        let open =
            sqlx::query("SELECT id FROM jobs WHERE closed_at IS NULL AND seen_height <= $1 AND request_id <> $2")
                .bind(int(with.at.height)?)
                .bind(int(SUBMITTED)?)
                .fetch_all(&mut *connection)
                .await?;
        let mut gone = open.iter().map(id_of).collect::<Result<Vec<_>, _>>()?;
        gone.retain(|id| !waiting.contains(id));
        let settled: Vec<Closing> = gone.into_iter().map(|id| Closing { id, answered: true, receipt: None }).collect();
        let closed = close(connection, &settled, *now).await?;
        if with.skip {
            move_cursor(connection, &with.at).await?;
        }
        Ok(Taken { inserted, closed, reopened })
    }
}

impl Store {
    /// How far the chain was read; [`None`] in a new store.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn cursor(&self) -> Result<Option<Cursor>, StoreError> {
        let row: Option<(i64, String)> =
            sqlx::query_as("SELECT height, hash FROM cursor").fetch_optional(&self.pool).await?;
        Ok(row.map(|(height, hash)| Cursor { height: u64::try_from(height).unwrap_or(0), hash }))
    }

    /// Takes in what a block says and moves the cursor onto it, all or nothing. A request that is known already is
    /// passed over.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was taken in then.
    pub async fn take_block(&self, events: BlockEvents, now: Moment) -> Result<Taken, StoreError> {
        let BlockEvents { block, requested, settled } = events;
        let requested = NewJobs::new(&requested)?;
        let taken = self.writer.write(TakeBlock { block, requested, settled, now }).await?;
        self.announce(&taken);
        Ok(taken)
    }

    /// Compares the store with all requests that waited on chain after a block: takes in what is missing, closes what
    /// does not wait any more, and takes up again what waits although it is over here.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was changed then.
    pub async fn reconcile(&self, with: Comparison, now: Moment) -> Result<Taken, StoreError> {
        let waiting = NewJobs::new(&with.waiting)?;
        let taken = self.writer.write(Reconcile { with, waiting, now }).await?;
        self.announce(&taken);
        Ok(taken)
    }

    fn announce(&self, taken: &Taken) {
        if !taken.inserted.is_empty() {
            self.wake.ring(Stage::Build);
        }
        if !taken.reopened.is_empty() {
            self.wake.ring_all();
        }
        if !taken.closed.is_empty() {
            self.wake.ring_end();
        }
    }
}

async fn move_cursor(connection: &mut AnyConnection, to: &Cursor) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO cursor (only_row, height, hash) VALUES (1, $1, $2)
         ON CONFLICT (only_row) DO UPDATE SET height = excluded.height, hash = excluded.hash",
    )
    .bind(int(to.height)?)
    .bind(&to.hash)
    .execute(connection)
    .await?;
    Ok(())
}
