//! Who works on what: jobs are claimed, each with a lease.

mod found;

use std::time::Duration;

use offchainvm_interface::ExecutionRequest;
use sqlx::AnyConnection;
use tracing::error;

use super::{Database, Lease, Moment, Store, StoreError, outbox::Answer, record::BuiltArtifact, writer::Write};
use crate::job::{Ending, Stage};

use found::{Found, Unreadable};

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
             WHERE id IN (SELECT id FROM next) AND state = 'waiting'"
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
        let claimed = sqlx::query(self.statement)
            .bind(&self.token)
            .bind(self.until.0)
            .bind(self.stage.as_str())
            .bind(self.now.0)
            .bind(self.limit)
            .execute(&mut *connection)
            .await?;
        if claimed.rows_affected() == 0 {
            return Ok(Found::default());
        }
        Found::look(connection, self.stage, &self.token, self.until).await
    }
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
