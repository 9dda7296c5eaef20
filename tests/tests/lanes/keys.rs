//! Who sends with which key.

use crate::stage::Scene;
use anyhow::Result;
use serde_json::json;

#[tokio::test]
async fn a_nonce_that_somebody_else_has_used_costs_another_signature_and_no_retry() -> Result<()> {
    let mut scene = Scene::new().await?;
    let mut worker = scene.home.start()?;
    let first = scene.request(20).await?;
    scene.answered(vec![first], 1, 20).await?;
    // The operator does something with the worker's key: this takes the nonce that the worker would use next.
    scene.net.call(&scene.net.operator, "get_operators", json!({})).await?.into_result()?;
    let second = scene.request(20).await?;
    scene.answered(vec![second], 2, 20).await?;
    worker.wait_for("publish.refused", None).await?;
    assert!(scene.lines("job.retry")?.is_empty());
    scene.all_settled().await
}

#[tokio::test]
async fn a_key_is_left_to_the_process_that_has_it_and_taken_over_when_that_is_gone() -> Result<()> {
    let mut scene = Scene::new().await?;
    scene.home.edit(|config| config + "\n[stages]\nlease_seconds = 3\n")?;
    let mut first = scene.home.start()?;
    first.wait_for("worker.ready", None).await?;
    let sent = scene.request(20).await?;
    scene.answered(vec![sent], 1, 20).await?;
    let mut second = scene.home.start_as("publish")?;
    second.wait_for("publish.lane_taken", None).await?;
    first.kill()?;

    let _others = scene.home.start_as("index,build,execute")?;
    let sent = scene.request(20).await?;
    scene.answered(vec![sent], 2, 20).await?;
    second.wait_for("publish.confirmed", Some(2)).await?;
    scene.all_settled().await
}
