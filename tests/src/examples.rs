//! The app contracts of `examples`, compiled for the chain as their developers would.

use crate::artifacts::{target_dir, workspace};
use std::{path::PathBuf, process::Command, sync::OnceLock};

/// The wasm of `examples/caller`.
///
/// # Panics
/// When it does not build; the message carries cargo's.
#[must_use]
pub fn caller_wasm() -> &'static [u8] {
    static WASM: OnceLock<Vec<u8>> = OnceLock::new();
    WASM.get_or_init(|| build("caller"))
}

fn build(name: &str) -> Vec<u8> {
    let target = target_dir().join("examples");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--locked", "--target", "wasm32-unknown-unknown", "--manifest-path"])
        .arg(workspace().join("examples").join(name).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .env("RUSTFLAGS", "--cfg near")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .unwrap_or_else(|error| panic!("cargo does not start: {error}"));
    assert!(output.status.success(), "example {name} does not build:\n{}", String::from_utf8_lossy(&output.stderr));
    let wasm: PathBuf = target.join("wasm32-unknown-unknown/release").join(format!("{name}.wasm"));
    std::fs::read(&wasm).unwrap_or_else(|error| panic!("{}: {error}", wasm.display()))
}
