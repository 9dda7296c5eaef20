//! Jobs for the builder.

use std::time::Duration;

use offchainvm_interface::{CodeSource, FailureCode, GitSource, WasmSource};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{BuildReports, Programs, ShareError};
use crate::{
    build::{Artifact, BuildError, Builder, OperatorError},
    job::{RetryPolicy, WasmDigest},
    stage::{Handler, Handling, fault},
    store::{BlobError, BuiltArtifact, Claimed, Effect, Store, StoreError},
    telemetry::{BuildOutcome, Metrics},
};

/// The build stage at work.
#[derive(Clone, Debug)]
pub struct BuildWork {
    /// Who builds.
    pub builder: Builder,
    /// Who knows which programs are needed.
    pub store: Store,
    /// Where workers on other machines find what was built.
    pub programs: Programs,
    /// Where everybody finds what builds reported.
    pub reports: BuildReports,
    /// How soon to try again.
    pub retry: RetryPolicy,
    /// Where builds are counted.
    pub metrics: Metrics,
}

/// Why old programs stay.
#[derive(Debug, thiserror::Error)]
enum RoomError {
    #[error(transparent)]
    Disk(#[from] OperatorError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Blob(#[from] BlobError),
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
        if job.artifact.is_some() {
            // Somebody could not fetch what was built. If that goes on, the job must not run in circles at full speed.
            let _ = cancel.run_until_cancelled(tokio::time::sleep(wait)).await;
        }
        let source = match &job.request.code_source {
            CodeSource::Git(source) => source,
            CodeSource::Wasm(source) => return self.find(job, source, wait, cancel).await,
        };
        info!(event = "build.started", request_id, repo = %source.repo, commit = %source.commit, "building the program");
        match self.builder.build(source, cancel).await {
            Ok(artifact) => {
                self.metrics.built(if artifact.fresh { BuildOutcome::Built } else { BuildOutcome::Cached });
                info!(event = "build.finished", request_id, wasm_sha256 = %artifact.digest, bytes = artifact.size,
                    commit = %artifact.commit, "the program is built");
                if artifact.fresh {
                    self.make_room().await;
                }
                if let Err(error) = self.report(source, &artifact).await {
                    return not_yet(job, &error, wait);
                }
                self.share(job, artifact, wait).await
            }
            Err(error) => {
                if !matches!(error, BuildError::Cancelled) {
                    self.share_log(source, source.commit.as_str()).await;
                }
                self.failed(error, wait)
            }
        }
    }

    /// Lets everybody read how the program was built. What was found was reported when it was built, as a rule.
    async fn report(&self, source: &GitSource, artifact: &Artifact) -> Result<(), BlobError> {
        let Some(digest) = artifact.provenance else { return Ok(()) };
        if !artifact.fresh && self.programs.is_shared(digest).await? {
            return Ok(());
        }
        match self.builder.provenance(digest).await {
            Ok(Some(statement)) => self.programs.share_statement(statement).await?,
            Ok(None) => {}
            Err(error) => warn!(event = "build.not_reported", %error, "a provenance statement stays on this machine"),
        }
        self.share_log(source, &artifact.commit).await;
        Ok(())
    }

    /// A log that others cannot read is no reason to fail.
    async fn share_log(&self, source: &GitSource, commit: &str) {
        if let Err(error) = self.reports.share_log(source, commit).await {
            warn!(event = "build.not_reported", %error, "a build's log stays on this machine");
        }
    }

    /// A program that is named by its digest is here already, or a worker has it that shares its programs with this one,
    /// or it is fetched from the address that the request names.
    async fn find(&self, job: &Claimed, source: &WasmSource, wait: Duration, cancel: CancellationToken) -> Effect {
        let (digest, target) = (WasmDigest(source.wasm_sha256.0), source.build_target);
        match self.builder.with_digest(digest).await {
            Ok(Some(artifact)) => {
                self.metrics.built(BuildOutcome::Cached);
                return self.share(job, artifact, wait).await;
            }
            Ok(None) => {}
            Err(error) => return fault(FailureCode::OperatorError, &error.to_string(), wait),
        }
        let bytes = match self.programs.fetch(digest).await {
            Ok(bytes) => bytes,
            Err(error) if error.is_lost() => return self.fetch(job, source, wait, cancel).await,
            Err(error) => return not_yet(job, &error, wait),
        };
        match self.builder.keep(bytes, target).await {
            Ok(artifact) => {
                self.metrics.built(BuildOutcome::Cached);
                Effect::Built(built(artifact))
            }
            Err(error) => self.failed(error, wait),
        }
    }

    async fn fetch(&self, job: &Claimed, source: &WasmSource, wait: Duration, cancel: CancellationToken) -> Effect {
        let request_id = job.request.request_id;
        let Some(url) = &source.url else {
            let message = format!("this worker has no program with the digest {}", source.wasm_sha256);
            return fault(FailureCode::ProgramNotFound, &message, wait);
        };
        info!(event = "build.fetching", request_id, %url, "fetching the program");
        match self.builder.fetch(source, url, cancel).await {
            Ok(artifact) => {
                self.metrics.built(BuildOutcome::Built);
                info!(event = "build.finished", request_id, wasm_sha256 = %artifact.digest, bytes = artifact.size,
                    "the program is fetched");
                self.make_room().await;
                self.share(job, artifact, wait).await
            }
            Err(error) => self.failed(error, wait),
        }
    }

    /// Keeps the programs on this machine within their bounds; a failure costs disk, not the job.
    async fn make_room(&self) {
        let made = async {
            if self.builder.is_full().await? {
                let gone = self.builder.make_room(self.store.programs_needed().await?).await?;
                self.programs.forget(&gone).await?;
            }
            Ok::<_, RoomError>(())
        };
        if let Err(error) = made.await {
            warn!(event = "build.room_not_made", %error, "more programs are kept than there should be");
        }
    }

    fn failed(&self, error: BuildError, wait: Duration) -> Effect {
        let (code, message) = match error {
            BuildError::Source { code, message } => (code, message),
            BuildError::Operator(error) => (FailureCode::OperatorError, error.to_string()),
            BuildError::Cancelled => return Effect::NotYet { wait: Duration::ZERO },
        };
        self.metrics.built(BuildOutcome::Failed(code));
        fault(code, &message, wait)
    }

    /// The last step: only what every worker can fetch is finished.
    async fn share(&self, job: &Claimed, artifact: Artifact, wait: Duration) -> Effect {
        // A job that has an artifact already is here because somebody could not fetch that.
        match self.programs.share(&artifact, job.artifact.is_some()).await {
            Ok(()) => Effect::Built(built(artifact)),
            Err(ShareError::Blob(error)) => not_yet(job, &error, wait),
            Err(error @ ShareError::File { .. }) => fault(FailureCode::OperatorError, &error.to_string(), wait),
        }
    }
}

/// The blob store is not at the job's expense: what is built stays built, and sharing it is tried again.
fn not_yet(job: &Claimed, error: &BlobError, wait: Duration) -> Effect {
    let request_id = job.request.request_id;
    warn!(event = "build.waiting", request_id, %error, "the blob store does not answer; it is asked again");
    Effect::NotYet { wait }
}

fn built(artifact: Artifact) -> BuiltArtifact {
    let Artifact { digest, path, commit, toolchain, provenance, .. } = artifact;
    BuiltArtifact { digest, path, commit, toolchain, provenance }
}
