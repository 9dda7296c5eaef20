//! What can go wrong with the store.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;

use crate::job::{IllegalStep, JobId};

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file's name cannot be used.
    #[error("the store {} cannot be opened: {reason}", path.display())]
    Path {
        /// The file.
        path: PathBuf,
        /// What is wrong with its name.
        reason: String,
    },
    /// The database cannot be opened or reached.
    #[error("the store {database} cannot be opened: {source}")]
    Open {
        /// The file, or the server without its password.
        database: String,
        /// What the database said.
        source: sqlx::Error,
    },
    /// The tables cannot be brought up to date.
    #[error("the tables of the store {database} cannot be brought up to date: {source}")]
    Migrate {
        /// The file or the server.
        database: String,
        /// What the database said.
        source: sqlx::migrate::MigrateError,
    },
    /// The tables were made by a newer version of this program.
    #[error(
        "the store {database} was written by a newer version: its tables are at version {found}, this program knows \
         version {known}; run the newer program, or take the tables back with it first"
    )]
    Newer {
        /// The file or the server.
        database: String,
        /// The tables' version.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// The store holds the requests of another contract.
    #[error(
        "the store holds the requests of {contract} on {chain}; another contract needs another store.path or \
         store.database_url"
    )]
    Foreign {
        /// Its chain.
        chain: String,
        /// Its contract.
        contract: String,
    },
    /// Rows cannot be handed to the database, or taken from it.
    #[error("rows cannot be written or read as JSON: {0}")]
    Rows(#[from] serde_json::Error),
    /// A statement failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The thread that writes cannot be started.
    #[error("a thread for the store cannot be started: {0}")]
    Writer(std::io::Error),
    /// The store was closed while something was to be written.
    #[error("the store is closed")]
    Closed,
    /// Somebody else holds the job by now, or it was closed: what was done for it is void.
    #[error("the lease of job {0} is lost: somebody else took the job over, or it was closed")]
    LeaseLost(JobId),
    /// Of jobs that were to be written together some have moved meanwhile. Each is written alone then.
    #[error("some of the jobs have moved meanwhile")]
    SomeHaveMoved,
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

/// Codes of PostgreSQL that pass by themselves: too many connections, it was shut down, it crashed, it is starting. All
/// others that it answers a new connection with are about the settings.
const PASSING: [&str; 4] = ["53300", "57P01", "57P02", "57P03"];

impl StoreError {
    /// Whether the database cannot be reached, or takes nobody now: a little later it may.
    #[must_use]
    pub fn is_away(&self) -> bool {
        match self {
            Self::Open { source, .. } | Self::Database(source) => is_away(source),
            Self::Migrate {
                source: MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _), ..
            } => is_away(source),
            _ => false,
        }
    }

    /// Whether it was found before anything was written, so that the rest of the transaction may stay.
    pub(super) fn wrote_nothing(&self) -> bool {
        matches!(self, Self::LeaseLost(_) | Self::IllegalStep(_))
    }
}

fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| PASSING.contains(&&*code)),
        _ => false,
    }
}

/// The database's integers are signed.
pub(super) fn int(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::TooLarge(value))
}
