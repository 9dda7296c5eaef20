//! Who works on what: jobs are claimed, each with a lease.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use offchainvm_interface::{ExecutionRequest, Sha256};
use sqlx::{AnyConnection, Row, any::AnyRow};
use tracing::error;

use super::{
    Database, Lease, Moment, Store, StoreError,
    outbox::{self, Answer},
    record::BuiltArtifact,
    rows::id_of,
    writer::Write,
};
use crate::job::{Ending, JobId, ParseDigestError, Stage, WasmDigest};

/// A job to work on.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The right to do so.
    pub lease: Lease,
    /// What was asked for.
    pub request: ExecutionRequest,
    /// How often this stage was begun, this time included.
    pub attempts: u32,
    /// The block that told of it.
    pub seen_height: u64,
    /// After this there is no point in answering.
    pub deadline: Moment,
    /// When the job was taken in.
    pub created_at: Moment,
    /// When the job was ready to be claimed.
    pub ready_at: Moment,
    /// What the build left; in build, what an earlier build left.
    pub artifact: Option<BuiltArtifact>,
    /// In publish: what is to be said.
    pub answer: Option<Answer>,
}

// Whether a wait is over at the moment in the parameter. A moment clearly before the one in which the wait was written
// means that the clock was set back: it would be as much longer, so it counts as over. Clocks of workers that share a
// store may differ by the five seconds.
macro_rules! due {
    ($now:literal) => {
        concat!("(not_before <= ", $now, " OR waits_from > ", $now, " + 5000)")
    };
}

// The step `Begin` of `Status::step`, in SQL so that finding and taking are one. The inner condition stands outside
// again: another process may take a row between the two. What is found is materialized: PostgreSQL may run a plain
// subquery again for each row, and as it passes over locked rows, find others each time, beyond any limit.
macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "WITH next AS MATERIALIZED (
                 SELECT id FROM jobs
                 WHERE stage = $3 AND state = 'waiting' AND ",
            due!("$4"),
            " AND ($3 = 'publish' OR NOT EXISTS (SELECT 1 FROM flags WHERE name = 'paused'))
                 ORDER BY turn, deadline, request_id LIMIT $5",
            $lock,
            ")
             UPDATE jobs
             SET state = 'running', attempts = attempts + 1, lease_owner = $1, lease_until = $2,
                 build_at = CASE WHEN $3 = 'build' THEN COALESCE(build_at, $4) ELSE build_at END,
                 execute_at = CASE WHEN $3 = 'execute' THEN COALESCE(execute_at, $4) ELSE execute_at END,
                 publish_at = CASE WHEN $3 = 'publish' THEN COALESCE(publish_at, $4) ELSE publish_at END
             WHERE id IN (SELECT id FROM next) AND state = 'waiting'
             RETURNING id, (SELECT body FROM requests WHERE job_id = jobs.id) AS request, attempts, seen_height, deadline, turn, wasm_sha256, wasm_path, full_commit,
                 toolchain, provenance, created_at, built_at, executed_at, not_before"
        )
    };
}
const CLAIM_IN_SQLITE: &str = claim!("");
// Rows that another process is taking right now are passed over instead of waited for.
const CLAIM_IN_POSTGRES: &str = claim!(" FOR UPDATE SKIP LOCKED");

struct Claim {
    statement: &'static str,
    stage: Stage,
    token: String,
    until: Moment,
    limit: i64,
    now: Moment,
}

/// What a claim has found, as the database says it: it is read when the writer has gone on.
struct Found {
    jobs: Vec<AnyRow>,
    /// In publish: what is to be said of them.
    answers: Vec<AnyRow>,
}

impl Write for Claim {
    type Output = Found;

    fn name(&self) -> &'static str {
        match self.stage {
            Stage::Build => "claim.build",
            Stage::Execute => "claim.execute",
            Stage::Publish => "claim.publish",
        }
    }

    fn may_be_lost(&self) -> bool {
        true
    }

    async fn apply(&self, connection: &mut AnyConnection) -> Result<Found, StoreError> {
        let jobs = sqlx::query(self.statement)
            .bind(&self.token)
            .bind(self.until.0)
            .bind(self.stage.as_str())
            .bind(self.now.0)
            .bind(self.limit)
            .fetch_all(&mut *connection)
            .await?;
        let answers = if self.stage == Stage::Publish && !jobs.is_empty() {
            // A job whose name cannot be read is set aside for that.
            outbox::answers(connection, jobs.iter().filter_map(|row| id_of(row).ok())).await?
        } else {
            Vec::new()
        };
        Ok(Found { jobs, answers })
    }
}

impl Found {
    /// The jobs in the order in which they are to be worked on, and those that nobody can work on.
    fn read(self, stage: Stage, token: &str) -> Result<(Vec<Claimed>, Vec<Unreadable>), StoreError> {
        let (mut claimed, mut unreadable) = (Vec::with_capacity(self.jobs.len()), Vec::new());
        let mut answers: HashMap<JobId, _> =
            self.answers.iter().map(|row| Ok((id_of(row)?, outbox::answer(row)))).collect::<Result<_, StoreError>>()?;
        for row in &self.jobs {
            let job = read(row, stage, token).and_then(|mut job| {
                if stage == Stage::Publish {
                    let id = job.lease.id;
                    job.answer = Some(answers.remove(&id).unwrap_or_else(|| Err(outbox::no_answer(id)))?);
                }
                Ok((row.try_get::<i64, _>("turn")?, job))
            });
            match job {
                Ok(job) => claimed.push(job),
                Err(StoreError::Corrupt { job, column, reason }) => unreadable.push(Unreadable { job, column, reason }),
                Err(error) => return Err(error),
            }
        }
        claimed.sort_by_key(|(turn, job)| (*turn, job.deadline, job.lease.id));
        Ok((claimed.into_iter().map(|(_, job)| job).collect(), unreadable))
    }
}

/// A job that must not keep the others waiting for ever.
struct Unreadable {
    job: String,
    column: &'static str,
    reason: String,
}

struct SetAside {
    jobs: Vec<Unreadable>,
    now: Moment,
}

impl Write for SetAside {
    type Output = ();

    fn name(&self) -> &'static str {
        "set_aside"
    }

    async fn apply(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        for Unreadable { job, column, reason } in &self.jobs {
            error!(event = "job.unreadable", job, column, reason, "the job is set aside");
            set_aside(connection, job, &format!("{column}: {reason}"), self.now).await?;
        }
        Ok(())
    }
}

async fn set_aside(connection: &mut AnyConnection, id: &str, note: &str, now: Moment) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE jobs SET state = 'failed', ending = $2, note = $3, closed_at = $4, lease_owner = NULL,
             lease_until = NULL
         WHERE id = $1",
    )
    .bind(id)
    .bind(Ending::Undelivered.as_str())
    .bind(note)
    .bind(now.0)
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE requests SET body = NULL WHERE job_id = $1").bind(id).execute(connection).await?;
    Ok(())
}

impl Store {
    /// Claims up to `limit` of the stage's jobs whose time has come: fair between callers, earliest deadline first.
    /// While the store is paused, nothing is claimed for building and running.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn claim(
        &self,
        stage: Stage,
        limit: usize,
        lease: Duration,
        now: Moment,
    ) -> Result<Vec<Claimed>, StoreError> {
        let statement = match self.database {
            Database::Sqlite(_) => CLAIM_IN_SQLITE,
            Database::Postgres(_) => CLAIM_IN_POSTGRES,
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let token = self.token();
        let claim = Claim { statement, stage, token: token.clone(), until: now.after(lease), limit, now };
        let (claimed, unreadable) = self.writer.write(claim).await?.read(stage, &token)?;
        if !unreadable.is_empty() {
            self.writer.write(SetAside { jobs: unreadable, now }).await?;
        }
        Ok(claimed)
    }

    /// Whether a claim would find something. A look takes no lock; a claim does.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn has_due(&self, stage: Stage, now: Moment) -> Result<bool, StoreError> {
        let found = sqlx::query(concat!(
            "SELECT 1 FROM jobs WHERE stage = $1 AND state = 'waiting' AND ",
            due!("$2"),
            " AND ($1 = 'publish' OR NOT EXISTS (SELECT 1 FROM flags WHERE name = 'paused')) LIMIT 1"
        ))
        .bind(stage.as_str())
        .bind(now.0)
        .fetch_optional(&self.pool)
        .await?;
        Ok(found.is_some())
    }

    /// When the stage's next waiting job becomes due; [`None`] when none waits. It tells a stage how long it may sleep.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn next_due(&self, stage: Stage) -> Result<Option<Moment>, StoreError> {
        let (due,): (Option<i64>,) = sqlx::query_as(
            "SELECT CASE WHEN $1 <> 'publish' AND EXISTS (SELECT 1 FROM flags WHERE name = 'paused') THEN NULL
                 WHEN EXISTS (SELECT 1 FROM jobs WHERE stage = $1 AND state = 'waiting' AND not_before = 0) THEN 0
                 ELSE (SELECT MIN(not_before) FROM jobs WHERE stage = $1 AND state = 'waiting' AND not_before > 0) END",
        )
        .bind(stage.as_str())
        .fetch_one(&self.pool)
        .await?;
        Ok(due.map(Moment))
    }
}

fn read(row: &AnyRow, stage: Stage, token: &str) -> Result<Claimed, StoreError> {
    let id = id_of(row)?;
    let corrupt = |column, reason: String| StoreError::Corrupt { job: id.to_string(), column, reason };
    let request: Option<Vec<u8>> = row.try_get("request")?;
    let request = request.ok_or_else(|| corrupt("request", "cleared before the job's end".to_owned()))?;
    let attempts =
        u32::try_from(row.try_get::<i64, _>("attempts")?).map_err(|error| corrupt("attempts", error.to_string()))?;
    let digest: Option<String> = row.try_get("wasm_sha256")?;
    let provenance: Option<String> = row.try_get("provenance")?;
    let provenance: Option<WasmDigest> = provenance
        .map(|text| text.parse().map_err(|error: ParseDigestError| corrupt("provenance", error.to_string())))
        .transpose()?;
    let artifact = match digest {
        None => None,
        Some(digest) => Some(BuiltArtifact {
            digest: digest.parse().map_err(|error: ParseDigestError| corrupt("wasm_sha256", error.to_string()))?,
            path: PathBuf::from(row.try_get::<Option<String>, _>("wasm_path")?.unwrap_or_default()),
            commit: row.try_get::<Option<String>, _>("full_commit")?.unwrap_or_default(),
            toolchain: row.try_get::<Option<String>, _>("toolchain")?.unwrap_or_default(),
            provenance: provenance.map(|digest| Sha256(digest.0)),
        }),
    };
    let since: Option<i64> = match stage {
        Stage::Build => row.try_get("created_at")?,
        Stage::Execute => row.try_get("built_at")?,
        Stage::Publish => row.try_get("executed_at")?,
    };
    let not_before: i64 = row.try_get("not_before")?;
    Ok(Claimed {
        lease: Lease { id, stage, attempts, token: token.to_owned(), held_back: None },
        request: serde_json::from_slice(&request).map_err(|error| corrupt("request", error.to_string()))?,
        attempts,
        seen_height: u64::try_from(row.try_get::<i64, _>("seen_height")?)
            .map_err(|error| corrupt("seen_height", error.to_string()))?,
        deadline: Moment(row.try_get("deadline")?),
        created_at: Moment(row.try_get("created_at")?),
        ready_at: Moment(since.unwrap_or(not_before).max(not_before)),
        artifact,
        answer: None,
    })
}
