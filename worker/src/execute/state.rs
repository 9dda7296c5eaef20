//! What belongs to one run, and the ways in which the host ends it.

use super::{
    component::{Denied, Pollables},
    error::ExecuteError,
    limiter::MemoryMeter,
    wasi::{Clock, Files, Random, Stdio},
};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use wasmtime::AsContextMut;

/// The host's side of one run: all that a program can reach.
pub(super) struct RunState {
    pub stdio: Stdio,
    pub files: Files,
    pub clock: Arc<Clock>,
    pub random: Random,
    pub memory: MemoryMeter,
    pub cancel: CancellationToken,
    /// The limit on instructions: what the store's fuel counts down from.
    pub max_instructions: u64,
    /// What a component waits for, and what it is denied; a core module has neither.
    pub pollables: Pollables,
    pub denied: Option<Box<Denied>>,
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
    /// The program does what its interface forbids: it is told apart from a trap of its own code by its text only.
    #[error("{0}")]
    InterfaceBroken(String),
    #[error("cancelled")]
    Cancelled,
    #[error(transparent)]
    Host(ExecuteError),
}

/// Takes `instructions` from what is left: work that the host does for the program is the program's.
pub(super) fn charge(mut store: impl AsContextMut<Data = RunState>, instructions: u64) -> wasmtime::Result<()> {
    let mut store = store.as_context_mut();
    match store.get_fuel()?.checked_sub(instructions) {
        Some(left) => store.set_fuel(left),
        None => {
            store.set_fuel(0)?;
            Err(Stop::OutOfInstructions.into())
        }
    }
}
