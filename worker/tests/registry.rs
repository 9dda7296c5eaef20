//! Crates that nobody here wrote, in the programs of `examples/registry`: fetched, built and run by a worker, with what
//! they say compared.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

#[path = "../../tests/src/repo.rs"]
mod repo;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use offchainvm_interface::{BuildTarget, CodeSource, CommitId, GitSource, RepoUrl, ResourceLimits, SourcePath};
use offchainvm_worker::{
    build::Protocol,
    config::Config,
    execute::Compiler,
    service::{Role, Service},
    store::{Moment, Submission},
};
use repo::GitRepo;
use tempfile::TempDir;

/// A program's folder, what it is given, and what it says.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("bignum", "25", "15511210043330985984000000\n"),
    ("blake3", "abc", "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85\n"),
    ("deflate", REPEATED, "90 -> 33\n"),
    (
        "json",
        r#"[{"item": "b", "amount": 2}, {"item": "a", "amount": 40}, {"item": "b", "amount": -1}]"#,
        "{\"orders\":3,\"totals\":{\"a\":40,\"b\":1}}\n",
    ),
    ("keccak", "", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470\n"),
    ("lz4", REPEATED, "90 -> 24\n"),
    ("markdown", "# Hi\n\n*a* | b", "<h1>Hi</h1>\n<p><em>a</em> | b</p>\n"),
    ("regex", "from 2024-02-29 to 2025-01-01, not 12024-01-011", "29.02.2024\n01.01.2025\n"),
    ("table", "amount\nname,amount\na,40\n\"b,c\",2\n", "42\n"),
    ("template", "{% for n in range(1, 6) %}{{ n * n }} {% endfor %}", "1 4 9 16 25 \n"),
    ("unicode", "e\u{301}A\u{30a}", "\u{e9}\u{c5} 4 2\n"),
    ("versions", ">=1.2, <2\n1.1.9\n1.10.0\n1.9.9\n2.0.0", "1.10.0\n"),
];
const REPEATED: &str = "offchain offchain offchain offchain offchain offchain offchain offchain offchain offchain ";

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/registry")
}

fn job(repo: &GitRepo, folder: &str, input: &str) -> Submission {
    Submission {
        caller: format!("{folder}.near").parse().unwrap(),
        code_source: CodeSource::Git(GitSource {
            repo: RepoUrl::new(repo.url()).unwrap(),
            commit: CommitId::new(&repo.commit).unwrap(),
            build_target: BuildTarget::Wasm32Wasip1,
            path: Some(SourcePath::new(folder).unwrap()),
        }),
        limits: ResourceLimits::default(),
        input: input.to_owned(),
        compile_only: false,
        deadline: Moment::now().after(Duration::from_secs(1_800)),
    }
}

#[tokio::test]
async fn programs_with_crates_of_the_registry_build_and_say_what_they_should() {
    let (folder, repo) = (TempDir::new().unwrap(), GitRepo::from_dir(&examples()).unwrap());
    let mut config = Config::read(None).unwrap();
    config.store.path = folder.path().to_owned();
    config.build.allowed_protocols = vec![Protocol::File];
    config.execute.compiler = Compiler::Program(env!("CARGO_BIN_EXE_offchainvm").into());
    // A machine that runs other tests meanwhile takes its time.
    config.build.max_seconds = 900;
    let service = Service::builder(config).roles([Role::Build, Role::Execute].into_iter().collect());
    let service = service.launch().await.unwrap();

    let mut waiting = Vec::new();
    for (folder, input, expected) in PROGRAMS {
        let id = service.submit(job(&repo, folder, input)).await.unwrap();
        waiting.push((folder, expected, id));
    }
    for (folder, expected, id) in waiting {
        let response = service.outcome(id).await.unwrap();
        let said = String::from_utf8(response.return_value.clone().unwrap_or_default()).unwrap();
        assert_eq!(said, **expected, "{folder}: {:?}", response.error);
        println!("{folder}: {:?}", response.resources_used);
    }
    service.shutdown().await;
}

#[test]
fn every_example_is_among_them() {
    let folders = std::fs::read_dir(examples()).unwrap().map(Result::unwrap);
    let folders = folders.filter(|entry| entry.path().join("Cargo.toml").is_file());
    let found: BTreeSet<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    let known: BTreeSet<String> = PROGRAMS.iter().map(|(folder, ..)| (*folder).to_owned()).collect();
    assert_eq!(found, known);
}
