//! A worker is killed at each stage of a request and started again: the request is answered, once. One that is killed
//! while it reads what it missed goes on from there.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use anyhow::Result;
use offchainvm_tests::{
    Network,
    artifacts::workspace,
    network::DEPOSIT,
    repo::GitRepo,
    worker::{Launch, WorkerHome},
};
use serde_json::{Value, json};

/// What a worker logs when it reaches a stage, in the order of a request's life.
const STAGES: [&str; 7] = [
    "job.ingested",
    "build.started",
    "build.finished",
    "execute.started",
    "execute.finished",
    "publish.started",
    "publish.sent",
];

#[tokio::test]
async fn a_worker_killed_at_any_stage_answers_after_its_restart_and_publishes_once() -> Result<()> {
    let net = Network::start_for_worker().await?;
    let home = WorkerHome::new(&net)?;
    for (number, stage) in (1u64..).zip(STAGES) {
        // A repository of its own for each round, so that each round builds.
        let repo = GitRepo::from_dir(&workspace().join("examples/hello"))?;
        let mut worker = home.start()?;
        worker.wait_for("worker.ready", None).await?;
        let source = json!({"repo": repo.url(), "commit": repo.commit, "build_target": "wasm32-wasip1"});
        let args = json!({"code_source": source, "input_data": stage});
        let sent = net.request(&net.user, args, DEPOSIT).await?;
        worker.wait_for(stage, Some(number)).await?;
        worker.kill()?;

        let worker = home.start()?;
        let result = sent.outcome().await?;
        let value: String = result.json()?;
        assert!(value.contains(stage), "{stage}: {value}");
        let stats = net.stats().await?;
        assert_eq!((stats.succeeded, stats.pending_requests), (number, 0), "{stage}");
        assert!(worker.stop().await?.success(), "{stage}");

        let log = home.log()?;
        let count = |event: &str| log.iter().filter(|line| is(line, event, number)).count();
        let runs = count("execute.started");
        let outcome_was_stored =
            STAGES.iter().position(|s| *s == stage) >= STAGES.iter().position(|s| *s == "publish.started");
        assert!(runs <= if outcome_was_stored { 1 } else { 2 }, "{stage}: {runs} runs");
    }
    net.assert_solvent().await
}

fn is(line: &Value, event: &str, request_id: u64) -> bool {
    line["event"] == event && line["request_id"] == json!(request_id)
}

#[tokio::test]
async fn a_worker_killed_while_it_reads_what_it_missed_goes_on_from_there() -> Result<()> {
    let net = Network::start_still().await?;
    let home = WorkerHome::new(&net)?;
    let mut worker = home.start_as("index")?;
    let known = worker.wait_for("ingest.reconciled", None).await?["height"].as_u64().unwrap();
    worker.kill()?;
    net.chain.node().produce_blocks(100).await?;

    let second_move = ("FAILPOINTS".to_owned(), "store.move_cursor.after=1*off->return".to_owned());
    let arguments = ["--role", "index"].map(str::to_owned).into();
    home.start_with(&Launch { arguments, environment: vec![second_move], ..Launch::default() })?.ended().await?;

    let mut worker = home.start_as("index")?;
    let resumed = worker.wait_for("ingest.resumed", None).await?;
    let (height, behind) = (resumed["height"].as_u64().unwrap(), resumed["behind"].as_u64().unwrap());
    assert!(height > known + 2 && behind > 0, "two moves for two blocks, or none in between: {resumed}, from {known}");
    worker.wait_for("ingest.reconciled", None).await?;
    net.request(&net.user, json!({"code_source": {"wasm_sha256": "0".repeat(64)}}), DEPOSIT).await?;
    net.chain.node().produce_blocks(4).await?;
    // The block with the request is read only after all those before it.
    assert_eq!(worker.wait_for("job.ingested", Some(1)).await?["seen_in"], "block");
    worker.kill()?;
    assert!(home.log()?.iter().all(|line| line["event"] != "ingest.gap"), "blocks were skipped");
    Ok(())
}
