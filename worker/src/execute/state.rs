//! What belongs to one run, and the ways in which the host ends it.

use super::{
    component::Handles,
    error::ExecuteError,
    limiter::MemoryMeter,
    wasi::{Clock, Files, Random, Stdio},
};
use std::{mem, sync::Arc};
use tokio_util::sync::CancellationToken;
use wasmtime::{AsContextMut, Memory};

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
    /// Instructions that are to be taken from the fuel, where it was out of reach.
    pub owed: u64,
    /// The memory that a module's host calls use, once one has looked for it: by name that takes longer than most calls.
    pub exported_memory: Option<Memory>,
    /// What a component holds; a core module has none of it.
    pub handles: Handles,
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

/// What a call to the host costs beside all else, in instructions. Without it, a flood of calls that do nothing would be
/// ended by time only. Measured: a computing program executes 2.2 instructions in a nanosecond; the cheapest call takes
/// the host 12 ns, and those that look at the program's memory take some hundreds. This is between their worths.
const CALL_INSTRUCTIONS: u64 = 500;

/// Takes what a call to the host costs, whatever it does.
pub(super) fn charge_call(store: impl AsContextMut<Data = RunState>) -> wasmtime::Result<()> {
    charge(store, CALL_INSTRUCTIONS)
}

/// As [`charge_call`], where the fuel is out of reach: it is taken with the next charge.
pub(super) fn owe_call(state: &mut RunState) {
    state.owed = state.owed.saturating_add(CALL_INSTRUCTIONS);
}

/// Takes `instructions`, and those that are owed, from what is left: work that the host does for the program is the program's.
pub(super) fn charge(mut store: impl AsContextMut<Data = RunState>, instructions: u64) -> wasmtime::Result<()> {
    let mut store = store.as_context_mut();
    let instructions = instructions.saturating_add(mem::take(&mut store.data_mut().owed));
    match store.get_fuel()?.checked_sub(instructions) {
        Some(left) => store.set_fuel(left),
        None => {
            store.set_fuel(0)?;
            Err(Stop::OutOfInstructions.into())
        }
    }
}
