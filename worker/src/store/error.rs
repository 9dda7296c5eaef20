//! What can go wrong with the store.

use std::path::PathBuf;

use crate::job::{IllegalStep, JobId};

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened.
    #[error("the store {} cannot be opened: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the database said.
        source: sqlx::Error,
    },
    /// The tables cannot be brought up to date.
    #[error("the tables of the store {} cannot be brought up to date: {source}", path.display())]
    Migrate {
        /// The file.
        path: PathBuf,
        /// What the database said.
        source: sqlx::migrate::MigrateError,
    },
    /// The store holds the requests of another contract.
    #[error("the store holds the requests of {contract} on {chain}; use another data folder for another contract")]
    Foreign {
        /// Its chain.
        chain: String,
        /// Its contract.
        contract: String,
    },
    /// A statement failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// Somebody else holds the job by now, or it was closed meanwhile: what was done for it is void.
    #[error("the lease of job {0} is lost: somebody else took the job over, or it was closed")]
    LeaseLost(JobId),
    /// The job's status does not allow what was asked.
    #[error(transparent)]
    IllegalStep(#[from] IllegalStep),
    /// A row says something that no version of this program writes.
    #[error("job {job}: the column {column} holds something unreadable: {reason}")]
    Corrupt {
        /// The job.
        job: String,
        /// The column.
        column: &'static str,
        /// What was wrong.
        reason: String,
    },
    /// A number that the database cannot hold.
    #[error("{0} does not fit the database's numbers")]
    TooLarge(u64),
    /// A value cannot be written in its stored form.
    #[error("job {job}: {column} cannot be written: {reason}")]
    Encode {
        /// The job.
        job: JobId,
        /// The column.
        column: &'static str,
        /// What was wrong.
        reason: String,
    },
}

/// The database's integers are signed.
pub(super) fn int(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::TooLarge(value))
}
