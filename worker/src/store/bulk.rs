//! Many rows in one statement. Most of what a statement costs is its way to the thread or the server that runs it, and
//! the answer's way back; so rows that are written at the same time travel together, as one JSON text in `$1`.

use serde::Serialize;
use sqlx::{AnyConnection, Postgres};

use super::StoreError;
use crate::job::JobId;

/// One statement over rows, in the words of each database. A row is an object; its fields are `value ->> 'name'`.
pub(super) struct Bulk {
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

/// A [`Bulk`] of what stands before and after the rows.
macro_rules! bulk {
    ($before:literal, $after:literal) => {
        $crate::store::bulk::Bulk {
            sqlite: concat!($before, "json_each($1)", $after),
            postgres: concat!($before, "jsonb_array_elements(CAST($1 AS jsonb)) AS list (value)", $after),
        }
    };
}
pub(super) use bulk;

impl Bulk {
    /// The statement for the database behind the connection.
    pub(super) fn on(&self, connection: &AnyConnection) -> &'static str {
        if connection.backend_name() == <Postgres as sqlx::Database>::NAME { self.postgres } else { self.sqlite }
    }
}

/// The rows as the text for `$1`.
pub(super) fn rows<T: Serialize>(rows: &[T]) -> Result<String, StoreError> {
    Ok(serde_json::to_string(rows)?)
}

/// A row that only names a job.
#[derive(Serialize)]
pub(super) struct Named {
    id: String,
}

impl From<JobId> for Named {
    fn from(id: JobId) -> Self {
        Self { id: id.to_string() }
    }
}
