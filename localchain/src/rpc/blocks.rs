//! Blocks, chunks, and what changed in a block.

use std::sync::Arc;

use near_jsonrpc_primitives::errors::RpcParseError;
use near_jsonrpc_primitives::types::blocks::{RpcBlockError, RpcBlockRequest, RpcBlockResponse};
use near_jsonrpc_primitives::types::changes::{
    RpcStateChangesError, RpcStateChangesInBlockByTypeRequest, RpcStateChangesInBlockByTypeResponse,
    RpcStateChangesInBlockRequest, RpcStateChangesInBlockResponse,
};
use near_jsonrpc_primitives::types::chunks::{ChunkReference, RpcChunkError, RpcChunkRequest, RpcChunkResponse};
use near_primitives::sharding::ChunkHash;
use near_primitives::types::{BlockId, BlockReference, Finality};
use near_primitives::views::{StateChangeKindView, StateChangeValueView, StateChangesRequestView};
use serde_json::{Value, json};

use super::params::{FromParams, by_position, parse};
use crate::block::Block;
use crate::chain::Chain;
use crate::views;

impl FromParams for RpcBlockRequest {
    fn from_params(params: Value) -> Result<Self, RpcParseError> {
        match by_position(params) {
            Ok([block_id]) => Ok(Self { block_reference: BlockReference::BlockId(parse(block_id)?) }),
            Err(named) => parse(named),
        }
    }
}

impl FromParams for RpcChunkRequest {
    fn from_params(params: Value) -> Result<Self, RpcParseError> {
        match by_position(params) {
            Ok([chunk_id]) => parse(json!({ "chunk_id": chunk_id })),
            Err(other) => match by_position(other) {
                Ok([block_id, shard_id]) => parse(json!({ "block_id": block_id, "shard_id": shard_id })),
                Err(named) => parse(named),
            },
        }
    }
}

impl FromParams for RpcStateChangesInBlockRequest {
    fn from_params(params: Value) -> Result<Self, RpcParseError> {
        parse(params)
    }
}

impl FromParams for RpcStateChangesInBlockByTypeRequest {
    fn from_params(params: Value) -> Result<Self, RpcParseError> {
        parse(params)
    }
}

/// The block a request means, if there is one.
pub fn find(chain: &Chain, reference: &BlockReference) -> Option<Arc<Block>> {
    let block = match reference {
        BlockReference::BlockId(BlockId::Height(height)) => chain.block_by_height(*height),
        BlockReference::BlockId(BlockId::Hash(hash)) => chain.block_by_hash(hash),
        BlockReference::Finality(Finality::None) => Some(chain.head()),
        BlockReference::Finality(Finality::DoomSlug) => {
            chain.block_by_hash(&chain.head().prev_hash).or(Some(chain.head()))
        }
        BlockReference::Finality(Finality::Final) => Some(chain.final_block()),
        BlockReference::SyncCheckpoint(_) => chain.block_by_height(chain.first_height()),
    };
    block.cloned()
}

/// How a real node names a block it does not have.
pub fn missing(block_id: &BlockId) -> String {
    match block_id {
        BlockId::Height(height) => format!("BLOCK HEIGHT: {height}"),
        BlockId::Hash(hash) => format!("BLOCK HEADER: {hash}"),
    }
}

fn missing_reference(reference: &BlockReference) -> String {
    match reference {
        BlockReference::BlockId(block_id) => missing(block_id),
        other => format!("{other:?}"),
    }
}

/// `block`.
pub fn block(chain: &Chain, request: RpcBlockRequest) -> Result<RpcBlockResponse, RpcBlockError> {
    match find(chain, &request.block_reference) {
        Some(block) => Ok(RpcBlockResponse { block_view: views::block(chain, &block) }),
        None => Err(RpcBlockError::UnknownBlock { error_message: missing_reference(&request.block_reference) }),
    }
}

/// `chunk`.
pub fn chunk(chain: &Chain, request: RpcChunkRequest) -> Result<RpcChunkResponse, RpcChunkError> {
    let block = match request.chunk_reference {
        ChunkReference::ChunkHash { chunk_id } => chain
            .block_by_chunk_hash(&chunk_id)
            .cloned()
            .ok_or(RpcChunkError::UnknownChunk { chunk_hash: ChunkHash(chunk_id) })?,
        ChunkReference::BlockShardId { block_id, shard_id } => {
            if shard_id != views::SHARD {
                return Err(RpcChunkError::InvalidShardId { shard_id });
            }
            let error_message = missing(&block_id);
            find(chain, &BlockReference::BlockId(block_id)).ok_or(RpcChunkError::UnknownBlock { error_message })?
        }
    };
    Ok(RpcChunkResponse { chunk_view: views::chunk(chain, &block) })
}

/// `changes`: what a block changed of the accounts asked about.
pub fn changes(
    chain: &Chain,
    request: RpcStateChangesInBlockByTypeRequest,
) -> Result<RpcStateChangesInBlockResponse, RpcStateChangesError> {
    let block = changed_block(chain, &request.block_reference)?;
    let mut changes = views::state_changes(&block);
    changes.retain(|change| concerns(&request.state_changes_request, &change.value));
    Ok(RpcStateChangesInBlockResponse { block_hash: block.hash, changes })
}

/// `EXPERIMENTAL_changes_in_block`: which accounts a block touched, and how.
pub fn changes_in_block(
    chain: &Chain,
    request: RpcStateChangesInBlockRequest,
) -> Result<RpcStateChangesInBlockByTypeResponse, RpcStateChangesError> {
    let block = changed_block(chain, &request.block_reference)?;
    let mut changes: Vec<StateChangeKindView> = Vec::new();
    for change in views::state_changes(&block) {
        let kind = kind(&change.value);
        if !changes.contains(&kind) {
            changes.push(kind);
        }
    }
    Ok(RpcStateChangesInBlockByTypeResponse { block_hash: block.hash, changes })
}

fn changed_block(chain: &Chain, reference: &BlockReference) -> Result<Arc<Block>, RpcStateChangesError> {
    find(chain, reference)
        .ok_or_else(|| RpcStateChangesError::UnknownBlock { error_message: missing_reference(reference) })
}

fn concerns(request: &StateChangesRequestView, change: &StateChangeValueView) -> bool {
    use StateChangeValueView as Change;
    use StateChangesRequestView as Request;
    match (request, change) {
        (
            Request::AccountChanges { account_ids },
            Change::AccountUpdate { account_id, .. } | Change::AccountDeletion { account_id },
        )
        | (
            Request::AllAccessKeyChanges { account_ids },
            Change::AccessKeyUpdate { account_id, .. } | Change::AccessKeyDeletion { account_id, .. },
        )
        | (
            Request::ContractCodeChanges { account_ids },
            Change::ContractCodeUpdate { account_id, .. } | Change::ContractCodeDeletion { account_id },
        ) => account_ids.contains(account_id),
        (
            Request::SingleAccessKeyChanges { keys },
            Change::AccessKeyUpdate { account_id, public_key, .. }
            | Change::AccessKeyDeletion { account_id, public_key },
        ) => keys.iter().any(|key| key.account_id == *account_id && *public_key == key.public_key.clone().into()),
        (
            Request::DataChanges { account_ids, key_prefix },
            Change::DataUpdate { account_id, key, .. } | Change::DataDeletion { account_id, key },
        ) => account_ids.contains(account_id) && key.starts_with(key_prefix),
        _ => false,
    }
}

fn kind(change: &StateChangeValueView) -> StateChangeKindView {
    use StateChangeValueView as Change;
    let account_id = change.account_id().clone();
    match change {
        Change::AccountUpdate { .. } | Change::AccountDeletion { .. } => {
            StateChangeKindView::AccountTouched { account_id }
        }
        Change::AccessKeyUpdate { .. } | Change::AccessKeyDeletion { .. } | Change::GasKeyNonceUpdate { .. } => {
            StateChangeKindView::AccessKeyTouched { account_id }
        }
        Change::DataUpdate { .. } | Change::DataDeletion { .. } => StateChangeKindView::DataTouched { account_id },
        Change::ContractCodeUpdate { .. } | Change::ContractCodeDeletion { .. } => {
            StateChangeKindView::ContractCodeTouched { account_id }
        }
    }
}
