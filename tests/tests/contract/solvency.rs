//! A contract that has no more than it owes still has that after every step, and serves everybody.

use crate::support::{COST, NOTHING, answer, credit, delete, leave_to_spare, settle, start};
use anyhow::Result;
use near_workspaces::types::NearToken;
use offchainvm_interface::calls::method;
use offchainvm_tests::network::{DEPOSIT, eventually, seed_request};
use serde_json::json;

/// The worst storage that a request can occupy is in its deposit, so a contract without any money of its own can take
/// one and still hold what it owes.
#[tokio::test]
async fn a_waiting_request_pays_for_its_own_storage() -> Result<()> {
    let net = start().await?;
    net.administer(&net.owner, method::SET_CONFIG, json!({"receipt_history": 0})).await?.into_result()?;
    leave_to_spare(&net, 0).await?;
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    net.assert_solvent().await?;
    settle(&net, sent, &request, answer("42")).await?.into_result()?;
    net.assert_solvent().await?;
    net.administer(&net.owner, method::WITHDRAW_FEES, json!({})).await?.into_result()?;
    net.assert_solvent().await
}

/// Anybody can ask with a large input and pay for its storage; that must not come out of what the contract needs for
/// others.
#[tokio::test]
async fn a_strangers_large_request_keeps_nobody_from_money_or_answers() -> Result<()> {
    let net = start().await?;
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    settle(&net, sent, &request, answer("42")).await?.into_result()?;
    assert_eq!(net.stats().await?.fees, COST);
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    leave_to_spare(&net, NearToken::from_near(1).as_yoctonear().try_into()?).await?;
    let stranger = net.account("stranger").await?;
    let mut args = seed_request();
    args["input_data"] = json!("x".repeat(200_000));
    net.request_and_find(&stranger, args, NearToken::from_near(3)).await?;

    let long = "x".repeat(2_000);
    assert_eq!(settle(&net, sent, &request, answer(&long)).await?.json::<String>()?, long);
    net.administer(&net.owner, method::WITHDRAW_FEES, json!({})).await?.into_result()?;
    net.assert_solvent().await
}

/// Nobody's deposit pays for the record of a credit, so it must not come out of what belongs to others.
#[tokio::test]
async fn the_record_of_a_credit_is_not_paid_for_with_what_is_owed_to_others() -> Result<()> {
    let net = start().await?;
    net.administer(&net.owner, method::SET_CONFIG, json!({"receipt_history": 0})).await?.into_result()?;
    let friend = net.account("friend").await?;
    leave_to_spare(&net, 0).await?;
    let mut args = seed_request();
    args["refund_to"] = json!(friend.id());
    let (sent, request) = net.request_and_find(&net.user, args, DEPOSIT).await?;
    delete(&net, friend).await?;
    settle(&net, sent, &request, answer("42")).await?.into_result()?;
    eventually("the credit", async || {
        let kept = credit(&net, net.user.id()).await?;
        Ok((kept > NOTHING).then_some(()))
    })
    .await?;
    net.assert_solvent().await
}
