//! The contract's surface, method by method: its wasm in the NEAR VM, on a chain of each test's own.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod abi;
mod access;
mod admin;
mod arguments;
mod estimate;
mod fees;
mod metadata;
mod schema;
mod solvency;
mod support;
mod views;
