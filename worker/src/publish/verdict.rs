//! What a transaction that was executed did with each of the answers it carried. Pure.
//!
//! The transaction itself says which answers these were, so that also one that was sent before a crash, by a process
//! that is no more, can be read.

use std::collections::HashMap;

use near_primitives::views::{ActionView, FinalExecutionOutcomeView};
use offchainvm_interface::{DataId, calls::method, views::Resolved};
use serde::Deserialize;

use crate::chain::{Landing, landing_of};

/// What became of one answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// The contract took it.
    Accepted,
    /// The contract refused it, and not the others that came with it; the reason is for people.
    Refused(String),
    /// The call failed as a whole.
    Failed {
        /// The node's words, for people.
        reason: String,
        /// How many answers it carried.
        carried: usize,
    },
}

/// Every answer in a transaction, with what became of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Verdicts(HashMap<DataId, Verdict>);

/// As much of an entry as is needed; the rest of it may be anything.
#[derive(Deserialize)]
struct Entry {
    data_id: DataId,
}

#[derive(Deserialize)]
struct Entries {
    responses: Vec<Entry>,
}

impl Verdicts {
    /// Reads an outcome; [`None`] while the call has not been executed. An answer of which nothing is said for certain
    /// is not in it.
    pub(super) fn read(outcome: &FinalExecutionOutcomeView) -> Option<Self> {
        let carried: Vec<DataId> = outcome.transaction.actions.iter().flat_map(carried).collect();
        let verdicts: Vec<Verdict> = match landing_of(outcome) {
            Landing::Open => return None,
            Landing::Failed(error) => {
                let failed = Verdict::Failed { reason: error.to_string(), carried: carried.len() };
                vec![failed; carried.len()]
            }
            Landing::Succeeded(value) if is_batch(outcome) => {
                let told: Vec<Resolved> = serde_json::from_slice(&value).unwrap_or_default();
                // A list of another length does not say which entry is whose.
                if told.len() == carried.len() { told.into_iter().map(verdict).collect() } else { Vec::new() }
            }
            Landing::Succeeded(_) => vec![Verdict::Accepted; carried.len()],
        };
        Some(Self(carried.into_iter().zip(verdicts).collect()))
    }

    /// What became of one answer; [`None`] when the transaction does not tell.
    pub(super) fn of(&self, data_id: DataId) -> Option<&Verdict> {
        self.0.get(&data_id)
    }

    /// How many were taken.
    pub(super) fn accepted(&self) -> usize {
        self.0.values().filter(|verdict| **verdict == Verdict::Accepted).count()
    }
}

/// How many answers the contract took of those in a transaction; [`None`] while its call has not been executed.
#[must_use]
pub fn answers_taken(outcome: &FinalExecutionOutcomeView) -> Option<usize> {
    Verdicts::read(outcome).map(|verdicts| verdicts.accepted())
}

fn verdict(told: Resolved) -> Verdict {
    if told.accepted { Verdict::Accepted } else { Verdict::Refused(told.error.unwrap_or_default()) }
}

fn is_batch(outcome: &FinalExecutionOutcomeView) -> bool {
    outcome.transaction.actions.iter().any(
        |action| matches!(action, ActionView::FunctionCall { method_name, .. } if method_name == method::RESOLVE_EXECUTIONS),
    )
}

/// The handles of the answers in an action, in order; none when it does not read.
fn carried(action: &ActionView) -> Vec<DataId> {
    let ActionView::FunctionCall { method_name, args, .. } = action else { return Vec::new() };
    match method_name.as_str() {
        method::RESOLVE_EXECUTION => {
            serde_json::from_slice::<Entry>(args).map(|entry| vec![entry.data_id]).unwrap_or_default()
        }
        method::RESOLVE_EXECUTIONS => serde_json::from_slice::<Entries>(args)
            .map(|entries| entries.responses.into_iter().map(|entry| entry.data_id).collect())
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
