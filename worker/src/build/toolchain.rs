//! Finding the Rust that compiles strangers' programs, once, when the worker starts.

use super::error::BuildSetupError;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The only target so far.
const TARGET: &str = "wasm32-wasip1";

/// An installed Rust toolchain.
#[derive(Clone, Debug)]
pub(super) struct Toolchain {
    /// The folder that holds its `bin` and `lib`.
    pub(super) root: PathBuf,
    /// What `rustc --version` says: part of an artifact's name in the cache, and of the receipt.
    pub(super) version: String,
}

impl Toolchain {
    /// Finds the toolchain that the configuration names: a folder, or a version known to rustup or to be the one
    /// that is installed without it.
    pub(super) fn find(name: &str) -> Result<Self, BuildSetupError> {
        let missing = || BuildSetupError::ToolchainMissing(name.to_owned());
        let root = if Path::new(name).is_absolute() {
            PathBuf::from(name)
        } else {
            let rustup = ask(Path::new("rustc"), &[&format!("+{name}"), "--print", "sysroot"]);
            PathBuf::from(rustup.or_else(|| ask(Path::new("rustc"), &["--print", "sysroot"])).ok_or_else(missing)?)
        };
        let rustc = root.join("bin/rustc");
        let version = ask(&rustc, &["--version"]).ok_or_else(missing)?;
        let release = version.split(' ').nth(1).unwrap_or_default();
        if !Path::new(name).is_absolute() && release != name && !matches!(name, "stable" | "beta" | "nightly") {
            return Err(missing());
        }
        if !root.join("bin/cargo").is_file() {
            return Err(BuildSetupError::ProgramMissing {
                program: "cargo",
                install: "the toolchain has rustc but no cargo beside it; use rustup's toolchains",
            });
        }
        if !root.join("lib/rustlib").join(TARGET).is_dir() {
            return Err(BuildSetupError::TargetMissing { root, name: name.to_owned() });
        }
        Ok(Self { root, version })
    }
}

/// The first line that a program prints, if it runs and succeeds.
fn ask(program: &Path, args: &[&str]) -> Option<String> {
    // Outside any project, and without rustup's own overrides: a rust-toolchain.toml nearby must not decide.
    let mut command = Command::new(program);
    command.args(args).current_dir("/").env_remove("RUSTUP_TOOLCHAIN").env("RUSTUP_AUTO_INSTALL", "0");
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.lines().next().map(str::to_owned)
}
