//! How a status is written in columns, and read back.

use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{Lease, Moment, StoreError};
use crate::job::{JobId, Stage, Status, Turn};

/// Reads the status of a row that holds id, stage, state, attempts, ending and build_at.
pub(super) fn status_of(row: &AnyRow) -> Result<Status, StoreError> {
    let id: String = row.try_get("id")?;
    let stage: String = row.try_get("stage")?;
    let state: String = row.try_get("state")?;
    let attempts: i64 = row.try_get("attempts")?;
    let ending: Option<String> = row.try_get("ending")?;
    let begun = row.try_get::<Option<i64>, _>("build_at")?.is_some();
    let corrupt = |column, reason: &str| StoreError::Corrupt { job: id.clone(), column, reason: reason.to_owned() };
    let stage = stage.parse().map_err(|()| corrupt("stage", &stage))?;
    let attempts = u32::try_from(attempts).map_err(|_| corrupt("attempts", &attempts.to_string()))?;
    let ending = || {
        let text = ending.as_deref().unwrap_or("null");
        text.parse().map_err(|()| corrupt("ending", text))
    };
    match state.as_str() {
        // One that was given up before it was begun stands in publish.
        "waiting" if !begun && stage == Stage::Build => Ok(Status::Pending),
        "waiting" => Ok(Status::InProgress { stage, turn: Turn::Waiting, attempts }),
        "running" => Ok(Status::InProgress { stage, turn: Turn::Running, attempts }),
        "completed" => Ok(Status::Completed(ending()?)),
        "failed" => Ok(Status::Failed { retry_count: attempts.saturating_sub(1), ending: ending()? }),
        other => Err(corrupt("state", other)),
    }
}

/// Reads a job's name.
pub(super) fn id_of(row: &AnyRow) -> Result<JobId, StoreError> {
    let id: String = row.try_get("id")?;
    id.parse().map_err(|error: crate::job::ParseJobIdError| StoreError::Corrupt {
        job: id.clone(),
        column: "id",
        reason: error.to_string(),
    })
}

/// The words that a status has in the columns.
struct Columns {
    stage: Option<&'static str>,
    state: &'static str,
    attempts: Option<i64>,
    ending: Option<&'static str>,
}

impl From<Status> for Columns {
    fn from(status: Status) -> Self {
        let open = |stage: Stage, state, attempts: u32| Self {
            stage: Some(stage.as_str()),
            state,
            attempts: Some(attempts.into()),
            ending: None,
        };
        match status {
            Status::Pending => open(Stage::Build, "waiting", 0),
            Status::InProgress { stage, turn: Turn::Waiting, attempts } => open(stage, "waiting", attempts),
            Status::InProgress { stage, turn: Turn::Running, attempts } => open(stage, "running", attempts),
            // Stage and attempts stay as they were: they tell where it ended.
            Status::Completed(ending) => {
                Self { stage: None, state: "completed", attempts: None, ending: Some(ending.as_str()) }
            }
            Status::Failed { ending, .. } => {
                Self { stage: None, state: "failed", attempts: None, ending: Some(ending.as_str()) }
            }
        }
    }
}

/// A status that is not running, on its way into a row.
pub(super) struct Move<'a> {
    pub(super) id: JobId,
    pub(super) to: Status,
    pub(super) not_before: Moment,
    /// The last thing that went wrong, if something did.
    pub(super) note: Option<&'a str>,
    pub(super) now: Moment,
    pub(super) only_if: Guard<'a>,
}

/// What must still be so when a status is written. Under PostgreSQL another process may have moved the job since it was
/// looked at: the condition is what tells.
pub(super) enum Guard<'a> {
    /// This lease holds.
    Leased(&'a Lease),
    /// The job is not over.
    Open,
    /// The job stands in this stage and state.
    At(Stage, &'static str),
    /// The job has failed.
    Failed,
}

impl Move<'_> {
    /// Writes the status: the lease goes, and at an end the payloads go, too, unless `keep_answer`. False when the
    /// guard does not hold; nothing was written then.
    pub(super) async fn write(self, connection: &mut AnyConnection, keep_answer: bool) -> Result<bool, StoreError> {
        let columns = Columns::from(self.to);
        let over = self.to.is_over();
        let id = self.id.to_string();
        let (token, stage, state) = match self.only_if {
            Guard::Leased(lease) => (Some(lease.token.as_str()), None, None),
            Guard::Open => (None, None, None),
            Guard::At(stage, state) => (None, Some(stage.as_str()), Some(state)),
            Guard::Failed => (None, None, Some("failed")),
        };
        let written = sqlx::query(
            "UPDATE jobs SET stage = COALESCE($2, stage), state = $3, attempts = COALESCE($4, attempts), ending = $5,
                 not_before = $6, note = COALESCE($7, note), closed_at = $8, lease_owner = NULL, lease_until = NULL,
                 request = CASE WHEN $9 = 0 THEN request END
             WHERE id = $1 AND ($10 IS NULL OR lease_owner = $10) AND ($11 IS NULL OR stage = $11)
               AND ($12 IS NULL OR state = $12) AND (closed_at IS NULL OR $12 = 'failed')",
        )
        .bind(&id)
        .bind(columns.stage)
        .bind(columns.state)
        .bind(columns.attempts)
        .bind(columns.ending)
        .bind(self.not_before.0)
        .bind(self.note)
        .bind(over.then_some(self.now.0))
        .bind(i64::from(over))
        .bind(token)
        .bind(stage)
        .bind(state)
        .execute(&mut *connection)
        .await?;
        if written.rows_affected() == 0 {
            return Ok(false);
        }
        if over && !keep_answer {
            sqlx::query("UPDATE outbox SET response = NULL WHERE job_id = $1").bind(id).execute(connection).await?;
        }
        Ok(true)
    }
}
