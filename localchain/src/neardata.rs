//! Blocks by height over HTTP, in the format of the public neardata service: what nearcore's indexer framework streams,
//! one JSON document a block, with each receipt's transaction named beside it.
//!
//! `GET /v0/block/{height}` answers with a final block, `null` where the chain skipped the height, and waits a while
//! for a height that is about to come. `/v0/last_block/final` redirects to the newest of them. The same under
//! `/v0/block_opt/{height}` and `/v0/last_block/optimistic` for blocks that are not final yet.

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use near_indexer_primitives::{
    IndexerExecutionOutcomeWithOptionalReceipt, IndexerExecutionOutcomeWithReceipt, IndexerTransactionWithOutcome,
};
use near_primitives::hash::CryptoHash;
use near_primitives::types::{AccountId, BlockHeight, ShardId};
use near_primitives::views::{BlockView, ChunkHeaderView, ReceiptView, StateChangesView};
use serde::Serialize;
use serde_json::json;

use crate::block::Block;
use crate::chain::Chain;
use crate::node::{Node, NodeError};
use crate::views;

/// How far ahead of the newest block a height may be for its request to wait instead of being refused.
const NEAR_FUTURE: BlockHeight = 20;
/// How long such a request waits.
const WAIT: Duration = Duration::from_secs(10);

/// Which blocks a request may see.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Final,
    Optimistic,
}

/// The neardata routes.
pub fn router(node: Node) -> Router {
    Router::new()
        .route("/v0/block/{height}", get(final_block))
        .route("/v0/block_opt/{height}", get(optimistic_block))
        .route("/v0/first_block", get(first_block))
        .route("/v0/last_block/final", get(last_final_block))
        .route("/v0/last_block/optimistic", get(last_optimistic_block))
        .with_state(node)
}

async fn final_block(State(node): State<Node>, Path(height): Path<BlockHeight>) -> Response {
    block(&node, height, Reach::Final).await
}

async fn optimistic_block(State(node): State<Node>, Path(height): Path<BlockHeight>) -> Response {
    block(&node, height, Reach::Optimistic).await
}

async fn first_block(State(node): State<Node>) -> Response {
    redirect(node.read(|chain| format!("/v0/block/{}", chain.first_height())).await)
}

async fn last_final_block(State(node): State<Node>) -> Response {
    redirect(node.read(|chain| format!("/v0/block/{}", chain.final_block().height)).await)
}

async fn last_optimistic_block(State(node): State<Node>) -> Response {
    redirect(node.read(|chain| format!("/v0/block_opt/{}", chain.head().height)).await)
}

/// What the chain has at a height.
enum Found {
    /// A block, as JSON; `null` for a skipped height.
    Json(serde_json::Result<Vec<u8>>),
    /// Nothing: the chain starts later.
    BeforeGenesis,
    /// Nothing yet: this is the newest height.
    After(BlockHeight),
}

async fn block(node: &Node, height: BlockHeight, reach: Reach) -> Response {
    let mut heads = node.heads();
    let deadline = tokio::time::Instant::now() + WAIT;
    loop {
        heads.mark_unchanged();
        let newest = match node.read(move |chain| look(chain, height, reach)).await {
            Ok(Found::Json(Ok(json))) => return ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
            Ok(Found::Json(Err(error))) => return broken(&error.to_string()),
            Ok(Found::BeforeGenesis) => {
                return not_found("BLOCK_HEIGHT_TOO_LOW", "the height is before the first block");
            }
            Ok(Found::After(newest)) => newest,
            Err(error) => return broken(&error.to_string()),
        };
        let give_up = height > newest.saturating_add(NEAR_FUTURE)
            || tokio::select! {
                changed = heads.changed() => changed.is_err(),
                () = tokio::time::sleep_until(deadline) => true,
                () = node.stopping().cancelled() => true,
            };
        if give_up {
            return not_found("BLOCK_HEIGHT_TOO_HIGH", "there is no block at this height yet");
        }
    }
}

fn look(chain: &Chain, height: BlockHeight, reach: Reach) -> Found {
    let newest = match reach {
        Reach::Final => chain.final_block().height,
        Reach::Optimistic => chain.head().height,
    };
    if height > newest {
        return Found::After(newest);
    }
    if height < chain.first_height() {
        return Found::BeforeGenesis;
    }
    let document = chain.block_by_height(height).map(|block| Document::of(chain, block));
    Found::Json(serde_json::to_vec(&document))
}

/// One block, as the service serves it.
#[derive(Serialize)]
struct Document {
    block: BlockView,
    shards: Vec<Shard>,
}

#[derive(Serialize)]
struct Shard {
    shard_id: ShardId,
    chunk: Chunk,
    receipt_execution_outcomes: Vec<ReceiptOutcome>,
    state_changes: StateChangesView,
}

#[derive(Serialize)]
struct Chunk {
    author: AccountId,
    header: ChunkHeaderView,
    transactions: Vec<IndexerTransactionWithOutcome>,
    /// Receipts that arrive with this chunk. Those executed in it are among the outcomes.
    receipts: Vec<ReceiptView>,
}

#[derive(Serialize)]
struct ReceiptOutcome {
    #[serde(flatten)]
    outcome: IndexerExecutionOutcomeWithReceipt,
    /// The transaction this receipt descends from.
    tx_hash: Option<CryptoHash>,
}

impl Document {
    fn of(chain: &Chain, block: &Block) -> Self {
        Self {
            block: views::block(chain, block),
            shards: vec![Shard {
                shard_id: views::SHARD,
                chunk: chunk(chain, block),
                receipt_execution_outcomes: receipt_outcomes(chain, block),
                state_changes: views::state_changes(block),
            }],
        }
    }
}

fn chunk(chain: &Chain, block: &Block) -> Chunk {
    let transactions = block.transactions.iter().filter_map(|transaction| {
        let outcome = chain.outcome(transaction.hash())?;
        let first_receipt = outcome.outcome.outcome.receipt_ids.first();
        Some(IndexerTransactionWithOutcome {
            transaction: transaction.clone().into(),
            outcome: IndexerExecutionOutcomeWithOptionalReceipt {
                execution_outcome: outcome.view(),
                receipt: first_receipt.and_then(|id| chain.receipt(id)).map(views::receipt),
            },
        })
    });
    Chunk {
        author: views::author(chain),
        header: views::chunk_header(block),
        transactions: transactions.collect(),
        receipts: views::incoming(block),
    }
}

/// What became of the receipts that were executed in this block. Transactions have their outcomes beside them.
fn receipt_outcomes(chain: &Chain, block: &Block) -> Vec<ReceiptOutcome> {
    let executed = block.outcomes.iter().filter_map(|outcome| {
        let receipt = chain.receipt(&outcome.outcome.id)?;
        Some(ReceiptOutcome {
            outcome: IndexerExecutionOutcomeWithReceipt {
                execution_outcome: outcome.view(),
                receipt: views::receipt(receipt),
            },
            tx_hash: chain.origin(receipt.receipt_id()),
        })
    });
    executed.collect()
}

fn redirect(target: Result<String, NodeError>) -> Response {
    match target {
        Ok(path) => Redirect::temporary(&path).into_response(),
        Err(error) => broken(&error.to_string()),
    }
}

fn not_found(kind: &str, error: &str) -> Response {
    (StatusCode::NOT_FOUND, axum::Json(json!({ "error": error, "type": kind }))).into_response()
}

fn broken(error: &str) -> Response {
    let body = json!({ "error": error, "type": "INTERNAL_ERROR" });
    (StatusCode::INTERNAL_SERVER_ERROR, axum::Json(body)).into_response()
}
