//! The plug is pulled at every boundary of a request's life where the worker writes or sends: a real worker process ends
//! itself with SIGKILL there, another one goes on.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::os::unix::process::ExitStatusExt;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use offchainvm_tests::{
    GitRepo, Network,
    artifacts::workspace,
    network::{DEPOSIT, Sent, eventually},
    worker::{Launch, WorkerHome, WorkerProcess},
};
use serde_json::{Value, json};

/// Where the process ends, in the order in which a request passes, with what must happen before; what the process does,
/// all or a part of it, beside
/// others that do the parts before; and how often the request's program may be begun in all.
const POINTS: &[(&str, &str, usize)] = &[
    ("store.take_block.before", ALL, 1),
    ("store.take_block.after", ALL, 1),
    ("store.claim.build.before", ALL, 1),
    ("store.claim.build.after", ALL, 1),
    // A build is recorded with the run, unless the run takes its time.
    (LONG_RUN_BEFORE, ALL, 2),
    (LONG_RUN_AFTER, ALL, 2),
    // Where building and running are deployed alone, a job waits in between.
    ("store.record.built.before", BEFORE_RUNNING, 1),
    ("store.record.built.after", BEFORE_RUNNING, 1),
    ("store.claim.execute.before", RUNNING, 1),
    ("store.claim.execute.after", RUNNING, 1),
    ("execute.ran", ALL, 2),
    ("store.record.ran.before", ALL, 2),
    // From here on the outcome is durable: the program is never run again.
    ("store.record.ran.after", ALL, 1),
    ("store.claim.publish.before", ALL, 1),
    ("store.claim.publish.after", ALL, 1),
    ("store.next_nonce.before", ALL, 1),
    ("store.next_nonce.after", ALL, 1),
    ("store.about_to_send.before", ALL, 1),
    ("store.about_to_send.after", ALL, 1),
    ("publish.sent", ALL, 1),
    ("store.record.delivered.before", ALL, 1),
    ("store.record.delivered.after", ALL, 1),
];

const LONG_RUN_BEFORE: &str = "execute.ran=sleep(3000);store.hand_over.before";
const LONG_RUN_AFTER: &str = "execute.ran=sleep(3000);store.hand_over.after";
const ALL: &str = "all";
const BEFORE_RUNNING: &str = "index,build";
const RUNNING: &str = "execute";

#[tokio::test]
async fn a_worker_killed_at_any_write_settles_every_request_once() -> Result<()> {
    let net = Network::start_for_worker().await?;
    let home = WorkerHome::new(&net)?;
    // Built once, before anything fails: the rounds are about what comes after.
    let repo = GitRepo::from_dir(&workspace().join("examples/hello"))?;
    let ask = |name: &str| {
        let source = json!({"repo": repo.url(), "commit": repo.commit, "build_target": "wasm32-wasip1"});
        net.request(&net.user, json!({"code_source": source, "input_data": name}), DEPOSIT)
    };
    let worker = home.start()?;
    ask("first").await?.outcome().await?.into_result()?;
    worker.stop().await?;

    for (round, (point, roles, most_runs)) in (1u64..).zip(POINTS) {
        let request_id = round + 1;
        let before = if *roles == RUNNING { Some(ready(home.start_as(BEFORE_RUNNING)?).await?) } else { None };
        let doomed = ready(home.start_with(&Launch {
            arguments: ["--role", *roles].map(str::to_owned).into(),
            environment: vec![("FAILPOINTS".to_owned(), format!("{point}=return"))],
            ..Launch::default()
        })?)
        .await?;
        let sent = ask(point).await?;
        let status = doomed.ended().await.with_context(|| format!("{point} was not reached"))?;
        assert_eq!(status.signal(), Some(Signal::SIGKILL as i32), "{point}");
        if let Some(before) = before {
            before.stop().await?;
        }
        finish(&net, &home, sent, request_id, point, *most_runs).await?;
    }
    net.assert_solvent().await
}

async fn ready(mut worker: WorkerProcess) -> Result<WorkerProcess> {
    worker.wait_for("worker.ready", None).await?;
    Ok(worker)
}

async fn finish(
    net: &Network,
    home: &WorkerHome,
    sent: Sent,
    request_id: u64,
    point: &str,
    most_runs: usize,
) -> Result<()> {
    let worker = home.start()?;
    let result = sent.outcome().await?;
    let value: String = result.json().with_context(|| point.to_owned())?;
    assert!(value.contains(point), "{point}: {value}");
    // The one that died last had closed it, and could not say so any more.
    if point != "store.record.delivered.after" {
        eventually("the worker to close the job", async || {
            Ok(home.log()?.iter().any(|line| is(line, "job.closed", request_id)).then_some(()))
        })
        .await
        .with_context(|| point.to_owned())?;
    }
    let stats = net.stats().await?;
    assert_eq!((stats.succeeded, stats.pending_requests), (request_id, 0), "{point}");
    assert!(worker.stop().await?.success(), "{point}");
    let runs = home.log()?.iter().filter(|line| is(line, "execute.started", request_id)).count();
    assert!((1..=most_runs).contains(&runs), "{point}: {runs} runs");
    Ok(())
}

fn is(line: &Value, event: &str, request_id: u64) -> bool {
    line["event"] == event && line["request_id"] == json!(request_id)
}
