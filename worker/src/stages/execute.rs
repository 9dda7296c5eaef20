//! Jobs for the executor.

use std::time::Duration;

use offchainvm_interface::{ExecutionRequest, ExecutionResponse, FailureCode, ResourcesUsed, Sha256};
use sha2::Digest;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    chain::{Contract, RpcError},
    execute::{End, ExecuteError, Executor, Outcome, Program, Task},
    failpoint::failpoint,
    job::{RetryPolicy, WasmDigest},
    stage::{Handler, Handling, fault},
    store::{Claimed, Effect},
};

/// The execute stage at work.
#[derive(Clone)]
pub struct ExecuteWork {
    /// Who runs programs.
    pub executor: Executor,
    /// Where inputs are that were too large for their events; [`None`] in a service that serves no chain.
    pub inputs: Option<Contract>,
    /// How soon to try again.
    pub retry: RetryPolicy,
}

/// Why there is nothing to run a program on.
#[derive(Debug, thiserror::Error)]
enum InputError {
    #[error("the input cannot be read from the chain: {0}")]
    Rpc(#[from] RpcError),
    #[error("the chain does not have the input any more")]
    Gone,
    #[error("the chain's input has another digest than the request names")]
    Other,
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
            return Effect::Ran(Box::new(response.of_program(Sha256(artifact.digest.0))));
        }
        let input = match self.input(&job.request).await {
            Ok(input) => input,
            Err(error) => {
                warn!(event = "execute.waiting", request_id, %error, "the program's input is not there");
                return Effect::NotYet { wait: self.retry.wait(job.attempts, rand::random()) };
            }
        };
        let program = Program::file(artifact.digest, artifact.path.clone());
        let task = Task {
            input,
            limits: job.request.resource_limits,
            // The request's handle: unique, and known to everyone, so that anyone can run it again.
            seed: job.request.data_id.0,
        };
        info!(event = "execute.started", request_id, wasm_sha256 = %artifact.digest, "running the program");
        match self.executor.run(&program, task, cancel).await {
            Ok(outcome) => {
                failpoint("execute.ran");
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
                answered(outcome, artifact.digest)
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

impl ExecuteWork {
    /// The program's standard input. One that is not there any more belongs to a request that is settled: the block
    /// that says so will close the job.
    async fn input(&self, request: &ExecutionRequest) -> Result<Vec<u8>, InputError> {
        let Some(named) = request.input_ref else { return Ok(request.input_data.clone().into_bytes()) };
        let inputs = self.inputs.as_ref().ok_or(InputError::Gone)?;
        let input = inputs.request_input(request.request_id).await?.ok_or(InputError::Gone)?.into_bytes();
        let digest = sha2::Sha256::digest(&input);
        if named.sha256.0 == <[u8; 32]>::from(digest) { Ok(input) } else { Err(InputError::Other) }
    }
}

/// However the program ended, it has run: the outcome is recorded and the program is never run for this request again.
fn answered(outcome: Outcome, program: WasmDigest) -> Effect {
    let response = match outcome.end {
        End::Success => ExecutionResponse::succeeded(outcome.output, outcome.used),
        End::Failed { code, message } => ExecutionResponse::failed(code, &message, outcome.used),
    };
    Effect::Ran(Box::new(response.of_program(Sha256(program.0))))
}
