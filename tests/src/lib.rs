//! What the end-to-end tests stand on: a chain, the contract on it, a worker process, repositories and programs.
//!
//! Everything is real and a test's own: the contract's wasm in the NEAR VM, the worker's binary as a process, git
//! repositories in temporary folders. Everything ends with the test.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test support: the unexpected ends the test"
)]

pub mod artifacts;
pub mod chaos;
pub mod examples;
pub mod gas_table;
pub mod gate;
mod hurry;
pub mod network;
pub mod outcome;
pub mod pace;
pub mod postgres;
pub mod preload;
pub mod repo;
pub mod s3;
pub mod signer;
pub mod window;
pub mod worker;

pub use network::Network;
pub use repo::GitRepo;
