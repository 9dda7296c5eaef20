//! The requests that wait: put in, found by either name, taken out once.

use crate::{error::ContractError, state::Contract};
use near_sdk::{NearToken, store::IterableMap};
use offchainvm_interface::{DataId, ExecutionRequest, RequestId};

/// Requests that wait, by id; pages of it are read in time proportional to the page.
pub(crate) type Pending = IterableMap<RequestId, ExecutionRequest>;

impl Contract {
    /// Remembers a request and takes its deposit into escrow. Written through, so that its storage can be measured.
    pub(crate) fn remember(&mut self, request: ExecutionRequest) {
        self.escrow = self.escrow.saturating_add(request.deposit);
        self.by_data_id.insert(request.data_id, request.request_id);
        self.pending.insert(request.request_id, request);
        self.by_data_id.flush();
        self.pending.flush();
    }

    /// The request that waits under `data_id`.
    pub(crate) fn waiting(&self, data_id: DataId) -> Result<&ExecutionRequest, ContractError> {
        let unknown = || ContractError::UnknownDataId(data_id);
        let request_id = self.by_data_id.get(&data_id).ok_or_else(unknown)?;
        self.pending.get(request_id).ok_or_else(unknown)
    }

    /// Takes a request out, with whatever was kept for it, and its deposit out of escrow. [`None`] the second time:
    /// this is what makes every settlement happen once.
    pub(crate) fn take(&mut self, request_id: RequestId) -> Option<ExecutionRequest> {
        let request = self.pending.remove(&request_id)?;
        self.by_data_id.remove(&request.data_id);
        self.answers.remove(&request_id);
        self.escrow = self.escrow.checked_sub(request.deposit).unwrap_or(NearToken::from_yoctonear(0));
        Some(request)
    }
}
