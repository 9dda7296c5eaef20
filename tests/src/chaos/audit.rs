//! After a run: was every request settled once, rightly, and paid for to the yocto?

use super::{
    callers::{Asked, Caller},
    report::Deeds,
    workload::Expected,
};
use crate::{Network, worker::WorkerHome};
use anyhow::{Context, Result};
use near_primitives::{
    hash::CryptoHash,
    transaction::{Action, ExecutionStatus},
    views::{FinalExecutionOutcomeView, FinalExecutionStatus, TxExecutionStatus},
};
use offchainvm_interface::{Event, EventLog, RequestId, calls::method, events::ExecutionCompleted, views::Stats};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How many log lines of a request are shown with what is wrong with it.
const LINES_SHOWN: usize = 40;

/// How much of a value is shown, in characters.
const WIDTH: usize = 200;

/// What was so when the run began, and what was asked since.
pub(super) struct Books {
    /// Who asks.
    pub callers: Vec<Caller>,
    /// What was asked.
    pub asked: Vec<Asked>,
    opening: Stats,
}

impl Books {
    pub(super) async fn open(net: &Network, callers: Vec<Caller>) -> Result<Self> {
        Ok(Self { callers, asked: Vec::new(), opening: net.stats().await? })
    }
}

/// One request's transaction, as the chain tells it.
struct Ended {
    request_id: Option<RequestId>,
    /// The settlements that the chain knows of this request, wherever they happened.
    settlements: Vec<ExecutionCompleted>,
    outcome: FinalExecutionOutcomeView,
}

/// Everything that is not as it must be, a sentence each.
pub(super) async fn check(net: &Network, books: &Books, home: &WorkerHome) -> Result<Vec<String>> {
    let settlements = settlements(net).await?;
    let log = home.log()?;
    let mut findings = Vec::new();
    let mut costs = 0;
    let mut spent: Vec<u128> = vec![0; books.callers.len()];
    for asked in &books.asked {
        let ended = ended(net, asked.transaction, &settlements).await?;
        if let Err(problem) = judge(&asked.order.expected, &ended) {
            findings.push(format!("{problem}{}", story(&log, ended.request_id)));
        }
        let cost: u128 = ended.settlements.iter().map(|settled| settled.cost.as_yoctonear()).sum();
        costs += cost;
        spent[asked.caller] += cost + gas(&ended.outcome);
    }
    findings.extend(check_money(net, books, &spent, costs).await?);
    Ok(findings)
}

/// What is wrong with one request, if anything is.
fn judge(expected: &Expected, ended: &Ended) -> Result<(), String> {
    let Some(request_id) = ended.request_id else {
        return Err(format!("a request was not accepted: {:?}", ended.outcome.status));
    };
    let settled = match ended.settlements.as_slice() {
        [] => return Err(format!("request {request_id} was lost: the chain never settled it")),
        [settled] => settled,
        several => return Err(format!("request {request_id} was settled {} times", several.len())),
    };
    match (expected, &ended.outcome.status) {
        (Expected::Value(wanted), FinalExecutionStatus::SuccessValue(value)) => {
            match serde_json::from_slice::<String>(value) {
                Ok(value) if value == *wanted => Ok(()),
                _ => Err(format!(
                    "request {request_id} got {} instead of {}",
                    abridged(&String::from_utf8_lossy(value)),
                    abridged(wanted)
                )),
            }
        }
        (Expected::Failure(wanted), FinalExecutionStatus::Failure(_)) if settled.error_code == Some(*wanted) => Ok(()),
        (_, status) => Err(format!(
            "request {request_id} should have ended with {}, and was settled with {:?}: {}",
            abridged(expected),
            settled.error_code,
            abridged(status)
        )),
    }
}

/// Something of any length, in few words.
fn abridged(thing: &impl std::fmt::Debug) -> String {
    format!("{thing:?}").chars().take(WIDTH).collect()
}

/// Money in is money out: for every caller, for the contract's fees, for what it holds.
async fn check_money(net: &Network, books: &Books, spent: &[u128], costs: u128) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for (caller, spent) in books.callers.iter().zip(spent) {
        let left = net.balance(&caller.account).await?;
        if caller.wealth - left != *spent {
            findings.push(format!(
                "{} paid {} yoctoNEAR for requests that cost {spent} with their gas",
                caller.account,
                caller.wealth - left
            ));
        }
    }
    let stats = net.stats().await?;
    let earned = stats.fees.as_yoctonear() - books.opening.fees.as_yoctonear();
    if earned != costs {
        findings.push(format!("the contract earned {earned} yoctoNEAR from requests that cost {costs}"));
    }
    if !stats.escrow.is_zero() || !stats.credits.is_zero() {
        findings.push(format!("the contract still holds money of callers: {stats:?}"));
    }
    let accepted = stats.total_requests - books.opening.total_requests;
    if accepted != books.asked.len() as u64 {
        findings.push(format!("{} requests were sent and {accepted} accepted", books.asked.len()));
    }
    net.assert_solvent().await?;
    Ok(findings)
}

/// The requests that the chain has settled, those before the run included.
pub(super) async fn settled_requests(net: &Network) -> Result<BTreeSet<RequestId>> {
    Ok(settlements(net).await?.into_keys().collect())
}

/// Every settlement that the chain knows, by request.
async fn settlements(net: &Network) -> Result<BTreeMap<RequestId, Vec<ExecutionCompleted>>> {
    let contract = net.contract.id().clone();
    let logs = net
        .chain
        .node()
        .read(move |chain| {
            let blocks =
                (chain.first_height()..=chain.head().height).filter_map(|height| chain.block_by_height(height));
            let outcomes = blocks.flat_map(|block| &block.outcomes).map(|outcome| &outcome.outcome.outcome);
            outcomes
                .filter(|outcome| outcome.executor_id == contract)
                // What a failed receipt has logged has not happened.
                .filter(|outcome| !matches!(outcome.status, ExecutionStatus::Failure(_) | ExecutionStatus::Unknown))
                .flat_map(|outcome| outcome.logs.clone())
                .collect::<Vec<_>>()
        })
        .await?;
    let mut settlements: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for settled in completed(&logs) {
        settlements.entry(settled.request_id).or_default().push(settled);
    }
    Ok(settlements)
}

async fn ended(
    net: &Network,
    transaction: CryptoHash,
    settlements: &BTreeMap<RequestId, Vec<ExecutionCompleted>>,
) -> Result<Ended> {
    let outcome = crate::network::eventually("a settled request's last receipt", async || {
        let outcome = net.chain.node().read(move |chain| chain.final_outcome(&transaction)).await?;
        let outcome = outcome.with_context(|| format!("the chain does not know the transaction {transaction}"))?;
        Ok((outcome.reached == TxExecutionStatus::Final || !settled(&outcome.view)).then_some(outcome.view))
    })
    .await?;
    let logs: Vec<_> = outcome.receipts_outcome.iter().flat_map(|receipt| &receipt.outcome.logs).collect();
    let request_id = logs.iter().filter_map(|log| EventLog::parse(log)).find_map(|log| match log.event {
        Event::ExecutionRequested(entries) => entries.first().map(|entry| entry.request_id),
        _ => None,
    });
    let settlements = request_id.and_then(|id| settlements.get(&id)).cloned().unwrap_or_default();
    Ok(Ended { request_id, settlements, outcome })
}

fn settled(outcome: &FinalExecutionOutcomeView) -> bool {
    matches!(outcome.status, FinalExecutionStatus::SuccessValue(_) | FinalExecutionStatus::Failure(_))
}

fn completed(logs: &[String]) -> Vec<ExecutionCompleted> {
    let events = logs.iter().filter_map(|log| EventLog::parse(log)).map(|log| log.event);
    events
        .filter_map(|event| if let Event::ExecutionCompleted(entries) = event { Some(entries) } else { None })
        .flatten()
        .collect()
}

/// What a transaction burned, in yoctoNEAR.
fn gas(outcome: &FinalExecutionOutcomeView) -> u128 {
    let receipts = outcome.receipts_outcome.iter().map(|receipt| &receipt.outcome);
    receipts.chain([&outcome.transaction_outcome.outcome]).map(|o| o.tokens_burnt.as_yoctonear()).sum()
}

/// What the workers did with a request, in their own words.
fn story(log: &[Value], request_id: Option<RequestId>) -> String {
    let lines = log.iter().filter(|line| request_id.is_some_and(|id| mentions(line, id)));
    lines.take(LINES_SHOWN).fold(String::new(), |story, line| format!("{story}\n    {line}"))
}

fn mentions(line: &Value, id: RequestId) -> bool {
    line["request_id"] == json!(id) || line["span"]["request_id"] == json!(id)
}

/// What the workers did in all.
pub(super) async fn deeds(net: &Network, home: &WorkerHome) -> Result<Deeds> {
    let operator = net.operator.id().clone();
    let resolve = [method::RESOLVE_EXECUTION, method::RESOLVE_EXECUTIONS];
    let transactions = net
        .chain
        .node()
        .read(move |chain| {
            let blocks = (chain.first_height()..=chain.head().height).filter_map(|height| chain.block_by_height(height));
            let of_operator = blocks.flat_map(|block| &block.transactions).filter(|t| *t.transaction.signer_id() == operator);
            of_operator
                .filter(|transaction| {
                    transaction.transaction.actions().iter().any(
                        |action| matches!(action, Action::FunctionCall(call) if resolve.contains(&call.method_name.as_str())),
                    )
                })
                .count()
        })
        .await?;
    let log = home.log()?;
    let count = |event: &str| log.iter().filter(|line| line["event"] == event).count();
    Ok(Deeds { runs: count("execute.started"), transactions, loop_failures: count("loop.failed") })
}
