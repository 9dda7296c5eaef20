//! OffchainVM's contract: it takes requests to run WebAssembly off chain, keeps their deposits in escrow, suspends
//! the callers' transactions, and settles each request exactly once.
//!
//! One file per verb. A request's life: [`request`] takes it, [`respond`] hears an operator, [`resume`] wakes its
//! transaction or lets it wait on, [`settle`] ends it; [`cancel`] is the way out when no answer comes, [`fees`] moves
//! what was earned or came back. Each public method only translates; a private one returns a `Result`, and
//! [`error::or_panic`] is the one place that fails a call.

#![allow(missing_docs, reason = "the SDK's macros generate public items without docs beside each documented method")]

#[cfg(target_family = "wasm")]
mod abi;
mod admin;
mod answer;
mod cancel;
mod config;
mod error;
mod events;
mod fees;
#[cfg(test)]
mod layout_tests;
mod migrate;
mod operators;
mod pending;
mod pricing;
mod promise;
mod receipts;
mod request;
mod respond;
mod resume;
mod settle;
mod state;
mod storage;
mod value;
mod views;

pub use state::{Contract, ContractExt};
