//! What the project stands on, as far as it can be told without the network: sources, licences, and what the
//! operator's binary must not contain.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use offchainvm_tests::artifacts::workspace;
use serde_json::Value;
use std::process::Command;

/// Licences that allow use in an MIT project; an expression passes when one of its alternatives is all of these.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "MPL-2.0+",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "bzip2-1.0.6",
];
fn cargo(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(args).current_dir(workspace()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn packages() -> Vec<Value> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--format-version=1", "--locked"])).unwrap();
    metadata["packages"].as_array().unwrap().iter().filter(|package| !package["source"].is_null()).cloned().collect()
}

fn allowed(expression: &str) -> bool {
    let normal = expression.replace('/', " OR ").replace(['(', ')'], " ");
    let part = |text: &str| LICENCES.contains(&text.split_whitespace().collect::<Vec<_>>().join(" ").as_str());
    // "A AND (B OR C)" is read as "A AND B OR C": every conjunct of some alternative must be allowed, and so must
    // each conjunct that stands before a parenthesis.
    normal.split(" OR ").any(|alternative| alternative.split(" AND ").all(part))
}

#[test]
fn every_dependency_comes_from_the_registry_under_a_licence_that_fits() {
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        let source = package["source"].as_str().unwrap();
        assert!(source.starts_with("registry+"), "{name} comes from {source}");
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(allowed(licence), "{name}: licence {licence:?}");
    }
}

#[test]
fn the_operators_binary_holds_one_wasmtime_and_no_chain() {
    let tree =
        cargo(&["tree", "--locked", "--package=offchainvm-worker", "--edges=normal", "--prefix=none", "--format={p}"]);
    let mut engines: Vec<_> =
        tree.lines().filter(|line| line.starts_with("wasmtime v")).map(|line| line.trim_end_matches(" (*)")).collect();
    engines.sort_unstable();
    engines.dedup();
    assert_eq!(engines.len(), 1, "{engines:?}");
    assert!(engines[0].starts_with("wasmtime v48."), "{engines:?}");
    assert!(!tree.contains("near-vm-runner"), "the local chain's VM is in the operator's binary");
}
