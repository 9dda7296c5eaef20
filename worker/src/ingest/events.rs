//! What a block says about our contract: pure.

use near_account_id::AccountId;
use offchainvm_interface::{Event, EventLog, ExecutionRequest, FailureCode, Owner};
use tracing::warn;

use super::block::Block;
use crate::{
    job::JobId,
    store::{BlockEvents, Closing, Moment, NewJob},
};

/// The request as a job.
#[must_use]
pub fn job(request: ExecutionRequest) -> NewJob {
    NewJob { deadline: Moment::from_block_time(request.deadline), request }
}

/// Reads the events of `contract` out of a block. What is not an event of the contract's standard is passed over.
#[must_use]
pub fn events_of(block: &Block, contract: &AccountId) -> BlockEvents {
    let mut events = BlockEvents { block: block.cursor(), requested: Vec::new(), settled: Vec::new() };
    for event in block.logs_of(contract).filter_map(EventLog::parse).map(|log| log.event) {
        match event {
            Event::ExecutionRequested(entries) => {
                for entry in entries {
                    match entry.request() {
                        Ok(request) => events.requested.push(job(request)),
                        // Reconciliation finds it in the contract's state, if it is there in a form that reads.
                        Err(error) => warn!(request_id = entry.request_id, %error,
                            "the announced request does not read; it is left to reconciliation"),
                    }
                }
            }
            Event::ExecutionCompleted(entries) => {
                events.settled.extend(entries.into_iter().map(|entry| Closing {
                    id: JobId { request_id: entry.request_id, data_id: entry.data_id },
                    answered: entry.error_code.map(FailureCode::owner) != Some(Owner::Chain),
                    receipt: entry.receipt_sha256,
                }));
            }
            // A renewed request waits on under its first handle; what else changes, changes nothing for a job.
            _ => {}
        }
    }
    events
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
