//! A job that is built goes on to be run by whoever has built it: recorded and claimed at once.

use std::time::Duration;

use sqlx::AnyConnection;

use super::{
    Claimed, Lease, Moment, Store, StoreError,
    moves::{self, Guard, Leaves, Made, Move},
    record::BuiltArtifact,
    writer::{Outcomes, Write},
};
use crate::job::{RetryPolicy, Stage, Status, Step, Turn};

struct HandOver(Made);

impl Write for HandOver {
    type Output = bool;

    fn name(&self) -> &'static str {
        "hand_over"
    }

    fn may_be_lost(&self) -> bool {
        // As its parts may be, see `record` and `claim`.
        true
    }

    async fn apply(&self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        moves::write_together(connection, &[&self.0]).await
    }

    async fn apply_all(writes: &[&Self], connection: &mut AnyConnection) -> Result<Outcomes<Self>, StoreError> {
        let moves: Vec<&Made> = writes.iter().map(|write| &write.0).collect();
        let held = moves::write_together(connection, &moves).await?;
        Ok(writes.iter().map(|_| Ok(held)).collect())
    }
}

impl Store {
    /// Records what a build left, and claims the job for running it: what [`Self::record`] and [`Self::claim`] do, with
    /// nobody in between. False when the store is paused, or the lease is lost; nothing was written then, and `job` is
    /// as it was. Otherwise it is the job as a claim would have given it.
    ///
    /// # Errors
    /// [`StoreError`] of the database; also then the job is as it was.
    pub async fn hand_over(
        &self,
        job: &mut Claimed,
        artifact: &BuiltArtifact,
        lease: Duration,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let (from, policy) = (job.lease.clone(), RetryPolicy::default());
        let was = Status::InProgress { stage: from.stage, turn: Turn::Running, attempts: from.attempts };
        let next = was.step(Step::Finish, &policy)?.step(Step::Begin, &policy)?;
        let to = Lease { id: from.id, stage: Stage::Execute, attempts: 1, token: self.token() };
        let step = Move {
            id: from.id,
            to: next,
            not_before: Moment::AT_ONCE,
            note: None,
            now,
            leaves: Leaves::Artifact(artifact, Some((&to, now.after(lease)))),
            only_if: Guard::Leased(&from),
            keeps_answer: false,
        };
        if !self.writer.write(HandOver(step.made()?)).await? {
            return Ok(false);
        }
        (job.lease, job.attempts, job.ready_at) = (to, 1, now);
        job.artifact = Some(artifact.clone());
        Ok(true)
    }
}
