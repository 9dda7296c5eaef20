//! Jobs for the executor.

use std::time::Duration;

use offchainvm_interface::{ExecutionResponse, FailureCode, RequestId, ResourcesUsed, Sha256, receipt::Run};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Inputs, Programs};
use crate::{
    execute::{End, ExecuteError, Executor, Outcome, Program, Task},
    failpoint::failpoint,
    job::{RetryPolicy, WasmDigest},
    stage::{Handler, Handling, fault},
    store::{BlobError, BuiltArtifact, Claimed, Effect, Ran},
    telemetry::Metrics,
};

/// The execute stage at work.
#[derive(Clone)]
pub struct ExecuteWork {
    /// Who runs programs.
    pub executor: Executor,
    /// Where programs are that were built on another machine.
    pub programs: Programs,
    /// Where inputs are.
    pub inputs: Inputs,
    /// How soon to try again.
    pub retry: RetryPolicy,
    /// Where runs are counted.
    pub metrics: Metrics,
}

/// Why a program did not run, which is not its own doing.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    #[error("the program cannot be fetched: {0}")]
    Fetch(#[from] BlobError),
}

impl Handler for ExecuteWork {
    fn handle<'a>(&'a self, job: &'a Claimed, cancel: CancellationToken) -> Handling<'a> {
        Box::pin(self.run(job, cancel))
    }
}

impl ExecuteWork {
    async fn run(&self, job: &Claimed, cancel: CancellationToken) -> Effect {
        let request_id = job.request.request_id;
        let Some(artifact) = &job.artifact else { return Effect::ArtifactLost };
        if job.request.compile_only {
            info!(event = "execute.skipped", request_id, wasm_sha256 = %artifact.digest, "only building was asked for");
            let response = ExecutionResponse::succeeded(Vec::new(), ResourcesUsed::default());
            let answer = response.of_program(Sha256(artifact.digest.0));
            return Effect::Ran(Box::new(Ran { answer, run: None }));
        }
        let input = match self.inputs.of(&job.request).await {
            Ok(input) => input,
            Err(error) => {
                warn!(event = "execute.waiting", request_id, %error, "the program's input is not there");
                return Effect::NotYet { wait: self.retry.wait(job.attempts, rand::random()) };
            }
        };
        let task = Task {
            input,
            limits: job.request.resource_limits,
            // The request's handle: unique, and known to everyone, so that anyone can run it again.
            seed: job.request.data_id.0,
        };
        info!(event = "execute.started", request_id, wasm_sha256 = %artifact.digest, "running the program");
        match self.run_program(request_id, artifact, task, cancel).await {
            Ok(outcome) => {
                failpoint("execute.ran");
                let (used, code) = (outcome.used, outcome.end.failure());
                self.metrics.ran(code, used.instructions);
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
                answered(outcome, artifact.digest, self.executor.describe())
            }
            Err(RunError::Execute(ExecuteError::Cancelled)) => Effect::NotYet { wait: Duration::ZERO },
            Err(RunError::Fetch(error)) if error.is_lost() => {
                info!(event = "execute.artifact_lost", request_id, %error, "the program is built anew");
                Effect::ArtifactLost
            }
            Err(RunError::Fetch(error @ BlobError::Store { .. })) => {
                warn!(event = "execute.waiting", request_id, %error, "the program cannot be fetched now");
                Effect::NotYet { wait: self.retry.wait(job.attempts, rand::random()) }
            }
            Err(error) => {
                let wait = self.retry.wait(job.attempts, rand::random());
                fault(FailureCode::OperatorError, &error.to_string(), wait)
            }
        }
    }
}

impl ExecuteWork {
    /// Runs the program from the file that the build left. Where that is not, the build was on another machine, and the
    /// program is fetched; once compiled here, neither is needed again.
    async fn run_program(
        &self,
        request_id: RequestId,
        artifact: &BuiltArtifact,
        task: Task,
        cancel: CancellationToken,
    ) -> Result<Outcome, RunError> {
        let program = Program::file(artifact.digest, artifact.path.clone());
        match self.executor.run(&program, task.clone(), cancel.clone()).await {
            Err(ExecuteError::Artifact { .. } | ExecuteError::ArtifactChanged { .. }) => {}
            ended => return Ok(ended?),
        }
        let wasm = self.programs.fetch(artifact.digest).await?;
        info!(event = "execute.fetched", request_id, wasm_sha256 = %artifact.digest, bytes = wasm.len(),
            "the program was built elsewhere and is fetched");
        Ok(self.executor.run(&Program::bytes(wasm), task, cancel).await?)
    }
}

/// However the program ended, it has run: the outcome is recorded and the program is never run for this request again.
fn answered(outcome: Outcome, program: WasmDigest, run: Run) -> Effect {
    let response = match outcome.end {
        End::Success => ExecutionResponse::succeeded(outcome.output, outcome.used),
        End::Failed { code, message } => ExecutionResponse::failed(code, &message, outcome.used),
    };
    Effect::Ran(Box::new(Ran { answer: response.of_program(Sha256(program.0)), run: Some(run) }))
}
