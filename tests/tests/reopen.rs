//! Answers that were given up while the chain waits for them: the worker takes their requests up again by itself.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use anyhow::{Result, ensure};
use offchainvm_interface::{FailureCode, calls::method};
use offchainvm_tests::{
    GitRepo, Network,
    artifacts::workspace,
    network::{DEPOSIT, eventually},
    outcome::completed,
    window::Window,
    worker::WorkerHome,
};
use serde_json::{Value, json};

/// The requests of the test: one that its operator cancels, and one that nobody does.
const CANCELLED: u64 = 1;
const WANTED: u64 = 2;

fn lines(home: &WorkerHome, event: &str, request_id: u64) -> Result<Vec<Value>> {
    let wanted = |line: &Value| line["event"] == event && line["request_id"] == json!(request_id);
    Ok(home.log()?.into_iter().filter(wanted).collect())
}

async fn command(home: &WorkerHome, args: &[&str]) -> Result<()> {
    let output = home.command(args).await?;
    ensure!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_is_taken_up_again_and_answered_and_a_cancelled_one_stays_cancelled() -> Result<()> {
    let net = Network::start().await?;
    let home = WorkerHome::new(&net)?;
    home.edit(|config| {
        config + "\n[ingest]\nreconcile_seconds = 1\n[retry.publish]\nmax_retries = 1\nbase_delay_secs = 0.1\n"
    })?;
    let mut worker = home.start()?;
    let window = Window::of(&mut worker).await?;
    worker.wait_for("worker.ready", None).await?;

    // The contract does not take the worker's answers any more: another operator has its place.
    let other = net.account("other").await?;
    let set_operator =
        async |id: &str| net.administer(&net.owner, method::SET_OPERATOR, json!({"new_operator_id": id})).await;
    assert!(set_operator(other.id().as_str()).await?.is_success());
    let repo = GitRepo::from_dir(&workspace().join("examples/hello"))?;
    let args = |input: &str| {
        let source = json!({"repo": repo.url(), "commit": repo.commit, "build_target": "wasm32-wasip1"});
        json!({"code_source": source, "input_data": input})
    };
    command(&home, &["pause"]).await?;
    let cancelled = net.request(&net.user, args("unwanted"), DEPOSIT).await?;
    worker.wait_for("job.ingested", Some(CANCELLED)).await?;
    command(&home, &["jobs", "cancel", "1"]).await?;
    command(&home, &["resume"]).await?;
    let wanted = net.request(&net.user, args("wanted"), DEPOSIT).await?;

    for request_id in [CANCELLED, WANTED] {
        eventually("the request to be taken up again, and again", async || {
            Ok((lines(&home, "job.reopened", request_id)?.len() >= 2).then_some(()))
        })
        .await?;
    }
    assert!(set_operator(net.operator.id().as_str()).await?.is_success());
    assert!(wanted.outcome().await?.json::<String>()?.contains("wanted"));
    let refused = completed(&cancelled.outcome().await?);
    assert_eq!((refused.error_code, refused.refund), (Some(FailureCode::OperatorError), DEPOSIT));

    for event in ["build.started", "execute.started"] {
        assert!(lines(&home, event, CANCELLED)?.is_empty(), "what was cancelled is not run, however often: {event}");
    }
    let mut reopened = 0;
    for request_id in [CANCELLED, WANTED] {
        let again = lines(&home, "job.reopened", request_id)?;
        let times: Vec<_> = again.iter().map(|line| line["times"].as_u64().unwrap()).collect();
        assert_eq!(times, (1..=times.len() as u64).collect::<Vec<_>>());
        assert!(again.iter().all(|line| line["ending"] == "undelivered"), "{again:?}");
        // Not in a hurry: comparisons find it over at least once before each time but perhaps the first.
        let comparisons = comparisons_between(&home, request_id)?;
        assert!(comparisons.iter().skip(1).all(|count| *count >= 2), "{comparisons:?}");
        reopened += again.len();
    }
    let samples = window.scrape().await?;
    assert_eq!(samples.value(r#"offchainvm_requests_reopened_total{ending="undelivered"}"#), reopened as f64);
    assert!(worker.stop().await?.success());
    let stats = net.stats().await?;
    assert_eq!((stats.total_requests, stats.succeeded, stats.pending_requests), (2, 1, 0));
    net.assert_solvent().await
}

/// How many comparisons with the chain there were from each end of a job to its next beginning.
fn comparisons_between(home: &WorkerHome, request_id: u64) -> Result<Vec<usize>> {
    let (mut counts, mut since_end) = (Vec::new(), None);
    for line in home.log()? {
        let is_of_job = line["request_id"] == json!(request_id);
        match line["event"].as_str() {
            Some("job.closed") if is_of_job => since_end = Some(0),
            Some("job.reopened") if is_of_job => counts.extend(since_end.take().map(|count| count + 1)),
            Some("ingest.reconciled") => since_end = since_end.map(|count| count + 1),
            _ => {}
        }
    }
    Ok(counts)
}
