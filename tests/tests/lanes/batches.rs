//! Many answers in one transaction.

use crate::stage::{Scene, results};
use anyhow::Result;
use near_workspaces::types::NearToken;
use offchainvm_interface::{ExecutionResponse, ResourcesUsed};
use offchainvm_tests::network::eventually;
use serde_json::json;
use std::collections::BTreeSet;

#[tokio::test]
async fn sixty_requests_leave_in_batches_on_several_keys_and_each_is_settled_once() -> Result<()> {
    let mut scene = Scene::new().await?;
    scene.add_keys(2).await?;
    let sent = scene.requests(58, 20).await?;
    // Either fits in beside small ones, but not beside the other.
    let large = scene.requests(2, 60_000).await?;

    let worker = scene.home.start()?;
    scene.answered(sent, 1, 20).await?;
    scene.answered(large, 59, 60_000).await?;
    scene.all_settled().await?;
    assert!(worker.stop().await?.success());

    let transactions = scene.lines("publish.transaction")?;
    let sizes = results(&transactions);
    assert_eq!(sizes.iter().sum::<u64>(), 60, "nothing was sent twice: {sizes:?}");
    assert!(sizes.iter().any(|size| *size > 1), "{sizes:?}");
    let keys: BTreeSet<u64> = transactions.iter().map(|line| line["lane"].as_u64().unwrap()).collect();
    assert!(keys.len() > 1, "{keys:?}");
    let sent = scene.lines("publish.sent")?;
    let transaction = |number: u64| {
        let line = sent.iter().find(|line| line["request_id"] == json!(number));
        line.unwrap()["tx_hash"].as_str().unwrap()
    };
    assert_ne!(transaction(59), transaction(60), "two large answers share no transaction");
    let confirmed: Vec<u64> =
        scene.lines("publish.confirmed")?.iter().map(|line| line["request_id"].as_u64().unwrap()).collect();
    assert_eq!((confirmed.len(), confirmed.iter().collect::<BTreeSet<_>>().len()), (60, 60));
    println!("answers in each transaction: {sizes:?}");
    Ok(())
}

#[tokio::test]
async fn a_full_batch_of_longer_answers_has_gas_enough() -> Result<()> {
    let mut scene = Scene::new().await?;
    // Put aside in the contract's state, and as many of them as one batch takes.
    let sent = scene.executed(40, 1_500).await?;
    let worker = scene.home.start_as("publish")?;
    scene.answered(sent, 1, 1_500).await?;
    assert!(worker.stop().await?.success());
    let sizes = results(&scene.lines("publish.executed")?);
    assert!(sizes.iter().any(|size| *size > 10), "{sizes:?}");
    assert!(scene.lines("publish.smaller")?.is_empty(), "no transaction failed as a whole");
    scene.all_settled().await
}

#[tokio::test]
async fn an_answer_that_is_refused_spoils_no_other() -> Result<()> {
    let mut scene = Scene::new().await?;
    let mut sent = scene.executed(6, 20).await?;
    // The operator answers the third by hand, and the worker that publishes does not read the chain.
    let third = scene.net.pending(3).await?.unwrap();
    let by_hand = ExecutionResponse::succeeded(b"by hand".to_vec(), ResourcesUsed::default());
    scene.net.resolve(third.data_id, by_hand).await?.into_result()?;
    assert_eq!(sent.remove(2).outcome().await?.json::<String>()?, "by hand");

    let mut worker = scene.home.start_as("publish")?;
    let closed = worker.wait_for("job.closed", Some(3)).await?;
    assert_eq!(closed["ending"], "settled");
    let others = sent.split_off(2);
    scene.answered(sent, 1, 20).await?;
    scene.answered(others, 4, 20).await?;
    scene.all_settled().await?;
    for number in [1, 2, 4, 5, 6] {
        assert_eq!(worker.wait_for("job.closed", Some(number)).await?["ending"], "answered", "{number}");
    }
    let executed = scene.lines("publish.executed")?;
    assert!(executed.iter().any(|line| line["accepted"].as_u64() < line["results"].as_u64()), "{executed:?}");
    assert!(scene.lines("job.retry")?.is_empty());
    Ok(())
}

#[tokio::test]
async fn without_money_answers_wait_and_no_retry_is_used_up() -> Result<()> {
    let mut scene = Scene::new().await?;
    let sent = scene.executed(3, 20).await?;
    let all = scene.net.balance(scene.net.operator.id()).await?;
    let nearly_all = NearToken::from_yoctonear(all - NearToken::from_millinear(12).as_yoctonear());
    scene.net.operator.transfer_near(scene.net.owner.id(), nearly_all).await?.into_result()?;
    let low = NearToken::from_millinear(20).as_yoctonear();
    eventually("the operator to be poor", async || {
        Ok((scene.net.balance(scene.net.operator.id()).await? < low).then_some(()))
    })
    .await?;

    let mut worker = scene.home.start_as("publish")?;
    worker.wait_for("publish.low_balance", None).await?;
    worker.wait_for("publish.no_money", None).await?;
    scene.net.owner.transfer_near(scene.net.operator.id(), NearToken::from_near(10)).await?.into_result()?;
    scene.answered(sent, 1, 20).await?;
    scene.all_settled().await?;
    assert!(scene.lines("job.retry")?.is_empty());
    Ok(())
}
