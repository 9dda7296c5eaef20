//! Transactions that are lost, late and doubled, nodes that lie about nonces, workers that are killed in between.

use crate::stage::{Scene, results};
use anyhow::Result;
use offchainvm_tests::{
    chaos::{Fault, Plan, Proxy},
    network::eventually,
};
use std::time::Duration;

/// Puts a proxy between the worker and its chain.
async fn behind_a_proxy(scene: &Scene) -> Result<Proxy> {
    let url = scene.net.chain.rpc_url();
    let proxy = Proxy::start(url, Plan::calm()).await?;
    scene.home.edit(|config| config.replace(url, proxy.url()))?;
    Ok(proxy)
}

#[tokio::test]
async fn a_worker_killed_with_a_batch_on_its_way_settles_everything_once() -> Result<()> {
    let mut scene = Scene::new().await?;
    let sent = scene.executed(12, 20).await?;
    let mut worker = scene.home.start_as("publish")?;
    worker.wait_for("publish.transaction", None).await?;
    worker.kill()?;

    let mut worker = scene.home.start()?;
    scene.answered(sent, 1, 20).await?;
    for number in 1..=12 {
        worker.wait_for("job.closed", Some(number)).await?;
    }
    assert_eq!(scene.lines("execute.started")?.len(), 12, "no program ran again");
    scene.all_settled().await
}

#[tokio::test]
async fn a_batch_that_landed_unheard_before_the_kill_is_not_sent_again() -> Result<()> {
    let mut scene = Scene::new().await?;
    let proxy = behind_a_proxy(&scene).await?;
    let sent = scene.executed(12, 20).await?;
    // A transaction takes its time, so that the worker is deaf before it lands: what it says arrives, but it hears nothing.
    proxy.set_plan(Plan::always(Fault::Late));
    let mut worker = scene.home.start_as("publish")?;
    worker.wait_for("publish.transaction", None).await?;
    proxy.set_plan(Plan::always(Fault::AnswerLost));
    eventually("the batch to land", async || Ok((scene.net.stats().await?.succeeded > 0).then_some(()))).await?;
    worker.kill()?;
    let unheard: u64 = results(&scene.lines("publish.transaction")?).iter().sum();

    proxy.calm();
    let mut worker = scene.home.start_as("publish")?;
    scene.answered(sent, 1, 20).await?;
    for number in 1..=12 {
        assert_eq!(worker.wait_for("job.closed", Some(number)).await?["ending"], "answered", "{number}");
    }
    let all: u64 = results(&scene.lines("publish.transaction")?).iter().sum();
    assert!(unheard > 0);
    assert_eq!(all, 12, "what had landed was not sent again");
    scene.all_settled().await
}

#[tokio::test]
async fn lost_late_and_doubled_transactions_settle_every_request_once() -> Result<()> {
    let mut scene = Scene::new().await?;
    let proxy = behind_a_proxy(&scene).await?;
    let _worker = scene.home.start()?;
    let plans = [
        Plan::calm(),
        Plan { seed: 4, ..Plan::calm().with(Fault::Swallowed, 0.5) },
        Plan::always(Fault::Duplicated),
        Plan::always(Fault::Late),
        Plan { seed: 4, ..Plan::calm().with(Fault::AnswerLost, 0.1) },
    ];
    for plan in plans {
        let faults = format!("{:?}", plan.rates);
        proxy.set_plan(plan);
        let first = scene.requests + 1;
        let sent = scene.requests(5, 20).await?;
        scene.answered(sent, first, 20).await?;
        println!("{faults}: {:?}", proxy.stats().faults);
    }
    let stats = proxy.stats();
    for fault in [Fault::Swallowed, Fault::Duplicated, Fault::Late, Fault::AnswerLost] {
        assert!(stats.count(fault) > 0, "{fault} never struck");
    }
    assert!(scene.lines("job.retry")?.is_empty(), "none of it is a failure");
    scene.all_settled().await
}

#[tokio::test]
async fn a_transaction_that_comes_after_it_was_given_up_harms_nobody() -> Result<()> {
    let mut scene = Scene::new().await?;
    let proxy = behind_a_proxy(&scene).await?;
    scene.home.edit(|config| config + "\n[publish]\nconfirm_seconds = 1\n")?;
    let sent = scene.executed(4, 20).await?;
    // Each transaction comes seconds later than it was given up, behind the one that was signed in its place.
    proxy.set_plan(Plan { late: Duration::from_secs(6), ..Plan::always(Fault::Late) });
    let mut worker = scene.home.start_as("publish")?;
    scene.answered(sent, 1, 20).await?;
    for number in 1..=4 {
        worker.wait_for("job.closed", Some(number)).await?;
    }
    assert!(!scene.lines("publish.waiting")?.is_empty(), "it was given up at least once");
    assert!(scene.lines("job.retry")?.is_empty(), "none of it is a failure");
    scene.all_settled().await
}

#[tokio::test]
async fn a_transaction_whose_block_has_become_too_old_is_signed_again() -> Result<()> {
    let mut scene = Scene::new().await?;
    let _worker = scene.home.start()?;
    let sent = scene.request(20).await?;
    scene.answered(vec![sent], 1, 20).await?;
    // A day of blocks passes, and the lane still means to name the one that it saw a moment ago.
    let height = scene.net.chain.fast_forward(86_401).await?;
    eventually("a final block of the next day", async || {
        let last = scene.net.chain.node().read(|chain| chain.final_block().height).await?;
        Ok((last >= height).then_some(()))
    })
    .await?;
    let sent = scene.request(20).await?;
    scene.answered(vec![sent], 2, 20).await?;
    let refused = scene.lines("publish.refused")?;
    assert!(refused.len() == 1 && refused[0]["error"].as_str().unwrap().contains("expired"), "{refused:?}");
    assert_eq!(scene.lines("publish.executed")?.len(), 2);
    assert!(scene.lines("job.retry")?.is_empty(), "it is not a failure");
    scene.all_settled().await
}

#[tokio::test]
async fn a_node_that_is_wrong_about_nonces_stops_nobody() -> Result<()> {
    let mut scene = Scene::new().await?;
    let proxy = behind_a_proxy(&scene).await?;
    for fault in [Fault::NonceLow, Fault::NonceHigh] {
        let first = scene.requests + 1;
        let sent = scene.executed(2, 20).await?;
        proxy.set_plan(Plan::always(fault));
        let worker = scene.home.start_as("publish")?;
        scene.answered(sent, first, 20).await?;
        assert!(worker.stop().await?.success());
        assert!(proxy.stats().count(fault) > 0, "{fault} never struck");
        proxy.calm();
    }
    assert!(scene.lines("job.retry")?.is_empty(), "none of it is a failure");
    scene.all_settled().await
}
