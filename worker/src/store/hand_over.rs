//! A job that is built goes on to be run by whoever has built it. The build is held back: it is recorded with the outcome
//! of the run, or before that when the run takes its time.

use std::{sync::Arc, time::Duration};

use sqlx::AnyConnection;

use super::{
    Claimed, Lease, Moment, Store, StoreError,
    moves::{self, Guard, Leaves, Made, Move},
    record::BuiltArtifact,
    writer::{Outcomes, Write},
};
use crate::job::{RetryPolicy, Stage, Status, Step, Turn};

/// A build that is not recorded yet.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct HeldBack {
    pub(super) artifact: BuiltArtifact,
    pub(super) at: Moment,
    /// How long the job will belong to whoever runs it.
    lease: Duration,
}

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

impl Claimed {
    /// A job that was claimed for building, as whoever has built it may run it at once. Nobody else knows that it is
    /// built until [`Store::record`] is told how the run ended, or until [`Store::hand_over`], which gives it a lease of
    /// that length: it should not be put off for long. After a crash in between the job is built again.
    #[must_use]
    pub fn built(self, artifact: BuiltArtifact, lease: Duration, now: Moment) -> Self {
        let held_back = Some(Arc::new(HeldBack { artifact: artifact.clone(), at: now, lease }));
        let lease = Lease { held_back, ..self.lease };
        Self { lease, attempts: 1, ready_at: now, artifact: Some(artifact), ..self }
    }
}

impl Lease {
    /// Where the job stands: nobody else can have moved it.
    pub(super) fn status(&self) -> Status {
        Status::InProgress { stage: self.stage, turn: Turn::Running, attempts: self.attempts }
    }

    /// Where it would stand, had the build been recorded and the job been claimed for running.
    pub(super) fn status_handed_over(&self) -> Result<Status, StoreError> {
        // What follows a success does not depend on what would follow a failure.
        let policy = RetryPolicy::default();
        Ok(self.status().step(Step::Finish, &policy)?.step(Step::Begin, &policy)?)
    }
}

impl Store {
    /// Records a build that is held back, and claims the job for running it: what [`Self::record`] and [`Self::claim`]
    /// do, with nobody in between. False when no build is held back, the store is paused, or the lease is lost; nothing
    /// was written then, and `lease` is as it was.
    ///
    /// # Errors
    /// [`StoreError`] of the database; also then the lease is as it was.
    pub async fn hand_over(&self, lease: &mut Lease, now: Moment) -> Result<bool, StoreError> {
        let Some(held_back) = &lease.held_back else { return Ok(false) };
        let to = Lease { id: lease.id, stage: Stage::Execute, attempts: 1, token: self.token(), held_back: None };
        let step = Move {
            leaves: Leaves::Artifact((&**held_back).into(), Some((&to, now.after(held_back.lease)))),
            ..Move::new(lease.id, lease.status_handed_over()?, Guard::Leased(lease), now)
        };
        let held = self.writer.write(HandOver(step.made()?)).await?;
        if held {
            *lease = to;
        }
        Ok(held)
    }
}
