//! The rules of the tree, checked by reading the sources: who may name whom.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use offchainvm_tests::artifacts::workspace;
use std::{
    fs,
    path::{Path, PathBuf},
};

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut paths = vec![];
    walk(&workspace().join(folder), &mut paths);
    assert!(!paths.is_empty(), "{folder} holds no sources");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(workspace()).unwrap().to_owned(), text)
    };
    paths.into_iter().map(read).collect()
}

/// The lines of code, without comments, that hold `word` followed by `::`.
fn names(text: &str, word: &str) -> bool {
    let path = format!("{word}::");
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).any(|line| {
        line.match_indices(&path).any(|(at, _)| {
            let before = line.get(..at).unwrap_or_default().chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
    })
}

fn only_under(crate_folder: &str, word: &str, allowed: &[&str]) {
    let offenders: Vec<_> = sources(crate_folder)
        .into_iter()
        .filter(|(_, text)| names(text, word))
        .map(|(path, _)| path)
        .filter(|path| !allowed.iter().any(|allowed| path.starts_with(allowed)))
        .collect();
    assert!(offenders.is_empty(), "{word} may only be named under {allowed:?}, but is in {offenders:?}");
}

#[test]
fn each_foreign_library_has_one_owner() {
    only_under("worker/src", "wasmtime", &["worker/src/execute"]);
    only_under("worker/src", "wasmtime_wasi", &["worker/src/execute"]);
    only_under("worker/src", "near_jsonrpc_client", &["worker/src/chain/rpc"]);
    only_under("worker/src", "sqlx", &["worker/src/store"]);
    only_under("worker/src", "object_store", &["worker/src/store/blobs.rs", "worker/src/store/blobs"]);
    // Beside the window there is a server only in a test: a block source that does as it is told.
    only_under("worker/src", "axum", &["worker/src/api", "worker/src/ingest/ahead_tests.rs"]);
    only_under("worker/src", "prometheus_client", &["worker/src/telemetry/metrics"]);
    only_under("localchain/src", "near_vm_runner", &["localchain/src/vm.rs", "localchain/src/vm"]);
}

#[test]
fn stages_never_import_each_other() {
    let stages = ["ingest", "build", "execute", "publish"];
    for stage in stages {
        for (path, text) in sources(&format!("worker/src/{stage}")) {
            for other in stages.iter().filter(|other| **other != stage) {
                assert!(!names(&text, &format!("crate::{other}")), "{} imports the stage {other}", path.display());
            }
        }
    }
}

#[test]
fn the_idea_of_a_job_knows_no_machinery() {
    for (path, text) in sources("worker/src/job") {
        for machinery in ["crate::store", "crate::chain", "crate::stage", "crate::service", "tokio", "sqlx", "tracing"]
        {
            assert!(!names(&text, machinery), "{} names {machinery}", path.display());
        }
    }
}

#[test]
fn the_product_does_not_depend_on_the_local_chain_nor_the_interface_on_the_sdk() {
    for (manifest, forbidden) in [
        ("worker/Cargo.toml", "offchainvm-localchain"),
        ("worker/Cargo.toml", "near-vm-runner"),
        ("contract/Cargo.toml", "offchainvm-localchain"),
        ("contract/interface/Cargo.toml", "near-sdk"),
    ] {
        let text = fs::read_to_string(workspace().join(manifest)).unwrap();
        assert!(!text.contains(forbidden), "{manifest} names {forbidden}");
    }
}
