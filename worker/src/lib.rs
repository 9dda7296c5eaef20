//! The OffchainVM worker: takes requests from the chain, builds their programs, runs them and answers.
//!
//! The modules stand in the order of the data flow. The four stages never call each other: they meet in the store.

pub mod cli;
pub mod clock;
pub mod config;
pub mod failpoint;
pub mod identity;
pub mod receipt;
pub mod service;
pub mod stage;
pub mod stages;
pub mod supervisor;
pub mod telemetry;
pub mod verify;
pub mod watch;

pub mod program;

pub mod ingest;

pub mod build;

pub mod execute;

pub mod publish;

pub mod api;

pub mod chain;
pub mod job;
pub mod store;
