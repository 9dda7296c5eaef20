//! Step 3: the dependencies that Cargo.lock names, fetched with network but without running any of their code.

use super::{
    attempt::{Attempt, CARGO_HOME, CHECKOUT},
    error::{BuildError, OperatorError},
    prepare::Prepared,
    sandbox::{End, Ended, GrowingFolder, SandboxedCommand, Trust},
};
use offchainvm_interface::{BuildTarget, FailureCode};
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// A checkout whose dependencies are all there.
#[derive(Debug)]
pub(super) struct Vendored {
    pub(super) prepared: Prepared,
    /// Where cargo unpacked the crates of each registry, as seen inside. The names depend on the mirror they came by.
    pub(super) registries: Vec<PathBuf>,
}

/// Fetches the dependencies into the cache that all builds share.
pub(super) async fn vendor(
    attempt: &Attempt<'_>,
    prepared: Prepared,
    target: BuildTarget,
) -> Result<Vendored, BuildError> {
    let cargo = attempt.cargo(Trust::Tool, &prepared.checkout);
    let ended = fetch(attempt, cargo, &prepared, target, &["--locked"]).await?;
    if let End::Exit(101) = ended.end {
        let log = ended.log.last_lines(attempt.config.log_lines);
        return Err(explain(attempt, &prepared, target, &log).await?);
    }
    attempt.output(ended, "fetching dependencies", FailureCode::DependencyFetchFailed)?;
    let registries = registries(attempt)?;
    Ok(Vendored { prepared, registries })
}

async fn fetch(
    attempt: &Attempt<'_>,
    cargo: SandboxedCommand<'_>,
    prepared: &Prepared,
    target: BuildTarget,
    options: &[&str],
) -> Result<Ended, BuildError> {
    let cargo = attempt.with_growing_dependencies(cargo.network(&attempt.config.network_env));
    let mut command: Vec<&OsStr> = ["cargo", "fetch", "--target", target.triple()].map(OsStr::new).to_vec();
    command.extend(options.iter().map(OsStr::new));
    command.extend([OsStr::new("--manifest-path"), prepared.manifest.as_os_str()]);
    attempt.run(cargo, &command).await
}

/// Whether the dependencies cannot be had at all, or only Cargo.lock asks for what does not exist or does not fit: told
/// apart by trying without it.
async fn explain(
    attempt: &Attempt<'_>,
    prepared: &Prepared,
    target: BuildTarget,
    log: &str,
) -> Result<BuildError, BuildError> {
    let lockfile = prepared.checkout.join(&prepared.lockfile);
    fs::remove_file(&lockfile).map_err(OperatorError::file("remove", &lockfile))?;
    // Over the read-only view, because cargo writes a new Cargo.lock.
    let writable = GrowingFolder { path: prepared.checkout.clone(), max_bytes: u64::MAX };
    let cargo = attempt.cargo(Trust::Tool, &prepared.checkout).write(writable, CHECKOUT);
    let ended = fetch(attempt, cargo, prepared, target, &[]).await?;
    Ok(match ended.end {
        End::Exit(0) => {
            BuildError::source(FailureCode::LockfileInvalid, format!("Cargo.lock does not fit Cargo.toml: {log}"))
        }
        _ => BuildError::source(FailureCode::DependencyFetchFailed, format!("fetching dependencies failed: {log}")),
    })
}

fn registries(attempt: &Attempt<'_>) -> Result<Vec<PathBuf>, OperatorError> {
    let folder = attempt.dependencies.join("registry/src");
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let names =
        entries.map(|entry| entry.map(|entry| Path::new(CARGO_HOME).join("registry/src").join(entry.file_name())));
    names.collect::<Result<_, _>>().map_err(OperatorError::file("list", folder))
}
