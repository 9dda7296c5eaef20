//! The requests that wait: put in, found by either name, listed, taken out once.

use crate::{
    error::ContractError,
    state::Contract,
    storage::{Prefix, Table},
};
use borsh::{BorshDeserialize, BorshSerialize};
use near_sdk::env;
use offchainvm_interface::{DataId, ExecutionRequest, RequestId};

const REQUESTS: Table<RequestId, ExecutionRequest> = Table::new(Prefix::Requests);
const HANDLES: Table<DataId, Handle> = Table::new(Prefix::Handles);
/// Numbered 0, 1, 2 … `waiting` − 1, so that a page is read in time proportional to the page.
const POSITIONS: Table<u32, (RequestId, DataId)> = Table::new(Prefix::Positions);
const INPUTS: Table<RequestId, Vec<u8>> = Table::new(Prefix::Inputs);

/// Bytes of storage that a handle takes: a key of 33, a value of 53, and 40 for any record.
const HANDLE_STORAGE: u64 = 33 + 53 + 40;

/// What the public handle of a waiting request leads to. Always of the same size, so that nothing that happens to a
/// request changes what it occupies.
#[derive(BorshDeserialize, BorshSerialize)]
pub(crate) struct Handle {
    pub(crate) request_id: RequestId,
    /// The yield that waits now: the handle itself, until the first renewal.
    pub(crate) live: DataId,
    /// Which window is open: 1 is the first.
    pub(crate) window: u32,
    /// Whether an operator has answered and the callback is on its way.
    pub(crate) is_answered: bool,
    position: u32,
    /// Bytes of storage that the request occupies with everything that belongs to it.
    storage: u32,
}

impl Handle {
    /// One with every field set.
    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        Self { request_id: 7, live: DataId([9; 32]), window: 2, is_answered: true, position: 3, storage: 4 }
    }

    /// An operator has answered.
    pub(crate) fn answered(self) -> Self {
        Self { is_answered: true, ..self }
    }

    /// The window closed unanswered, and the transaction waits on as `live`.
    pub(crate) fn renewed(self, live: DataId) -> Self {
        Self { live, window: self.window.saturating_add(1), is_answered: false, ..self }
    }
}

/// What the public handle `data_id` leads to, while its request waits.
pub(crate) fn handle(data_id: DataId) -> Result<Handle, ContractError> {
    HANDLES.get(&data_id).ok_or(ContractError::UnknownDataId(data_id))
}

pub(crate) fn update(data_id: DataId, handle: &Handle) {
    HANDLES.put(&data_id, handle);
}

/// Notes that the callback of the request behind `data_id` is on its way.
pub(crate) fn mark_answered(data_id: DataId) {
    if let Some(handle) = HANDLES.get(&data_id) {
        update(data_id, &handle.answered());
    }
}

/// The request, while it waits.
pub(crate) fn request(request_id: RequestId) -> Option<ExecutionRequest> {
    REQUESTS.get(&request_id)
}

/// An input that is kept apart from its request.
pub(crate) fn input(request_id: RequestId) -> Option<Vec<u8>> {
    INPUTS.get(&request_id)
}

impl Contract {
    /// Remembers a request, with an input too large for its record, and takes its deposit into escrow.
    pub(crate) fn remember(&mut self, request: &ExecutionRequest, large_input: Option<Vec<u8>>) {
        let ExecutionRequest { request_id, data_id, .. } = *request;
        let position = self.waiting;
        self.waiting = position.saturating_add(1);
        self.escrow = self.escrow.saturating_add(request.deposit);
        let before = env::storage_usage();
        REQUESTS.put(&request_id, request);
        POSITIONS.put(&position, &(request_id, data_id));
        if let Some(input) = large_input {
            INPUTS.put(&request_id, &input);
        }
        let occupied = env::storage_usage().saturating_sub(before).saturating_add(HANDLE_STORAGE);
        self.requests_storage = self.requests_storage.saturating_add(occupied);
        let storage = u32::try_from(occupied).unwrap_or(u32::MAX);
        HANDLES.put(&data_id, &Handle { request_id, live: data_id, window: 1, is_answered: false, position, storage });
    }

    /// Takes a request out, with whatever was kept for it, and its deposit out of escrow. [`None`] the second time:
    /// this is what makes every settlement happen once.
    pub(crate) fn take(&mut self, request_id: RequestId) -> Option<(ExecutionRequest, Handle)> {
        let request = REQUESTS.take(&request_id)?;
        let handle = HANDLES.take(&request.data_id)?;
        self.close_gap(handle.position);
        if request.input_ref.is_some() {
            INPUTS.remove(&request_id);
        }
        self.escrow = self.escrow.saturating_sub(request.deposit);
        self.requests_storage = self.requests_storage.saturating_sub(handle.storage.into());
        Some((request, handle))
    }

    /// Frees `position`: the last request moves there.
    fn close_gap(&mut self, position: u32) {
        let last = self.waiting.saturating_sub(1);
        self.waiting = last;
        if position == last {
            POSITIONS.remove(&last);
            return;
        }
        let Some(moved) = POSITIONS.take(&last) else { return };
        POSITIONS.put(&position, &moved);
        if let Some(handle) = HANDLES.get(&moved.1) {
            HANDLES.put(&moved.1, &Handle { position, ..handle });
        }
    }

    /// The requests at these positions.
    pub(crate) fn page(&self, from: u32, limit: u32) -> impl Iterator<Item = ExecutionRequest> {
        let end = from.saturating_add(limit).min(self.waiting);
        (from..end).filter_map(|position| POSITIONS.get(&position)).filter_map(|(id, _)| REQUESTS.get(&id))
    }
}
