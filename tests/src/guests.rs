//! The guest programs of `tests/guests`, compiled for `wasm32-wasip1` or another target.

#![allow(clippy::panic, reason = "a guest that does not build fails the test that needs it")]

use std::{
    collections::HashMap,
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::{LazyLock, Mutex, PoisonError},
};

/// The guests that this process has built. The lock is held while one is built: nobody builds anything twice.
static BUILT: LazyLock<Mutex<HashMap<(String, String), PathBuf>>> = LazyLock::new(Mutex::default);

/// The compiled module of the guest called `name`, built on first use, offline, into `<target>/guests`.
///
/// # Panics
/// When there is no such guest or it does not build; the message carries cargo's.
#[must_use]
pub fn guest(name: &str) -> PathBuf {
    guest_for(name, "wasm32-wasip1")
}

/// As [`guest`], for another target.
///
/// # Panics
/// As [`guest`].
#[must_use]
pub fn guest_for(name: &str, target: &str) -> PathBuf {
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built.entry((name.to_owned(), target.to_owned())).or_insert_with(|| build(name, target)).clone()
}

/// The package of the guest called `name`: a folder that builds alone, wherever it is copied.
#[must_use]
pub fn guest_source(name: &str) -> PathBuf {
    workspace().join("tests/guests").join(name)
}

fn build(name: &str, target: &str) -> PathBuf {
    let folder = target_folder().join("guests");
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--locked", "--offline", "--target", target, "--manifest-path"])
        .arg(guest_source(name).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&folder)
        // Flags meant for the tests themselves, such as a coverage tool's, are not meant for the guests.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .unwrap_or_else(|error| panic!("cargo does not start: {error}"));
    assert!(output.status.success(), "guest {name} does not build:\n{}", String::from_utf8_lossy(&output.stderr));
    folder.join(target).join("release").join(format!("{name}.wasm"))
}

fn target_folder() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), |folder| workspace().join(folder))
}

/// The workspace's root: every crate whose tests use this file lies directly under it.
fn workspace() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}
