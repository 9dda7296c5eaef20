//! The recipe for Rust: a cargo package of the checkout into a program.
//!
//! `manifest` finds out what is to be compiled, `lockfile` what it depends on, `vendor` fetches that, with `crates` as
//! the cache, and `compile` compiles offline. `toolchain` finds Rust when the worker starts.

mod compile;
mod crates;
pub(super) mod lockfile;
pub(super) mod manifest;
mod toolchain;
mod vendor;

pub(super) use crates::Crates;
pub(super) use manifest::asks_for_submodules;
pub(super) use toolchain::Toolchain;

use super::{attempt::Attempt, error::BuildError, recipe::Compiled};
use lockfile::Lockfile;
use manifest::Manifest;
use offchainvm_interface::BuildTarget;
use std::path::Path;

/// How this recipe compiles. It is part of an artifact's name in the cache and of its provenance: a change of the steps
/// or flags that can change a program's bytes needs another version.
pub(super) const VERSION: &str = "rust/v1";

/// Builds the package in a folder of a checkout.
///
/// # Errors
/// A verdict on the source, cancellation, or a fault of this machine.
pub(super) async fn build(
    attempt: &Attempt<'_>,
    crates: &Crates,
    checkout: &Path,
    package: &Path,
    target: BuildTarget,
) -> Result<Compiled, BuildError> {
    let manifest = Manifest::read(attempt, checkout, package, target).await?;
    let lockfile = Lockfile::read(&checkout.join(&manifest.lockfile))?;
    let vendored = vendor::vendor(attempt, crates, checkout, &manifest, &lockfile.archives, target).await?;
    let bytes = compile::compile(attempt, checkout, &manifest, &vendored, target).await?;
    let name = manifest.program.file_name();
    Ok(Compiled { name, bytes, lockfile_sha256: lockfile.sha256 })
}
