//! An operator's answer between the call that brings it and the callback that settles it.

use crate::storage::{Prefix, Table};
use borsh::{BorshDeserialize, BorshSerialize};
use offchainvm_interface::{DataRef, FailureCode, RequestId, ResourcesUsed, Sha256, trailing};

/// Answers that wait for the callback in the contract's state.
const STASHES: Table<RequestId, Answer> = Table::new(Prefix::Stashes);

/// A checked response: it holds what its kind has a use for, and nothing too large.
#[derive(BorshDeserialize, BorshSerialize)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) used: ResourcesUsed,
    pub(crate) wasm_sha256: Option<Sha256>,
    #[borsh(serialize_with = "trailing::write", deserialize_with = "trailing::read")]
    pub(crate) receipt_sha256: Option<Sha256>,
}

/// How the run ended, as the operator says.
#[derive(BorshDeserialize, BorshSerialize)]
pub(crate) enum Outcome {
    /// With this output.
    Output(Vec<u8>),
    /// With an output that is kept elsewhere.
    OutputRef(DataRef),
    /// With this failure, in words.
    Failure(FailureCode, String),
}

/// What the suspended transaction is woken with (borsh). State version 1 used the first three, and answers of its time
/// may still be on their way when the code changes; so variants are only ever appended.
#[derive(BorshDeserialize, BorshSerialize)]
pub(crate) enum Resume {
    /// An answer of state version 1.
    InlineV1(crate::migrate::v1::ExecutionResponse),
    /// The answer lies in the contract's state under the request's id.
    Stashed,
    /// The request was cancelled and is settled already.
    Cancelled,
    /// The answer itself.
    Inline(Answer),
}

pub(crate) fn stash(request_id: RequestId, answer: &Answer) {
    STASHES.put(&request_id, answer);
}

/// Takes the stashed answer out.
pub(crate) fn unstash(request_id: RequestId) -> Option<Answer> {
    STASHES.take(&request_id)
}
