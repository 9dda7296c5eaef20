//! What the store says to somebody who looks at it.

use offchainvm_interface::RequestId;
use sqlx::{Row, any::AnyRow};

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

/// How many jobs stand where.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Not begun.
    pub pending: u64,
    /// Being built, or waiting to be built again.
    pub build: u64,
    /// Built and not run to the end.
    pub execute: u64,
    /// With an outcome that is not on the chain.
    pub publish: u64,
    /// That got an answer.
    pub completed: u64,
    /// That got none from us.
    pub failed: u64,
}

impl Counts {
    /// Those that are not over.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.pending + self.build + self.execute + self.publish
    }
}

macro_rules! view_of {
    () => {
        "SELECT id, stage, state, attempts, ending, build_at, note, code, wasm_sha256, created_at, closed_at,
                outbox.tx_hash AS tx_hash,
                CASE WHEN request IS NOT NULL OR outbox.response IS NOT NULL THEN 1 ELSE 0 END AS has_payload
         FROM jobs LEFT JOIN outbox ON outbox.job_id = jobs.id "
    };
}

impl Store {
    /// The job of a request; [`None`] when it is not known here.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn job(&self, request_id: RequestId) -> Result<Option<JobView>, StoreError> {
        let row = sqlx::query(concat!(view_of!(), "WHERE request_id = $1"))
            .bind(int(request_id)?)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(view).transpose()
    }

    /// The job of that name; [`None`] when it is not known here.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn job_named(&self, id: JobId) -> Result<Option<JobView>, StoreError> {
        let row =
            sqlx::query(concat!(view_of!(), "WHERE id = $1")).bind(id.to_string()).fetch_optional(&self.pool).await?;
        row.as_ref().map(view).transpose()
    }

    /// How many jobs stand where.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(
            "SELECT state, stage, CASE WHEN build_at IS NULL THEN 0 ELSE 1 END AS begun, COUNT(*) FROM jobs
             GROUP BY state, stage, CASE WHEN build_at IS NULL THEN 0 ELSE 1 END",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut counts = Counts::default();
        for (state, stage, begun, count) in rows {
            let place = match (state.as_str(), stage.as_str(), begun) {
                ("completed", ..) => &mut counts.completed,
                ("failed", ..) => &mut counts.failed,
                (_, "build", 0) => &mut counts.pending,
                (_, "build", _) => &mut counts.build,
                (_, "execute", _) => &mut counts.execute,
                _ => &mut counts.publish,
            };
            *place += u64::try_from(count).unwrap_or(0);
        }
        Ok(counts)
    }
}

fn view(row: &AnyRow) -> Result<JobView, StoreError> {
    Ok(JobView {
        id: id_of(row)?,
        status: status_of(row)?,
        note: row.try_get("note")?,
        code: row.try_get("code")?,
        tx_hash: row.try_get("tx_hash")?,
        wasm_sha256: row.try_get("wasm_sha256")?,
        has_payload: row.try_get::<i64, _>("has_payload")? == 1,
        created_at: Moment(row.try_get("created_at")?),
        closed_at: row.try_get::<Option<i64>, _>("closed_at")?.map(Moment),
    })
}
