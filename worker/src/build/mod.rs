//! Stage 2: a stranger's commit into a verified program, in a sandbox.
//!
//! The steps, in this order: `source` fetches the commit, `checkout` writes its files and checks them, a recipe (`rust`)
//! fetches the dependencies and compiles offline, `crate::program` looks at the bytes, `artifacts` keeps them with their
//! `provenance`.
//!
//! Beside them: `download` fetches programs that are built already; `attempt` is what the steps of one build share, `attempts` where their files are, `once` keeps two from
//! building the same; `sandbox` describes where foreign programs run and `seccomp` what they may not call, `running`
//! runs them, `gate` is their way to the network, `supervise` and `processes` watch them, `log` keeps what they print, `logs` keeps that for later; `recipe`
//! is what every language's recipe gives, `artifact` what is known of a finished program, `shelf` a folder that never
//! grows too large; `config` and `error`.

mod artifact;
mod artifacts;
mod attempt;
mod attempts;
mod checkout;
mod config;
mod download;
mod error;
mod gate;
mod log;
mod logs;
mod once;
mod processes;
mod provenance;
mod recipe;
mod running;
mod rust;
mod sandbox;
mod seccomp;
mod shelf;
mod source;
mod supervise;

pub use artifact::Artifact;
pub use artifacts::{Artifacts, KeptProgram};
pub use config::{BuildConfig, Protocol};
pub use error::{BuildError, BuildSetupError, OperatorError};
pub use logs::BuildLogs;

use crate::{job::WasmDigest, program};
use artifact::SourceKey;
use attempt::{Attempt, AttemptParts};
use attempts::Attempts;
use gate::Gate;
use offchainvm_interface::{BuildTarget, GitSource, Sha256, SourcePath, WasmSource, WasmUrl};
use once::Once;
use provenance::Facts;
use recipe::Compiled;
use rust::{Crates, Toolchain};
use sandbox::Sandbox;
use sha2::Digest;
use source::{Remote, Source};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

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
    logs: BuildLogs,
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
        let artifacts = Artifacts::open(&work_dir, config.program_cache_bytes())?;
        let logs = BuildLogs::under(&work_dir);
        let crates = Crates::open(work_dir.join("crates-v1"), config.crate_cache_bytes())?;
        let permits = Semaphore::new(config.concurrent_builds);
        let under_way = Once::new();
        let shop =
            Shop { config, sandbox, toolchain, artifacts, logs, crates, attempts, git_config, permits, under_way };
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

    /// Gives a program that is here, by its digest; [`None`] when there is none.
    ///
    /// # Errors
    /// A fault of this machine.
    pub async fn with_digest(&self, digest: WasmDigest) -> Result<Option<Artifact>, OperatorError> {
        self.on_disk(move |artifacts| Ok(artifacts.with_digest(digest))).await
    }

    /// The canonical bytes of a program's provenance statement, by their digest; [`None`] when they are not here.
    ///
    /// # Errors
    /// A fault of this machine.
    pub async fn provenance(&self, digest: Sha256) -> Result<Option<Vec<u8>>, OperatorError> {
        self.on_disk(move |artifacts| Ok(artifacts.provenance(digest))).await
    }

    /// Keeps a program that the operator brings, until it is removed, so that requests can name it by its digest.
    ///
    /// # Errors
    /// [`BuildError::Source`] when it is no program that would be run, or a fault of this machine.
    pub async fn add(&self, wasm: Vec<u8>) -> Result<Artifact, BuildError> {
        self.accept(move |artifacts| artifacts.add(&wasm)).await
    }

    /// Keeps a program that was built elsewhere and fetched, as long as those that are built here; of the kind that a
    /// target stands for, if one is named.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub async fn keep(&self, wasm: Vec<u8>, target: Option<BuildTarget>) -> Result<Artifact, BuildError> {
        self.accept(move |artifacts| artifacts.keep_fetched(&wasm, target)).await
    }

    /// Fetches a program that was built elsewhere from the address beside its digest, and keeps it as [`Self::keep`] does.
    /// Bytes with another digest are never kept.
    ///
    /// # Errors
    /// A verdict on the address or on what is there, cancellation, or a fault of this machine.
    pub async fn fetch(
        &self,
        source: &WasmSource,
        url: &WasmUrl,
        cancel: CancellationToken,
    ) -> Result<Artifact, BuildError> {
        let download = download::download(&self.shop.config, url, source.wasm_sha256);
        let wasm = cancel.run_until_cancelled(download).await.ok_or(BuildError::Cancelled)??;
        self.keep(wasm, source.build_target).await
    }

    /// Whether more programs are kept than the configuration allows, so that [`Self::make_room`] would remove some.
    ///
    /// # Errors
    /// A fault of this machine.
    pub async fn is_full(&self) -> Result<bool, OperatorError> {
        self.on_disk(|artifacts| artifacts.is_full()).await
    }

    /// Removes built programs that nobody used for longest, until they are no more than the configuration allows; never
    /// those that are needed, that the operator added, or that were used within a minute; then old records and statements.
    /// Gives the digests of the programs and statements that are gone.
    ///
    /// # Errors
    /// A fault of this machine.
    pub async fn make_room(&self, needed: HashSet<WasmDigest>) -> Result<Vec<Sha256>, OperatorError> {
        self.on_disk(move |artifacts| artifacts.make_room(&needed)).await
    }

    async fn accept(
        &self,
        keep: impl FnOnce(&Artifacts) -> Result<Artifact, BuildError> + Send + 'static,
    ) -> Result<Artifact, BuildError> {
        let artifacts = self.shop.artifacts.clone();
        tokio::task::spawn_blocking(move || keep(&artifacts)).await.map_err(OperatorError::from)?
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Artifacts) -> Result<T, OperatorError> + Send + 'static,
    ) -> Result<T, OperatorError> {
        let artifacts = self.shop.artifacts.clone();
        tokio::task::spawn_blocking(move || work(&artifacts)).await?
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
        let gate = Gate::open(&self.config).await?;
        let attempt = Attempt::start(AttemptParts {
            config: &self.config,
            toolchain: &self.toolchain,
            sandbox: &self.sandbox,
            git_config: &self.git_config,
            gate,
            folder: self.attempts.start()?,
            cancel,
        });
        let artifact = self.make(&attempt, source, &remote).await;
        self.keep_log(source, &artifact, &attempt.log()).await;
        if let Err(error) = attempt.remove().await {
            tracing::warn!(event = "build.leftover", %error,
                "a build's temporary folder stays until the worker starts again");
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
        let fetched = source::fetch(attempt, remote, commit).await?;
        let checkout = checkout::check_out(attempt, &fetched).await?;
        let package = Path::new(source.path.as_ref().map(SourcePath::as_str).unwrap_or_default());
        let compiled = rust::build(attempt, &self.crates, &checkout, package, source.build_target).await?;
        self.accept(source.clone(), key, fetched, compiled).await
    }

    fn key(&self, source: &GitSource, commit: &str) -> SourceKey {
        SourceKey::new(source, commit, &self.toolchain.version, rust::VERSION)
    }

    async fn find(&self, key: &SourceKey) -> Result<Option<Artifact>, OperatorError> {
        let (artifacts, key) = (self.artifacts.clone(), key.clone());
        Ok(tokio::task::spawn_blocking(move || artifacts.find(&key)).await?)
    }

    /// Verifies and keeps what the compiler gave: work for the processor and the disk.
    async fn accept(
        &self,
        source: GitSource,
        key: SourceKey,
        fetched: Source,
        compiled: Compiled,
    ) -> Result<Artifact, BuildError> {
        let (artifacts, toolchain) = (self.artifacts.clone(), self.toolchain.version.clone());
        let accepted = tokio::task::spawn_blocking(move || {
            let Compiled { name, bytes, lockfile_sha256 } = compiled;
            program::check(&bytes, Some(source.build_target))?;
            let statement = provenance::statement(Facts {
                source: &source,
                commit: &fetched.commit,
                tree: &fetched.tree,
                toolchain: &toolchain,
                recipe: rust::VERSION,
                lockfile_sha256,
                wasm: WasmDigest(sha2::Sha256::digest(&bytes).into()),
                name: &name,
            })?;
            Ok(artifacts.keep(&key, &bytes, &statement, (&fetched.commit, &toolchain))?)
        });
        accepted.await.map_err(OperatorError::from)?
    }

    /// Keeps the log of a build that came to a verdict. A log that is missing is no reason to fail.
    async fn keep_log(&self, source: &GitSource, ended: &Result<Artifact, BuildError>, log: &str) {
        let commit = match ended {
            Ok(artifact) => Some((artifact.commit.clone(), artifact.fresh)),
            Err(BuildError::Source { .. } | BuildError::Operator(_)) => None,
            Err(BuildError::Cancelled) => return,
        };
        let (logs, source, log) = (self.logs.clone(), source.clone(), log.to_owned());
        let kept = tokio::task::spawn_blocking(move || match commit {
            Some((full, false)) => {
                logs.same(&source, &full);
                Ok(())
            }
            Some((full, true)) if full != source.commit.as_str() => {
                logs.keep(&source, &full, &log)?;
                logs.keep(&source, source.commit.as_str(), &log)
            }
            Some(_) | None => logs.keep(&source, source.commit.as_str(), &log),
        });
        match kept.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(event = "build.log_not_kept", %error, "a build's log is lost"),
            Err(error) => tracing::warn!(event = "build.log_not_kept", %error, "a build's log is lost"),
        }
    }
}
