//! Time: nobody answers, somebody answers late, somebody cancels.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use anyhow::{Context, Result};
use near_primitives::views::FinalExecutionStatus;
use offchainvm_interface::{Event, ExecutionResponse, FailureCode, ResourcesUsed, calls::method};
use offchainvm_tests::{
    Network,
    network::{DEPOSIT, seed_request},
    outcome::{completed, events, failure, gas_paid},
    signer::Signer,
};
use serde_json::json;
use std::time::Duration;

/// Blocks that a yield lives (protocol parameter).
const WINDOW: u64 = 200;
/// From a request to its deadline, and a second.
const DEADLINE: Duration = Duration::from_secs(601);

#[tokio::test]
async fn when_nobody_answers_before_the_deadline_the_caller_is_refunded_in_full() -> Result<()> {
    let net = Network::start().await?;
    let before = net.balance(net.user.id()).await?;
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    net.advance_time(DEADLINE).await?;
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
async fn a_request_answered_in_its_fourth_window_returns_its_value_to_the_first_transaction() -> Result<()> {
    let net = Network::start().await?;
    let before = net.balance(net.user.id()).await?;
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    for _ in 0..3 {
        net.workspaces.fast_forward(WINDOW + 1).await?;
        net.workspaces.fast_forward(2).await?;
    }
    assert_eq!(net.pending(request.request_id).await?, Some(request.clone()), "it waits, under its first handle");
    let used = ResourcesUsed { instructions: 1_000, memory_bytes: 1 << 20, time_seconds: 1 };
    let answer = ExecutionResponse::succeeded(b"at last".to_vec(), used);
    net.resolve(request.data_id, answer).await?.into_result()?;
    let result = sent.outcome().await?;
    assert_eq!(result.clone().json::<String>()?, "at last");

    let renewed: Vec<_> = events(&result)
        .into_iter()
        .filter_map(|event| if let Event::ExecutionRenewed(entries) = event { Some(entries) } else { None })
        .flatten()
        .collect();
    assert_eq!(renewed.iter().map(|entry| entry.window).collect::<Vec<_>>(), [2, 3, 4]);
    assert!(renewed.iter().all(|entry| (entry.request_id, entry.data_id) == (request.request_id, request.data_id)));
    assert!(renewed.is_sorted_by(|earlier, later| earlier.gas_left > later.gas_left), "{renewed:?}");
    let settled = completed(&result);
    assert_eq!(settled.cost, request.pricing.cost(&used)?);
    let fell_by = before - net.balance(net.user.id()).await?;
    assert_eq!(fell_by, settled.cost.as_yoctonear() + gas_paid(&result));
    net.assert_solvent().await
}

/// The answer is executed some blocks before, in, and some after the block in which the first window closes. The chain
/// lets no time-out overtake an answer that was taken, so each is used, in the first window or in the second.
#[tokio::test]
async fn an_answer_around_the_end_of_a_window_is_used_once() -> Result<()> {
    let net = Network::start().await?;
    let (mut first, mut second) = (0, 0);
    for offset in 0..10 {
        let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
        let answer = ExecutionResponse::succeeded(format!("{offset}").into_bytes(), ResourcesUsed::default());
        let transaction = Signer::of(&net, &net.operator).await?.resolve(&net, request.data_id, &answer).await?;
        let hash = net
            .chain
            .node()
            .write(move |chain| {
                let made_at = (0..=chain.head().height)
                    .rev()
                    .find(|height| chain.block_by_height(*height).is_some_and(|b| b.timestamp_ns == request.timestamp))
                    .context("the block of the request")?;
                chain.fast_forward(made_at + WINDOW - 5 - chain.head().height)?;
                for _ in 0..offset {
                    chain.produce_block()?;
                }
                // The next block takes the transaction in, and the one after executes the call.
                let hash = chain.submit(transaction)?;
                for _ in 0..6 {
                    chain.produce_block()?;
                }
                anyhow::Ok(hash)
            })
            .await??;
        let answered = net.chain.node().read(move |chain| chain.final_outcome(&hash)).await?.context("the answer")?;
        let status = answered.view.status;
        assert!(matches!(status, FinalExecutionStatus::SuccessValue(_)), "offset {offset}: {status:?}");
        let result = sent.outcome().await?;
        assert_eq!(result.clone().json::<String>()?, format!("{offset}"));
        let renewed = events(&result).iter().any(|event| matches!(event, Event::ExecutionRenewed(_)));
        if renewed { second += 1 } else { first += 1 }
    }
    println!("{first} answers were used in the first window, {second} in the second");
    assert!(first > 0 && second > 0);
    let stats = net.stats().await?;
    assert_eq!((stats.succeeded, stats.timed_out, stats.pending_requests), (10, 0, 0));
    net.assert_solvent().await
}

#[tokio::test]
async fn a_late_answer_is_refused_and_changes_nothing() -> Result<()> {
    let net = Network::start().await?;
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    net.advance_time(DEADLINE).await?;
    net.workspaces.fast_forward(WINDOW + 1).await?;
    assert!(sent.outcome().await?.is_failure());
    let before = net.stats().await?;
    let late = net.resolve(request.data_id, ExecutionResponse::succeeded(vec![1], ResourcesUsed::default())).await?;
    assert!(failure(&late).contains("No request waits under data_id"), "{}", failure(&late));
    assert_eq!(net.stats().await?, before);
    Ok(())
}

/// The last window outlives the deadline by up to 200 blocks: that is when a sender can cancel.
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

    net.advance_time(DEADLINE).await?;
    let stranger = net.call(&net.owner, method::CANCEL_STALE_EXECUTION, args.clone()).await?;
    assert!(failure(&stranger).contains("Only the sender of request 1 may cancel it"), "{}", failure(&stranger));

    let cancelled = net.call(&net.user, method::CANCEL_STALE_EXECUTION, args.clone()).await?;
    assert!(cancelled.is_success(), "{cancelled:#?}");
    let settled = completed(&cancelled);
    assert_eq!((settled.error_code, settled.refund), (Some(FailureCode::Cancelled), DEPOSIT));
    let result = sent.outcome().await?;
    assert!(failure(&result).contains("cancelled: the request was withdrawn"), "{}", failure(&result));

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
