//! Many rows in one statement. Most of what a statement costs is its way to the thread or the server that runs it, and
//! the answer's way back; so rows that are written at the same time travel together, as one JSON text in `$1`.

use serde::Serialize;
use sqlx::{AnyConnection, Postgres};

use super::StoreError;
use crate::job::JobId;

/// One statement over the rows, in the words of each database. They are the table `list` with the one column `value`, an
/// object whose fields are `value ->> 'name'`.
pub(super) struct Bulk {
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

/// A [`Bulk`] of a statement; one that begins with a comma has tables of its own beside `list`. The objects are taken out
/// of the text once, as binary JSON, and not again for each of their fields.
macro_rules! bulk {
    ($statement:expr) => {
        $crate::store::bulk::Bulk {
            sqlite: concat!("WITH list AS MATERIALIZED (SELECT value FROM jsonb_each($1)) ", $statement),
            postgres: concat!(
                "WITH list AS MATERIALIZED (SELECT value FROM jsonb_array_elements(CAST($1 AS jsonb)) AS rows (value)) ",
                $statement
            ),
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

/// The same of rows that are texts already.
pub(super) fn joined<'a>(rows: impl Iterator<Item = &'a str>) -> String {
    let mut table = String::from("[");
    for row in rows {
        if table.len() > 1 {
            table.push(',');
        }
        table.push_str(row);
    }
    table.push(']');
    table
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
