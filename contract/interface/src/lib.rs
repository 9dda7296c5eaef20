//! The words that the OffchainVM contract, its worker, its command line and its callers share.
//!
//! Everything that crosses the boundary between two of them is defined here once: what a request says
//! ([`request`], [`code_source`], [`limits`], [`sha256`]), what an answer says ([`response`], [`usage`], [`failure`]),
//! what it costs ([`pricing`]), what an operator signs for ([`receipt`]), what the chain tells the world ([`events`], [`views`]) and how the methods are
//! called ([`calls`]). JSON is what the outside sees; borsh is what the contract keeps in its state.
//!
//! This crate does not know near-sdk: a worker, a wallet or a test needs none of it. With the feature `abi` the types
//! that the contract's methods take and return have JSON schemas.

#[cfg(feature = "abi")]
mod abi;
pub mod calls;
mod checked_text;
pub mod code_source;
pub mod data_id;
pub mod events;
pub mod failure;
pub mod limits;
pub mod pricing;
pub mod receipt;
pub mod request;
pub mod response;
pub mod sha256;
pub mod trailing;
pub mod usage;
pub mod views;

pub use code_source::{BuildTarget, CodeSource, CommitId, GitSource, RepoUrl, SourcePath, WasmSource, WasmUrl};
pub use data_id::DataId;
pub use events::{Event, EventLog};
pub use failure::{FailureCode, Owner};
pub use limits::{LimitsError, MaxLimits, ResourceLimits};
pub use pricing::{CostOverflow, Pricing};
pub use request::{ExecutionRequest, RequestArgs, RequestId, ResponseFormat};
pub use response::ExecutionResponse;
pub use sha256::{DataRef, Sha256};
pub use usage::ResourcesUsed;
