//! Time: nobody answers, somebody answers late, somebody cancels.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use anyhow::Result;
use offchainvm_interface::{ExecutionResponse, FailureCode, ResourcesUsed, calls::method};
use offchainvm_tests::{
    Network,
    network::{DEPOSIT, seed_request},
    outcome::{completed, failure, gas_paid},
};
use serde_json::json;

/// Blocks that a yield lives (protocol parameter).
const WINDOW: u64 = 200;

#[tokio::test]
async fn when_nobody_answers_the_caller_is_refunded_in_full() -> Result<()> {
    let net = Network::start().await?;
    let before = net.balance(net.user.id()).await?;
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    net.workspaces.fast_forward(WINDOW + 1).await?;
    let result = sent.outcome().await?;

    assert!(failure(&result).contains("timed_out: nobody answered"), "{}", failure(&result));
    let settled = completed(&result);
    assert_eq!(settled.error_code, Some(FailureCode::TimedOut));
    assert_eq!((settled.cost.as_yoctonear(), settled.refund), (0, DEPOSIT));
    assert_eq!(before - net.balance(net.user.id()).await?, gas_paid(&result), "only gas was spent");
    let stats = net.stats().await?;
    assert_eq!((stats.timed_out, stats.pending_requests, stats.escrow.as_yoctonear()), (1, 0, 0));
    assert_eq!(net.pending(request.request_id).await?, None);
    net.assert_solvent().await
}

#[tokio::test]
async fn a_late_answer_is_refused_and_changes_nothing() -> Result<()> {
    let net = Network::start().await?;
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    net.workspaces.fast_forward(WINDOW + 1).await?;
    assert!(sent.outcome().await?.is_failure());
    let before = net.stats().await?;
    let late = net.resolve(request.data_id, ExecutionResponse::succeeded(vec![1], ResourcesUsed::default())).await?;
    assert!(failure(&late).contains("No request waits under data_id"), "{}", failure(&late));
    assert_eq!(net.stats().await?, before);
    Ok(())
}

/// Ten minutes are many more blocks than a yield lives, so a request only gets that old on a chain that produced few
/// blocks in the time, or when its callback could not run.
#[tokio::test]
async fn cancelling_works_after_ten_minutes_and_not_before() -> Result<()> {
    let net = Network::start().await?;
    let before = net.balance(net.user.id()).await?;
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    let args = json!({"request_id": request.request_id});

    let early = net.call(&net.user, method::CANCEL_STALE_EXECUTION, args.clone()).await?;
    assert!(failure(&early).contains("is not stale yet: it can be cancelled in"), "{}", failure(&early));
    let nobody = net.call(&net.user, method::CANCEL_STALE_EXECUTION, json!({"request_id": 99})).await?;
    assert!(failure(&nobody).contains("Request 99 does not wait"), "{}", failure(&nobody));

    net.advance_time(std::time::Duration::from_secs(601)).await?;
    let stranger = net.call(&net.owner, method::CANCEL_STALE_EXECUTION, args.clone()).await?;
    assert!(failure(&stranger).contains("Only the sender of request 1 may cancel it"), "{}", failure(&stranger));

    let cancelled = net.call(&net.user, method::CANCEL_STALE_EXECUTION, args.clone()).await?;
    assert!(cancelled.is_success(), "{cancelled:#?}");
    let settled = completed(&cancelled);
    assert_eq!((settled.error_code, settled.refund), (Some(FailureCode::Cancelled), DEPOSIT));
    let result = sent.outcome().await?;
    assert!(failure(&result).contains("cancelled: withdrawn by its sender"), "{}", failure(&result));

    let spent = before - net.balance(net.user.id()).await?;
    assert_eq!(spent, [&early, &nobody, &cancelled, &result].into_iter().map(gas_paid).sum::<u128>());
    let again = net.call(&net.user, method::CANCEL_STALE_EXECUTION, args).await?;
    assert!(failure(&again).contains("does not wait"), "{}", failure(&again));
    let late = net.resolve(request.data_id, ExecutionResponse::succeeded(vec![1], ResourcesUsed::default())).await?;
    assert!(failure(&late).contains("No request waits"), "{}", failure(&late));
    let stats = net.stats().await?;
    assert_eq!((stats.cancelled, stats.pending_requests, stats.escrow.as_yoctonear()), (1, 0, 0));
    net.assert_solvent().await
}
