//! Finding the Rust that compiles strangers' programs, once, when the worker starts.

use crate::build::error::BuildSetupError;
use offchainvm_interface::BuildTarget;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// An installed Rust toolchain.
#[derive(Clone, Debug)]
pub(in crate::build) struct Toolchain {
    /// The folder that holds its `bin` and `lib`.
    pub(in crate::build) root: PathBuf,
    /// What `rustc --version` says: part of an artifact's name in the cache, and of the receipt.
    pub(in crate::build) version: String,
    /// The triple of this machine: build scripts and procedural macros run here.
    pub(super) host: String,
}

impl Toolchain {
    /// Finds the toolchain that the configuration names: a folder, or a version known to rustup or to be the one
    /// that is installed without it.
    pub(in crate::build) fn find(name: &str) -> Result<Self, BuildSetupError> {
        let missing = || BuildSetupError::ToolchainMissing(name.to_owned());
        let root = if Path::new(name).is_absolute() {
            PathBuf::from(name)
        } else {
            let rustup = ask(Path::new("rustc"), &[&format!("+{name}"), "--print", "sysroot"]);
            PathBuf::from(rustup.or_else(|| ask(Path::new("rustc"), &["--print", "sysroot"])).ok_or_else(missing)?)
        };
        let rustc = root.join("bin/rustc");
        let version = ask(&rustc, &["--version"]).ok_or_else(missing)?;
        let host = ask(&rustc, &["--print", "host-tuple"]).ok_or_else(missing)?;
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
        let there = |target: &&BuildTarget| root.join("lib/rustlib").join(target.triple()).is_dir();
        if let Some(target) = BuildTarget::ALL.iter().find(|target| !there(target)) {
            return Err(BuildSetupError::TargetMissing { root, name: name.to_owned(), target: *target });
        }
        Ok(Self { root, version, host })
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
