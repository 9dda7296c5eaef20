//! The contract's views, typed.

use near_account_id::AccountId;
use near_token::NearToken;
use offchainvm_interface::{
    ExecutionRequest, Pricing, RequestId,
    calls::{EstimateCostArgs, ListPendingArgs, RequestIdArgs, method},
    views::{Config, Receipt, Stats},
};
use serde::Serialize;

use super::rpc::{BlockRef, Rpc, RpcError};

/// How many requests one call of `list_pending` asks for.
const PAGE: u64 = 100;

/// The contract on its chain. All views look at final blocks.
#[derive(Clone, Debug)]
pub struct Contract {
    rpc: Rpc,
    id: AccountId,
}

/// All requests that wait, as of one block.
#[derive(Clone, Debug)]
pub struct PendingPage {
    /// The requests, in no particular order.
    pub requests: Vec<ExecutionRequest>,
    /// The block whose state this is.
    pub at: BlockRef,
}

#[derive(Serialize)]
struct NoArgs {}

impl Contract {
    /// Names the contract; nothing is asked yet.
    #[must_use]
    pub fn new(rpc: Rpc, id: AccountId) -> Self {
        Self { rpc, id }
    }

    /// The contract's account.
    #[must_use]
    pub fn id(&self) -> &AccountId {
        &self.id
    }

    /// The connection that the views use.
    #[must_use]
    pub fn rpc(&self) -> &Rpc {
        &self.rpc
    }

    /// `get_request`: the request while it waits; [`None`] before and after.
    ///
    /// # Errors
    /// [`RpcError`] when the node or the contract does not answer.
    pub async fn request(&self, request_id: RequestId) -> Result<Option<ExecutionRequest>, RpcError> {
        Ok(self.rpc.view(&self.id, method::GET_REQUEST, &RequestIdArgs { request_id }, None).await?.0)
    }

    /// `get_request`, answered by a node that has come to block `height` at least: what such a node does not know does
    /// not wait any more.
    ///
    /// # Errors
    /// [`RpcError`] when no such node or the contract does not answer.
    pub async fn request_since(
        &self,
        request_id: RequestId,
        height: u64,
    ) -> Result<Option<ExecutionRequest>, RpcError> {
        let (found, at): (Option<ExecutionRequest>, _) =
            self.rpc.view(&self.id, method::GET_REQUEST, &RequestIdArgs { request_id }, None).await?;
        if found.is_none() && at.height < height {
            return Err(RpcError::Behind { method: method::GET_REQUEST, height: at.height, known: height });
        }
        Ok(found)
    }

    /// `get_request_input`: an input that is kept apart from its request; [`None`] when the request does not wait.
    ///
    /// # Errors
    /// [`RpcError`] when the node or the contract does not answer.
    pub async fn request_input(&self, request_id: RequestId) -> Result<Option<String>, RpcError> {
        Ok(self.rpc.view(&self.id, method::GET_REQUEST_INPUT, &RequestIdArgs { request_id }, None).await?.0)
    }

    /// `get_receipt`: how a request ended; [`None`] while it waits, and when the contract has forgotten it.
    ///
    /// # Errors
    /// [`RpcError`] when the node or the contract does not answer.
    pub async fn receipt(&self, request_id: RequestId) -> Result<Option<Receipt>, RpcError> {
        Ok(self.rpc.view(&self.id, method::GET_RECEIPT, &RequestIdArgs { request_id }, None).await?.0)
    }

    /// `estimate_cost`: the deposit that a request demands.
    ///
    /// # Errors
    /// [`RpcError`] when the node or the contract does not answer, or when a limit is out of range.
    pub async fn estimate_cost(&self, args: &EstimateCostArgs) -> Result<NearToken, RpcError> {
        Ok(self.rpc.view(&self.id, method::ESTIMATE_COST, args, None).await?.0)
    }

    /// `get_config`.
    ///
    /// # Errors
    /// [`RpcError`] when the node or the contract does not answer.
    pub async fn config(&self) -> Result<Config, RpcError> {
        Ok(self.rpc.view(&self.id, method::GET_CONFIG, &NoArgs {}, None).await?.0)
    }

    /// `get_pricing`.
    ///
    /// # Errors
    /// [`RpcError`] when the node or the contract does not answer.
    pub async fn pricing(&self) -> Result<Pricing, RpcError> {
        Ok(self.rpc.view(&self.id, method::GET_PRICING, &NoArgs {}, None).await?.0)
    }

    /// `get_stats`, and the block that it is of.
    ///
    /// # Errors
    /// [`RpcError`] when the node or the contract does not answer.
    pub async fn stats(&self) -> Result<(Stats, BlockRef), RpcError> {
        self.rpc.view(&self.id, method::GET_STATS, &NoArgs {}, None).await
    }

    /// Every page of `list_pending` as of the newest final block.
    ///
    /// # Errors
    /// [`RpcError`] when the node or the contract does not answer.
    pub async fn pending(&self) -> Result<PendingPage, RpcError> {
        self.pending_at(self.rpc.final_block().await?).await
    }

    /// Every page of `list_pending`, all from the same block: entries move when a request is settled, so pages of
    /// different blocks could miss one.
    ///
    /// # Errors
    /// [`RpcError`] when the node or the contract does not answer.
    pub async fn pending_at(&self, at: BlockRef) -> Result<PendingPage, RpcError> {
        let mut requests: Vec<ExecutionRequest> = Vec::new();
        loop {
            let args = ListPendingArgs { from_index: requests.len() as u64, limit: PAGE };
            let (page, _): (Vec<ExecutionRequest>, _) =
                self.rpc.view(&self.id, method::LIST_PENDING, &args, Some(at)).await?;
            // Only an empty page is the end: the contract may return fewer than were asked for.
            if page.is_empty() {
                return Ok(PendingPage { requests, at });
            }
            requests.extend(page);
        }
    }
}
