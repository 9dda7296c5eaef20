//! What must survive a restart: jobs, outcomes on their way out, the block cursor, the nonces. One SQLite file, or a
//! PostgreSQL server that several workers share; the statements are the same.
//!
//! Every change of a job goes through [`crate::job::Status::step`]. No transaction is open while a job runs: a worker
//! claims with one guarded update, works, and records with another, each guarded by its lease. Writes that wait at the
//! same time are committed together, see `writer`.

pub mod blobs;
mod bulk;
mod claim;
mod close;
mod database;
mod error;
mod flags;
mod hand_over;
mod insert;
mod intake;
mod lanes;
mod leases;
mod moment;
mod moves;
mod outbox;
mod overview;
mod programs;
mod receipts;
mod record;
mod reopen;
mod retry;
mod rows;
mod submit;
mod summary;
mod wake;
mod workers;
mod writer;

use std::sync::Arc;

use sqlx::AnyPool;

use crate::telemetry::Metrics;

pub use blobs::{BlobError, BlobSetupError, Blobs, BlobsConfig, Shelf};
pub use claim::Claimed;
pub use close::{Closed, Late};
pub use database::Database;
pub use error::StoreError;
pub use intake::{BlockEvents, Closing, Comparison, Cursor, NewJob, Taken};
pub use lanes::LaneHold;
pub use leases::Lease;
pub use moment::Moment;
pub use outbox::{Answer, Leaving};
pub use overview::{JobFilter, JobState, JobView, StageTimes, Times};
pub use record::{BuiltArtifact, Effect, Ran};
pub use reopen::Reopened;
pub use submit::Submission;
pub use summary::{Counts, LaneView, QueueView};
pub use wake::WakeUp;
pub use workers::WorkerView;

/// The store. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
    database: Database,
    worker: Arc<str>,
    writer: writer::Writer,
    wake: wake::WakeUps,
}

impl Store {
    /// Opens the database, creates a file that is missing, and brings the tables up to date. `worker` names this
    /// process in the leases it takes.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be opened, or was written by a newer version.
    pub async fn open(database: impl Into<Database>, worker: &str) -> Result<Self, StoreError> {
        let database = database.into();
        let pool = database.connect().await?;
        database.migrate(&pool).await?;
        let writer = writer::Writer::start(database.connect_writers().await?, &database)?;
        Ok(Self { pool, database, worker: worker.into(), writer, wake: wake::WakeUps::default() })
    }

    /// Takes the tables back to what they were after migration `version`; 0 removes them all, with what they hold.
    ///
    /// # Errors
    /// [`StoreError`] when a step fails.
    pub async fn roll_back(&self, version: i64) -> Result<(), StoreError> {
        self.database.undo(&self.pool, version).await
    }

    /// Reports commits to these metrics from now on; the first call decides.
    pub fn report_to(&self, metrics: &Metrics) {
        self.writer.report_to(metrics);
    }

    /// Where it is, without a password.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Remembers whose requests the store holds, and refuses another chain or contract than before: request 1 there is
    /// not request 1 here.
    ///
    /// # Errors
    /// [`StoreError::Foreign`], or a database error.
    pub async fn belongs_to(&self, chain_id: &str, contract_id: &str) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO identity (only_row, chain_id, contract_id) VALUES (1, $1, $2) ON CONFLICT DO NOTHING")
            .bind(chain_id)
            .bind(contract_id)
            .execute(&self.pool)
            .await?;
        let (chain, contract): (String, String) =
            sqlx::query_as("SELECT chain_id, contract_id FROM identity").fetch_one(&self.pool).await?;
        if (chain.as_str(), contract.as_str()) == (chain_id, contract_id) {
            return Ok(());
        }
        Err(StoreError::Foreign { chain, contract })
    }

    /// Closes it; statements that are under way are finished first.
    pub async fn close(&self) {
        self.writer.close().await;
        self.pool.close().await;
    }
}
