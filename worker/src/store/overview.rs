//! What the store says to somebody who looks at it.

use offchainvm_interface::RequestId;
use sqlx::{Row, sqlite::SqliteRow};

use super::{
    Moment, Store, StoreError,
    error::int,
    rows::{id_of, status_of},
};
use crate::job::{JobId, Status};

/// A job, for somebody who looks at it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JobView {
    /// Its name.
    pub id: JobId,
    /// Where it stands.
    pub status: Status,
    /// The last thing that went wrong.
    pub note: Option<String>,
    /// The code of the failure that is, or was, to be said.
    pub code: Option<String>,
    /// The last transaction sent for it, in base 58.
    pub tx_hash: Option<String>,
    /// The program's digest, in hexadecimal.
    pub wasm_sha256: Option<String>,
    /// Whether request and response are still kept.
    pub has_payload: bool,
    /// When it came in.
    pub created_at: Moment,
    /// When it ended.
    pub closed_at: Option<Moment>,
}

/// How many jobs there are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// That are not over.
    pub open: u64,
    /// That got an answer.
    pub completed: u64,
    /// That got none from us.
    pub failed: u64,
}

impl Store {
    /// The job of a request; [`None`] when it is not known here.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn job(&self, request_id: RequestId) -> Result<Option<JobView>, StoreError> {
        let row = sqlx::query(
            "SELECT id, stage, state, attempts, ending, note, wasm_sha256, created_at, closed_at,
                    outbox.code AS code, outbox.tx_hash AS tx_hash,
                    (request IS NOT NULL OR outbox.response IS NOT NULL) AS has_payload
             FROM jobs LEFT JOIN outbox ON outbox.job_id = jobs.id WHERE request_id = $1",
        )
        .bind(int(request_id)?)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(view).transpose()
    }

    /// How many jobs there are.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT state, COUNT(*) FROM jobs GROUP BY state").fetch_all(&self.pool).await?;
        let mut counts = Counts::default();
        for (state, count) in rows {
            let count = u64::try_from(count).unwrap_or(0);
            match state.as_str() {
                "completed" => counts.completed += count,
                "failed" => counts.failed += count,
                _ => counts.open += count,
            }
        }
        Ok(counts)
    }
}

fn view(row: &SqliteRow) -> Result<JobView, StoreError> {
    Ok(JobView {
        id: id_of(row)?,
        status: status_of(row)?,
        note: row.try_get("note")?,
        code: row.try_get("code")?,
        tx_hash: row.try_get("tx_hash")?,
        wasm_sha256: row.try_get("wasm_sha256")?,
        has_payload: row.try_get("has_payload")?,
        created_at: Moment(row.try_get("created_at")?),
        closed_at: row.try_get::<Option<i64>, _>("closed_at")?.map(Moment),
    })
}
