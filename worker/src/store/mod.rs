//! What must survive a restart: jobs, outcomes on their way out, the block cursor, the nonces. One SQLite file.
//!
//! Every change of a job goes through [`crate::job::Status::step`]. No transaction is open while a job runs: a worker
//! claims with one guarded update, works, and records with another, each guarded by its lease.

mod claim;
mod error;
mod intake;
mod moment;
mod outbox;
mod overview;
mod record;
mod rows;
mod wake;

use std::{path::Path, time::Duration};

use sqlx::{
    SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

pub use claim::{Claimed, Lease};
pub use error::StoreError;
pub use intake::{BlockEvents, Closing, Cursor, NewJob, Taken};
pub use moment::Moment;
pub use outbox::Answer;
pub use overview::{Counts, JobView};
pub use record::{BuiltArtifact, Effect};
pub use wake::WakeUp;

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations/sqlite");

/// How long a statement waits for another process's write. Writes take milliseconds; this only bounds an accident.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// SQLite has one writer; the others are readers.
const MAX_CONNECTIONS: u32 = 4;

/// The store. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
    worker: std::sync::Arc<str>,
    wake: wake::WakeUps,
}

impl Store {
    /// Opens the file, creates it if it is missing, and brings its tables up to date. `worker` names this process in
    /// the leases it takes.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be opened, or was written by a newer version.
    pub async fn open(path: &Path, worker: &str) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // Not NORMAL: a nonce or an outcome that was promised must survive a power cut, too.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true);
        let open = |source| StoreError::Open { path: path.to_owned(), source };
        let pool =
            SqlitePoolOptions::new().max_connections(MAX_CONNECTIONS).connect_with(options).await.map_err(open)?;
        MIGRATIONS.run(&pool).await.map_err(|source| StoreError::Migrate { path: path.to_owned(), source })?;
        Ok(Self { pool, worker: worker.into(), wake: wake::WakeUps::default() })
    }

    /// Takes the tables back to what they were before migration number `version` and all later ones; 1 removes all.
    ///
    /// # Errors
    /// [`StoreError`] when a step fails.
    pub async fn roll_back(&self, version: i64) -> Result<(), StoreError> {
        let path = Path::new("").to_owned();
        MIGRATIONS.undo(&self.pool, version - 1).await.map_err(|source| StoreError::Migrate { path, source })
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

    /// Closes the file; statements that are under way are finished first.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Begins a transaction that writes: it takes the write lock at once, because a read lock that is upgraded later
    /// fails instead of waiting.
    async fn write(&self) -> Result<sqlx::Transaction<'static, sqlx::Sqlite>, StoreError> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }
}
