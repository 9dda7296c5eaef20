//! From the chain into the store: new jobs, ends that the chain tells of, and how far the chain was read.

use std::collections::HashSet;

use offchainvm_interface::ExecutionRequest;
use sqlx::{Row, SqliteConnection};

use super::{
    Moment, Store, StoreError,
    error::int,
    rows::{id_of, status_of, write_status},
};
use crate::job::{Ending, JobId, RetryPolicy, Stage, Status, Step};

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
    pub closed: Vec<(JobId, Ending)>,
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
    pub async fn take_block(&self, events: &BlockEvents, now: Moment) -> Result<Taken, StoreError> {
        let mut transaction = self.write().await?;
        let mut taken = Taken::default();
        for job in &events.requested {
            insert(&mut transaction, job, events.block.height, now, &mut taken).await?;
        }
        for closing in &events.settled {
            close(&mut transaction, *closing, now, &mut taken).await?;
        }
        move_cursor(&mut transaction, &events.block).await?;
        transaction.commit().await?;
        self.announce(&taken);
        Ok(taken)
    }

    /// Compares the store with all requests that waited on chain after block `at`: takes in what is missing and closes
    /// what does not wait any more. Moves the cursor to `at` when `skip` says so: all before it is then accounted for.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was changed then.
    pub async fn reconcile(
        &self,
        waiting: &[NewJob],
        at: &Cursor,
        skip: bool,
        now: Moment,
    ) -> Result<Taken, StoreError> {
        let mut transaction = self.write().await?;
        let mut taken = Taken::default();
        for job in waiting {
            insert(&mut transaction, job, at.height, now, &mut taken).await?;
        }
        let waiting: HashSet<JobId> = waiting.iter().map(|job| JobId::from(&job.request)).collect();
        // A job of a later block than `at` is not in the list because the list is older, not because it is settled.
        let open = sqlx::query("SELECT id FROM jobs WHERE state NOT IN ('completed', 'failed') AND seen_height <= $1")
            .bind(int(at.height)?)
            .fetch_all(&mut *transaction)
            .await?;
        for row in &open {
            let id = id_of(row)?;
            if !waiting.contains(&id) {
                close(&mut transaction, Closing { id, answered: true }, now, &mut taken).await?;
            }
        }
        if skip {
            move_cursor(&mut transaction, at).await?;
        }
        transaction.commit().await?;
        self.announce(&taken);
        Ok(taken)
    }

    fn announce(&self, taken: &Taken) {
        if !taken.inserted.is_empty() {
            self.wake.ring(Stage::Build);
        }
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    job: &NewJob,
    height: u64,
    now: Moment,
    taken: &mut Taken,
) -> Result<(), StoreError> {
    let id = JobId::from(&job.request);
    let encode =
        |column| move |error: serde_json::Error| StoreError::Encode { job: id, column, reason: error.to_string() };
    let inserted = sqlx::query(
        "INSERT INTO jobs (id, request_id, sender_id, source, request, seen_height, deadline, stage, state, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'build', 'pending', $8) ON CONFLICT (id) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(int(id.request_id)?)
    .bind(job.request.sender_id.as_str())
    .bind(serde_json::to_string(&job.request.code_source).map_err(encode("source"))?)
    .bind(serde_json::to_string(&job.request).map_err(encode("request"))?)
    .bind(int(height)?)
    .bind(job.deadline.0)
    .bind(now.0)
    .execute(connection)
    .await?;
    if inserted.rows_affected() == 1 {
        taken.inserted.push(id);
    }
    Ok(())
}

/// Closes a job that the chain settled; one that is over, or was never here, is passed over.
async fn close(
    connection: &mut SqliteConnection,
    closing: Closing,
    now: Moment,
    taken: &mut Taken,
) -> Result<(), StoreError> {
    let id = closing.id.to_string();
    let row = sqlx::query(
        "SELECT id, stage, state, attempts, ending, outbox.tx_hash IS NOT NULL AS sent
         FROM jobs LEFT JOIN outbox ON outbox.job_id = jobs.id WHERE id = $1",
    )
    .bind(&id)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(()) };
    let status = status_of(&row)?;
    if status.is_over() {
        return Ok(());
    }
    let ending = match (closing.answered, row.try_get("sent")?) {
        (false, _) => Ending::Withdrawn,
        (true, true) => Ending::Answered,
        (true, false) => Ending::Settled,
    };
    let next: Status = status.step(Step::Close(ending), &RetryPolicy::default())?;
    write_status(connection, &id, next, now, None, now).await?;
    taken.closed.push((closing.id, ending));
    Ok(())
}

async fn move_cursor(connection: &mut SqliteConnection, to: &Cursor) -> Result<(), StoreError> {
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
