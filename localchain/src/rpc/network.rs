//! The node and its network: status, health, validators, gas price, configuration. One validator produces every block,
//! in one epoch that never ends, so most of it describes that validator.

use std::convert::Infallible;
use std::sync::Arc;

use near_chain_configs::{GenesisConfig, ProtocolConfig};
use near_jsonrpc_primitives::errors::{RpcError, RpcParseError};
use near_jsonrpc_primitives::types::config::{
    RpcProtocolConfigError, RpcProtocolConfigRequest, RpcProtocolConfigResponse,
};
use near_jsonrpc_primitives::types::gas_price::{RpcGasPriceError, RpcGasPriceRequest, RpcGasPriceResponse};
use near_jsonrpc_primitives::types::network_info::RpcNetworkInfoResponse;
use near_jsonrpc_primitives::types::status::{RpcHealthResponse, RpcStatusResponse};
use near_jsonrpc_primitives::types::validator::{RpcValidatorError, RpcValidatorRequest, RpcValidatorResponse};
use near_parameters::RuntimeConfig;
use near_primitives::hash::CryptoHash;
use near_primitives::types::{Balance, BlockId, BlockReference, EpochReference};
use near_primitives::utils::from_timestamp;
use near_primitives::version::{PROTOCOL_VERSION, Version};
use near_primitives::views::{
    CurrentEpochValidatorInfo, EpochValidatorInfo, GasPriceView, NextEpochValidatorInfo, StatusResponse,
    StatusSyncInfo, ValidatorInfo,
};
use near_time::Utc;
use serde_json::{Value, json};

use super::blocks::{find, missing};
use super::params::{FromParams, NoParams, by_position, parse};
use super::{RpcState, encode, internal};
use crate::chain::Chain;
use crate::views;

impl FromParams for RpcGasPriceRequest {
    fn from_params(params: Value) -> Result<Self, RpcParseError> {
        match by_position(params) {
            Ok([block_id]) => parse(json!({ "block_id": block_id })),
            Err(named) => parse(named),
        }
    }
}

impl FromParams for RpcValidatorRequest {
    fn from_params(params: Value) -> Result<Self, RpcParseError> {
        match by_position(params) {
            Ok([block_id]) => Ok(Self {
                epoch_reference: match parse::<Option<BlockId>>(block_id)? {
                    Some(block_id) => EpochReference::BlockId(block_id),
                    None => EpochReference::Latest,
                },
            }),
            Err(named) => parse(named),
        }
    }
}

impl FromParams for RpcProtocolConfigRequest {
    fn from_params(params: Value) -> Result<Self, RpcParseError> {
        parse(params)
    }
}

/// `status`.
pub async fn status(state: &RpcState) -> Result<Value, RpcError> {
    let RpcState { node, rpc_addr } = state.clone();
    let uptime_sec = i64::try_from(node.uptime().as_secs()).unwrap_or(i64::MAX);
    let status = node
        .read(move |chain| StatusResponse {
            version: version(),
            chain_id: chain.genesis().chain_id.clone(),
            protocol_version: chain.protocol_version(),
            latest_protocol_version: PROTOCOL_VERSION,
            rpc_addr: Some(rpc_addr),
            validators: vec![ValidatorInfo { account_id: chain.genesis().validator.account_id.clone() }],
            sync_info: sync_info(chain),
            validator_account_id: Some(chain.genesis().validator.account_id.clone()),
            validator_public_key: Some(chain.genesis().validator.public_key.clone()),
            node_public_key: chain.genesis().validator.public_key.clone(),
            node_key: Some(chain.genesis().validator.public_key.clone()),
            uptime_sec,
            genesis_hash: genesis_hash(chain),
            detailed_debug_status: None,
        })
        .await
        .map_err(internal)?;
    encode(RpcStatusResponse { status_response: status })
}

/// `health`: answers as long as the chain can be read.
pub async fn health(state: &RpcState) -> Result<Value, RpcError> {
    state.node.read(|_| ()).await.map_err(internal)?;
    encode(RpcHealthResponse)
}

/// `gas_price`.
pub fn gas_price(chain: &Chain, request: RpcGasPriceRequest) -> Result<RpcGasPriceResponse, RpcGasPriceError> {
    let block = match request.block_id {
        None => Some(Arc::clone(chain.head())),
        Some(ref block_id) => find(chain, &BlockReference::BlockId(block_id.clone())),
    };
    match (block, request.block_id) {
        (Some(block), _) => {
            Ok(RpcGasPriceResponse { gas_price_view: GasPriceView { gas_price: block.next_gas_price } })
        }
        (None, block_id) => {
            Err(RpcGasPriceError::UnknownBlock { error_message: block_id.as_ref().map(missing).unwrap_or_default() })
        }
    }
}

/// `network_info`: a node alone.
pub fn network_info(_: &Chain, _: NoParams) -> Result<RpcNetworkInfoResponse, Infallible> {
    Ok(RpcNetworkInfoResponse {
        active_peers: Vec::new(),
        num_active_peers: 0,
        peer_max_count: 0,
        sent_bytes_per_sec: 0,
        received_bytes_per_sec: 0,
        known_producers: Vec::new(),
    })
}

/// `validators`.
pub fn validators(chain: &Chain, request: RpcValidatorRequest) -> Result<RpcValidatorResponse, RpcValidatorError> {
    let known = match request.epoch_reference {
        EpochReference::Latest => true,
        EpochReference::EpochId(epoch_id) => epoch_id == chain.head().epoch_id,
        EpochReference::BlockId(block_id) => find(chain, &BlockReference::BlockId(block_id)).is_some(),
    };
    if !known {
        return Err(RpcValidatorError::UnknownEpoch);
    }
    let validator = &chain.genesis().validator;
    let stake = stake(chain);
    let produced = chain.head().ordinal;
    let shard = views::SHARD;
    Ok(RpcValidatorResponse {
        validator_info: EpochValidatorInfo {
            current_validators: vec![CurrentEpochValidatorInfo {
                account_id: validator.account_id.clone(),
                public_key: validator.public_key.clone(),
                is_slashed: false,
                stake,
                shards_produced: vec![shard],
                num_produced_blocks: produced,
                num_expected_blocks: produced,
                num_produced_chunks: produced,
                num_expected_chunks: produced,
                num_produced_chunks_per_shard: vec![produced],
                num_expected_chunks_per_shard: vec![produced],
                num_produced_endorsements: produced,
                num_expected_endorsements: produced,
                num_produced_endorsements_per_shard: vec![produced],
                num_expected_endorsements_per_shard: vec![produced],
                shards_endorsed: vec![shard],
            }],
            next_validators: vec![NextEpochValidatorInfo {
                account_id: validator.account_id.clone(),
                public_key: validator.public_key.clone(),
                stake,
                shards: vec![shard],
            }],
            current_fishermen: Vec::new(),
            next_fishermen: Vec::new(),
            current_proposals: Vec::new(),
            prev_epoch_kickout: Vec::new(),
            epoch_start_height: chain.genesis().height,
            epoch_height: 1,
            validator_reward_paid_prev_epoch: Default::default(),
        },
    })
}

/// `EXPERIMENTAL_protocol_config`.
pub fn protocol_config(
    chain: &Chain,
    request: RpcProtocolConfigRequest,
) -> Result<RpcProtocolConfigResponse, RpcProtocolConfigError> {
    if find(chain, &request.block_reference).is_none() {
        return Err(RpcProtocolConfigError::UnknownBlock {
            error_message: match &request.block_reference {
                BlockReference::BlockId(block_id) => missing(block_id),
                other => format!("{other:?}"),
            },
        });
    }
    let config = ProtocolConfig {
        genesis_config: configuration(chain),
        runtime_config: RuntimeConfig::clone(chain.runtime_config()),
    };
    Ok(RpcProtocolConfigResponse { config_view: config.into() })
}

/// `EXPERIMENTAL_genesis_config`.
pub fn genesis_config(chain: &Chain, _: NoParams) -> Result<GenesisConfig, Infallible> {
    Ok(configuration(chain))
}

fn configuration(chain: &Chain) -> GenesisConfig {
    let genesis = chain.genesis();
    GenesisConfig {
        protocol_version: genesis.protocol_version,
        genesis_time: from_timestamp(genesis.timestamp_ns),
        chain_id: genesis.chain_id.clone(),
        genesis_height: genesis.height,
        num_block_producer_seats: 1,
        epoch_length: u64::MAX,
        gas_limit: genesis.gas_limit,
        min_gas_price: genesis.min_gas_price,
        max_gas_price: genesis.max_gas_price,
        total_supply: chain.head().total_supply,
        transaction_validity_period: genesis.transaction_validity_period,
        ..GenesisConfig::default()
    }
}

fn sync_info(chain: &Chain) -> StatusSyncInfo {
    let head = chain.head();
    let earliest = chain.block_by_height(chain.first_height()).unwrap_or(head);
    StatusSyncInfo {
        latest_block_hash: head.hash,
        latest_block_height: head.height,
        latest_state_root: head.chunk.state_root,
        latest_block_time: utc(head.timestamp_ns),
        syncing: false,
        earliest_block_hash: Some(earliest.hash),
        earliest_block_height: Some(earliest.height),
        earliest_block_time: Some(utc(earliest.timestamp_ns)),
        epoch_id: Some(head.epoch_id),
        epoch_start_height: Some(chain.genesis().height),
    }
}

/// The first block's hash, as long as it is remembered.
fn genesis_hash(chain: &Chain) -> CryptoHash {
    chain.block_by_height(chain.genesis().height).map(|block| block.hash).unwrap_or_default()
}

/// What the validator has staked: as in the first block, since staking is not supported.
fn stake(chain: &Chain) -> Balance {
    let genesis = chain.genesis();
    let validator = genesis.accounts.iter().find(|account| account.account_id == genesis.validator.account_id);
    validator.map_or(Balance::ZERO, |account| account.locked)
}

fn utc(timestamp_ns: u64) -> Utc {
    Utc::from_unix_timestamp_nanos(timestamp_ns.into()).unwrap_or(Utc::UNIX_EPOCH)
}

fn version() -> Version {
    Version {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        build: env!("CARGO_PKG_NAME").to_owned(),
        commit: String::new(),
        rustc_version: env!("CARGO_PKG_RUST_VERSION").to_owned(),
    }
}
