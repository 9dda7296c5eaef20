//! Jobs that are over begin again: an operator says so, here, or the chain does, see `reopen`.

use offchainvm_interface::{ExecutionRequest, ExecutionResponse, FailureCode, ResourcesUsed};
use sqlx::AnyConnection;

use super::{
    Moment, Store, StoreError,
    close::CANCELLED,
    moves::{Guard, Leaves, Move},
    outbox::{self, Saying},
    rows::status_of,
    writer::Write,
};
use crate::job::{JobId, RetryPolicy, Stage, Status, Step};

/// A job that is to begin again, with what was cleared at its end.
pub(super) struct Again {
    id: JobId,
    request: Vec<u8>,
    deadline: Moment,
}

impl Again {
    /// The job of a request as the chain has it.
    pub(super) fn new(request: &ExecutionRequest) -> Result<Self, StoreError> {
        let id = JobId::from(request);
        let encode =
            |error: serde_json::Error| StoreError::Encode { job: id, column: "request", reason: error.to_string() };
        let deadline = Moment::from_block_time(request.deadline);
        Ok(Self { id, request: serde_json::to_vec(request).map_err(encode)?, deadline })
    }

    /// Takes the job, which `was` over, to where it begins: where that is publishing, an operator's refusal is what is
    /// said. False when somebody else has begun it again meanwhile.
    pub(super) async fn begin(
        &self,
        connection: &mut AnyConnection,
        was: Status,
        to: Status,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let state = if matches!(was, Status::Completed(_)) { "completed" } else { "failed" };
        let refused = matches!(to, Status::InProgress { stage: Stage::Publish, .. });
        let leaves = if refused { Leaves::Outcome(Some(FailureCode::OperatorError)) } else { Leaves::Nothing };
        let step = Move { leaves, ..Move::new(self.id, to, Guard::Over(state), now) };
        if !step.write(connection).await? {
            return Ok(false);
        }
        let id = self.id.to_string();
        sqlx::query("UPDATE jobs SET deadline = $2 WHERE id = $1")
            .bind(&id)
            .bind(self.deadline.0)
            .execute(&mut *connection)
            .await?;
        sqlx::query("UPDATE requests SET body = $2 WHERE job_id = $1")
            .bind(id)
            .bind(&*self.request)
            .execute(&mut *connection)
            .await?;
        if refused {
            let refusal = ExecutionResponse::failed(FailureCode::OperatorError, CANCELLED, ResourcesUsed::default());
            outbox::put(connection, [Saying::new(self.id, &refusal, None)?].iter()).await?;
        }
        Ok(true)
    }
}

struct Retry {
    again: Again,
    now: Moment,
}

impl Write for Retry {
    type Output = Option<Status>;

    fn name(&self) -> &'static str {
        "retry"
    }

    async fn apply(&self, connection: &mut AnyConnection) -> Result<Option<Status>, StoreError> {
        let id = self.again.id.to_string();
        let row = sqlx::query("SELECT id, stage, state, attempts, ending, build_at FROM jobs WHERE id = $1")
            .bind(&id)
            .fetch_optional(&mut *connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let was = status_of(&row)?;
        let to = was.step(Step::Retry, &RetryPolicy::default())?;
        if self.again.begin(connection, was, to, self.now).await? {
            // Whoever wants it tried again does not want it cancelled any more.
            sqlx::query("UPDATE jobs SET cancelled = 0 WHERE id = $1").bind(id).execute(connection).await?;
        }
        // Otherwise somebody else began it again in between: its request is there already, or not needed any more.
        Ok(Some(to))
    }
}

impl Store {
    /// Begins a failed job again, with its request as the chain has it: what the store had was cleared at the end.
    /// Returns where it stands now; [`None`] for an unknown job.
    ///
    /// # Errors
    /// [`StoreError::IllegalStep`] for a job that has not failed, or a database error.
    pub async fn retry(&self, request: &ExecutionRequest, now: Moment) -> Result<Option<Status>, StoreError> {
        let status = self.writer.write(Retry { again: Again::new(request)?, now }).await?;
        self.wake.ring(Stage::Build);
        Ok(status)
    }
}
