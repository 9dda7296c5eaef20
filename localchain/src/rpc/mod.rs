//! JSON-RPC as a nearcore node serves it, through nearcore's own request, response and error types.
//!
//! One file per group of methods: [`blocks`], [`query`], [`transactions`], [`network`], [`sandbox`]. Each handler is
//! a function of the chain and a typed request; this file finds the handler and wraps what it says.

mod blocks;
mod network;
mod params;
mod query;
mod sandbox;
mod transactions;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use near_jsonrpc_primitives::errors::{RpcError, RpcErrorKind};
use near_jsonrpc_primitives::message::{self, Message, Request};
use serde::Serialize;
use serde_json::Value;

use self::params::FromParams;
use crate::chain::Chain;
use crate::node::{Node, NodeError};

/// The largest request body, as in nearcore's default configuration: it bounds what one request may hold in memory.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// What a request is answered from.
#[derive(Clone)]
pub struct RpcState {
    /// The chain.
    pub node: Node,
    /// The address this node says it listens on.
    pub rpc_addr: String,
}

/// JSON-RPC at `POST /`, and a node's `GET /status` and `GET /health`.
pub fn router(state: RpcState) -> Router {
    Router::new()
        .route("/", post(json_rpc))
        .route("/status", get(status))
        .route("/health", get(health))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(state)
}

async fn json_rpc(State(state): State<RpcState>, body: Bytes) -> Response {
    match message::from_slice(&body) {
        Ok(Message::Request(request)) => {
            let id = request.id.clone();
            let result = dispatch(&state, request).await;
            let code = result.as_ref().map_or_else(http_status, |_| StatusCode::OK);
            respond(code, &Message::response(id, result))
        }
        Ok(_) => {
            let error = RpcError::parse_error("JSON RPC Request format was expected".to_owned());
            respond(StatusCode::BAD_REQUEST, &Message::error(error))
        }
        Err(broken) => respond(StatusCode::BAD_REQUEST, &broken.reply()),
    }
}

async fn status(State(state): State<RpcState>) -> Response {
    plain(network::status(&state).await)
}

async fn health(State(state): State<RpcState>) -> Response {
    plain(network::health(&state).await)
}

async fn dispatch(state: &RpcState, request: Request) -> Result<Value, RpcError> {
    let Request { method, params, .. } = request;
    let node = &state.node;
    match method.as_str() {
        "block" => read(node, params, blocks::block).await,
        "broadcast_tx_async" => transactions::broadcast_async(node, params).await,
        "broadcast_tx_commit" => transactions::broadcast_commit(node, params).await,
        "changes" | "EXPERIMENTAL_changes" => read(node, params, blocks::changes).await,
        "block_effects" | "EXPERIMENTAL_changes_in_block" => read(node, params, blocks::changes_in_block).await,
        "chunk" => read(node, params, blocks::chunk).await,
        "gas_price" => read(node, params, network::gas_price).await,
        "genesis_config" | "EXPERIMENTAL_genesis_config" => read(node, params, network::genesis_config).await,
        "health" => network::health(state).await,
        "network_info" => read(node, params, network::network_info).await,
        "EXPERIMENTAL_protocol_config" => read(node, params, network::protocol_config).await,
        "query" => query::query(node, params).await,
        "EXPERIMENTAL_receipt" => read(node, params, transactions::receipt).await,
        "sandbox_fast_forward" => sandbox::fast_forward(node, params).await,
        "sandbox_patch_state" => sandbox::patch_state(node, params).await,
        "send_tx" => transactions::send(node, params).await,
        "status" => network::status(state).await,
        "tx" => transactions::status(node, params, transactions::Receipts::Omit).await,
        "tx_status" | "EXPERIMENTAL_tx_status" => {
            transactions::status(node, params, transactions::Receipts::Include).await
        }
        "validators" => read(node, params, network::validators).await,
        _ => Err(RpcError::method_not_found(method)),
    }
}

/// Answers a request by looking at the chain once.
async fn read<Q, A, E>(node: &Node, params: Value, handler: fn(&Chain, Q) -> Result<A, E>) -> Result<Value, RpcError>
where
    Q: FromParams + Send + 'static,
    A: Serialize + Send + 'static,
    E: Into<RpcError> + Send + 'static,
{
    let request = Q::from_params(params)?;
    let answer = node.read(move |chain| handler(chain, request)).await.map_err(internal)?;
    encode(answer.map_err(Into::into)?)
}

fn encode(answer: impl Serialize) -> Result<Value, RpcError> {
    serde_json::to_value(answer).map_err(|error| RpcError::serialization_error(error.to_string()))
}

fn internal(error: NodeError) -> RpcError {
    RpcError::new_internal_error(None, error.to_string())
}

/// The HTTP status nearcore sends with an error: what the caller did wrong is 400, a time-out is 408, and an answer
/// that merely says no is 200.
fn http_status(error: &RpcError) -> StatusCode {
    match &error.error_struct {
        Some(RpcErrorKind::RequestValidationError(_)) => StatusCode::BAD_REQUEST,
        Some(RpcErrorKind::InternalError(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        Some(RpcErrorKind::HandlerError(cause))
            if cause.get("name").and_then(Value::as_str) == Some("TIMEOUT_ERROR") =>
        {
            StatusCode::REQUEST_TIMEOUT
        }
        Some(RpcErrorKind::HandlerError(_)) | None => StatusCode::OK,
    }
}

fn plain(result: Result<Value, RpcError>) -> Response {
    match result {
        Ok(value) => respond(StatusCode::OK, &value),
        Err(error) => respond(StatusCode::INTERNAL_SERVER_ERROR, &error),
    }
}

fn respond(code: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(json) => (code, [(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
