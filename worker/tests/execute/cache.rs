//! Compiled modules on disk: used when they are ours, refused and made again when they are not.

use crate::support::{Fixture, config, program, task, text};
use offchainvm_interface::ResourceLimits;
use offchainvm_worker::{
    execute::{ExecuteConfig, ExecuteError, Executor, Program},
    job::WasmDigest,
};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tokio_util::sync::CancellationToken;

/// The only compiled module under `cache`.
fn sealed(cache: &Path) -> PathBuf {
    let folders = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let mut files = folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let file = files.next().expect("one compiled module");
    assert_eq!(files.next(), None);
    file
}

/// What `program` says to "hello" on an executor that starts with the given cache.
async fn fresh(cache: &Path, program: &Program) -> Result<String, ExecuteError> {
    let executor = Executor::new(&ExecuteConfig { parallel_runs: 1, ..config() }, cache).unwrap();
    let task = task("hello", ResourceLimits::default(), [0; 32]);
    executor.run(program, task, CancellationToken::new()).await.map(|outcome| text(&outcome).to_owned())
}

#[tokio::test]
async fn a_compiled_module_outlives_its_process_and_needs_the_source_no_more() {
    let fixture = Fixture::new();
    let echo = program("echo");
    fixture.run(&echo, "x", ResourceLimits::default()).await;
    let gone = Program::file(echo.digest(), fixture.cache.path().join("no-such-file.wasm"));
    assert_eq!(fresh(fixture.cache.path(), &gone).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_damaged_or_forged_module_is_refused_and_compiled_again() {
    let fixture = Fixture::new();
    let (echo, exit3) = (program("echo"), program("exit3"));
    fixture.run(&echo, "x", ResourceLimits::default()).await;
    let file = sealed(fixture.cache.path());
    let good = fs::read(&file).unwrap();

    let attacker = Fixture::new();
    attacker.run(&exit3, "x", ResourceLimits::default()).await;
    let forged = fs::read(sealed(attacker.cache.path())).unwrap();
    let mut damaged = good.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;

    for bad in [forged, damaged, good[..good.len() / 2].to_vec(), Vec::new()] {
        fs::write(&file, bad).unwrap();
        assert_eq!(fresh(fixture.cache.path(), &echo).await.unwrap(), "hello");
        assert!(fs::read(&file).unwrap().len() >= good.len(), "compiled and kept again");
    }
}

#[tokio::test]
async fn a_file_that_is_not_the_module_asked_for_is_the_operators_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module.wasm");
    let asked = Program::file(WasmDigest([7; 32]), path.clone());
    let cache = tempfile::tempdir().unwrap();
    assert!(matches!(fresh(cache.path(), &asked).await, Err(ExecuteError::Artifact { .. })));
    fs::write(&path, wat::parse_str(r#"(module (func (export "_start")))"#).unwrap()).unwrap();
    assert!(matches!(fresh(cache.path(), &asked).await, Err(ExecuteError::ArtifactChanged { .. })));
}
