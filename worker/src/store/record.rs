//! What came of a piece of work, written once and only by whoever still holds the lease.

use std::{path::PathBuf, time::Duration};

use offchainvm_interface::{ExecutionResponse, FailureCode, Sha256, receipt::Run};
use sqlx::AnyConnection;

use super::{
    Lease, Moment, Store, StoreError,
    hand_over::HeldBack,
    moves::{self, Built, Guard, Leaves, Made, Move},
    outbox::{self, Saying},
    writer::{Outcomes, Write},
};
use crate::job::{Ending, JobId, RetryPolicy, Stage, Status, Step, Turn, WasmDigest};

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
    /// Digest of its provenance statement; [`None`] for a program that was built elsewhere.
    pub provenance: Option<Sha256>,
}

/// What there is to say of a program that came to its end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ran {
    /// To be said to the chain.
    pub answer: ExecutionResponse,
    /// To be said in the receipt: how it was run; [`None`] when only building was asked for.
    pub run: Option<Run>,
}

/// What came of a piece of work.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Build: there is a module.
    Built(BuiltArtifact),
    /// Execute: the program ran, well or badly, and this is to be said.
    Ran(Box<Ran>),
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
            Self::Ran(ran) => Some(&ran.answer),
            Self::Failed { answer, .. } => Some(answer),
            _ => None,
        }
    }

    /// What the write is called in tests, see `writer`.
    fn name(&self) -> &'static str {
        match self {
            Self::Built(_) => "record.built",
            Self::Ran(_) => "record.ran",
            Self::Failed { .. } => "record.failed",
            Self::NotYet { .. } => "record.not_yet",
            Self::ArtifactLost => "record.artifact_lost",
            Self::Delivered => "record.delivered",
            Self::Closed(_) => "record.closed",
        }
    }

    fn run(&self) -> Option<&Run> {
        if let Self::Ran(ran) = self { ran.run.as_ref() } else { None }
    }

    /// What went wrong.
    fn note(&self) -> Option<&str> {
        if let Self::Failed { answer, .. } = self { answer.error.as_deref() } else { None }
    }

    /// The wait is for trying the same stage again; a stage that is new to the job may begin at once.
    fn wait_before(&self, next: Status) -> Duration {
        match next {
            Status::InProgress { attempts: 0, .. } if !matches!(self, Self::NotYet { .. }) => Duration::ZERO,
            _ => self.wait(),
        }
    }
}

/// What came of a piece of work, as it is written.
struct Record {
    id: JobId,
    name: &'static str,
    may_be_lost: bool,
    step: Made,
    says: Option<Saying>,
}

impl Write for Record {
    type Output = ();

    fn name(&self) -> &'static str {
        self.name
    }

    fn may_be_lost(&self) -> bool {
        self.may_be_lost
    }

    async fn apply(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        Self::apply_all(&[self], connection).await?.pop().unwrap_or(Err(StoreError::LeaseLost(self.id)))
    }

    async fn apply_all(writes: &[&Self], connection: &mut AnyConnection) -> Result<Outcomes<Self>, StoreError> {
        let steps: Vec<&Made> = writes.iter().map(|record| &record.step).collect();
        // First of all: whoever has lost the lease may write nothing.
        if !moves::write_together(connection, &steps).await? {
            return Ok(writes.iter().map(|record| Err(StoreError::LeaseLost(record.id))).collect());
        }
        outbox::put(connection, writes.iter().filter_map(|record| record.says.as_ref())).await?;
        Ok(writes.iter().map(|_| Ok(())).collect())
    }
}

impl Record {
    /// With a `build` that was held back.
    fn new(
        lease: &Lease,
        build: Option<&HeldBack>,
        effect: &Effect,
        next: Status,
        now: Moment,
    ) -> Result<Self, StoreError> {
        let keeps_answer = matches!(next, Status::Completed(Ending::Kept));
        let to_say = keeps_answer || matches!(next, Status::InProgress { stage: Stage::Publish, .. });
        // What is to be said from now on, and was not before.
        let answer = effect.answer().filter(|_| to_say && lease.stage != Stage::Publish);
        let wait = effect.wait_before(next);
        let step = Move {
            not_before: if wait.is_zero() { Moment::AT_ONCE } else { now.after(wait) },
            note: effect.note(),
            leaves: match (effect, answer, build) {
                (Effect::Built(artifact), ..) => Leaves::Artifact(Built { artifact, at: now }, None),
                (_, Some(answer), None) => Leaves::Outcome(answer.failure()),
                (_, Some(answer), Some(build)) => Leaves::Both(build.into(), answer.failure()),
                (_, None, _) => Leaves::Nothing,
            },
            keeps_answer,
            ..Move::new(lease.id, next, Guard::Leased(lease), now)
        };
        Ok(Self {
            id: lease.id,
            name: effect.name(),
            // A build is found again where it was kept.
            may_be_lost: matches!(effect, Effect::Built(_) | Effect::NotYet { .. }),
            step: step.made()?,
            says: answer.map(|answer| Saying::new(lease.id, answer, effect.run())).transpose()?,
        })
    }
}

impl Store {
    /// Records what came of the work and gives up the lease; says where the job stands now. An outcome and its entry in
    /// the outbox are one transaction. What was submitted here, and not by a chain, ends with its outcome, which is
    /// kept. A build that is held back is recorded as well; while the store is paused, nothing but that is.
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
        match (&lease.held_back, effect) {
            (None, _) | (_, Effect::Built(_)) => self.write_effect(lease, None, effect, retry, now).await,
            (Some(build), Effect::Ran(_)) if lease.id.is_on_chain() => {
                self.write_effect(lease, Some(build), effect, retry, now).await
            }
            (Some(build), _) => {
                let mut lease = lease.clone();
                if self.hand_over(&mut lease, now).await? {
                    return self.write_effect(&lease, None, effect, retry, now).await;
                }
                self.write_effect(&lease, None, &Effect::Built(build.artifact.clone()), retry, now).await
            }
        }
    }

    async fn write_effect(
        &self,
        lease: &Lease,
        build: Option<&HeldBack>,
        effect: &Effect,
        retry: &RetryPolicy,
        now: Moment,
    ) -> Result<Status, StoreError> {
        let status = if build.is_some() { lease.status_handed_over()? } else { lease.status() };
        let mut next = status.step(effect.step(), retry)?;
        if let (false, Status::InProgress { stage: Stage::Publish, .. }) = (lease.id.is_on_chain(), next) {
            next = status.step(Step::Close(Ending::Kept), retry)?;
        }
        self.writer.write(Record::new(lease, build, effect, next, now)?).await?;
        match next {
            Status::InProgress { stage, turn: Turn::Waiting, .. } => self.wake.ring(stage),
            next if next.is_over() => self.wake.ring_end(),
            _ => {}
        }
        Ok(next)
    }
}
