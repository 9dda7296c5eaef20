//! Every receipt that the chain ran: what it is, and whether it came to what the model says.

use crate::{
    model::{At, Effect, Returned, Verdict},
    people::contract,
    world::World,
};
use anyhow::{Context, Result, bail, ensure};
use near_account_id::AccountId;
use near_primitives::{
    action::FunctionCallAction,
    receipt::{Receipt, VersionedActionReceipt, VersionedReceiptEnum},
    transaction::{Action, ExecutionMetadata, ExecutionOutcome, ExecutionOutcomeWithId, ExecutionStatus},
};
use offchainvm_interface::{DataId, Event, EventLog, RequestId, views::Resolved};
use serde::Deserialize;
use std::sync::Arc;

/// Checks one outcome of a block: a transaction's, or a receipt's.
pub fn check(world: &mut World, at: At, outcome: &ExecutionOutcomeWithId) -> Result<()> {
    let origin = world.chain.origin(&outcome.id).unwrap_or(outcome.id);
    if let Some(record) = world.chain.transaction(&origin) {
        let signer_id = record.transaction.transaction.signer_id().clone();
        world.ledger.lose(&signer_id, outcome.outcome.tokens_burnt.as_yoctonear());
    }
    let Some(receipt) = world.chain.receipt(&outcome.id).map(Arc::clone) else { return Ok(()) };
    let (VersionedReceiptEnum::Action(actions) | VersionedReceiptEnum::PromiseYield(actions)) =
        receipt.versioned_receipt()
    else {
        return Ok(());
    };
    let outcome = &outcome.outcome;
    let from_contract = receipt.predecessor_id() == &contract();
    let to_contract = receipt.receiver_id() == &contract();
    let checked = match actions.actions() {
        [Action::Transfer(transfer)] if receipt.predecessor_id().is_system() => {
            if to_contract {
                world.model.balance += transfer.deposit.as_yoctonear();
            }
            Ok(())
        }
        [Action::Transfer(transfer)] if from_contract => {
            payment(world, receipt.receiver_id(), transfer.deposit.as_yoctonear(), outcome)
        }
        [Action::FunctionCall(call)] if from_contract && to_contract => callback(world, at, call, outcome),
        [Action::DeployContract(deploy), Action::FunctionCall(_)] if from_contract && to_contract => {
            let code = world.model.upgrading.pop_front().context("nobody upgrades")?;
            ensure!(deploy.code == code.bytes(), "{code:?} was to be deployed, and not {} bytes", deploy.code.len());
            let verdict = world.model.replaced(code);
            compare(world, &verdict, outcome).with_context(|| format!("{code:?} replaces the contract"))
        }
        [Action::FunctionCall(_)] if to_contract => {
            let sent = world.sent.get(&origin).with_context(|| format!("{origin} was not sent"))?.clone();
            let fresh = fresh_yield(world, outcome);
            let verdict = world.model.call(at, &sent, fresh);
            if verdict.is_ok() {
                world.ledger.lose(&sent.from, sent.deposit);
            }
            if let (Ok(_), Some(data_id)) = (&verdict, fresh) {
                world.ledger.requested += sent.deposit;
                world.requests.insert(world.model.counts.total_requests, (data_id, origin));
            }
            compare(world, &verdict, outcome).with_context(|| format!("{sent:?}"))
        }
        [Action::DeleteAccount(_)] | [Action::CreateAccount(_), ..] => {
            people(world, &receipt, outcome);
            Ok(())
        }
        other => bail!("nobody should send {other:?}"),
    };
    if to_contract {
        world.model.balance += reward(world, &actions, outcome);
    }
    checked
}

/// What the chain gives a contract for the gas that its code burnt, as long as its rules knew such a reward: then gas was
/// burnt at the price at which it was bought.
fn reward(world: &World, receipt: &VersionedActionReceipt<'_>, outcome: &ExecutionOutcome) -> u128 {
    let share = world.chain.runtime_config().fees.burnt_gas_reward;
    let profile = match &outcome.metadata {
        ExecutionMetadata::V3(profile) => profile,
        ExecutionMetadata::V4(metadata) => &metadata.profile,
        ExecutionMetadata::V1 | ExecutionMetadata::V2(_) => return 0,
    };
    let costs = profile.actions_profile.values().chain(profile.wasm_ext_profile.values()).chain([&profile.wasm_gas]);
    let burnt: u64 = costs.map(|gas| gas.as_gas()).sum();
    let (numer, denom) = (u64::from(share.numer().unsigned_abs()), u64::from(share.denom().unsigned_abs()));
    u128::from(burnt * numer / denom) * receipt.gas_price().as_yoctonear()
}

fn people(world: &mut World, receipt: &Receipt, outcome: &ExecutionOutcome) {
    if succeeded(outcome) {
        let account_id = receipt.receiver_id();
        if !world.alive.remove(account_id) {
            world.alive.insert(account_id.clone());
        }
    }
}

fn payment(world: &mut World, to: &AccountId, amount: u128, outcome: &ExecutionOutcome) -> Result<()> {
    let arrived = succeeded(outcome);
    ensure!(arrived == world.alive.contains(to), "a payment to {to}: {:?}", outcome.status);
    if arrived {
        world.ledger.arrived += amount;
        world.ledger.gain(to, amount);
    }
    world.model.paid(to, amount, arrived)
}

/// A call that the contract made of itself.
fn callback(world: &mut World, at: At, call: &FunctionCallAction, outcome: &ExecutionOutcome) -> Result<()> {
    #[derive(Deserialize)]
    struct Args {
        request_id: Option<RequestId>,
        message: Option<String>,
        account_id: Option<AccountId>,
        amount: Option<near_token::NearToken>,
    }
    let args: Args = serde_json::from_slice(&call.args)?;
    let verdict = match (call.method_name.as_str(), args) {
        ("on_execution_response", Args { request_id: Some(request_id), .. }) => {
            let fresh = fresh_yield(world, outcome);
            Ok(world.model.woken(at, request_id, call.gas.as_gas(), fresh)?)
        }
        ("fail_execution", Args { message: Some(message), .. }) => {
            let expected = world.model.failures.pop_front().unwrap_or_default();
            ensure!(message.starts_with(&expected) && !expected.is_empty(), "{message:?} instead of {expected:?}");
            Err("panicked: ")
        }
        (method, Args { account_id: Some(account_id), amount: Some(amount), .. }) => {
            Ok(world.model.heard(method, &account_id, amount.as_yoctonear())?)
        }
        (method, _) => bail!("the contract should not call {method} so"),
    };
    compare(world, &verdict, outcome).with_context(|| format!("{} {}", call.method_name, text(&call.args)))
}

/// Holds what happened against what should have.
fn compare(world: &mut World, verdict: &Verdict, outcome: &ExecutionOutcome) -> Result<()> {
    world.tally.count(verdict);
    match (verdict, &outcome.status) {
        (Err(fragment), ExecutionStatus::Failure(error)) => {
            let message = format!("{error:?}");
            ensure!(message.contains(fragment), "expected a failure with {fragment:?}: {message}");
            Ok(())
        }
        (Ok(effect), ExecutionStatus::SuccessValue(value)) => {
            compare_value(&effect.returned, value)?;
            compare_events(world, effect, outcome)
        }
        (Ok(effect), ExecutionStatus::SuccessReceiptId(_)) => {
            ensure!(effect.returned == Returned::Promise, "expected {:?}, not a promise", effect.returned);
            compare_events(world, effect, outcome)
        }
        (verdict, status) => bail!("expected {verdict:?}: {status:?}"),
    }
}

fn compare_value(expected: &Returned, value: &[u8]) -> Result<()> {
    match expected {
        Returned::Nothing => ensure!(value.is_empty(), "returned {}", text(value)),
        Returned::Value(expected) => {
            ensure!(expected == value, "returned {} instead of {}", text(value), text(expected));
        }
        Returned::Promise => bail!("expected a promise, not {}", text(value)),
        Returned::Resolved(expected) => {
            let resolved: Vec<Resolved> = serde_json::from_slice(value)?;
            let agree = |(expected, resolved): (&Result<(), &str>, &Resolved)| match (expected, &resolved.error) {
                (Ok(()), None) => resolved.accepted,
                (Err(fragment), Some(error)) => !resolved.accepted && error.contains(fragment),
                _ => false,
            };
            let all = expected.len() == resolved.len() && expected.iter().zip(&resolved).all(agree);
            ensure!(all, "{resolved:?} instead of {expected:?}");
        }
    }
    Ok(())
}

fn compare_events(world: &mut World, effect: &Effect, outcome: &ExecutionOutcome) -> Result<()> {
    let mut events = Vec::new();
    for log in &outcome.logs {
        let event = EventLog::parse(log).with_context(|| format!("{log:?} is no event"))?.event;
        events.push(without_gas(event));
    }
    for event in &events {
        if let Event::ExecutionCompleted(entries) = event {
            entries.iter().for_each(|entry| *world.completed.entry(entry.request_id).or_default() += 1);
        }
    }
    ensure!(events == effect.events, "events {events:#?} instead of {:#?}", effect.events);
    Ok(())
}

/// Gas is not predicted.
fn without_gas(mut event: Event) -> Event {
    if let Event::ExecutionRenewed(entries) = &mut event {
        entries.iter_mut().for_each(|entry| entry.gas_left = 0);
    }
    event
}

/// The handle of the yield that a receipt made.
fn fresh_yield(world: &World, outcome: &ExecutionOutcome) -> Option<DataId> {
    outcome.receipt_ids.iter().find_map(|id| match world.chain.receipt(id)?.versioned_receipt() {
        VersionedReceiptEnum::PromiseYield(receipt) => receipt.input_data_ids().first().map(|id| DataId(id.0)),
        _ => None,
    })
}

fn succeeded(outcome: &ExecutionOutcome) -> bool {
    matches!(outcome.status, ExecutionStatus::SuccessValue(_) | ExecutionStatus::SuccessReceiptId(_))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..300).unwrap_or(bytes)).into_owned()
}
