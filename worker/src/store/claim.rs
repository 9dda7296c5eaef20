//! Who works on what: a job is claimed with a lease, and taken over when the lease runs out.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use offchainvm_interface::ExecutionRequest;
use sqlx::{Row, sqlite::SqliteRow};

use super::{Moment, Store, StoreError, outbox::Answer, record::BuiltArtifact, rows::id_of};
use crate::job::{JobId, ParseDigestError, Stage};

/// The right to work on a job until it runs out or is recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    pub(super) id: JobId,
    pub(super) stage: Stage,
    pub(super) token: String,
}

impl Lease {
    /// The job.
    #[must_use]
    pub fn id(&self) -> JobId {
        self.id
    }
}

/// A job to work on.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The right to do so.
    pub lease: Lease,
    /// What was asked for.
    pub request: ExecutionRequest,
    /// How often this stage was begun, this time included.
    pub attempts: u32,
    /// After this there is no point in answering.
    pub deadline: Moment,
    /// What the build left; in build, what an earlier build left.
    pub artifact: Option<BuiltArtifact>,
    /// In publish: what is to be said.
    pub answer: Option<Answer>,
}

impl Store {
    /// Claims the stage's next job, earliest deadline first: one that waits and whose time has come, or one whose
    /// worker has let its lease run out. [`None`] when there is none.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn claim(&self, stage: Stage, lease: Duration, now: Moment) -> Result<Option<Claimed>, StoreError> {
        let token = self.token();
        // This is the step `Begin` of `Status::step`, in SQL so that finding and taking are one. The inner condition
        // stands outside again: under PostgreSQL another process may take the row between the two.
        let row = sqlx::query(
            "UPDATE jobs
             SET state = 'running', attempts = attempts + 1, lease_owner = $1, lease_until = $2,
                 build_at = CASE WHEN $3 = 'build' THEN COALESCE(build_at, $4) ELSE build_at END,
                 execute_at = CASE WHEN $3 = 'execute' THEN COALESCE(execute_at, $4) ELSE execute_at END,
                 publish_at = CASE WHEN $3 = 'publish' THEN COALESCE(publish_at, $4) ELSE publish_at END
             WHERE id = (SELECT id FROM jobs
                         WHERE stage = $3 AND ((state IN ('pending', 'waiting') AND not_before <= $4)
                                               OR (state = 'running' AND lease_until < $4))
                         ORDER BY deadline, request_id LIMIT 1)
               AND (state IN ('pending', 'waiting') OR (state = 'running' AND lease_until < $4))
             RETURNING id, request, attempts, deadline, wasm_sha256, wasm_path, full_commit, toolchain",
        )
        .bind(&token)
        .bind(now.after(lease).0)
        .bind(stage.as_str())
        .bind(now.0)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let id = id_of(&row)?;
        let answer = match stage {
            Stage::Publish => Some(self.answer(id).await?),
            Stage::Build | Stage::Execute => None,
        };
        let lease = Lease { id, stage, token };
        claimed(&row, lease, answer).map(Some)
    }

    /// Keeps a job for longer; false when the lease is lost, and with it the right to go on.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn renew(&self, lease: &Lease, duration: Duration, now: Moment) -> Result<bool, StoreError> {
        let renewed = sqlx::query("UPDATE jobs SET lease_until = $3 WHERE id = $1 AND lease_owner = $2")
            .bind(lease.id.to_string())
            .bind(&lease.token)
            .bind(now.after(duration).0)
            .execute(&self.pool)
            .await?;
        Ok(renewed.rows_affected() == 1)
    }

    /// When the stage's next job becomes due; [`None`] when none waits. It tells a stage how long it may sleep.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn next_due(&self, stage: Stage) -> Result<Option<Moment>, StoreError> {
        let (due,): (Option<i64>,) = sqlx::query_as(
            "SELECT MIN(CASE WHEN state = 'running' THEN lease_until + 1 ELSE not_before END) FROM jobs
             WHERE stage = $1 AND state IN ('pending', 'waiting', 'running')",
        )
        .bind(stage.as_str())
        .fetch_one(&self.pool)
        .await?;
        Ok(due.map(Moment))
    }

    /// A name for one lease: two claims never share it, not even of the same job by the same process.
    fn token(&self) -> String {
        static COUNTER: AtomicU64 = AtomicU64::new(1);
        format!("{}#{}", self.worker, COUNTER.fetch_add(1, Ordering::Relaxed))
    }
}

fn claimed(row: &SqliteRow, lease: Lease, answer: Option<Answer>) -> Result<Claimed, StoreError> {
    let id = lease.id;
    let corrupt = |column, reason: String| StoreError::Corrupt { job: id.to_string(), column, reason };
    let request: Option<String> = row.try_get("request")?;
    let request = request.ok_or_else(|| corrupt("request", "cleared before the job's end".to_owned()))?;
    let attempts: i64 = row.try_get("attempts")?;
    let digest: Option<String> = row.try_get("wasm_sha256")?;
    let artifact = match digest {
        None => None,
        Some(digest) => Some(BuiltArtifact {
            digest: digest.parse().map_err(|error: ParseDigestError| corrupt("wasm_sha256", error.to_string()))?,
            path: PathBuf::from(row.try_get::<Option<String>, _>("wasm_path")?.unwrap_or_default()),
            commit: row.try_get::<Option<String>, _>("full_commit")?.unwrap_or_default(),
            toolchain: row.try_get::<Option<String>, _>("toolchain")?.unwrap_or_default(),
        }),
    };
    Ok(Claimed {
        lease,
        request: serde_json::from_str(&request).map_err(|error| corrupt("request", error.to_string()))?,
        attempts: u32::try_from(attempts).map_err(|error| corrupt("attempts", error.to_string()))?,
        deadline: Moment(row.try_get("deadline")?),
        artifact,
        answer,
    })
}

impl Store {
    /// Lets go at once of the leases whose worker is gone, so that a restart need not wait for them to run out. The
    /// attempts they stand for still count. `is_gone` is asked with each worker's name.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn expire_leases(&self, is_gone: impl Fn(&str) -> bool) -> Result<u64, StoreError> {
        let tokens: Vec<(String,)> =
            sqlx::query_as("SELECT lease_owner FROM jobs WHERE lease_owner IS NOT NULL").fetch_all(&self.pool).await?;
        let mut expired = 0;
        for (token,) in tokens {
            let worker = token.rsplit_once('#').map_or(token.as_str(), |(worker, _)| worker);
            if is_gone(worker) {
                let done = sqlx::query("UPDATE jobs SET lease_until = 0 WHERE lease_owner = $1")
                    .bind(&token)
                    .execute(&self.pool)
                    .await?;
                expired += done.rows_affected();
            }
        }
        Ok(expired)
    }
}
