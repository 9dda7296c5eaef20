//! The worker that loses nothing: a short chaos run, a full disk, a clock that jumps. `scripts/chaos` is the long run.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use anyhow::{Context, Result};
use offchainvm_tests::{
    GitRepo, Network,
    artifacts::workspace,
    chaos::{MovableClock, Settings, SmallDisk, run},
    network::{DEPOSIT, Sent, eventually},
    worker::{Launch, WorkerHome},
};
use serde_json::{Value, json};
use std::env;

/// What the short run is drawn from, unless `OFFCHAINVM_CHAOS_SEED` says otherwise.
const SEED: u64 = 20_261_121;

#[tokio::test(flavor = "multi_thread")]
async fn a_short_chaos_run_loses_nothing_and_settles_nothing_twice() -> Result<()> {
    let seed = env::var("OFFCHAINVM_CHAOS_SEED").map_or(Ok(SEED), |seed| seed.parse())?;
    println!("seed {seed}");
    let report = run(&Settings { life: 0..100, ..Settings::new(seed, 60) }).await?;
    println!("{report}");
    assert!(report.findings.is_empty(), "{report}");
    let report = report.json();
    assert!(report["kills"].as_u64() > Some(0), "{report}");
    assert!(report["faults"].as_object().unwrap().len() > 5, "{report}");
    Ok(())
}

#[tokio::test]
async fn a_worker_whose_disk_is_full_says_so_and_answers_everything_when_there_is_space_again() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    let disk = SmallDisk::over(&home.data(), 32)?;
    let launch = Launch { under: disk.under(), ..Launch::default() };
    let echo = Echo::new(&net)?;
    let mut worker = home.start_with(&launch)?;
    worker.wait_for("worker.ready", None).await?;
    assert_eq!(echo.answer(echo.ask("while there is space").await?).await?, "while there is space");

    disk.fill()?;
    let lines = home.log()?.len();
    let texts: Vec<_> = (0..5).map(|number| format!("{number} ").repeat(5_000)).collect();
    let mut sent = Vec::new();
    for text in &texts {
        sent.push(echo.ask(text).await?);
    }
    eventually("a complaint about the full disk", async || {
        Ok(home.log()?[lines..].iter().any(complains_of_no_space).then_some(()))
    })
    .await?;
    assert!(worker.exit_status()?.is_none(), "it complains and goes on");

    // The plug is pulled, and the next worker finds the disk as full. It may give up; a service manager starts it again.
    worker.kill()?;
    let mut worker = home.start_with(&launch)?;
    let lines = home.log()?.len();
    eventually("another complaint", async || {
        Ok((worker.exit_status()?.is_some() || home.log()?[lines..].iter().any(complains_of_no_space)).then_some(()))
    })
    .await?;
    disk.free()?;
    if worker.exit_status()?.is_some() {
        worker = home.start_with(&launch)?;
    }
    for (text, sent) in texts.iter().zip(sent) {
        assert_eq!(echo.answer(sent).await?, *text);
    }
    let stats = net.stats().await?;
    assert_eq!((stats.succeeded, stats.pending_requests), (6, 0));
    assert!(worker.stop().await?.success());
    net.assert_solvent().await
}

#[tokio::test]
async fn a_worker_whose_clock_jumps_answers_what_it_has_and_what_comes() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    let clock = MovableClock::new()?;
    let echo = Echo::new(&net)?;
    let mut worker = home.start_with(&clock.launch())?;
    worker.wait_for("worker.ready", None).await?;
    assert_eq!(echo.answer(echo.ask("on time").await?).await?, "on time");

    let hour = 3_600;
    for (number, offset) in (2..).zip([hour, -hour, 0]) {
        let under_way = echo.ask(&format!("before the clock is set to {offset} s")).await?;
        worker.wait_for("job.ingested", Some(2 * number - 2)).await?;
        clock.set(offset)?;
        let fresh = echo.ask(&format!("with the clock at {offset} s")).await?;
        assert_eq!(echo.answer(under_way).await?, format!("before the clock is set to {offset} s"));
        assert_eq!(echo.answer(fresh).await?, format!("with the clock at {offset} s"));
    }
    // The log tells that the worker lived by that clock.
    let times: Vec<_> = home.log()?.iter().filter_map(|line| line["timestamp"].as_str().map(str::to_owned)).collect();
    let set_back = times.windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert!(set_back > 0, "the clock was never set back");
    assert!(worker.stop().await?.success());
    net.assert_solvent().await
}

/// A program that answers its input, as a commit that the worker builds on its first use.
struct Echo<'a> {
    net: &'a Network,
    repo: GitRepo,
}

impl<'a> Echo<'a> {
    fn new(net: &'a Network) -> Result<Self> {
        Ok(Self { net, repo: GitRepo::from_dir(&workspace().join("tests/guests/echo"))? })
    }

    async fn ask(&self, text: &str) -> Result<Sent> {
        let source = json!({"repo": self.repo.url(), "commit": self.repo.commit, "build_target": "wasm32-wasip1"});
        let args = json!({"code_source": source, "input_data": text});
        self.net.request(&self.net.user, args, DEPOSIT.saturating_mul(5)).await
    }

    async fn answer(&self, sent: Sent) -> Result<String> {
        sent.outcome().await?.json().context("the answer is not the program's output")
    }
}

/// Whether a line of the log tells an operator that there is no space left.
fn complains_of_no_space(line: &Value) -> bool {
    let text = line.to_string().to_lowercase();
    matches!(line["level"].as_str(), Some("WARN" | "ERROR"))
        && (text.contains("full") || text.contains("no space left"))
}
