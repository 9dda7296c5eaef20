//! A build from beginning to end: one at a time of the same source, as many of different ones as are allowed.

use super::{
    artifact::{Artifact, SourceKey},
    artifacts::Artifacts,
    attempt::{Attempt, AttemptParts},
    attempts::Attempts,
    checkout,
    config::BuildConfig,
    error::{BuildError, BuildSetupError, OperatorError},
    gate::Gate,
    logs::BuildLogs,
    once::Once,
    provenance::{self, Facts},
    recipe::Compiled,
    rust::{self, Crates, Toolchain},
    sandbox::Sandbox,
    source::{self, Remote, Source},
    submodules::{self, Submodule},
};
use crate::{job::WasmDigest, program};
use offchainvm_interface::{GitSource, SourcePath};
use sha2::Digest;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// What builds need, shared by all of them.
#[derive(Debug)]
pub(super) struct Shop {
    pub(super) config: BuildConfig,
    sandbox: Sandbox,
    toolchain: Toolchain,
    pub(super) artifacts: Artifacts,
    logs: BuildLogs,
    crates: Crates,
    attempts: Attempts,
    git_config: PathBuf,
    permits: Semaphore,
    under_way: Once<GitSource>,
}

impl Shop {
    /// Prepares the folder, and checks the settings and this machine.
    pub(super) fn open(config: BuildConfig, work_dir: &Path) -> Result<Self, BuildSetupError> {
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
        Ok(Self { config, sandbox, toolchain, artifacts, logs, crates, attempts, git_config, permits, under_way })
    }

    /// The program of a source, from the cache or built now.
    pub(super) async fn build(&self, source: &GitSource, cancel: CancellationToken) -> Result<Artifact, BuildError> {
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
        let fetched = source::fetch(attempt, remote, commit, "git").await?;
        let mut checkout = checkout::check_out(attempt, &fetched).await?;
        let package = Path::new(source.path.as_ref().map(SourcePath::as_str).unwrap_or_default());
        let submodules = if !checkout.gitlinks.is_empty() && rust::asks_for_submodules(&checkout.folder, package)? {
            submodules::fetch(attempt, &source.repo, &fetched, &mut checkout).await?
        } else {
            submodules::pass_over(attempt, &checkout.gitlinks);
            Vec::new()
        };
        let compiled = rust::build(attempt, &self.crates, &checkout.folder, package, source.build_target).await?;
        self.accept(source.clone(), key, (fetched, submodules), compiled).await
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
        (fetched, submodules): (Source, Vec<Submodule>),
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
                submodules: &submodules,
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
