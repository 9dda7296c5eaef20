//! The product's own artifacts, built by cargo once per test process and up to date.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The workspace's root.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests crate lies in the workspace")
}

/// Where cargo puts what it builds.
#[must_use]
pub fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// The contract's wasm, as `scripts/build-contract` makes it.
#[must_use]
pub fn contract_wasm() -> &'static [u8] {
    static WASM: OnceLock<Vec<u8>> = OnceLock::new();
    WASM.get_or_init(|| {
        run(Command::new(workspace().join("scripts/build-contract")).arg("--quiet"));
        let path = target_dir().join("offchainvm_contract.wasm");
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    })
}

/// Writes the contract's ABI into `folder`, as the code has it now: `abi.json` and `abi.zst`.
pub fn write_contract_abi(folder: &Path) {
    run(Command::new(workspace().join("scripts/abi")).arg(folder));
}

/// The binary `offchainvm`. Built together with the whole workspace, so that cargo reuses what the tests were built
/// with instead of compiling every dependency once more with other features. `OFFCHAINVM_BINARY` names another one, such
/// as the optimised binary of a benchmark.
#[must_use]
pub fn offchainvm() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(binary) = env::var_os("OFFCHAINVM_BINARY") {
            return binary.into();
        }
        // Under cargo, that very cargo; else the one in the PATH, which obeys the workspace's pinned toolchain. The path
        // that was known at compile time leads past rustup, and what is compiled then may be compiled by another Rust.
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        run(Command::new(cargo).args(["build", "--quiet", "--workspace", "--bins"]).current_dir(workspace()));
        target_dir().join("debug/offchainvm")
    })
}

fn run(command: &mut Command) {
    // What cargo tells a test about its own package would reach the build scripts. Some watch such variables, and would
    // have half of all dependencies compiled again, once with them and once without.
    for (name, _) in env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
