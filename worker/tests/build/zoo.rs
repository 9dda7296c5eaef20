//! Each animal of `tests/sources` ends as its name says.

use super::*;
use std::collections::BTreeSet;

/// Builds one animal with these settings.
async fn visit(name: &str, config: BuildConfig) -> (FailureCode, String) {
    let (code, message) = Shop::with(config).verdict(&source(&animal(name))).await;
    let expected = name.split('-').next().unwrap();
    assert_eq!(code.as_str(), expected, "{name}: {message}");
    assert_eq!(code.owner(), offchainvm_interface::Owner::Source, "{name}");
    (code, message)
}

macro_rules! zoo {
    ($($name:literal as $test:ident says $text:literal $(with $setting:ident = $value:expr)?;)*) => {
        const VISITED: &[&str] = &[$($name),*];
        $(
            #[tokio::test]
            async fn $test() {
                #[allow(clippy::needless_update, reason = "most animals need no settings of their own")]
                let config = BuildConfig { $($setting: $value,)? ..BuildConfig::default() };
                let (_, message) = visit($name, config).await;
                assert!(message.contains($text), "{message}");
            }
        )*
    };
}

zoo! {
    "manifest_missing" as no_manifest says "no file Cargo.toml";
    "manifest_invalid" as a_malformed_manifest says "Cargo.toml";
    "manifest_invalid-library" as a_library says "exactly one binary";
    "manifest_invalid-two_binaries" as two_binaries says "exactly one binary";
    "lockfile_invalid" as no_lockfile says "no Cargo.lock";
    "lockfile_invalid-outdated" as an_outdated_lockfile says "--locked";
    "dependency_fetch_failed" as an_unreachable_dependency says "missing";
    "source_escapes" as a_link_that_escapes says "data.txt";
    "build_failed" as a_type_error says "mismatched types";
    "build_failed-dials_out" as a_build_script_that_dials_out says "cannot dial 1.1.1.1:443";
    "build_timeout" as a_build_script_that_never_ends says "time" with max_seconds = 15;
    "build_resources_exceeded-forks" as a_build_script_that_forks says "processes" with max_processes = 64;
    "build_resources_exceeded-memory" as a_build_script_that_hoards says "memory" with max_memory_mb = 512;
    "build_resources_exceeded-disk" as a_build_script_that_fills_the_disk says "disk" with max_disk_mb = 64;
    "not_wasm" as a_linker_that_writes_nothing says "no file";
    "not_wasm-no_command" as an_object_file says "no command";
    "import_not_allowed" as a_foreign_import says "launch_missiles";
}

#[tokio::test]
async fn a_program_with_a_dependency_builds() {
    let repo = animal("ok-dependency");
    let first = Shop::new().build(&source(&repo)).await.unwrap();
    let second = Shop::new().build(&source(&repo)).await.unwrap();
    assert_eq!(first.digest, second.digest);
}

#[test]
fn every_animal_is_visited() {
    let folders = std::fs::read_dir(project("tests/sources")).unwrap().map(Result::unwrap);
    let folders = folders.filter(|entry| entry.file_type().unwrap().is_dir());
    let found: BTreeSet<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    let visited = VISITED.iter().copied().chain(["ok-dependency"]).map(String::from).collect();
    assert_eq!(found, visited);
}
