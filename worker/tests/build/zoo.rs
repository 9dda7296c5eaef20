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
    "lockfile_invalid-conflict" as a_lockfile_with_a_conflict says "malformed";
    "manifest_invalid-workspace_above" as a_workspace_outside_of_the_source says "Cargo.toml";
    "dependency_fetch_failed" as an_unreachable_dependency says "missing";
    "dependency_fetch_failed-private_address" as a_dependency_on_an_inner_server says "127.0.0.1 has a private address";
    "dependency_fetch_failed-other_protocol" as a_dependency_by_another_protocol says "transport 'git' not allowed";
    "source_escapes" as a_link_that_escapes says "data.txt";
    "source_escapes-absolute" as an_absolute_link says "link hosts leads";
    "source_escapes-through_a_link" as a_link_that_escapes_through_another says "link one/two/three/out leads";
    "build_failed" as a_type_error says "mismatched types";
    "build_failed-breaks_out" as a_build_script_that_breaks_out says "0 ways out: []";
    "build_failed-floods_the_log" as a_build_script_that_floods_the_log says "that was all";
    "build_failed-huge_file" as a_build_script_that_makes_a_huge_file says "huge-file";
    "build_failed-reads_the_host" as a_build_script_that_reads_the_host says "it found 0 things: []";
    "build_failed-writes_outside" as a_build_script_that_writes_outside says "it wrote to 0 places: []";
    "build_failed-includes_a_host_file" as a_program_that_includes_a_file_of_the_host says "couldn't read `/etc/passwd`";
    "build_failed-macro_dials_out" as a_macro_that_dials_out says "cannot dial 1.1.1.1:443";
    "build_failed-macro_reads_the_host" as a_macro_that_reads_the_host says "cannot read the host's file";
    "build_failed-dials_out" as a_build_script_that_dials_out says "cannot dial 1.1.1.1:443";
    "build_timeout" as a_build_script_that_never_ends says "time" with max_seconds = 15;
    "build_timeout-macro" as a_macro_that_never_ends says "time" with max_seconds = 15;
    "build_timeout-constant" as a_constant_that_never_ends says "time" with max_seconds = 15;
    "build_resources_exceeded-processor" as a_build_script_that_computes_for_ever says "processor time" with max_cpu_seconds = 6;
    "build_resources_exceeded-files" as a_build_script_that_makes_files says "files" with max_files = 5_000;
    "build_resources_exceeded-kills" as a_build_script_that_kills_everyone says "signal 9";
    "build_resources_exceeded-macro_forks" as a_macro_that_forks says "processes" with max_processes = 64;
    "build_resources_exceeded-macro_memory" as a_macro_that_hoards says "memory" with max_memory_mb = 512;
    "build_resources_exceeded-forks" as a_build_script_that_forks says "processes" with max_processes = 64;
    "build_resources_exceeded-memory" as a_build_script_that_hoards says "memory" with max_memory_mb = 512;
    "build_resources_exceeded-disk" as a_build_script_that_fills_the_disk says "disk" with max_disk_mb = 64;
    "not_wasm" as a_linker_that_writes_nothing says "no file";
    "not_wasm-too_large" as a_program_that_is_too_large says "larger than 1 MiB" with max_wasm_mb = 1;
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

#[tokio::test]
async fn what_a_source_would_override_is_not_heeded() {
    let shop = Shop::new();
    let built = shop.build(&source(&animal("ok-overrides"))).await.unwrap();
    let mut plain = animal("ok-overrides");
    for file in [".cargo/config.toml", "rust-toolchain.toml"] {
        std::fs::remove_file(plain.path().join(file)).unwrap();
    }
    plain.commit_all("nothing to override").unwrap();
    assert_eq!(shop.build(&source(&plain)).await.unwrap().digest, built.digest);
}

#[test]
fn every_animal_is_visited() {
    let folders = std::fs::read_dir(project("tests/sources")).unwrap().map(Result::unwrap);
    let folders = folders.filter(|entry| entry.file_type().unwrap().is_dir());
    let found: BTreeSet<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    let visited = VISITED
        .iter()
        .copied()
        .chain(["ok-dependency", "ok-leaves_a_process", "ok-overrides"])
        .map(String::from)
        .collect();
    assert_eq!(found, visited);
}
