//! A build that ends early takes all its processes along.

use super::*;
use std::time::{Duration, Instant};

/// Whether a process runs whose command line holds this text.
fn runs(text: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.any(|line| String::from_utf8_lossy(&line).contains(text))
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A source like the animal that never ends, under a name of its own: the tests run side by side.
fn endless(name: &str) -> (GitRepo, String) {
    let mut repo = animal("build_timeout");
    for file in ["Cargo.toml", "Cargo.lock"] {
        let path = repo.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap().replace("never-ends", name);
        std::fs::write(path, text).unwrap();
    }
    repo.commit_all("a name of its own").unwrap();
    (repo, format!("build/{name}-"))
}

#[tokio::test]
async fn a_cancelled_build_leaves_no_process() {
    let (repo, script) = endless("cancelled");
    let (shop, cancel) = (Shop::new(), CancellationToken::new());
    let source = source(&repo);
    let build = shop.builder.build(&source, cancel.clone());
    let cancelling = async {
        until("the build script runs", || runs(&script)).await;
        cancel.cancel();
    };
    let (built, ()) = tokio::join!(build, cancelling);
    assert!(matches!(built, Err(BuildError::Cancelled)), "{built:?}");
    assert!(!runs(&script));
}

#[tokio::test]
async fn a_dropped_build_leaves_no_process() {
    let (repo, script) = endless("dropped");
    let shop = Shop::new();
    let source = source(&repo);
    tokio::select! {
        built = shop.build(&source) => panic!("it ended: {built:?}"),
        () = until("the build script runs", || runs(&script)) => {}
    }
    until("the build script is gone", || !runs(&script)).await;
}

#[tokio::test]
async fn a_fork_bomb_leaves_no_process() {
    let repo = animal("build_resources_exceeded-forks");
    let shop = Shop::with(BuildConfig { max_processes: 64, ..BuildConfig::default() });
    let (code, message) = shop.verdict(&source(&repo)).await;
    assert_eq!(code, FailureCode::BuildResourcesExceeded, "{message}");
    // Another test builds the same animal at the same time: that one has its own 64 processes at most.
    until("it is gone", || !runs("build/forks-without-end-")).await;
}

#[tokio::test]
async fn a_process_that_a_build_left_is_gone_when_it_has_ended() {
    Shop::new().build(&source(&animal("ok-leaves_a_process"))).await.unwrap();
    assert!(!runs("left-by-a-build-script"));
}

#[tokio::test]
async fn a_machine_that_is_short_of_memory_blames_no_source() {
    let repo = animal("build_timeout");
    let shop = Shop::with(BuildConfig { min_free_memory_mb: 1 << 40, ..BuildConfig::default() });
    match shop.build(&source(&repo)).await {
        Err(BuildError::Operator(error)) => assert!(error.to_string().contains("short of memory"), "{error}"),
        other => panic!("{other:?}"),
    }
}
