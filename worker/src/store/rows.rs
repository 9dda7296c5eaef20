//! How a status is written in columns, and read back.

use offchainvm_interface::FailureCode;
use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{Lease, Moment, StoreError, record::BuiltArtifact};
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
    pub(super) leaves: Leaves<'a>,
    pub(super) only_if: Guard<'a>,
}

/// What the work that ends with a move has left.
#[derive(Clone, Copy)]
pub(super) enum Leaves<'a> {
    /// Nothing that the row must tell.
    Nothing,
    /// A module.
    Artifact(&'a BuiltArtifact),
    /// An answer with this failure code, or a success.
    Outcome(Option<FailureCode>),
}

impl<'a> Leaves<'a> {
    fn artifact(self) -> Option<&'a BuiltArtifact> {
        match self {
            Self::Artifact(artifact) => Some(artifact),
            Self::Nothing | Self::Outcome(_) => None,
        }
    }

    fn outcome(self) -> Option<Option<FailureCode>> {
        match self {
            Self::Outcome(code) => Some(code),
            Self::Nothing | Self::Artifact(_) => None,
        }
    }
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
    /// The job is over, in this state.
    Over(&'static str),
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
            Guard::Over(state) => (None, None, Some(state)),
        };
        let begins_again = matches!(self.only_if, Guard::Over(_));
        let (artifact, outcome) = (self.leaves.artifact(), self.leaves.outcome());
        // One statement for all that a move may change: a job is written several times in its life, and each statement
        // costs more than the columns that it leaves as they are.
        let written = sqlx::query(
            "UPDATE jobs SET stage = COALESCE($2, stage), state = $3, attempts = COALESCE($4, attempts), ending = $5,
                 not_before = $6, waits_from = $21, note = COALESCE($7, note), closed_at = $8, lease_owner = NULL,
                 lease_until = NULL, request = CASE WHEN $9 = 0 THEN request END,
                 wasm_sha256 = COALESCE($13, wasm_sha256), wasm_path = COALESCE($14, wasm_path),
                 full_commit = COALESCE($15, full_commit), toolchain = COALESCE($16, toolchain),
                 provenance = CASE WHEN $13 IS NULL THEN provenance ELSE $17 END, built_at = COALESCE($18, built_at),
                 executed_at = COALESCE($19, executed_at), code = CASE WHEN $19 IS NULL THEN code ELSE $20 END
             WHERE id = $1 AND ($10 IS NULL OR lease_owner = $10) AND ($11 IS NULL OR stage = $11)
               AND ($12 IS NULL OR state = $12) AND (closed_at IS NOT NULL) = ($22 = 1)",
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
        .bind(artifact.map(|artifact| artifact.digest.to_string()))
        .bind(artifact.map(|artifact| artifact.path.to_string_lossy().into_owned()))
        .bind(artifact.map(|artifact| artifact.commit.as_str()))
        .bind(artifact.map(|artifact| artifact.toolchain.as_str()))
        .bind(artifact.and_then(|artifact| artifact.provenance).map(|digest| digest.to_string()))
        .bind(artifact.map(|_| self.now.0))
        .bind(outcome.map(|_| self.now.0))
        .bind(outcome.flatten().map(FailureCode::as_str))
        .bind(self.now.0)
        .bind(i64::from(begins_again))
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
