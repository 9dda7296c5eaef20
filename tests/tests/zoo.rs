//! Every guest and every broken source ends with its own failure code, its own charge, and a caller that is told.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use anyhow::Result;
use base64::{Engine, prelude::BASE64_STANDARD};
use near_workspaces::types::NearToken;
use offchainvm_interface::{FailureCode, Owner, Pricing, ResourceLimits, ResourcesUsed, events::ExecutionCompleted};
use offchainvm_localchain::Blocks;
use offchainvm_tests::{
    Network,
    artifacts::workspace,
    outcome::{completed, failure},
    repo::GitRepo,
    worker::{WorkerHome, WorkerProcess},
};
use serde_json::json;
use std::{
    io::ErrorKind,
    net::TcpListener,
    time::{Duration, Instant},
};

const DEPOSIT: NearToken = NearToken::from_near(1);
const LIMITS: ResourceLimits =
    ResourceLimits { max_instructions: 2_000_000_000, max_memory_mb: 64, max_execution_seconds: 10 };

/// A network with a worker that answers.
struct Served {
    net: Network,
    worker: WorkerProcess,
    /// Kept until the worker has ended.
    _home: WorkerHome,
}

/// How one request ended.
struct Ended {
    settled: ExecutionCompleted,
    value: Option<String>,
    message: String,
}

impl Served {
    async fn start(settings: &str) -> Result<Self> {
        // A slower chain, so that the window of a yield outlasts the longest build.
        let net = Network::start_with(Blocks::Every(Duration::from_millis(300))).await?;
        let home = WorkerHome::with(&net, settings)?;
        let mut worker = home.start()?;
        worker.wait_for("worker.ready", None).await?;
        Ok(Self { net, worker, _home: home })
    }

    async fn run(&self, repo: &GitRepo, path: Option<&str>, limits: ResourceLimits, input: &str) -> Result<Ended> {
        let mut source = json!({"repo": repo.url(), "commit": repo.commit, "build_target": "wasm32-wasip1"});
        if let Some(path) = path {
            source["path"] = json!(path);
        }
        let args = json!({"code_source": source, "resource_limits": limits, "input_data": input});
        let result = self.net.request(&self.net.user, args, DEPOSIT).await?.outcome().await?;
        let settled = completed(&result);
        let value = result.is_success().then(|| result.clone().json()).transpose()?;
        let message = if result.is_success() { String::new() } else { failure(&result) };
        Ok(Ended { settled, value, message })
    }
}

impl Ended {
    /// Checks code, charge, refund, message and that no usage exceeds its limit.
    fn assert_failed(&self, what: &str, code: FailureCode, limits: &ResourceLimits) {
        let Self { settled, message, .. } = self;
        assert_eq!(settled.error_code, Some(code), "{what}: {message}");
        assert!(message.contains(&format!("panicked: {code}: ")), "{what}: {message}");
        let used = settled.resources_used;
        assert_eq!(used, used.clamped_to(limits), "{what}");
        let cost = match code.owner() {
            Owner::Program => Pricing::default().cost(&used).unwrap(),
            Owner::Source => Pricing::default().base_fee,
            Owner::Operator | Owner::Chain => NearToken::from_yoctonear(0),
        };
        assert_eq!((settled.cost, settled.refund), (cost, DEPOSIT.checked_sub(cost).unwrap()), "{what}");
    }
}

#[tokio::test]
async fn each_guest_ends_with_its_own_code_and_charge() -> Result<()> {
    use FailureCode::{ExitNonzero, OutOfInstructions, OutOfMemory, OutOfTime, OutputTooLarge, Trap};
    let served = Served::start("").await?;
    let repo = GitRepo::from_dir(&workspace().join("tests/guests"))?;

    let echoed = served.run(&repo, Some("echo"), LIMITS, "日本 \"x\"").await?;
    assert_eq!(echoed.value.as_deref(), Some("日本 \"x\""), "{}", echoed.message);
    let seen = served.run(&repo, Some("read_env"), LIMITS, "").await?;
    let seen = seen.value.unwrap_or_else(|| panic!("{}", seen.message));
    assert!(seen.contains("arguments: []\nenvironment: []\n"), "{seen}");
    let elsewhere = seen.replace("/tmp: 0 entries", "");
    assert!(!elsewhere.contains("entries") && !elsewhere.contains("allowed"), "{seen}");

    let endless = ResourceLimits { max_instructions: 100_000_000_000, max_execution_seconds: 1, ..LIMITS };
    let starved = ResourceLimits { max_instructions: 1_000_000, ..LIMITS };
    let tiny = ResourceLimits { max_memory_mb: 1, ..LIMITS };
    let cases = [
        ("trap", LIMITS, Trap),
        ("panic", LIMITS, Trap),
        ("recurse", LIMITS, Trap),
        ("exit3", LIMITS, ExitNonzero),
        ("huge_output", LIMITS, OutputTooLarge),
        ("grow", tiny, OutOfMemory),
        ("grow", LIMITS, OutOfMemory),
        ("spin", starved, OutOfInstructions),
        ("spin", endless, OutOfTime),
        ("sleep", endless, OutOfTime),
    ];
    for (guest, limits, code) in cases {
        let ended = served.run(&repo, Some(guest), limits, "").await?;
        ended.assert_failed(guest, code, &limits);
        let used = ended.settled.resources_used;
        println!("{guest}: {code}, {used:?}");
        assert_ne!(used, ResourcesUsed::default(), "{guest}: usage is reported on failure too");
        if code == ExitNonzero {
            assert!(ended.message.contains('3'), "{}", ended.message);
        }
        if code == OutOfInstructions {
            assert_eq!(used.instructions, limits.max_instructions);
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let dialled = served.run(&repo, Some("dial_out"), LIMITS, &listener.local_addr()?.to_string()).await?;
    dialled.assert_failed("dial_out", ExitNonzero, &LIMITS);
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "nobody called");
    served.net.assert_solvent().await
}

#[tokio::test]
async fn answers_of_every_size_and_kind_reach_the_caller_through_the_worker() -> Result<()> {
    let served = Served::start("").await?;
    let repo = GitRepo::from_dir(&workspace().join("tests/guests"))?;
    for size in [0_usize, 1_000, 1_024, 30_000, 65_536] {
        let args = json!({
            "code_source": {
                "repo": repo.url(), "commit": repo.commit, "build_target": "wasm32-wasip1", "path": "binary_output",
            },
            "response_format": "bytes",
            "input_data": size.to_string(),
        });
        let result = served.net.request(&served.net.user, args, DEPOSIT).await?.outcome().await?;
        let expected: Vec<u8> = (0..size).map(|n| n as u8).collect();
        assert_eq!(result.json::<String>()?, BASE64_STANDARD.encode(expected), "{size} bytes");
    }
    let text = "日本語 \"quoted\" \\ \u{1}\n".repeat(1_500);
    // Too large for the event: the worker reads it from the contract's state.
    let echoed = served.run(&repo, Some("echo"), LIMITS, &text).await?;
    assert_eq!(echoed.value, Some(text), "{}", echoed.message);
    served.net.assert_solvent().await
}

#[tokio::test]
async fn each_broken_source_ends_with_the_code_it_is_named_for() -> Result<()> {
    // Caps that an animal meets within seconds; the honest ones stay far below.
    let caps = "max_seconds = 30\nmax_processes = 64\nmax_memory_mb = 1024\nmax_disk_mb = 128\n";
    let served = Served::start(caps).await?;
    let mut names: Vec<_> = std::fs::read_dir(workspace().join("tests/sources"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .filter(|path| path.is_dir() && !path.file_name().unwrap().to_str().unwrap().starts_with("ok"))
        .collect();
    names.sort();
    // What is settled depends on the code alone, so one animal for each; the tests of the build stage visit all.
    let code_of =
        |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().split('-').next().unwrap().to_owned();
    names.dedup_by_key(|path| code_of(path));
    assert!(names.len() >= 10, "{names:?}");
    for folder in names {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let expected = name.split('-').next().unwrap();
        let code = *FailureCode::ALL.iter().find(|code| code.as_str() == expected).unwrap_or_else(|| panic!("{name}"));
        let started = Instant::now();
        let ended = served.run(&GitRepo::from_dir(&folder)?, None, LIMITS, "").await?;
        ended.assert_failed(name, code, &LIMITS);
        println!("{name}: {code} after {:.1} s", started.elapsed().as_secs_f64());
    }
    served.net.assert_solvent().await
}

#[tokio::test]
async fn a_repository_or_commit_that_is_not_there_costs_the_base_fee() -> Result<()> {
    let served = Served::start("").await?;
    let repo = GitRepo::from_dir(&workspace().join("examples/hello"))?;
    let source = |repo: &str, commit: &str| json!({"code_source": {"repo": repo, "commit": commit, "build_target": "wasm32-wasip1"}});
    let cases = [
        (source(&repo.url(), &"0".repeat(40)), FailureCode::CommitNotFound),
        (source(&repo.url(), "0000000"), FailureCode::CommitNotFound),
        (source("file:///nowhere/at/all", &repo.commit), FailureCode::RepoNotFound),
        (source("ssh://localhost/x", &repo.commit), FailureCode::RepoNotAllowed),
    ];
    for (args, code) in cases {
        let result = served.net.request(&served.net.user, args.clone(), DEPOSIT).await?.outcome().await?;
        let ended = Ended { settled: completed(&result), value: None, message: failure(&result) };
        ended.assert_failed(&args.to_string(), code, &ResourceLimits::default());
    }
    assert!(served.worker.stop().await?.success());
    Ok(())
}
