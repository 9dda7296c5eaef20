//! How a status is written in columns, and read back.

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{Moment, StoreError};
use crate::job::{JobId, Stage, Status, Turn};

/// Reads the status of a row that holds id, stage, state, attempts and ending.
pub(super) fn status_of(row: &SqliteRow) -> Result<Status, StoreError> {
    let id: String = row.try_get("id")?;
    let stage: String = row.try_get("stage")?;
    let state: String = row.try_get("state")?;
    let attempts: i64 = row.try_get("attempts")?;
    let ending: Option<String> = row.try_get("ending")?;
    let corrupt = |column, reason: &str| StoreError::Corrupt { job: id.clone(), column, reason: reason.to_owned() };
    let stage = stage.parse().map_err(|()| corrupt("stage", &stage))?;
    let attempts = u32::try_from(attempts).map_err(|_| corrupt("attempts", &attempts.to_string()))?;
    let ending = || {
        let text = ending.as_deref().unwrap_or("null");
        text.parse().map_err(|()| corrupt("ending", text))
    };
    match state.as_str() {
        "pending" => Ok(Status::Pending),
        "waiting" => Ok(Status::InProgress { stage, turn: Turn::Waiting, attempts }),
        "running" => Ok(Status::InProgress { stage, turn: Turn::Running, attempts }),
        "completed" => Ok(Status::Completed(ending()?)),
        "failed" => Ok(Status::Failed { retry_count: attempts.saturating_sub(1), ending: ending()? }),
        other => Err(corrupt("state", other)),
    }
}

/// Reads a job's name.
pub(super) fn id_of(row: &SqliteRow) -> Result<JobId, StoreError> {
    let id: String = row.try_get("id")?;
    id.parse().map_err(|error: crate::job::ParseJobIdError| StoreError::Corrupt {
        job: id.clone(),
        column: "id",
        reason: error.to_string(),
    })
}

/// The words that a status has in the columns.
pub(super) struct Columns {
    pub(super) stage: Option<&'static str>,
    pub(super) state: &'static str,
    pub(super) attempts: Option<u32>,
    pub(super) ending: Option<&'static str>,
}

impl From<Status> for Columns {
    fn from(status: Status) -> Self {
        let open = |stage: Stage, state, attempts| Self {
            stage: Some(stage.as_str()),
            state,
            attempts: Some(attempts),
            ending: None,
        };
        match status {
            Status::Pending => open(Stage::Build, "pending", 0),
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

/// Writes a status that is not running: the lease goes, and at an end the payloads go, too.
pub(super) async fn write_status(
    connection: &mut SqliteConnection,
    id: &str,
    status: Status,
    not_before: Moment,
    note: Option<&str>,
    now: Moment,
) -> Result<(), StoreError> {
    let columns = Columns::from(status);
    let closed_at = status.is_over().then_some(now.0);
    sqlx::query(
        "UPDATE jobs SET stage = COALESCE($2, stage), state = $3, attempts = COALESCE($4, attempts), ending = $5,
             not_before = $6, note = COALESCE($7, note), closed_at = $8, lease_owner = NULL, lease_until = NULL,
             request = CASE WHEN $8 IS NULL THEN request END
         WHERE id = $1",
    )
    .bind(id)
    .bind(columns.stage)
    .bind(columns.state)
    .bind(columns.attempts)
    .bind(columns.ending)
    .bind(not_before.0)
    .bind(note)
    .bind(closed_at)
    .execute(&mut *connection)
    .await?;
    if status.is_over() {
        sqlx::query("UPDATE outbox SET response = NULL WHERE job_id = $1").bind(id).execute(connection).await?;
    }
    Ok(())
}
