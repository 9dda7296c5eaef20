//! The dependencies that Cargo.lock names, fetched with network but without running any of their code.

use super::{crates::Crates, lockfile::Archive, manifest::Manifest};
use crate::build::{
    attempt::{Attempt, CARGO_HOME, CHECKOUT},
    error::{BuildError, OperatorError},
    running::{End, Ended},
    sandbox::{GrowingFolder, Trust},
    sandboxed::SandboxedCommand,
};
use offchainvm_interface::{BuildTarget, FailureCode};
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// Dependencies that are all there.
#[derive(Debug)]
pub(super) struct Vendored {
    /// Cargo's home on this machine: the dependencies, and nothing of another build.
    pub(super) home: PathBuf,
    /// Where cargo unpacked the crates of each registry, as seen inside. The names depend on the mirror they came by.
    pub(super) registries: Vec<PathBuf>,
}

/// Fetches the dependencies into a CARGO_HOME of this build, as far as earlier builds have not.
pub(super) async fn vendor(
    attempt: &Attempt<'_>,
    crates: &Crates,
    checkout: &Path,
    manifest: &Manifest,
    archives: &[Archive],
    target: BuildTarget,
) -> Result<Vendored, BuildError> {
    let home = attempt.make_folder("cargo")?;
    let (lender, archives, borrower) = (crates.clone(), archives.to_vec(), home.clone());
    tokio::task::spawn_blocking(move || lender.lend(&archives, &borrower)).await.map_err(OperatorError::from)??;

    let fetching = Fetching { attempt, checkout, manifest, home: &home, target };
    let ended = fetching.run(attempt.cargo(Trust::Tool, checkout), &["--locked"]).await?;
    if let End::Exit(101) = ended.end {
        if let Some(why) = attempt.refused() {
            return Err(BuildError::source(FailureCode::DependencyFetchFailed, why));
        }
        return Err(fetching.explain(&ended.log.last_lines(attempt.config.log_lines)).await?);
    }
    attempt.output(ended, FailureCode::DependencyFetchFailed)?;

    let (keeper, fetched) = (crates.clone(), home.clone());
    let kept = tokio::task::spawn_blocking(move || keeper.keep(&fetched)).await.map_err(OperatorError::from)?;
    if let Err(error) = kept {
        tracing::warn!(event = "build.crates_not_kept", %error, "the next build has to fetch the same crates again");
    }
    let registries = registries(&home)?;
    Ok(Vendored { home, registries })
}

struct Fetching<'a> {
    attempt: &'a Attempt<'a>,
    checkout: &'a Path,
    manifest: &'a Manifest,
    home: &'a Path,
    target: BuildTarget,
}

impl Fetching<'_> {
    async fn run(&self, cargo: SandboxedCommand<'_>, options: &[&str]) -> Result<Ended, BuildError> {
        // Also what only build scripts and procedural macros on this machine need: cargo looks for it when it builds.
        let host = &self.attempt.toolchain.host;
        let mut command: Vec<&OsStr> =
            ["cargo", "fetch", "--target", self.target.triple(), "--target", host].map(OsStr::new).to_vec();
        command.extend(options.iter().map(OsStr::new));
        command.extend([OsStr::new("--manifest-path"), self.manifest.path.as_os_str()]);
        self.attempt.run("fetching dependencies", self.attempt.with_growing_home(cargo, self.home), &command).await
    }

    /// Whether the dependencies cannot be had at all, or only Cargo.lock asks for what does not exist or does not fit:
    /// told apart by trying without it.
    async fn explain(&self, log: &str) -> Result<BuildError, BuildError> {
        let Self { attempt, checkout, manifest, .. } = self;
        let lockfile = checkout.join(&manifest.lockfile);
        fs::remove_file(&lockfile).map_err(OperatorError::file("remove", &lockfile))?;
        // Over the read-only view, because cargo writes a new Cargo.lock.
        let writable = GrowingFolder { path: checkout.to_path_buf(), max_bytes: u64::MAX };
        let ended = self.run(attempt.cargo(Trust::Tool, checkout).write(writable, CHECKOUT), &[]).await?;
        let code = match ended.end {
            End::Exit(101) => FailureCode::DependencyFetchFailed,
            _ => {
                attempt.output(ended, FailureCode::DependencyFetchFailed)?;
                FailureCode::LockfileInvalid
            }
        };
        Ok(BuildError::source(code, format!("fetching dependencies failed: {log}")))
    }
}

fn registries(home: &Path) -> Result<Vec<PathBuf>, OperatorError> {
    let folder = home.join("registry/src");
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let names =
        entries.map(|entry| entry.map(|entry| Path::new(CARGO_HOME).join("registry/src").join(entry.file_name())));
    names.collect::<Result<_, _>>().map_err(OperatorError::file("list", folder))
}
