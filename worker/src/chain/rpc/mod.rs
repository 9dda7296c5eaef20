//! Nodes' JSON-RPC, in this crate's own terms: the only folder that names near-jsonrpc-client.
//!
//! - `node`: one node
//! - `error`: what can go wrong, and how a node's words are read
//! - `transactions`: handing a transaction over, and asking what became of it
//!
//! A question goes to the node that does best, and on to the next one when that one cannot answer.

mod error;
mod node;
mod transactions;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use near_account_id::AccountId;
use near_crypto::PublicKey;
use near_jsonrpc_client::methods;
use near_jsonrpc_primitives::types::query::QueryResponseKind;
use near_primitives::{
    hash::CryptoHash,
    types::{BlockId, BlockReference, Finality},
    views::{AccessKeyView, QueryRequest},
};
use near_token::NearToken;
use serde::{Serialize, de::DeserializeOwned};
use url::Url;

use super::endpoints::{EndpointState, Endpoints};
use crate::{clock::ChainClock, store::Moment, telemetry::Metrics};
use error::query_error;
use node::Node;

pub use error::RpcError;
pub use transactions::TxProgress;

/// How many blocks a node's final one may be older than the newest that any node told of, some twenty seconds: nodes
/// learn of a block one after the other, but one that stopped to learn must not speak for the chain.
const MAX_LAG: u64 = 30;

/// The connection to a network: to one node of it or to several. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Rpc {
    nodes: Endpoints<Node>,
    newest: Arc<AtomicU64>,
    clock: ChainClock,
}

/// Which block a view looked at, or is to look at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BlockRef {
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub hash: CryptoHash,
}

impl Rpc {
    /// Prepares the connections, the preferred node first; nothing is sent yet.
    ///
    /// # Errors
    /// [`RpcError::Client`] when TLS cannot be set up.
    pub fn new<'a>(urls: impl IntoIterator<Item = &'a Url>) -> Result<Self, RpcError> {
        let http = node::http()?;
        let nodes = urls.into_iter().map(|url| Node::new(url, http.clone()));
        let nodes = Endpoints::new("node", nodes.map(|node| (node.name.clone(), node)).collect());
        Ok(Self { nodes, newest: Arc::default(), clock: ChainClock::default() })
    }

    /// Counts the nodes' failures there from now on; the first call decides.
    pub fn report_to(&self, metrics: &Metrics) {
        self.nodes.report_to(metrics);
    }

    /// How each node does, the preferred one first.
    #[must_use]
    pub fn endpoints(&self) -> Vec<EndpointState> {
        self.nodes.states()
    }

    /// The height of the newest final block that any node has told of; 0 before the first answer.
    #[must_use]
    pub fn newest_final(&self) -> u64 {
        self.newest.load(Ordering::Relaxed)
    }

    /// The newest final block.
    ///
    /// # Errors
    /// [`RpcError`] when no node answers.
    pub async fn final_block(&self) -> Result<BlockRef, RpcError> {
        let block_reference = BlockReference::Finality(Finality::Final);
        let request = methods::block::RpcBlockRequest { block_reference };
        let height = |block: &near_primitives::views::BlockView| Some(block.header.height);
        let block = self.call("block", &request, |_, _| None, height).await?;
        self.clock.seen(Moment::from_block_time(block.header.timestamp));
        Ok(BlockRef { height: block.header.height, hash: block.header.hash })
    }

    /// What time it is on the chain, by the newest final block that was asked for.
    #[must_use]
    pub fn clock(&self) -> &ChainClock {
        &self.clock
    }

    /// The network's name: "mainnet", "testnet" … Asks every node that can be reached.
    ///
    /// # Errors
    /// [`RpcError::DifferentNetworks`] when they do not agree; the last node's error when none answers.
    pub async fn chain_id(&self) -> Result<String, RpcError> {
        let mut round = self.nodes.round();
        let mut found: Option<(String, &str)> = None;
        let mut last = None;
        while let Some(node) = round.next() {
            match node.call("status", methods::status::RpcStatusRequest, |_| None).await {
                Ok(status) => {
                    round.worked();
                    match &found {
                        Some((chain_id, first)) if *chain_id != status.chain_id => {
                            let told = format!("{first} says {chain_id}, {} says {}", node.name, status.chain_id);
                            return Err(RpcError::DifferentNetworks(told));
                        }
                        Some(_) => {}
                        None => found = Some((status.chain_id, &node.name)),
                    }
                }
                Err(error) => {
                    round.failed(&error);
                    last = Some(error);
                }
            }
        }
        found.map(|(chain_id, _)| chain_id).ok_or_else(|| last.unwrap_or_else(|| no_node("status")))
    }

    /// Calls a view with JSON arguments, at `block` or at the newest final one; says at which it was.
    ///
    /// # Errors
    /// [`RpcError`] when no node answers, or when the contract fails.
    pub async fn view<T: DeserializeOwned>(
        &self,
        contract: &AccountId,
        method: &str,
        args: &impl Serialize,
        block: Option<BlockRef>,
    ) -> Result<(T, BlockRef), RpcError> {
        let json = |source| RpcError::Json { method: method.to_owned(), source };
        let request = QueryRequest::CallFunction {
            account_id: contract.clone(),
            method_name: method.to_owned(),
            args: serde_json::to_vec(args).map_err(json)?.into(),
        };
        match self.query(method, request, block).await? {
            (QueryResponseKind::CallResult(result), at) => {
                Ok((serde_json::from_slice(&result.result).map_err(json)?, at))
            }
            _ => Err(RpcError::not_what_was_asked("query")),
        }
    }

    /// An access key as it stands after the newest final block.
    ///
    /// # Errors
    /// [`RpcError::UnknownAccount`], [`RpcError::UnknownKey`], or no answer.
    pub async fn access_key(
        &self,
        account: &AccountId,
        key: &PublicKey,
    ) -> Result<(AccessKeyView, BlockRef), RpcError> {
        let request = QueryRequest::ViewAccessKey { account_id: account.clone(), public_key: key.clone() };
        match self.query("view_access_key", request, None).await? {
            (QueryResponseKind::AccessKey(key), at) => Ok((key, at)),
            _ => Err(RpcError::not_what_was_asked("query")),
        }
    }

    /// What an account holds after the newest final block, without what it has staked. A part of it is locked up by its
    /// storage.
    ///
    /// # Errors
    /// [`RpcError::UnknownAccount`], or no answer.
    pub async fn balance(&self, account: &AccountId) -> Result<NearToken, RpcError> {
        let request = QueryRequest::ViewAccount { account_id: account.clone() };
        match self.query("view_account", request, None).await? {
            (QueryResponseKind::ViewAccount(account), _) => Ok(account.amount),
            _ => Err(RpcError::not_what_was_asked("query")),
        }
    }

    async fn query(
        &self,
        what: &str,
        request: QueryRequest,
        block: Option<BlockRef>,
    ) -> Result<(QueryResponseKind, BlockRef), RpcError> {
        let block_reference = match block {
            Some(block) => BlockReference::BlockId(BlockId::Hash(block.hash)),
            None => BlockReference::Finality(Finality::Final),
        };
        let request = methods::query::RpcQueryRequest { block_reference, request };
        let height = |response: &methods::query::RpcQueryResponse| block.is_none().then_some(response.block_height);
        let response = self.call("query", &request, |node, error| query_error(node, what, error), height).await?;
        Ok((response.kind, BlockRef { height: response.block_height, hash: response.block_hash }))
    }

    /// Asks one node after the other until one answers. `known` recognises the method's own errors that mean something
    /// to who asked; `height` tells which block an answer speaks for when it was to be the newest final one.
    async fn call<M>(
        &self,
        name: &'static str,
        method: &M,
        known: impl Fn(&str, &M::Error) -> Option<RpcError>,
        height: impl Fn(&M::Response) -> Option<u64>,
    ) -> Result<M::Response, RpcError>
    where
        M: methods::RpcMethod,
        M::Error: std::fmt::Debug + std::fmt::Display,
    {
        let mut round = self.nodes.round();
        let mut last = None;
        while let Some(node) = round.next() {
            let answer = node.call(name, method, |error| known(&node.name, error)).await;
            let answer = answer.and_then(|answer| match height(&answer) {
                Some(height) => self.check_lag(name, height).map(|()| answer),
                None => Ok(answer),
            });
            match answer {
                Err(error) if error.is_transient() => {
                    round.failed(&error);
                    last = Some(error);
                }
                answer => {
                    round.worked();
                    return answer;
                }
            }
        }
        Err(last.unwrap_or_else(|| no_node(name)))
    }

    /// Notes how far the chain is, and refuses to hear a node that is too far behind that.
    fn check_lag(&self, method: &'static str, height: u64) -> Result<(), RpcError> {
        let known = self.newest.fetch_max(height, Ordering::Relaxed).max(height);
        if height.saturating_add(MAX_LAG) < known {
            return Err(RpcError::Behind { method, height, known });
        }
        Ok(())
    }
}

fn no_node(method: &'static str) -> RpcError {
    RpcError::Unavailable { method, node: "(none)".to_owned(), reason: "no node is configured".to_owned() }
}

#[cfg(test)]
mod tests;
