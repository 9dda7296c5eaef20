//! Operating a worker: what it says of itself, and what can be done to its jobs while it runs.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use anyhow::Result;
use near_workspaces::result::ExecutionFinalResult;
use offchainvm_interface::{FailureCode, calls::method};
use offchainvm_tests::{
    GitRepo, Network,
    artifacts::workspace,
    gate::Gate,
    network::{DEPOSIT, eventually},
    outcome::completed,
    window::Window,
    worker::WorkerHome,
};
use serde_json::{Value, json};

fn hello() -> Result<GitRepo> {
    Ok(GitRepo::from_dir(&workspace().join("examples/hello"))?)
}

fn request(repo: &GitRepo, input: &str) -> Value {
    let source = json!({"repo": repo.url(), "commit": repo.commit, "build_target": "wasm32-wasip1"});
    json!({"code_source": source, "input_data": input})
}

/// What a command printed, when it went well.
async fn said(home: &WorkerHome, args: &[&str]) -> Result<String> {
    let output = home.command(args).await?;
    anyhow::ensure!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

async fn json_of(home: &WorkerHome, args: &[&str]) -> Result<Value> {
    Ok(serde_json::from_str(&said(home, args).await?)?)
}

/// What a command complained of, when it failed as it should.
async fn complaint(home: &WorkerHome, args: &[&str]) -> Result<String> {
    let output = home.command(args).await?;
    assert_eq!(output.status.code(), Some(1), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
    Ok(String::from_utf8(output.stderr)?)
}

#[tokio::test]
async fn what_is_measured_of_a_settled_request_is_true() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    let mut worker = home.start()?;
    let window = Window::of(&mut worker).await?;
    let repo = hello()?;
    let first = net.request(&net.user, request(&repo, "one"), DEPOSIT).await?.outcome().await?;
    let second = net.request(&net.user, request(&repo, "two"), DEPOSIT).await?.outcome().await?;
    let used = |result: &ExecutionFinalResult| completed(result).resources_used.instructions as f64;

    let samples = eventually("both requests to be counted", async || {
        let samples = window.scrape().await?;
        let closed = samples.value(r#"offchainvm_requests_closed_total{ending="answered",code="success"}"#);
        // The block that settles a request may close its job before whoever published it has heard.
        Ok((closed == 2.0 && samples.sum("offchainvm_jobs_running") == 0.0).then_some(samples))
    })
    .await?;
    assert_eq!(samples.sum("offchainvm_requests_closed_total"), 2.0);
    assert_eq!(samples.sum("offchainvm_requests_taken_total"), 2.0);
    assert_eq!(samples.sum("offchainvm_request_duration_seconds_count"), 2.0);
    assert_eq!(samples.value("offchainvm_executed_instructions_total"), used(&first) + used(&second));
    assert_eq!(samples.value(r#"offchainvm_runs_total{code="success"}"#), 2.0);
    assert_eq!(samples.value(r#"offchainvm_builds_total{code="success"}"#), 1.0);
    assert_eq!(samples.value("offchainvm_build_cache_hits_total"), 1.0);
    let finished = |stage, outcome| {
        let labels = format!(r#"{{stage="{stage}",outcome="{outcome}"}}"#);
        samples.value(&format!("offchainvm_stage_work_duration_seconds_count{labels}"))
    };
    assert_eq!((finished("build", "done"), finished("execute", "done")), (2.0, 2.0));
    assert_eq!(finished("publish", "done") + finished("publish", "void"), 2.0);
    assert_eq!(samples.sum("offchainvm_queue_jobs"), 0.0);
    assert_eq!(samples.sum("offchainvm_loop_restarts_total"), 0.0);
    assert!(samples.value("offchainvm_store_commit_changes_count") > 0.0);
    assert!(samples.value("offchainvm_block_height_read") > 0.0);
    let balance = samples.value("offchainvm_operator_balance_near");
    assert!((90.0..=100.0).contains(&balance), "{balance}");
    assert_eq!(samples.sum("offchainvm_endpoint_usable"), 2.0);
    assert_eq!(samples.value(r#"offchainvm_lane_transactions_total{lane="0",fate="succeeded"}"#), 2.0);
    assert_eq!(samples.value("offchainvm_transaction_results_sum"), 2.0);
    assert!(samples.value("offchainvm_burnt_gas_total") > 5e12, "two answers burn some 3 Tgas each");
    assert!(samples.value("offchainvm_gas_spent_near_total") > 0.0);
    assert_eq!(samples.value(r#"offchainvm_lane_state{lane="0",state="idle"}"#), 1.0);
    assert!(samples.value("offchainvm_block_lag_blocks") < 100.0);

    let (status, ready) = window.get("/readyz").await?;
    assert_eq!(status, 200, "{ready}");
    let (status, alive) = window.get("/healthz").await?;
    assert_eq!(status, 200, "{alive}");
    let loops = alive["loops"].as_array().unwrap();
    assert!(loops.iter().any(|one| one["name"] == "ingest") && loops.iter().all(|one| one["state"] == "running"));
    assert!(worker.stop().await?.success());
    Ok(())
}

#[tokio::test]
async fn a_worker_is_not_ready_while_its_chain_is_away_and_stays_alive() -> Result<()> {
    let net = Network::start().await?;
    let gate = Gate::before(net.chain.rpc_url()).await?;
    let home = WorkerHome::new(&net)?;
    home.edit(|config| {
        let impatient = "[api]\nready_max_silence_seconds = 1\nchain_probe_seconds = 1\n";
        config.replace(net.chain.rpc_url(), &gate.url()).replace("[api]\n", impatient)
    })?;
    let mut worker = home.start()?;
    let window = Window::of(&mut worker).await?;
    let ready = async |wanted: u16| {
        eventually(&format!("/readyz to answer {wanted}"), async || {
            let (status, body) = window.get("/readyz").await?;
            Ok((status == wanted).then_some(body))
        })
        .await
    };
    ready(200).await?;

    gate.shut();
    let problem = ready(503).await?;
    assert_eq!(problem["type"], "urn:offchainvm:problem:not_ready");
    let unmet = problem["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false);
    assert!(unmet.clone().any(|check| ["chain", "loops"].contains(&check["name"].as_str().unwrap())), "{problem}");
    assert!(unmet.clone().all(|check| check["name"] != "store"), "{problem}");
    assert_eq!(window.get("/healthz").await?.0, 200, "a restart would not bring the chain back");

    gate.open();
    ready(200).await?;
    let answered = net.request(&net.user, request(&hello()?, "back"), DEPOSIT).await?.outcome().await?;
    assert!(answered.json::<String>()?.contains("back"));
    Ok(())
}

#[tokio::test]
async fn a_paused_worker_begins_nothing_and_a_cancelled_request_is_refunded() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    let mut worker = home.start()?;
    worker.wait_for("worker.ready", None).await?;
    let repo = hello()?;
    assert!(said(&home, &["pause"]).await?.starts_with("paused since 20"));

    let first = net.request(&net.user, request(&repo, "one"), DEPOSIT).await?;
    worker.wait_for("job.ingested", Some(1)).await?;
    let second = net.request(&net.user, request(&repo, "two"), DEPOSIT).await?;
    worker.wait_for("job.ingested", Some(2)).await?;

    let status = json_of(&home, &["status", "--json"]).await?;
    assert_eq!((&status["paused"], &status["open"]), (&json!(true), &json!(2)), "{status}");
    assert_eq!(status["contract_id"], net.contract.id().as_str());
    assert_eq!(status["stages"][0]["waiting"], 2);
    assert_eq!(status["workers"].as_array().unwrap().len(), 1, "{status}");
    let jobs = json_of(&home, &["jobs", "list", "--state", "pending", "--json"]).await?;
    let ids: Vec<&Value> = jobs.as_array().unwrap().iter().map(|job| &job["request_id"]).collect();
    assert_eq!(ids, [&json!(2), &json!(1)], "the newest first");
    assert_eq!(said(&home, &["jobs", "list", "--state", "completed"]).await?, "no such jobs\n");

    assert!(said(&home, &["jobs", "cancel", "1"]).await?.contains("operator_error: cancelled by the operator"));
    let settled = completed(&first.outcome().await?);
    assert_eq!(settled.error_code, Some(FailureCode::OperatorError));
    assert_eq!(settled.refund, DEPOSIT);
    let cancelled = eventually("job 1 to be over", async || {
        let job = json_of(&home, &["jobs", "show", "1", "--json"]).await?;
        Ok((job["status"] == "Completed").then_some(job))
    })
    .await?;
    assert_eq!((&cancelled["code"], &cancelled["stage"]), (&json!("operator_error"), &json!("publish")));
    assert_eq!(cancelled["last_fault"], "cancelled by the operator");
    assert!(complaint(&home, &["jobs", "cancel", "1"]).await?.contains("is over"));
    assert!(complaint(&home, &["jobs", "retry", "1"]).await?.contains("only a job that failed"));
    assert!(complaint(&home, &["jobs", "show", "99"]).await?.contains("knows no job 99"));

    assert!(said(&home, &["resume"]).await?.starts_with("not paused"));
    assert!(second.outcome().await?.json::<String>()?.contains("two"));
    let story = eventually("job 2 to be over", async || {
        let story = said(&home, &["jobs", "show", "2"]).await?;
        Ok(story.contains("Completed").then_some(story))
    })
    .await?;
    for stage in ["build", "execute", "publish"] {
        assert!(story.lines().any(|line| line.starts_with(stage) && !line.contains(" - ")), "{story}");
    }
    let list = said(&home, &["jobs", "list", "--code", "operator_error"]).await?;
    assert!(list.lines().count() == 2 && list.contains("Completed"), "{list}");
    net.assert_solvent().await
}

#[tokio::test]
async fn a_dead_letter_is_listed_and_answered_when_it_is_tried_again() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    home.edit(|config| format!("{config}\n[retry.publish]\nmax_retries = 1\nbase_delay_secs = 0.1\n"))?;
    let mut worker = home.start()?;
    worker.wait_for("worker.ready", None).await?;

    // The contract does not take the worker's answers any more: another operator has its place.
    let other = net.account("other").await?;
    let set_operator =
        async |id: &str| net.administer(&net.owner, method::SET_OPERATOR, json!({"new_operator_id": id})).await;
    assert!(set_operator(other.id().as_str()).await?.is_success());
    let repo = hello()?;
    let sent = net.request(&net.user, request(&repo, "late"), DEPOSIT).await?;
    let dead = eventually("the answer to be given up", async || {
        let dead = json_of(&home, &["jobs", "list", "--dead", "--json"]).await?;
        Ok((!dead.as_array().unwrap().is_empty()).then_some(dead))
    })
    .await?;
    assert_eq!((&dead[0]["request_id"], &dead[0]["dead_letter"]), (&json!(1), &json!(true)));
    assert_eq!((&dead[0]["status"], &dead[0]["ending"]), (&json!("Failed"), &json!("undelivered")));
    assert_eq!((&dead[0]["stage"], &dead[0]["attempts"]), (&json!("publish"), &json!(2)));
    assert_eq!(json_of(&home, &["status", "--json"]).await?["dead_letters"], 1);
    assert!(complaint(&home, &["jobs", "cancel", "1"]).await?.contains("is over"));

    assert!(set_operator(net.operator.id().as_str()).await?.is_success());
    assert!(said(&home, &["jobs", "retry", "1"]).await?.contains("begins anew"));
    assert!(sent.outcome().await?.json::<String>()?.contains("late"));
    assert!(complaint(&home, &["jobs", "retry", "1"]).await?.contains("only a job that failed"));
    net.assert_solvent().await
}

#[tokio::test]
async fn commands_of_an_operator_say_when_there_is_no_store() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    for args in [&["status"][..], &["jobs", "list"], &["pause"]] {
        assert!(complaint(&home, args).await?.contains("no worker has run with this configuration"));
    }
    Ok(())
}
