//! What belongs to one run, and the ways in which the host ends it.

use super::{
    error::ExecuteError,
    limiter::MemoryMeter,
    wasi::{Clock, Random, Stdio},
};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The host's side of one run: all that a program can reach.
pub(super) struct RunState {
    pub stdio: Stdio,
    pub clock: Arc<Clock>,
    pub random: Random,
    pub memory: MemoryMeter,
    pub cancel: CancellationToken,
    /// The limit on instructions: what the store's fuel counts down from.
    pub max_instructions: u64,
}

/// Why the host ended a program. It travels through wasmtime as the error of a host call, of a growing memory or of
/// an epoch, and is taken out again at the end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    #[error("exit code {0}")]
    Exit(u32),
    #[error("out of instructions")]
    OutOfInstructions,
    #[error("out of memory")]
    OutOfMemory,
    #[error("out of time")]
    OutOfTime,
    #[error("too much output")]
    OutputTooLarge,
    #[error("cancelled")]
    Cancelled,
    #[error(transparent)]
    Host(ExecuteError),
}
