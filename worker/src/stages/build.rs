//! Jobs for the builder.

use offchainvm_interface::{CodeSource, FailureCode};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    build::{Artifact, BuildError, Builder},
    job::{RetryPolicy, Stage},
    stage::{Work, fault},
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

impl Work for BuildWork {
    const STAGE: Stage = Stage::Build;

    async fn run(&self, job: &Claimed, cancel: CancellationToken) -> Effect {
        let request_id = job.request.request_id;
        let CodeSource::Git(source) = &job.request.code_source;
        info!(event = "build.started", request_id, repo = %source.repo, commit = %source.commit, "building the program");
        let wait = self.retry.wait(job.attempts, rand::random());
        match self.builder.build(source, cancel).await {
            Ok(artifact) => {
                info!(event = "build.finished", request_id, wasm_sha256 = %artifact.digest, bytes = artifact.size,
                    commit = %artifact.commit, "the program is built");
                Effect::Built(built(artifact))
            }
            Err(BuildError::Source { code, message }) => fault(code, &message, wait),
            Err(BuildError::Cancelled) => Effect::NotYet { wait: std::time::Duration::ZERO },
            Err(BuildError::Operator(error)) => fault(FailureCode::OperatorError, &error.to_string(), wait),
        }
    }
}

fn built(artifact: Artifact) -> BuiltArtifact {
    let Artifact { digest, path, commit, toolchain, .. } = artifact;
    BuiltArtifact { digest, path, commit, toolchain }
}
