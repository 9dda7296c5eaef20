//! Jobs for the executor.

use std::time::Duration;

use offchainvm_interface::{ExecutionResponse, FailureCode};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    execute::{End, ExecuteError, Executor, Outcome, Program, Task},
    job::{RetryPolicy, Stage},
    stage::{Work, fault},
    store::{Claimed, Effect},
};

/// The execute stage at work.
#[derive(Clone)]
pub struct ExecuteWork {
    /// Who runs programs.
    pub executor: Executor,
    /// How soon to try again.
    pub retry: RetryPolicy,
}

impl Work for ExecuteWork {
    const STAGE: Stage = Stage::Execute;

    async fn run(&self, job: &Claimed, cancel: CancellationToken) -> Effect {
        let request_id = job.request.request_id;
        let Some(artifact) = &job.artifact else { return Effect::ArtifactLost };
        let program = Program::file(artifact.digest, artifact.path.clone());
        let task = Task {
            input: job.request.input_data.clone().into_bytes(),
            limits: job.request.resource_limits,
            // The request's handle: unique, and known to everyone, so that anyone can run it again.
            seed: job.request.data_id.0,
        };
        info!(event = "execute.started", request_id, wasm_sha256 = %artifact.digest, "running the program");
        match self.executor.run(&program, task, cancel).await {
            Ok(outcome) => {
                let (used, code) = (outcome.used, outcome.end.failure());
                info!(
                    event = "execute.finished",
                    request_id,
                    code = code.map(FailureCode::as_str),
                    instructions = used.instructions,
                    memory_bytes = used.memory_bytes,
                    time_seconds = used.time_seconds,
                    output_bytes = outcome.output.len(),
                    "the program has ended"
                );
                answered(outcome)
            }
            Err(ExecuteError::Cancelled) => Effect::NotYet { wait: Duration::ZERO },
            Err(error @ (ExecuteError::Artifact { .. } | ExecuteError::ArtifactChanged { .. })) => {
                info!(event = "execute.artifact_lost", request_id, %error, "the program is built anew");
                Effect::ArtifactLost
            }
            Err(error) => {
                let wait = self.retry.wait(job.attempts, rand::random());
                fault(FailureCode::OperatorError, &error.to_string(), wait)
            }
        }
    }
}

/// However the program ended, it has run: the outcome is recorded and the program is never run for this request again.
fn answered(outcome: Outcome) -> Effect {
    Effect::Ran(Box::new(match outcome.end {
        End::Success => ExecutionResponse::succeeded(outcome.output, outcome.used),
        End::Failed { code, message } => ExecutionResponse::failed(code, &message, outcome.used),
    }))
}
