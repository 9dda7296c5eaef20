//! Building the program again from its source, with nothing that was kept from before.

use offchainvm_interface::{
    CodeSource, FailureCode, GitSource, Sha256,
    receipt::{Program, ReceiptBody},
};
use tokio_util::sync::CancellationToken;

use super::report::{Check, Difference};
use crate::build::{Artifact, BuildConfig, BuildError, Builder};

const NAME: &str = "program";

/// Builds the receipt's source and compares what it becomes with what was claimed: a program, or none.
pub(super) async fn rebuild(
    config: &BuildConfig,
    receipt: &ReceiptBody,
    claimed: Option<&Program>,
) -> (Check, Option<Vec<u8>>) {
    let CodeSource::Git(source) = &receipt.code_source else {
        return (Check::unproven(NAME, "the request names a digest: there is nothing to build"), None);
    };
    let commit = claimed.and_then(|program| program.commit.clone()).unwrap_or_else(|| source.commit.clone());
    if !commit.as_str().starts_with(source.commit.as_str()) {
        let differs = vec![differs("program.commit", &commit, &source.commit)];
        return (Check::compared(NAME, "the commit is not the one that was asked for", differs), None);
    }
    let source = GitSource { commit, ..source.clone() };
    let (artifact, wasm) = match build(config, &source).await {
        Ok(built) => built,
        Err(error) => return (failed(receipt, claimed, &error), None),
    };
    let Some(claimed) = claimed else {
        let code = receipt.error_code.map_or("none", FailureCode::as_str);
        let differs = vec![differs("error_code", &code, &"none")];
        return (Check::compared(NAME, "the source builds here", differs), None);
    };
    let found = Sha256(artifact.digest.0);
    if found == claimed.wasm_sha256 {
        return (same(claimed, &artifact), Some(wasm));
    }
    let differs = vec![differs("program.wasm_sha256", &claimed.wasm_sha256, &found)];
    let there = claimed.toolchain.as_deref().unwrap_or("none");
    if there != artifact.toolchain {
        let detail = format!("built with {}, and there with {there}: the bytes may differ", artifact.toolchain);
        return (Check { differs, ..Check::unproven(NAME, detail) }, None);
    }
    (Check::compared(NAME, "built again with the same toolchain", differs), None)
}

/// The same bytes; the record of how they came to be is of the same bytes, too, if they came to be in the same way.
fn same(claimed: &Program, artifact: &Artifact) -> Check {
    let built = format!("built again from {}: {}", artifact.commit, artifact.digest);
    match (claimed.provenance_sha256, artifact.provenance) {
        (Some(there), Some(here)) if there != here => {
            let differs = vec![differs("program.provenance_sha256", &there, &here)];
            let detail = format!("{built}, but the record of that differs: another version of the recipe, or a lie");
            Check { differs, ..Check::unproven(NAME, detail) }
        }
        _ => Check::pass(NAME, built),
    }
}

async fn build(config: &BuildConfig, source: &GitSource) -> Result<(Artifact, Vec<u8>), RebuildError> {
    let folder = tempfile::tempdir()?;
    let (settings, path) = (config.clone(), folder.path().to_owned());
    let builder = tokio::task::spawn_blocking(move || Builder::new(settings, &path)).await??;
    let artifact = builder.build(source, CancellationToken::new()).await?;
    let wasm = tokio::fs::read(&artifact.path).await?;
    Ok((artifact, wasm))
}

/// The source was not built.
#[derive(Debug, thiserror::Error)]
enum RebuildError {
    #[error("no folder to build in: {0}")]
    Folder(#[from] std::io::Error),
    #[error("building was interrupted: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
    #[error("this machine cannot build: {0}")]
    Setup(#[from] crate::build::BuildSetupError),
    #[error(transparent)]
    Build(#[from] BuildError),
}

fn failed(receipt: &ReceiptBody, claimed: Option<&Program>, error: &RebuildError) -> Check {
    let RebuildError::Build(BuildError::Source { code, .. }) = error else {
        return Check::unproven(NAME, error.to_string());
    };
    if claimed.is_none() && receipt.error_code == Some(*code) {
        return Check::pass(NAME, format!("the source ends here in the same way: {code}"));
    }
    if depends_on_the_world(*code) || receipt.error_code.is_some_and(depends_on_the_world) {
        return Check::unproven(NAME, format!("the source cannot be built here and now: {error}"));
    }
    let there = receipt.error_code.map_or("none", FailureCode::as_str);
    Check::compared(NAME, error.to_string(), vec![differs("error_code", &there, code)])
}

/// Codes of what a commit does not decide: the network, the machine, the settings.
fn depends_on_the_world(code: FailureCode) -> bool {
    use FailureCode::{
        BuildResourcesExceeded, BuildTimeout, CommitNotFound, DependencyFetchFailed, RepoNotAllowed, RepoNotFound,
        SourceTooLarge,
    };
    matches!(
        code,
        BuildResourcesExceeded
            | BuildTimeout
            | CommitNotFound
            | DependencyFetchFailed
            | RepoNotAllowed
            | RepoNotFound
            | SourceTooLarge
    )
}

fn differs(field: &'static str, claimed: &impl ToString, found: &impl ToString) -> Difference {
    Difference { field, claimed: claimed.to_string(), found: found.to_string() }
}
