//! What a finished transaction tells: its failure, its events, its money.

use near_workspaces::{AccountId, result::ExecutionFinalResult};
use offchainvm_interface::{Event, EventLog, events::ExecutionCompleted};

/// Why a transaction failed, as the node words it.
///
/// # Panics
/// When it did not fail.
#[must_use]
pub fn failure(result: &ExecutionFinalResult) -> String {
    assert!(result.is_failure(), "expected a failure: {result:#?}");
    format!("{:?}", result.clone().into_result().unwrap_err())
}

/// The contract's events in a transaction, in order.
#[must_use]
pub fn events(result: &ExecutionFinalResult) -> Vec<Event> {
    result.logs().iter().filter_map(|log| EventLog::parse(log)).map(|log| log.event).collect()
}

/// The `execution_completed` entry in a transaction.
///
/// # Panics
/// When there is not exactly one.
#[must_use]
pub fn completed(result: &ExecutionFinalResult) -> ExecutionCompleted {
    let mut entries: Vec<_> = events(result)
        .into_iter()
        .filter_map(|event| if let Event::ExecutionCompleted(entries) = event { Some(entries) } else { None })
        .flatten()
        .collect();
    assert_eq!(entries.len(), 1, "{result:#?}");
    entries.remove(0)
}

/// What the transaction's signer paid for gas, in yoctoNEAR.
#[must_use]
pub fn gas_paid(result: &ExecutionFinalResult) -> u128 {
    result.outcomes().iter().map(|outcome| outcome.tokens_burnt.as_yoctonear()).sum()
}

/// Gas burnt by the receipts that ran on `account`, in order, in units of gas.
#[must_use]
pub fn gas_on(result: &ExecutionFinalResult, account: &AccountId) -> Vec<u64> {
    result.receipt_outcomes().iter().filter(|o| &o.executor_id == account).map(|o| o.gas_burnt.as_gas()).collect()
}
