//! One node.

use std::time::Duration;

use near_jsonrpc_client::{JsonRpcClient, MethodCallResult, methods};
use tokio::time::timeout;
use url::Url;

use super::error::{RpcError, classify};
use crate::chain::endpoints::name_of;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take that a node need not wait for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long any answer may take. A node holds a transaction's status back for ten seconds before it gives up waiting.
const LONGEST_ANSWER: Duration = Duration::from_secs(25);

/// The connection to a node.
#[derive(Debug)]
pub(super) struct Node {
    /// How it is called where people read it.
    pub(super) name: String,
    client: JsonRpcClient,
}

/// The HTTP client that the connections to all nodes share.
pub(super) fn http() -> Result<reqwest::Client, RpcError> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(LONGEST_ANSWER)
        .build()
        .map_err(RpcError::Client)
}

impl Node {
    pub(super) fn new(url: &Url, http: reqwest::Client) -> Self {
        Self { name: name_of(url), client: JsonRpcClient::with(http).connect(url.as_str()) }
    }

    /// Calls a method that a node answers at once; `known` recognises the method's own errors that mean something to
    /// who asked.
    pub(super) async fn call<M: methods::RpcMethod>(
        &self,
        name: &'static str,
        method: M,
        known: impl Fn(&M::Error) -> Option<RpcError>,
    ) -> Result<M::Response, RpcError>
    where
        M::Error: std::fmt::Debug + std::fmt::Display,
    {
        let Ok(answer) = timeout(ANSWER_TIMEOUT, self.client.call(method)).await else {
            let reason = format!("no answer in {ANSWER_TIMEOUT:?}");
            return Err(RpcError::Unavailable { method: name, node: self.name.clone(), reason });
        };
        answer.map_err(|error| match error.handler_error() {
            Some(own) => known(own).unwrap_or_else(|| RpcError::unexpected(name, own.to_string())),
            None => classify(name, &self.name, error),
        })
    }

    /// Calls a method that a node may hold back for a while.
    pub(super) async fn call_slow<M: methods::RpcMethod>(&self, method: M) -> MethodCallResult<M::Response, M::Error> {
        self.client.call(method).await
    }
}
