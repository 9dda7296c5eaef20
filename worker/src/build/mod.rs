//! Stage 2: a stranger's commit into a verified program, in a sandbox.
//!
//! The steps, one file each, in this order: [`source`] fetches the commit, `prepare` writes its files and checks them,
//! `vendor` fetches the dependencies, `compile` compiles offline, `verify` looks at the bytes, [`artifact`] keeps them.
//! Beside them: `attempt` is what the steps of one build share, `sandbox` runs foreign programs, `supervise` and
//! `processes` watch them, `log` keeps the end of what they print, `toolchain` finds Rust, `config` and `error`.

mod artifact;
mod attempt;
mod compile;
mod config;
mod dependencies;
mod error;
mod log;
mod prepare;
mod processes;
mod sandbox;
mod source;
mod supervise;
mod toolchain;
mod vendor;
mod verify;

pub use artifact::Artifact;
pub use config::{BuildConfig, Protocol};
pub use error::{BuildError, BuildSetupError, OperatorError};

use artifact::{Artifacts, SourceKey};
use attempt::{Attempt, AttemptParts};
use dependencies::Dependencies;
use offchainvm_interface::{GitSource, SourcePath};
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
    dependencies: Dependencies,
    attempts: PathBuf,
    git_config: PathBuf,
    permits: Semaphore,
}

impl Builder {
    /// Prepares the folder, which belongs to the builder alone, and checks that this machine can build. It starts
    /// short-lived processes, so it may take a second.
    ///
    /// # Errors
    /// Says what is missing and how to install it, or which setting makes no sense.
    pub fn new(config: BuildConfig, work_dir: &Path) -> Result<Self, BuildSetupError> {
        config.check()?;
        let toolchain = Toolchain::find(&config.toolchain)?;
        let sandbox = Sandbox::new()?;
        fs::create_dir_all(work_dir).map_err(OperatorError::file("make the folder", work_dir))?;
        let work_dir = work_dir.canonicalize().map_err(OperatorError::file("find", work_dir))?;
        let attempts = work_dir.join("attempts");
        if attempts.exists() {
            // What a killed worker left behind.
            fs::remove_dir_all(&attempts).map_err(OperatorError::file("empty", &attempts))?;
        }
        fs::create_dir(&attempts).map_err(OperatorError::file("make the folder", &attempts))?;
        let git_config = work_dir.join("gitconfig");
        fs::write(&git_config, source::git_settings(&config)).map_err(OperatorError::file("write", &git_config))?;
        let artifacts = Artifacts::open(&work_dir)?;
        let dependencies = Dependencies::open(work_dir.join("cargo"), config.max_dependency_cache_bytes())?;
        let permits = Semaphore::new(config.concurrent_builds);
        let shop = Shop { config, sandbox, toolchain, artifacts, dependencies, attempts, git_config, permits };
        Ok(Self { shop: Arc::new(shop) })
    }

    /// Gives the program of a source: from the cache, or built now.
    ///
    /// Dropping the future ends the build and every process of it.
    ///
    /// # Errors
    /// A verdict on the source, cancellation, or a fault of this machine, after which another attempt may succeed.
    pub async fn build(&self, source: &GitSource, cancel: CancellationToken) -> Result<Artifact, BuildError> {
        let shop = self.shop.as_ref();
        let remote = Remote::allowed(&shop.config, &source.repo)?;
        let permit = tokio::select! {
            permit = shop.permits.acquire() => permit.map_err(|_| OperatorError::Closed)?,
            () = cancel.cancelled() => return Err(BuildError::Cancelled),
        };
        let dependencies = shop.dependencies.lend().await?;
        let attempt = shop.attempt(dependencies.path(), cancel)?;
        let artifact = shop.make(&attempt, source, &remote).await;
        drop(permit);
        artifact
    }
}

impl Shop {
    fn attempt<'a>(&'a self, dependencies: &'a Path, cancel: CancellationToken) -> Result<Attempt<'a>, OperatorError> {
        let Self { config, sandbox, toolchain, attempts, git_config, .. } = self;
        Attempt::start(AttemptParts { config, toolchain, sandbox, git_config, dependencies, attempts, cancel })
    }

    /// The recipe.
    async fn make(&self, attempt: &Attempt<'_>, source: &GitSource, remote: &Remote) -> Result<Artifact, BuildError> {
        let commit = source::resolve(attempt, remote, &source.commit).await?;
        let toolchain = &self.toolchain.version;
        let key = SourceKey::new(source, &commit, toolchain);
        if let Some(artifact) = self.artifacts.find(&key) {
            return Ok(artifact);
        }
        let fetched = source::fetch(attempt, remote, commit).await?;
        let prepared = prepare::prepare(attempt, &fetched, source.path.as_ref().map(SourcePath::as_str)).await?;
        let vendored = vendor::vendor(attempt, prepared, source.build_target).await?;
        let compiled = compile::compile(attempt, &vendored, source.build_target).await?;
        verify::verify(&compiled.bytes)?;
        Ok(self.artifacts.keep(&key, &compiled.bytes, &fetched.commit, toolchain)?)
    }
}
