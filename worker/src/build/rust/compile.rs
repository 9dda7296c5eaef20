//! The program, compiled offline. Here a stranger's code runs: build scripts and procedural macros.

use super::{
    manifest::{CargoTarget, Manifest},
    vendor::Vendored,
};
use crate::build::{
    attempt::Attempt,
    error::BuildError,
    running::End,
    sandbox::{SCRATCH, Trust},
    supervise::Excess,
};
use offchainvm_interface::{BuildTarget, FailureCode};
use std::path::Path;

/// Compiles, and then writes the named file to standard output: so nothing of this machine is writable inside.
const SCRIPT: &str = "\
binary=$1; shift
cargo build \"$@\" >&2; status=$?
[ $status -eq 0 ] || exit $status
[ -f \"$binary\" ] || exit 66
exec cat -- \"$binary\"";
/// How the script ends when cargo is content but there is no file.
const NO_FILE: i32 = 66;

/// Compiles the package's program, and gives its bytes.
pub(super) async fn compile(
    attempt: &Attempt<'_>,
    checkout: &Path,
    manifest: &Manifest,
    vendored: &Vendored,
    target: BuildTarget,
) -> Result<Vec<u8>, BuildError> {
    let program: &CargoTarget = &manifest.program;
    let target_dir = Path::new(SCRATCH).join("target");
    let file = target_dir.join(target.triple()).join("release").join(program.file_name());
    let path = manifest.path.to_string_lossy();
    let (file, target_dir) = (file.to_string_lossy(), target_dir.to_string_lossy());
    let mut command = vec!["sh", "-c", SCRIPT, "sh", &file];
    command.extend(["--release", "--locked", "--offline", "--target", target.triple()]);
    command.extend(["--manifest-path", &path, "--target-dir", &target_dir]);
    command.extend(program.arguments());

    let cargo = attempt.with_home(attempt.cargo(Trust::Stranger, checkout), &vendored.home);
    // What could make two builds of one commit differ: the clock, leftovers, and paths that a mirror changes.
    let cargo = cargo
        .env("SOURCE_DATE_EPOCH", "0")
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_BUILD_JOBS", jobs(attempt.config.max_processes).to_string())
        .env("CARGO_ENCODED_RUSTFLAGS", remap(vendored))
        .max_output(attempt.config.max_wasm_bytes());
    let ended = attempt.run("cargo build", cargo, &command).await?;
    match ended.end {
        End::Exit(NO_FILE) => Err(not_wasm("the build gave no file".into())),
        End::Exceeded(Excess::Output) => {
            Err(not_wasm(format!("the program is larger than {} MiB", attempt.config.max_wasm_mb)))
        }
        _ => attempt.output(ended, FailureCode::BuildFailed),
    }
}

fn not_wasm(message: String) -> BuildError {
    BuildError::source(FailureCode::NotWasm, message)
}

/// How many compilers run side by side: what the processors can take, and no more than the cap on processes allows,
/// because each of them has about a dozen threads.
fn jobs(max_processes: u64) -> u64 {
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    (max_processes / 12).clamp(1, processors)
}

fn remap(vendored: &Vendored) -> String {
    let flags: Vec<String> = vendored
        .registries
        .iter()
        .map(|folder| format!("--remap-path-prefix={}=/registry", folder.display()))
        .collect();
    // The separator that cargo prescribes.
    flags.join("\u{1f}")
}
