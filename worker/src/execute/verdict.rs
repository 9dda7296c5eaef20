//! What the end of a run means: for the caller a code and a message, for the operator an error.

use super::{error::ExecuteError, outcome::End, ready::Ready, state::Stop, symbol};
use offchainvm_interface::{FailureCode, ResourceLimits, ResourcesUsed, response::cut};
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

/// The longest text of the program's own making that goes into a reason, in bytes.
const MAX_TEXT: usize = 200;

/// What the end of a call means.
pub(super) fn verdict(
    ended: wasmtime::Result<()>,
    module: &Ready,
    limits: &ResourceLimits,
    used: ResourcesUsed,
    stderr: &str,
) -> Result<End, ExecuteError> {
    let Err(error) = ended else {
        return Ok(End::Success);
    };
    let failed = |code, reason: String| Ok(End::failed(code, reason, stderr));
    let error = match error.downcast::<Stop>() {
        Ok(Stop::Exit(0)) => return Ok(End::Success),
        Ok(Stop::Exit(code)) => {
            return failed(FailureCode::ExitNonzero, format!("the program ended with exit code {code}"));
        }
        Ok(Stop::OutOfInstructions) => return Ok(out_of_instructions(limits, stderr)),
        Ok(Stop::OutOfTime) => return Ok(out_of_time(limits, stderr)),
        Ok(Stop::OutOfMemory) => {
            let (limit, held) = (limits.max_memory_mb, used.memory_bytes);
            let reason = format!("the program asked for more than max_memory_mb = {limit}; it held {held} bytes");
            return failed(FailureCode::OutOfMemory, reason);
        }
        Ok(Stop::OutputTooLarge) => {
            let reason = "the program wrote more to standard output than a response may hold".to_owned();
            return failed(FailureCode::OutputTooLarge, reason);
        }
        Ok(Stop::InterfaceBroken(how)) => return failed(FailureCode::Trap, format!("the program trapped: {how}")),
        Ok(Stop::Cancelled) => return Err(ExecuteError::Cancelled),
        Ok(Stop::Host(error)) => return Err(error),
        Err(error) => error,
    };
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => Ok(out_of_instructions(limits, stderr)),
        Some(trap) => {
            let kind = trap.to_string();
            let kind = kind.strip_prefix("wasm trap: ").unwrap_or(&kind);
            let place = place(&error).map(|function| format!(", in {function}")).unwrap_or_default();
            failed(FailureCode::Trap, format!("the program trapped: {kind}{place}"))
        }
        // The canonical ABI's complaints about what a component hands over have no type of their own.
        None if matches!(module, Ready::Component(_)) && !error.is::<PoolConcurrencyLimitError>() => failed(
            FailureCode::Trap,
            format!("the program trapped: {}", cut(&error.root_cause().to_string(), MAX_TEXT)),
        ),
        None => Err(ExecuteError::Engine(format!("{error:#}"))),
    }
}

/// The function that trapped, if the module has kept the names of its functions.
fn place(error: &wasmtime::Error) -> Option<String> {
    let frames = error.downcast_ref::<WasmBacktrace>()?.frames();
    let name = symbol::readable(frames.first()?.func_name()?);
    Some(cut(&name, MAX_TEXT).to_owned())
}

fn out_of_instructions(limits: &ResourceLimits, stderr: &str) -> End {
    let reason = format!("the program used up max_instructions = {}", limits.max_instructions);
    End::failed(FailureCode::OutOfInstructions, reason, stderr)
}

/// The end of a program whose time is up.
pub(super) fn out_of_time(limits: &ResourceLimits, stderr: &str) -> End {
    let reason = format!("the program used up max_execution_seconds = {}", limits.max_execution_seconds);
    End::failed(FailureCode::OutOfTime, reason, stderr)
}
