//! Jobs for the builder.

use std::time::Duration;

use offchainvm_interface::{CodeSource, FailureCode, Sha256};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    build::{Artifact, BuildError, Builder},
    job::{RetryPolicy, WasmDigest},
    stage::{Handler, Handling, fault},
    store::{BuiltArtifact, Claimed, Effect},
};

/// The build stage at work.
#[derive(Clone, Debug)]
pub struct BuildWork {
    /// Who builds.
    pub builder: Builder,
    /// How soon to try again.
    pub retry: RetryPolicy,
}

impl Handler for BuildWork {
    fn handle<'a>(&'a self, job: &'a Claimed, cancel: CancellationToken) -> Handling<'a> {
        Box::pin(self.run(job, cancel))
    }
}

impl BuildWork {
    async fn run(&self, job: &Claimed, cancel: CancellationToken) -> Effect {
        let request_id = job.request.request_id;
        let wait = self.retry.wait(job.attempts, rand::random());
        let source = match &job.request.code_source {
            CodeSource::Git(source) => source,
            CodeSource::Wasm(source) => return self.find(&source.wasm_sha256, wait).await,
        };
        info!(event = "build.started", request_id, repo = %source.repo, commit = %source.commit, "building the program");
        match self.builder.build(source, cancel).await {
            Ok(artifact) => {
                info!(event = "build.finished", request_id, wasm_sha256 = %artifact.digest, bytes = artifact.size,
                    commit = %artifact.commit, "the program is built");
                Effect::Built(built(artifact))
            }
            Err(BuildError::Source { code, message }) => fault(code, &message, wait),
            Err(BuildError::Cancelled) => Effect::NotYet { wait: Duration::ZERO },
            Err(BuildError::Operator(error)) => fault(FailureCode::OperatorError, &error.to_string(), wait),
        }
    }
}

impl BuildWork {
    /// A program that is named by its digest must have been built here before.
    async fn find(&self, digest: &Sha256, wait: Duration) -> Effect {
        match self.builder.with_digest(WasmDigest(digest.0)).await {
            Ok(Some(artifact)) => Effect::Built(built(artifact)),
            Ok(None) => {
                let message = format!("this worker has no program with the digest {digest}");
                fault(FailureCode::ProgramNotFound, &message, wait)
            }
            Err(error) => fault(FailureCode::OperatorError, &error.to_string(), wait),
        }
    }
}

fn built(artifact: Artifact) -> BuiltArtifact {
    let Artifact { digest, path, commit, toolchain, .. } = artifact;
    BuiltArtifact { digest, path, commit, toolchain }
}
