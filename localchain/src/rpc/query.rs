//! `query`: accounts, keys, code and state as of a block, and view calls.

use std::fmt::Display;
use std::num::NonZeroU32;

use near_crypto::PublicKeyHandle;
use near_jsonrpc_primitives::errors::{RpcError, RpcParseError};
use near_jsonrpc_primitives::types::query::{QueryResponseKind, RpcQueryError, RpcQueryRequest, RpcQueryResponse};
use near_primitives::hash::hash;
use near_primitives::types::{AccountId, BlockReference};
use near_primitives::views::{
    AccessKeyInfoView, AccessKeyList, AccountView, CallResult, ContractCodeView, QueryRequest, StateItem,
    ViewStateResult,
};
use serde_json::{Value, json};

use super::blocks::{find, missing};
use super::params::{FromParams, by_position, parse};
use super::{encode, internal};
use crate::block::Block;
use crate::chain::Chain;
use crate::node::Node;
use crate::state::{State, StateError, StateRead};
use crate::view::{ViewCall, ViewError};

/// Contract state beyond this many bytes is not listed in one go: nearcore's default `trie_viewer_state_size_limit`.
const VIEW_STATE_LIMIT_BYTES: u64 = 50_000;

impl FromParams for RpcQueryRequest {
    fn from_params(params: Value) -> Result<Self, RpcParseError> {
        match by_position(params) {
            Ok([path, data]) => by_path(&parse::<String>(path)?, &parse::<String>(data)?),
            Err(named) => parse(named),
        }
    }
}

/// `query`.
pub async fn query(node: &Node, params: Value) -> Result<Value, RpcError> {
    let request = RpcQueryRequest::from_params(params)?;
    let answer = node.read(move |chain| answer(chain, request)).await.map_err(internal)?;
    match answer {
        Ok(response) => encode(response),
        Err(error) => in_older_shape(error),
    }
}

fn answer(chain: &Chain, request: RpcQueryRequest) -> Result<RpcQueryResponse, RpcQueryError> {
    let RpcQueryRequest { block_reference, request } = request;
    let Some(block) = find(chain, &block_reference) else {
        return Err(RpcQueryError::UnknownBlock { block_reference });
    };
    let Some(state) = chain.state_at(&block) else {
        return Err(RpcQueryError::GarbageCollectedBlock { block_height: block.height, block_hash: block.hash });
    };
    let at = At { chain, block: &block, state };
    Ok(RpcQueryResponse { kind: at.answer(request)?, block_height: block.height, block_hash: block.hash })
}

/// A block, and the state after it.
struct At<'a> {
    chain: &'a Chain,
    block: &'a Block,
    state: &'a State,
}

impl At<'_> {
    fn answer(&self, request: QueryRequest) -> Result<QueryResponseKind, RpcQueryError> {
        match request {
            QueryRequest::ViewAccount { account_id } => self.account(&account_id).map(QueryResponseKind::ViewAccount),
            QueryRequest::ViewCode { account_id } => self.code(account_id).map(QueryResponseKind::ViewCode),
            QueryRequest::ViewState { account_id, prefix, after_key, limit, include_proof } => {
                if include_proof {
                    return Err(unsupported("state proofs: this chain keeps no trie"));
                }
                let page = Page {
                    prefix: prefix.into(),
                    after: after_key.map(Into::into),
                    limit: limit.map(|limit| limit.get() as usize),
                };
                self.data(account_id, &page).map(QueryResponseKind::ViewState)
            }
            QueryRequest::ViewAccessKey { account_id, public_key } => {
                match self.state.access_key(&account_id, &public_key).map_err(unreadable)? {
                    Some(key) => Ok(QueryResponseKind::AccessKey(key.into())),
                    None => Err(RpcQueryError::UnknownAccessKey {
                        public_key,
                        block_height: self.block.height,
                        block_hash: self.block.hash,
                    }),
                }
            }
            QueryRequest::ViewAccessKeyList { account_id, after_key, limit } => {
                self.access_keys(&account_id, after_key.as_ref(), limit).map(QueryResponseKind::AccessKeyList)
            }
            QueryRequest::CallFunction { account_id, method_name, args } => {
                self.call(&account_id, &method_name, &args).map(QueryResponseKind::CallResult)
            }
            QueryRequest::ViewGasKeyNonces { .. } => Err(unsupported("gas keys")),
            QueryRequest::ViewGlobalContractCode { .. } | QueryRequest::ViewGlobalContractCodeByAccountId { .. } => {
                Err(unsupported("global contracts"))
            }
        }
    }

    fn account(&self, account_id: &AccountId) -> Result<AccountView, RpcQueryError> {
        let account = self.state.account(account_id).map_err(unreadable)?;
        account.map(Into::into).ok_or_else(|| self.unknown_account(account_id.clone()))
    }

    fn access_keys(
        &self,
        account_id: &AccountId,
        after: Option<&PublicKeyHandle>,
        limit: Option<NonZeroU32>,
    ) -> Result<AccessKeyList, RpcQueryError> {
        let keys = self.state.access_keys(account_id).map_err(unreadable)?;
        let start = after.map_or(0, |after| {
            keys.iter().position(|(handle, _)| handle == after).map_or(keys.len(), |last| last.saturating_add(1))
        });
        let page = limit.map_or(keys.len(), |limit| limit.get() as usize);
        let more = keys.len() > start.saturating_add(page);
        let mut list: AccessKeyList = keys
            .into_iter()
            .skip(start)
            .take(page)
            .map(|(handle, key)| AccessKeyInfoView::new(handle, key.into()))
            .collect();
        list.last_key = list.keys.last().filter(|_| more).map(|key| key.public_key.clone());
        Ok(list)
    }

    fn code(&self, account_id: AccountId) -> Result<ContractCodeView, RpcQueryError> {
        self.account(&account_id)?;
        match self.state.code(&account_id) {
            Some(code) => Ok(ContractCodeView { hash: hash(&code), code: code.to_vec() }),
            None => Err(RpcQueryError::NoContractCode {
                contract_account_id: account_id,
                block_height: self.block.height,
                block_hash: self.block.hash,
            }),
        }
    }

    fn data(&self, account_id: AccountId, page: &Page) -> Result<ViewStateResult, RpcQueryError> {
        let account = self.account(&account_id)?;
        let code_bytes = self.state.code(&account_id).map_or(0, |code| code.len() as u64);
        let too_large = account.storage_usage.saturating_sub(code_bytes) > VIEW_STATE_LIMIT_BYTES;
        if too_large && page.limit.is_none() {
            return Err(RpcQueryError::TooLargeContractState {
                contract_account_id: account_id,
                block_height: self.block.height,
                block_hash: self.block.hash,
            });
        }
        let limit = page.limit.unwrap_or(usize::MAX);
        let mut values: Vec<StateItem> = self
            .state
            .contract_data(&account_id, &page.prefix)
            .into_iter()
            .filter(|(key, _)| page.after.as_ref().is_none_or(|after| key > after))
            .take(limit.saturating_add(1))
            .map(|(key, value)| StateItem { key: key.into(), value: value.to_vec().into() })
            .collect();
        let more = values.len() > limit;
        values.truncate(limit);
        let last_key = values.last().filter(|_| more).map(|item| item.key.clone());
        Ok(ViewStateResult { values, proof: Vec::new(), last_key })
    }

    fn call(&self, account_id: &AccountId, method_name: &str, args: &[u8]) -> Result<CallResult, RpcQueryError> {
        let call = ViewCall { account_id, method_name, args };
        match self.chain.view_call(self.state, self.block, call) {
            Ok(outcome) => Ok(CallResult { result: outcome.result, logs: outcome.logs }),
            Err(ViewError::UnknownAccount(account_id)) => Err(self.unknown_account(account_id)),
            Err(ViewError::Failed { message, error }) => Err(RpcQueryError::ContractExecutionError {
                vm_error: ViewError::Failed { message, error: error.clone() }.to_string(),
                error,
                block_height: self.block.height,
                block_hash: self.block.hash,
            }),
            Err(error @ (ViewError::State(_) | ViewError::Vm(_))) => Err(internal_error(&error)),
        }
    }

    fn unknown_account(&self, requested_account_id: AccountId) -> RpcQueryError {
        RpcQueryError::UnknownAccount {
            requested_account_id,
            block_height: self.block.height,
            block_hash: self.block.hash,
        }
    }
}

/// Which part of a contract's state is asked for.
struct Page {
    prefix: Vec<u8>,
    after: Option<Vec<u8>>,
    limit: Option<usize>,
}

fn unsupported(what: &str) -> RpcQueryError {
    internal_error(&format_args!("not supported by the local chain: {what}"))
}

fn unreadable(error: StateError) -> RpcQueryError {
    internal_error(&error)
}

fn internal_error(error: &dyn Display) -> RpcQueryError {
    RpcQueryError::InternalError { error_message: error.to_string() }
}

/// Two errors are still sent as results, in the shape they had before errors were structured; clients rely on it.
fn in_older_shape(error: RpcQueryError) -> Result<Value, RpcError> {
    match error {
        RpcQueryError::ContractExecutionError { vm_error, block_height, block_hash, .. } => Ok(json!({
            "error": vm_error,
            "logs": [],
            "block_height": block_height,
            "block_hash": block_hash,
        })),
        RpcQueryError::UnknownAccessKey { public_key, block_height, block_hash } => Ok(json!({
            "error": format!("access key {public_key} does not exist while viewing"),
            "logs": [],
            "block_height": block_height,
            "block_hash": block_hash,
        })),
        RpcQueryError::UnknownBlock { block_reference: BlockReference::BlockId(ref block_id) } => {
            let data = format!("DB Not Found Error: {} \n Cause: Unknown", missing(block_id));
            let cause = encode(&error)?;
            Err(RpcError::new_internal_or_handler_error(Some(Value::String(data)), cause))
        }
        other => Err(other.into()),
    }
}

/// The positional form: a path such as `account/alice.near` or `call/app.near/method`, and base58 data.
fn by_path(path: &str, data: &str) -> Result<RpcQueryRequest, RpcParseError> {
    let too_short = || RpcParseError("Not enough query parameters provided".to_owned());
    let mut parts = path.splitn(3, '/');
    let command = parts.next().ok_or_else(too_short)?;
    let account_id: AccountId =
        parts.next().ok_or_else(too_short)?.parse().map_err(|error| RpcParseError(format!("{error}")))?;
    let rest = parts.next();
    let bytes = || bs58::decode(data).into_vec().map_err(|error| RpcParseError(error.to_string()));
    let request = match (command, rest) {
        ("account", _) => QueryRequest::ViewAccount { account_id },
        ("access_key", None) => QueryRequest::ViewAccessKeyList { account_id, after_key: None, limit: None },
        ("access_key", Some(key)) => QueryRequest::ViewAccessKey {
            account_id,
            public_key: key.parse().map_err(|_| RpcParseError("Invalid public key".to_owned()))?,
        },
        ("code", _) => QueryRequest::ViewCode { account_id },
        ("contract", _) => QueryRequest::ViewState {
            account_id,
            prefix: bytes()?.into(),
            after_key: None,
            limit: None,
            include_proof: false,
        },
        ("call", Some(method)) => {
            QueryRequest::CallFunction { account_id, method_name: method.to_owned(), args: bytes()?.into() }
        }
        ("call", None) => return Err(RpcParseError("Method name is missing".to_owned())),
        (other, _) => return Err(RpcParseError(format!("Unknown path {other}"))),
    };
    Ok(RpcQueryRequest { block_reference: BlockReference::latest(), request })
}
