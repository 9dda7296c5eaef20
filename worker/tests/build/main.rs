//! The build stage against real repositories, with real git and cargo in a real sandbox.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

mod cache;
mod fetch;
mod logs;
mod network;
// The helper of the end-to-end tests; depending on their crate would bring a whole chain along.
#[path = "../../../tests/src/repo.rs"]
mod repo;
mod secrets;
mod setup;
mod stopping;
mod submodules;
mod targets;
mod tricks;
mod zoo;

use offchainvm_interface::{BuildTarget, CommitId, FailureCode, GitSource, RepoUrl};
use offchainvm_worker::build::{Artifact, BuildConfig, BuildError, Builder, Protocol};
use repo::GitRepo;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A builder with a folder of its own.
struct Shop {
    builder: Builder,
    folder: TempDir,
}

impl Shop {
    fn new() -> Self {
        Self::with(BuildConfig::default())
    }

    /// Also fetches from this machine: that is where the tests' repositories are.
    fn with(config: BuildConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = BuildConfig { allowed_protocols: vec![Protocol::Https, Protocol::File], ..config };
        Self { builder: Builder::new(config, folder.path()).unwrap(), folder }
    }

    async fn build(&self, source: &GitSource) -> Result<Artifact, BuildError> {
        self.builder.build(source, CancellationToken::new()).await
    }

    /// Builds what must not build.
    async fn verdict(&self, source: &GitSource) -> (FailureCode, String) {
        match self.build(source).await {
            Err(BuildError::Source { code, message }) => (code, message),
            other => panic!("expected a verdict on the source, got {other:?}"),
        }
    }
}

/// The same program when it is found and not built.
fn found(built: &Artifact) -> Artifact {
    Artifact { fresh: false, ..built.clone() }
}

/// The newest commit of a repository, in full.
fn source(repo: &GitRepo) -> GitSource {
    source_at(&repo.url(), &repo.commit)
}

fn source_at(url: &str, commit: &str) -> GitSource {
    GitSource {
        repo: RepoUrl::new(url).unwrap(),
        commit: CommitId::new(commit).unwrap(),
        build_target: BuildTarget::Wasm32Wasip1,
        path: None,
    }
}

/// A folder of this project.
fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}

fn hello() -> GitRepo {
    GitRepo::from_dir(&project("examples/hello")).unwrap()
}

fn animal(name: &str) -> GitRepo {
    GitRepo::from_dir(&project("tests/sources").join(name)).unwrap()
}
