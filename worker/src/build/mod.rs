//! Stage 2: a stranger's commit into a verified program, in a sandbox.
//!
//! The steps, one file each, in this order: `source` fetches the commit, `prepare` writes its files and checks them,
//! `vendor` fetches the dependencies, `compile` compiles offline, `verify` looks at the bytes, `artifact` keeps them.
//!
//! Beside them: `attempt` is what the steps of one build share, `attempts` where their files are, `once` keeps two from
//! building the same; `sandbox` describes where foreign programs run and `seccomp` what they may not call, `running` runs them, `supervise` and `processes`
//! watch them, `log` keeps the end of what they print; `lockfile` and `crates` are about dependencies, `toolchain` finds
//! Rust; `config` and `error`.

mod artifact;
mod attempt;
mod attempts;
mod compile;
mod config;
mod crates;
mod error;
mod lockfile;
mod log;
mod once;
mod prepare;
mod processes;
mod running;
mod sandbox;
mod seccomp;
mod source;
mod supervise;
mod toolchain;
mod vendor;
mod verify;

pub use artifact::Artifact;
pub use config::{BuildConfig, Protocol};
pub use error::{BuildError, BuildSetupError, OperatorError};

use crate::job::WasmDigest;
use artifact::{Artifacts, SourceKey};
use attempt::{Attempt, AttemptParts};
use attempts::Attempts;
use compile::Compiled;
use crates::Crates;
use offchainvm_interface::{GitSource, SourcePath};
use once::Once;
use sandbox::Sandbox;
use source::Remote;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use toolchain::Toolchain;

/// Builds programs on this machine. Cloning it is cheap; all clones share the caps.
#[derive(Clone, Debug)]
pub struct Builder {
    shop: Arc<Shop>,
}

#[derive(Debug)]
struct Shop {
    config: BuildConfig,
    sandbox: Sandbox,
    toolchain: Toolchain,
    artifacts: Artifacts,
    crates: Crates,
    attempts: Attempts,
    git_config: PathBuf,
    permits: Semaphore,
    under_way: Once<GitSource>,
}

impl Builder {
    /// Prepares the folder and checks that this machine can build. It starts short-lived processes, so it may take a
    /// second. Several workers of one user may share a folder.
    ///
    /// # Errors
    /// Says what is missing and how to install it, or which setting makes no sense.
    pub fn new(config: BuildConfig, work_dir: &Path) -> Result<Self, BuildSetupError> {
        config.check()?;
        let toolchain = Toolchain::find(&config.toolchain)?;
        let sandbox = Sandbox::new()?;
        fs::create_dir_all(work_dir).map_err(OperatorError::file("make the folder", work_dir))?;
        let work_dir = work_dir.canonicalize().map_err(OperatorError::file("find", work_dir))?;
        let attempts = Attempts::open(&work_dir.join("attempts"))?;
        let git_config = attempts.write("gitconfig", &source::git_settings(&config))?;
        let artifacts = Artifacts::open(&work_dir)?;
        let crates = Crates::open(work_dir.join("crates-v1"), config.crate_cache_bytes())?;
        let permits = Semaphore::new(config.concurrent_builds);
        let under_way = Once::new();
        let shop = Shop { config, sandbox, toolchain, artifacts, crates, attempts, git_config, permits, under_way };
        Ok(Self { shop: Arc::new(shop) })
    }

    /// Gives the program of a source: from the cache, or built now.
    ///
    /// Dropping the future ends the build and every process of it.
    ///
    /// # Errors
    /// A verdict on the source, cancellation, or a fault of this machine, after which another attempt may succeed.
    pub async fn build(&self, source: &GitSource, cancel: CancellationToken) -> Result<Artifact, BuildError> {
        self.shop.build(source, cancel).await
    }

    /// Gives a program that was built here before, by its digest; [`None`] when there is none.
    ///
    /// # Errors
    /// A fault of this machine.
    pub async fn with_digest(&self, digest: WasmDigest) -> Result<Option<Artifact>, OperatorError> {
        self.shop.with_digest(digest).await
    }

    /// Keeps a program that was built elsewhere, so that requests can name it by its digest.
    ///
    /// # Errors
    /// [`BuildError::Source`] when it is not a module that would be run, or a fault of this machine.
    pub async fn add(&self, wasm: Vec<u8>) -> Result<Artifact, BuildError> {
        let artifacts = self.shop.artifacts.clone();
        let added = tokio::task::spawn_blocking(move || {
            verify::verify(&wasm)?;
            Ok(artifacts.add(&wasm)?)
        });
        added.await.map_err(OperatorError::from)?
    }
}

impl Shop {
    async fn build(&self, source: &GitSource, cancel: CancellationToken) -> Result<Artifact, BuildError> {
        let remote = Remote::allowed(&self.config, &source.repo)?;
        let waited = cancel.run_until_cancelled(self.under_way.enter(source)).await;
        let _alone = waited.ok_or(BuildError::Cancelled)?;
        if source.commit.is_full() {
            // What is finished does not queue behind what is not.
            if let Some(artifact) = self.find(&self.key(source, source.commit.as_str())).await? {
                return Ok(artifact);
            }
        }
        let waited = cancel.run_until_cancelled(self.permits.acquire()).await;
        let _permit = waited.ok_or(BuildError::Cancelled)?.map_err(|_| OperatorError::Closed)?;
        let attempt = Attempt::start(AttemptParts {
            config: &self.config,
            toolchain: &self.toolchain,
            sandbox: &self.sandbox,
            git_config: &self.git_config,
            folder: self.attempts.start()?,
            cancel,
        });
        let artifact = self.make(&attempt, source, &remote).await;
        if let Err(error) = attempt.remove().await {
            tracing::warn!(%error, "a build's temporary folder stays until the worker starts again");
        }
        artifact
    }

    /// The recipe.
    async fn make(&self, attempt: &Attempt<'_>, source: &GitSource, remote: &Remote) -> Result<Artifact, BuildError> {
        let commit = source::resolve(attempt, remote, &source.commit).await?;
        let key = self.key(source, &commit);
        if let Some(artifact) = self.find(&key).await? {
            return Ok(artifact);
        }
        let path = source.path.as_ref().map(SourcePath::as_str);
        let fetched = source::fetch(attempt, remote, commit).await?;
        let prepared = prepare::prepare(attempt, &fetched, path).await?;
        let vendored = vendor::vendor(attempt, &self.crates, prepared, source.build_target).await?;
        let compiled = compile::compile(attempt, &vendored, source.build_target).await?;
        self.accept(key, compiled, fetched.commit).await
    }

    fn key(&self, source: &GitSource, commit: &str) -> SourceKey {
        SourceKey::new(source, commit, &self.toolchain.version)
    }

    async fn find(&self, key: &SourceKey) -> Result<Option<Artifact>, OperatorError> {
        let (artifacts, key) = (self.artifacts.clone(), key.clone());
        Ok(tokio::task::spawn_blocking(move || artifacts.find(&key)).await?)
    }

    async fn with_digest(&self, digest: WasmDigest) -> Result<Option<Artifact>, OperatorError> {
        let artifacts = self.artifacts.clone();
        Ok(tokio::task::spawn_blocking(move || artifacts.with_digest(digest)).await?)
    }

    /// Verifies and keeps what the compiler gave: work for the processor and the disk.
    async fn accept(&self, key: SourceKey, compiled: Compiled, commit: String) -> Result<Artifact, BuildError> {
        let (artifacts, toolchain) = (self.artifacts.clone(), self.toolchain.version.clone());
        let accepted = tokio::task::spawn_blocking(move || {
            verify::verify(&compiled.bytes)?;
            Ok(artifacts.keep(&key, &compiled.bytes, &commit, &toolchain)?)
        });
        accepted.await.map_err(OperatorError::from)?
    }
}
