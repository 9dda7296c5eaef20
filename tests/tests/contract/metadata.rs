//! NEP-330: what the contract says of its source and of how it was built.

use crate::support::{start, view};
use anyhow::{Context, Result};
use offchainvm_tests::artifacts::workspace;
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};

const METADATA: &str = "contract_source_metadata";

#[tokio::test]
async fn an_ordinary_build_names_its_source_and_claims_no_commit() -> Result<()> {
    let net = start().await?;
    let expected = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "link": env!("CARGO_PKG_REPOSITORY"),
        "standards": [{"standard": "nep330", "version": "1.3.0"}],
        "build_info": null,
    });
    assert_eq!(view(&net, METADATA, Value::Null).await?, expected);
    Ok(())
}

#[tokio::test]
#[ignore = "compiles the contract with all it depends on, twice: minutes. Run it before a release"]
async fn a_release_says_how_to_build_it_and_builds_the_same_anywhere() -> Result<()> {
    let (here, there) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let release = build_release(here.path())?;
    assert!(build_release(there.path())? == release, "the same commit built in two folders differs");

    let net = start().await?;
    let account = net.account("release").await?;
    let contract = account.deploy(&release).await?.into_result()?;
    let metadata: Value = contract.view(METADATA).await?.json()?;
    let commit = git(workspace(), &["rev-parse", "HEAD"])?;
    let expected = json!({
        "build_environment": format!("{}, wasm-opt version 108", rustc()?),
        "build_command": ["scripts/build-contract", "--release"],
        "contract_path": "contract",
        "source_code_snapshot": format!("git+{}?rev={commit}", env!("CARGO_PKG_REPOSITORY")),
        "output_wasm_path": "target/offchainvm_contract.wasm",
    });
    assert_eq!(metadata["build_info"], expected);
    Ok(())
}

/// The release of the newest commit, built in a clone in `folder`, with nothing built before.
fn build_release(folder: &Path) -> Result<Vec<u8>> {
    let clone = folder.join("clone");
    git(workspace(), &["clone", "--quiet", ".", clone.to_str().context("a path that is no text")?])?;
    let mut build = Command::new(clone.join("scripts/build-contract"));
    output(build.args(["--quiet", "--release"]).env_remove("CARGO_TARGET_DIR"))?;
    Ok(fs::read(clone.join("target/offchainvm_contract.wasm"))?)
}

fn rustc() -> Result<String> {
    output(Command::new("rustc").arg("--version").current_dir(workspace()))
}

fn git(folder: &Path, args: &[&str]) -> Result<String> {
    output(Command::new("git").args(args).current_dir(folder))
}

/// What the command prints, if it succeeds.
fn output(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    anyhow::ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
