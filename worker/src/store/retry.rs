//! Dead letters: a failed job begins again.

use offchainvm_interface::ExecutionRequest;
use sqlx::AnyConnection;

use super::{
    Moment, Store, StoreError,
    rows::{Guard, Leaves, Move, status_of},
    writer::Write,
};
use crate::job::{JobId, RetryPolicy, Stage, Status, Step};

struct Retry {
    id: JobId,
    request: String,
    deadline: Moment,
    now: Moment,
}

impl Write for Retry {
    type Output = Option<Status>;

    fn name(&self) -> &'static str {
        "retry"
    }

    async fn apply(&self, connection: &mut AnyConnection) -> Result<Option<Status>, StoreError> {
        let id = self.id.to_string();
        let row = sqlx::query("SELECT id, stage, state, attempts, ending, build_at FROM jobs WHERE id = $1")
            .bind(&id)
            .fetch_optional(&mut *connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let to = status_of(&row)?.step(Step::Retry, &RetryPolicy::default())?;
        let step = Move {
            id: self.id,
            to,
            not_before: Moment::AT_ONCE,
            note: None,
            now: self.now,
            leaves: Leaves::Nothing,
            only_if: Guard::Failed,
        };
        if !step.write(connection, false).await? {
            // Somebody else began it again in between: its request is there already, or not needed any more.
            return Ok(Some(to));
        }
        sqlx::query("UPDATE jobs SET request = $2, deadline = $3 WHERE id = $1")
            .bind(id)
            .bind(&self.request)
            .bind(self.deadline.0)
            .execute(connection)
            .await?;
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
        let id = JobId::from(request);
        let encode =
            |error: serde_json::Error| StoreError::Encode { job: id, column: "request", reason: error.to_string() };
        let deadline = Moment::from_block_time(request.deadline);
        let request = serde_json::to_string(request).map_err(encode)?;
        let status = self.writer.write(Retry { id, request, deadline, now }).await?;
        self.wake.ring(Stage::Build);
        Ok(status)
    }
}
