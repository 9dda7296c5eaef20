//! Where a job stands, and the one function that moves it.

use std::{fmt, str::FromStr};

use offchainvm_interface::{FailureCode, Owner};

use super::retry::{RetryPolicy, Verdict};

/// What is done to a job, in this order.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Stage {
    /// The source becomes a WebAssembly module.
    Build,
    /// The module runs on the request's input.
    Execute,
    /// The outcome goes onto the chain.
    Publish,
}

impl Stage {
    /// The stage's stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Execute => "execute",
            Self::Publish => "publish",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Stage {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Build, Self::Execute, Self::Publish].into_iter().find(|stage| stage.as_str() == text).ok_or(())
    }
}

/// Whether a stage is waiting for its turn or at work.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Turn {
    /// Nobody works on it.
    Waiting,
    /// Somebody holds its lease.
    Running,
}

/// How a job came to its end.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Ending {
    /// Our answer is on the chain.
    Answered,
    /// The outcome is kept here, where it was asked for.
    Kept,
    /// The chain does not wait for it any more: somebody else answered, or it was answered and we did not see how.
    Settled,
    /// The chain gave up waiting, or the caller withdrew.
    Withdrawn,
    /// The deadline passed before there was an answer.
    Expired,
    /// The answer could not be brought onto the chain, however often it was tried.
    Undelivered,
}

impl Ending {
    const ALL: [Self; 6] =
        [Self::Answered, Self::Kept, Self::Settled, Self::Withdrawn, Self::Expired, Self::Undelivered];

    /// The ending's stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Kept => "kept",
            Self::Settled => "settled",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Undelivered => "undelivered",
        }
    }

    /// Whether the request got an answer, ours or another's.
    #[must_use]
    pub fn is_answer(self) -> bool {
        matches!(self, Self::Answered | Self::Kept | Self::Settled)
    }
}

impl FromStr for Ending {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|ending| ending.as_str() == text).ok_or(())
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// Taken from the chain; nothing was begun yet.
    Pending,
    /// In a stage.
    InProgress {
        /// The stage.
        stage: Stage,
        /// Waiting for it, or in it.
        turn: Turn,
        /// How often this stage was begun, this time included.
        attempts: u32,
    },
    /// The request got its answer.
    Completed(Ending),
    /// The request got no answer from us.
    Failed {
        /// How often its last stage was tried again.
        retry_count: u32,
        /// Why.
        ending: Ending,
    },
}

/// What happens to a job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Somebody takes it to work on, or takes it over from somebody whose lease ran out.
    Begin,
    /// The stage has done its part. For execute: there is an outcome, whatever it says. For publish: it is on the chain.
    Finish,
    /// The stage failed with a verdict or an accident; the code's owner decides what follows.
    Fail(FailureCode),
    /// The work was put back before it was finished, and not because it failed: it does not count.
    NotYet,
    /// What an earlier stage left is gone: it has to be made again.
    Rebuild,
    /// Nothing more is built or run for it, whether or not somebody is at it: its failure is what is said.
    GiveUp,
    /// A job that failed is to begin again.
    Retry,
    /// The job is over, and the chain waits for it all the same: it begins again.
    Reopen,
    /// The job is over for a reason that lies outside: the chain or the clock.
    Close(Ending),
}

/// A step that the status does not allow.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a job that is {from:?} cannot take the step {step:?}")]
pub struct IllegalStep {
    /// Where the job stood.
    pub from: Status,
    /// What was asked of it.
    pub step: Step,
}

impl Status {
    /// Where the job stands after `step`.
    ///
    /// # Errors
    /// [`IllegalStep`] when the step makes no sense from here: nothing leaves an end but a job that is to begin again, nothing
    /// finishes that was not begun.
    pub fn step(self, step: Step, retry: &RetryPolicy) -> Result<Self, IllegalStep> {
        use Turn::{Running, Waiting};
        let waiting = |stage, attempts| Self::InProgress { stage, turn: Waiting, attempts };
        let next = match (self, step) {
            (Self::Failed { .. }, Step::Retry | Step::Reopen)
            | (Self::Completed(Ending::Answered | Ending::Settled), Step::Reopen) => Some(waiting(Stage::Build, 0)),
            (Self::Completed(_) | Self::Failed { .. }, _) => None,
            (Self::Pending, Step::Begin) => Some(Self::InProgress { stage: Stage::Build, turn: Running, attempts: 1 }),
            // Also from Running: the lease of whoever worked on it has run out, and that attempt counts.
            (Self::InProgress { stage, attempts, .. }, Step::Begin) => {
                Some(Self::InProgress { stage, turn: Running, attempts: attempts.saturating_add(1) })
            }
            (Self::Pending | Self::InProgress { stage: Stage::Build | Stage::Execute, .. }, Step::GiveUp) => {
                Some(waiting(Stage::Publish, 0))
            }
            (Self::InProgress { stage, turn: Running, attempts }, step) => match (stage, step) {
                (Stage::Build, Step::Finish) => Some(waiting(Stage::Execute, 0)),
                (Stage::Execute, Step::Finish) => Some(waiting(Stage::Publish, 0)),
                (Stage::Publish, Step::Finish) => Some(Self::Completed(Ending::Answered)),
                (Stage::Execute, Step::Rebuild) => Some(waiting(Stage::Build, 0)),
                (_, Step::NotYet) => Some(waiting(stage, attempts.saturating_sub(1))),
                (_, Step::Fail(code)) => Some(failed(stage, attempts, code, retry)),
                (_, Step::Close(ending)) => Some(closed(self, ending)),
                _ => None,
            },
            (_, Step::Close(ending)) => Some(closed(self, ending)),
            _ => None,
        };
        next.ok_or(IllegalStep { from: self, step })
    }

    /// How the job ended; [`None`] while it is not over.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        match self {
            Self::Completed(ending) | Self::Failed { ending, .. } => Some(*ending),
            Self::Pending | Self::InProgress { .. } => None,
        }
    }

    /// Whether there is an answer that could not be delivered: the chain may still wait, and nobody works on it.
    #[must_use]
    pub fn is_dead_letter(&self) -> bool {
        self.ending() == Some(Ending::Undelivered)
    }

    /// Whether the job is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Completed(_) | Self::Failed { .. })
    }
}

/// A verdict on the caller's source or program is an answer. An accident of ours is tried again, and at last becomes an
/// answer too, except that of publishing: there is no way left to say it.
fn failed(stage: Stage, attempts: u32, code: FailureCode, retry: &RetryPolicy) -> Status {
    let answer = Status::InProgress { stage: Stage::Publish, turn: Turn::Waiting, attempts: 0 };
    match (code.owner(), stage, retry.verdict(attempts)) {
        // Another attempt would only be later.
        (_, Stage::Build | Stage::Execute, _) if code == FailureCode::DeadlineMissed => answer,
        (Owner::Source | Owner::Program, Stage::Build | Stage::Execute, _) => answer,
        (_, _, Verdict::TryAgain) => Status::InProgress { stage, turn: Turn::Waiting, attempts },
        (_, Stage::Build | Stage::Execute, Verdict::GiveUp) => answer,
        (_, Stage::Publish, Verdict::GiveUp) => {
            Status::Failed { retry_count: attempts.saturating_sub(1), ending: Ending::Undelivered }
        }
    }
}

fn closed(from: Status, ending: Ending) -> Status {
    if ending.is_answer() {
        return Status::Completed(ending);
    }
    let retry_count = match from {
        Status::InProgress { attempts, .. } => attempts.saturating_sub(1),
        _ => 0,
    };
    Status::Failed { retry_count, ending }
}

/// The outside names: `Pending`, `InProgress(build)`, `Completed`, `Failed(2)`.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("Pending"),
            Self::InProgress { stage, .. } => write!(f, "InProgress({stage})"),
            Self::Completed(_) => f.write_str("Completed"),
            Self::Failed { retry_count, .. } => write!(f, "Failed({retry_count})"),
        }
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
