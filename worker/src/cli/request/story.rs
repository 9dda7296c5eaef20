//! What a finished transaction says about its request.

use crate::chain::{Landing, landing_of};
use base64::{Engine, prelude::BASE64_STANDARD};
use near_account_id::AccountId;
use near_primitives::{
    errors::{ActionErrorKind, FunctionCallError, TxExecutionError},
    views::FinalExecutionOutcomeView,
};
use near_token::NearToken;
use offchainvm_interface::{
    Event, EventLog, FailureCode, RequestId, ResourcesUsed, ResponseFormat, events::ExecutionCompleted,
};
use serde::Serialize;
use serde_json::Value;
use std::io::{self, Write};

/// How one request went, from the caller's side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Story {
    transaction: String,
    success: bool,
    /// Absent when the contract did not take the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<RequestId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<FailureCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What the transaction returned: a string, or with the format `json` any value.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources_used: Option<ResourcesUsed>,
    /// In yoctoNEAR.
    deposit: NearToken,
    /// What the contract kept, in yoctoNEAR.
    cost: NearToken,
    /// What came back, in yoctoNEAR.
    refund: NearToken,
    gas_burnt: u64,
    /// What the chain kept for the gas, in yoctoNEAR.
    tokens_burnt: NearToken,
    #[serde(skip)]
    bytes: Vec<u8>,
}

/// The id under which `contract` took a transaction's request, once it did.
pub(super) fn accepted(outcome: &FinalExecutionOutcomeView, contract: &AccountId) -> Option<RequestId> {
    events(outcome, contract).find_map(|event| match event {
        Event::ExecutionRequested(entries) => entries.first().map(|entry| entry.request_id),
        _ => None,
    })
}

/// What `contract` announced in the transaction's receipts.
fn events(outcome: &FinalExecutionOutcomeView, contract: &AccountId) -> impl Iterator<Item = Event> {
    let receipts = outcome.receipts_outcome.iter().map(|receipt| &receipt.outcome);
    let own = receipts.filter(move |receipt| receipt.executor_id == *contract);
    own.flat_map(|receipt| &receipt.logs).filter_map(|log| EventLog::parse(log)).map(|log| log.event)
}

impl Story {
    /// Reads the outcome of a transaction that asked `contract` and attached `deposit`.
    pub(super) fn read(
        outcome: &FinalExecutionOutcomeView,
        contract: &AccountId,
        deposit: NearToken,
        format: ResponseFormat,
    ) -> Self {
        let settled = settled(outcome, contract);
        let (result, error) = match landing_of(outcome) {
            Landing::Succeeded(value) => match decode(&value, format) {
                Some(result) => (Some(result), None),
                None => (None, Some("the transaction returned no value of the format asked for".to_owned())),
            },
            Landing::Failed(error) => (None, Some(reason(&error))),
            Landing::Open => (None, Some("the transaction has no outcome yet".to_owned())),
        };
        let (result, bytes) = result.unzip();
        let outcomes = || {
            let receipts = outcome.receipts_outcome.iter().map(|receipt| &receipt.outcome);
            std::iter::once(&outcome.transaction_outcome.outcome).chain(receipts)
        };
        Self {
            transaction: outcome.transaction.hash.to_string(),
            success: error.is_none(),
            request_id: accepted(outcome, contract),
            error_code: settled.as_ref().and_then(|settled| settled.error_code),
            error,
            result,
            resources_used: settled.as_ref().map(|settled| settled.resources_used),
            deposit,
            cost: settled.as_ref().map_or(NearToken::from_yoctonear(0), |settled| settled.cost),
            // What the contract did not take, the chain gives back.
            refund: settled.as_ref().map_or(deposit, |settled| settled.refund),
            gas_burnt: outcomes().map(|outcome| outcome.gas_burnt.as_gas()).fold(0, u64::saturating_add),
            tokens_burnt: outcomes()
                .map(|outcome| outcome.tokens_burnt)
                .fold(NearToken::from_yoctonear(0), NearToken::saturating_add),
            bytes: bytes.unwrap_or_default(),
        }
    }

    /// Whether the program's result came back.
    pub(super) fn succeeded(&self) -> bool {
        self.success
    }

    /// Prints the result on standard output and the bill on standard error, or all of it as JSON.
    pub(super) fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        io::stdout().write_all(&self.bytes)?;
        io::stdout().flush()?;
        if let Some(error) = &self.error {
            eprintln!("failed: {error}");
        }
        if let Some(ResourcesUsed { instructions, memory_bytes, time_seconds }) = self.resources_used {
            eprintln!("used: {instructions} instructions, {memory_bytes} bytes of memory, {time_seconds} s");
        }
        eprintln!("cost: {}", self.cost.exact_amount_display());
        eprintln!("refund: {}", self.refund.exact_amount_display());
        eprintln!("gas: {:.1} Tgas, {}", self.gas_burnt as f64 / 1e12, self.tokens_burnt.exact_amount_display());
        Ok(())
    }
}

/// How `contract` settled the request that the transaction made.
fn settled(outcome: &FinalExecutionOutcomeView, contract: &AccountId) -> Option<ExecutionCompleted> {
    let request_id = accepted(outcome, contract)?;
    events(outcome, contract).find_map(|event| match event {
        Event::ExecutionCompleted(entries) => entries.into_iter().find(|entry| entry.request_id == request_id),
        _ => None,
    })
}

/// What the transaction returned, and the program's output, which is inside it.
fn decode(value: &[u8], format: ResponseFormat) -> Option<(Value, Vec<u8>)> {
    let json: Value = serde_json::from_slice(value).ok()?;
    let output = match format {
        // An object where text was asked for is the contract's own: the digest of what was only built, or of an output
        // that is too large for the chain.
        ResponseFormat::Text | ResponseFormat::Bytes if json.is_object() => value.to_vec(),
        ResponseFormat::Text => json.as_str()?.as_bytes().to_vec(),
        // Not written anew: the program's own spelling of numbers and order of keys.
        ResponseFormat::Json => value.to_vec(),
        ResponseFormat::Bytes => BASE64_STANDARD.decode(json.as_str()?).ok()?,
    };
    Some((json, output))
}

/// Why a transaction failed: the contract's own words when there are any.
fn reason(error: &TxExecutionError) -> String {
    if let TxExecutionError::ActionError(action) = error
        && let ActionErrorKind::FunctionCallError(FunctionCallError::ExecutionError(text)) = &action.kind
    {
        return text.strip_prefix("Smart contract panicked: ").unwrap_or(text).to_owned();
    }
    error.to_string()
}

#[cfg(test)]
mod tests;
