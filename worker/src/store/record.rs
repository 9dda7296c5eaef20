//! What came of a piece of work, written once and only by whoever still holds the lease.

use std::{path::PathBuf, time::Duration};

use offchainvm_interface::{ExecutionResponse, FailureCode};
use sqlx::SqliteConnection;

use super::{
    Lease, Moment, Store, StoreError, outbox,
    rows::{status_of, write_status},
};
use crate::job::{Ending, RetryPolicy, Stage, Status, Step, Turn, WasmDigest};

/// What a build left.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BuiltArtifact {
    /// The module's digest.
    pub digest: WasmDigest,
    /// Where it lies on this machine.
    pub path: PathBuf,
    /// The commit's full name.
    pub commit: String,
    /// The compiler that made it.
    pub toolchain: String,
}

/// What came of a piece of work.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Build: there is a module.
    Built(BuiltArtifact),
    /// Execute: the program ran, well or badly, and this is to be said.
    Ran(Box<ExecutionResponse>),
    /// Any stage: this went wrong. `answer` is what is to be said if it is not tried again, `wait` is how long to wait
    /// if it is.
    Failed {
        /// What went wrong; its owner decides what follows.
        code: FailureCode,
        /// The answer that it may become.
        answer: Box<ExecutionResponse>,
        /// The wait before another attempt.
        wait: Duration,
    },
    /// Put back, without having failed.
    NotYet {
        /// How long to wait.
        wait: Duration,
    },
    /// Execute: the module is gone.
    ArtifactLost,
    /// Publish: the answer is on the chain.
    Delivered,
    /// The chain or the clock ended the job.
    Closed(Ending),
}

impl Effect {
    /// The step it makes a job take.
    #[must_use]
    pub fn step(&self) -> Step {
        match self {
            Self::Built(_) | Self::Ran(_) | Self::Delivered => Step::Finish,
            Self::Failed { code, .. } => Step::Fail(*code),
            Self::NotYet { .. } => Step::NotYet,
            Self::ArtifactLost => Step::Rebuild,
            Self::Closed(ending) => Step::Close(*ending),
        }
    }

    fn wait(&self) -> Duration {
        match self {
            Self::Failed { wait, .. } | Self::NotYet { wait } => *wait,
            _ => Duration::ZERO,
        }
    }

    /// What there is to say now that the program's part is over.
    fn answer(&self) -> Option<&ExecutionResponse> {
        match self {
            Self::Ran(answer) | Self::Failed { answer, .. } => Some(answer),
            _ => None,
        }
    }
}

impl Store {
    /// Records what came of the work and gives up the lease; says where the job stands now. An outcome and its entry in
    /// the outbox are one transaction.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when somebody else has the job or it is over; nothing was written then.
    pub async fn record(
        &self,
        lease: &Lease,
        effect: &Effect,
        retry: &RetryPolicy,
        now: Moment,
    ) -> Result<Status, StoreError> {
        let id = lease.id.to_string();
        let mut transaction = self.write().await?;
        let row = sqlx::query("SELECT id, stage, state, attempts, ending FROM jobs WHERE id = $1 AND lease_owner = $2")
            .bind(&id)
            .bind(&lease.token)
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or(StoreError::LeaseLost(lease.id))?;
        let next = status_of(&row)?.step(effect.step(), retry)?;

        if let Effect::Built(artifact) = effect {
            keep_artifact(&mut transaction, &id, artifact).await?;
        }
        let to_publish = matches!(next, Status::InProgress { stage: Stage::Publish, .. });
        if let (true, true, Some(answer)) = (to_publish, lease.stage != Stage::Publish, effect.answer()) {
            outbox::put(&mut transaction, lease.id, answer).await?;
        }
        let note = match effect {
            Effect::Failed { answer, .. } => answer.error.as_deref(),
            _ => None,
        };
        write_status(&mut transaction, &id, next, now.after(effect.wait_before(next)), note, now).await?;
        transaction.commit().await?;

        if let Status::InProgress { stage, turn: Turn::Waiting, .. } = next {
            self.wake.ring(stage);
        }
        Ok(next)
    }
}

impl Effect {
    /// The wait is for trying the same stage again; a stage that is new to the job may begin at once.
    fn wait_before(&self, next: Status) -> Duration {
        match next {
            Status::InProgress { attempts: 0, .. } if !matches!(self, Self::NotYet { .. }) => Duration::ZERO,
            _ => self.wait(),
        }
    }
}

async fn keep_artifact(
    connection: &mut SqliteConnection,
    id: &str,
    artifact: &BuiltArtifact,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE jobs SET wasm_sha256 = $2, wasm_path = $3, full_commit = $4, toolchain = $5 WHERE id = $1")
        .bind(id)
        .bind(artifact.digest.to_string())
        .bind(artifact.path.to_string_lossy().into_owned())
        .bind(&artifact.commit)
        .bind(&artifact.toolchain)
        .execute(connection)
        .await?;
    Ok(())
}
