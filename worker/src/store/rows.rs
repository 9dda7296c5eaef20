//! How a status is read from columns; `moves` writes it.

use sqlx::{Row, any::AnyRow};

use super::StoreError;
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
