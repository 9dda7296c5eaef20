//! Money that leaves without a request: fees to the owner, refunds that came back; and money that must stay.

use crate::support::{
    COST, NOTHING, ONE_YOCTO, STORAGE_PRICE, account_with_new_key, answer, assert_refused, credit, delete, id,
    leave_to_spare, owed, settle, start,
};
use anyhow::Result;
use near_workspaces::{AccountId, types::NearToken};
use offchainvm_interface::{Event, calls::method, events::Payment};
use offchainvm_tests::{
    Network,
    network::{DEPOSIT, seed_request},
    outcome::{events, gas_paid},
};
use serde_json::json;

/// Settles one request, so that the contract has earned [`COST`].
async fn earn(net: &Network) -> Result<()> {
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    settle(net, sent, &request, answer("42")).await?.into_result()?;
    assert_eq!(net.stats().await?.fees, COST);
    Ok(())
}

fn payment(account_id: &AccountId, amount: NearToken) -> Vec<Payment> {
    vec![Payment { account_id: account_id.clone(), amount }]
}

#[tokio::test]
async fn fees_leave_in_part_or_in_full_to_whom_the_owner_names() -> Result<()> {
    let net = start().await?;
    earn(&net).await?;
    let treasury = net.account("treasury").await?;

    let before = net.balance(treasury.id()).await?;
    let args = json!({"amount": "1", "receiver_id": treasury.id()});
    let part = net.administer(&net.owner, method::WITHDRAW_FEES, args).await?;
    assert_eq!(events(&part), [Event::FeesWithdrawn(payment(treasury.id(), ONE_YOCTO))]);
    assert_eq!(net.balance(treasury.id()).await?, before + 1);
    let rest = COST.saturating_sub(ONE_YOCTO);
    assert_eq!(net.stats().await?.fees, rest);

    let too_much = net.administer(&net.owner, method::WITHDRAW_FEES, json!({"amount": COST})).await?;
    let words =
        format!("There are {} yoctoNEAR of fees, and {} were asked for", rest.as_yoctonear(), COST.as_yoctonear());
    assert_refused(&too_much, &words);
    assert_eq!(net.stats().await?.fees, rest);

    let before = net.balance(net.owner.id()).await?;
    let all = net.administer(&net.owner, method::WITHDRAW_FEES, json!({})).await?;
    assert_eq!(events(&all), [Event::FeesWithdrawn(payment(net.owner.id(), rest))]);
    let spent = gas_paid(&all) + ONE_YOCTO.as_yoctonear();
    assert_eq!(net.balance(net.owner.id()).await?, before + rest.as_yoctonear() - spent);
    assert_eq!(net.stats().await?.fees, NOTHING);

    let none = net.administer(&net.owner, method::WITHDRAW_FEES, json!({"amount": "1"})).await?;
    assert_refused(&none, "There are 0 yoctoNEAR of fees, and 1 were asked for");
    net.assert_solvent().await
}

#[tokio::test]
async fn fees_for_an_account_that_does_not_exist_come_back() -> Result<()> {
    let net = start().await?;
    earn(&net).await?;
    let nobody = id(&net, "nobody");
    let result = net.administer(&net.owner, method::WITHDRAW_FEES, json!({"receiver_id": nobody})).await?;
    let expected = [Event::FeesWithdrawn(payment(&nobody, COST)), Event::WithdrawalFailed(payment(&nobody, COST))];
    assert_eq!(events(&result), expected);
    assert_eq!(net.stats().await?.fees, COST);
    net.assert_solvent().await?;

    net.administer(&net.owner, method::WITHDRAW_FEES, json!({})).await?.into_result()?;
    assert_eq!(net.stats().await?.fees, NOTHING);
    Ok(())
}

#[tokio::test]
async fn fees_stay_while_the_balance_would_not_cover_the_rest() -> Result<()> {
    let net = start().await?;
    earn(&net).await?;
    let before = net.balance(net.user.id()).await?;
    let (sent, request) = net.request_and_find(&net.user, seed_request(), DEPOSIT).await?;
    for amount in [json!(null), json!("1"), json!(COST)] {
        // The yocto that comes with the call is in the balance while it is checked, and goes back with the refusal.
        leave_to_spare(&net, -1_000).await?;
        let refused = net.administer(&net.owner, method::WITHDRAW_FEES, json!({"amount": amount})).await?;
        assert_refused(&refused, "The contract's balance lacks 999 yoctoNEAR for what it owes and its storage");
        assert_eq!(net.stats().await?.fees, COST);
    }
    leave_to_spare(&net, -2).await?;
    let refused = net.administer(&net.owner, method::WITHDRAW_FEES, json!({})).await?;
    assert_refused(&refused, "The contract's balance lacks 1 yoctoNEAR");
    net.owner.transfer_near(net.contract.id(), ONE_YOCTO).await?.into_result()?;
    let withdrawn = net.administer(&net.owner, method::WITHDRAW_FEES, json!({})).await?;
    assert_eq!(events(&withdrawn), [Event::FeesWithdrawn(payment(net.owner.id(), COST))]);
    assert_eq!(net.balance(net.contract.id()).await?, owed(&net).await?);

    let result = settle(&net, sent, &request, answer("paid")).await?;
    let spent = before - net.balance(net.user.id()).await?;
    assert_eq!(spent, COST.as_yoctonear() + gas_paid(&result), "the refund was there");
    net.assert_solvent().await
}

#[tokio::test]
async fn a_refund_that_nobody_receives_is_kept_for_the_sender_until_claimed() -> Result<()> {
    let net = start().await?;
    let treasury = net.account("treasury").await?;
    let refund = DEPOSIT.saturating_sub(COST);
    for times in 1..=2u128 {
        let friend = net.account("friend").await?;
        let mut args = seed_request();
        args["refund_to"] = json!(friend.id());
        let (sent, request) = net.request_and_find(&net.user, args, DEPOSIT).await?;
        delete(&net, friend).await?;
        let result = settle(&net, sent, &request, answer("42")).await?;
        assert_eq!(result.clone().json::<String>()?, "42", "the value arrives whatever becomes of the refund");
        assert_eq!(events(&result).last(), Some(&Event::RefundCredited(payment(net.user.id(), refund))));
        let kept = refund.saturating_mul(times);
        assert_eq!(credit(&net, net.user.id()).await?, kept);
        // The record's own storage, a key of the name and five bytes, a value of 16, and 40, is a part of the credit.
        let record = (5 + net.user.id().len() as u128 + 16 + 40) * STORAGE_PRICE;
        assert_eq!(net.stats().await?.credits.as_yoctonear(), kept.as_yoctonear() - record);
        net.assert_solvent().await?;
    }
    let kept = refund.saturating_mul(2);

    let stranger = net.call(&treasury, method::CLAIM_CREDIT, json!({"receiver_id": treasury.id()})).await?;
    assert_refused(&stranger, &format!("{} has no credit", treasury.id()));
    let owner = net.call(&net.owner, method::CLAIM_CREDIT, json!({})).await?;
    assert_refused(&owner, &format!("{} has no credit", net.owner.id()));

    let nobody = net.call(&net.user, method::CLAIM_CREDIT, json!({"receiver_id": id(&net, "nobody")})).await?;
    let (user, amount) = (net.user.id(), kept);
    let expected = [Event::CreditClaimed(payment(user, amount)), Event::RefundCredited(payment(user, amount))];
    assert_eq!(events(&nobody), expected);
    assert_eq!(credit(&net, user).await?, kept);

    let before = net.balance(treasury.id()).await?;
    let claimed = net.call(&net.user, method::CLAIM_CREDIT, json!({"receiver_id": treasury.id()})).await?;
    assert_eq!(events(&claimed), [Event::CreditClaimed(payment(user, amount))]);
    assert_eq!(net.balance(treasury.id()).await?, before + kept.as_yoctonear());
    assert_eq!((credit(&net, user).await?, net.stats().await?.credits), (NOTHING, NOTHING));

    let again = net.call(&net.user, method::CLAIM_CREDIT, json!({})).await?;
    assert_refused(&again, "has no credit");
    net.assert_solvent().await
}

#[tokio::test]
async fn the_credit_of_a_sender_that_was_deleted_waits_for_its_return() -> Result<()> {
    let net = start().await?;
    let mayfly = net.account("mayfly").await?;
    let (sent, request) = net.request_and_find(&mayfly, seed_request(), DEPOSIT).await?;
    delete(&net, mayfly.clone()).await?;
    let result = settle(&net, sent, &request, answer("42")).await?;
    let refund = DEPOSIT.saturating_sub(COST);
    assert_eq!(events(&result).last(), Some(&Event::RefundCredited(payment(mayfly.id(), refund))));
    assert_eq!(credit(&net, mayfly.id()).await?, refund);
    net.assert_solvent().await?;

    let mayfly = account_with_new_key(&net, "mayfly").await?;
    let before = net.balance(mayfly.id()).await?;
    let claimed = net.call(&mayfly, method::CLAIM_CREDIT, json!({})).await?;
    assert_eq!(events(&claimed), [Event::CreditClaimed(payment(mayfly.id(), refund))]);
    assert_eq!(net.balance(mayfly.id()).await? + gas_paid(&claimed), before + refund.as_yoctonear());
    assert_eq!(net.stats().await?.credits, NOTHING);
    net.assert_solvent().await
}
