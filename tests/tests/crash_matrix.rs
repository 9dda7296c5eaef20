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
    worker::WorkerHome,
};
use serde_json::{Value, json};

/// Where the process ends, in the order in which a request passes; and how often its program may be begun in all.
const POINTS: &[(&str, usize)] = &[
    ("store.take_block.before", 1),
    ("store.take_block.after", 1),
    ("store.claim.build.before", 1),
    ("store.claim.build.after", 1),
    ("store.record.built.before", 1),
    ("store.record.built.after", 1),
    ("store.claim.execute.before", 1),
    ("store.claim.execute.after", 1),
    ("execute.ran", 2),
    ("store.record.ran.before", 2),
    // From here on the outcome is durable: the program is never run again.
    ("store.record.ran.after", 1),
    ("store.claim.publish.before", 1),
    ("store.claim.publish.after", 1),
    ("store.next_nonce.before", 1),
    ("store.next_nonce.after", 1),
    ("store.about_to_send.before", 1),
    ("store.about_to_send.after", 1),
    ("publish.sent", 1),
    ("store.record.delivered.before", 1),
    ("store.record.delivered.after", 1),
];

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

    for (round, (point, most_runs)) in (1u64..).zip(POINTS) {
        let request_id = round + 1;
        let mut doomed = home.start_to_fail(&format!("{point}=return"))?;
        doomed.wait_for("worker.ready", None).await?;
        let sent = ask(point).await?;
        let status = doomed.ended().await.with_context(|| format!("{point} was not reached"))?;
        assert_eq!(status.signal(), Some(Signal::SIGKILL as i32), "{point}");
        finish(&net, &home, sent, request_id, point, *most_runs).await?;
    }
    net.assert_solvent().await
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
