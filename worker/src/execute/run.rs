//! One run, from a ready module to its outcome: a future that gets through one slice of the program each time it is
//! asked, on whichever thread asks.

use super::{
    component::Handles,
    error::ExecuteError,
    limiter::MemoryMeter,
    outcome::Outcome,
    ready::Ready,
    state::{RunState, Stop, charge},
    verdict::verdict,
    wasi::{Clock, Files, Random, Stdio},
};
use offchainvm_interface::{ResourceLimits, ResourcesUsed};
use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll, time::Duration};
use tokio_util::sync::CancellationToken;
use wasmtime::{Engine, Store, StoreContextMut, UpdateDeadline};

/// Instructions after which a program is interrupted and may be stopped. wasmtime keeps the count of a running
/// function in a register: only here, and in calls, is it written down. So this is also the most by which a bill can
/// be too low when a program ends in the middle of a function.
const SLICE: u64 = 100_000;
/// How much longer epochs wait than slices do: what they stop is stopped without an exact count.
const EPOCH_GRACE: Duration = Duration::from_millis(25);

/// The most that one call of a component may hand to the host at once, in bytes; what is more ends it.
const MAX_HOST_BYTES: usize = 16 << 20;
/// The most handles that a component may have, to what it is given and to what it makes itself; one more ends it. The host
/// keeps some tens of bytes for each.
const MAX_HANDLES: usize = 100_000;

/// All that decides a run's outcome, and the way to call it off.
pub(super) struct Run {
    pub module: Ready,
    pub input: Vec<u8>,
    pub limits: ResourceLimits,
    pub seed: [u8; 32],
    pub max_output: usize,
    pub clock: Arc<Clock>,
    pub cancel: CancellationToken,
}

impl Run {
    /// Runs the program to its end, or to the first limit that it meets. It is pending after each slice, and waits for
    /// nothing: it can be asked again at once.
    pub(super) async fn outcome(self) -> Result<Outcome, ExecuteError> {
        let limits = self.limits;
        let module = self.module.clone();
        let mut store = self.store(module.engine())?;
        let ended = match drive(&module, &mut store).await {
            Ok(()) => charge(&mut store, 0),
            failed => failed,
        };
        let used = measure(&store, &limits);
        let (output, stderr) = store.into_data().stdio.into_written();
        let end = verdict(ended, &module, &limits, used, &stderr)?;
        Ok(Outcome { end, output, stderr, used })
    }

    /// A store with everything that bounds the run.
    fn store(self, engine: &Engine) -> Result<Store<RunState>, ExecuteError> {
        let max_instructions = self.limits.max_instructions;
        let state = RunState {
            stdio: Stdio::new(self.input, self.max_output),
            files: Files::default(),
            clock: self.clock,
            random: Random::new(self.seed),
            memory: MemoryMeter::new(self.limits.max_memory_bytes()),
            cancel: self.cancel,
            max_instructions,
            owed: 0,
            exported_memory: None,
            handles: Handles::default(),
        };
        let mut store = Store::new(engine, state);
        store.set_hostcall_fuel(MAX_HOST_BYTES);
        store.set_max_component_handles(MAX_HANDLES);
        store.limiter(|state| &mut state.memory);
        store
            .fuel_async_yield_interval(Some(SLICE))
            .and_then(|()| store.set_fuel(max_instructions))
            .map_err(|error| ExecuteError::Engine(format!("{error:#}")))?;
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(at_each_tick);
        Ok(store)
    }
}

/// Asked once in each tick, from inside the running program, should its slices take unusually long.
fn at_each_tick(store: StoreContextMut<'_, RunState>) -> wasmtime::Result<UpdateDeadline> {
    let state = store.data();
    if state.cancel.is_cancelled() {
        return Err(Stop::Cancelled.into());
    }
    // What is owed would end it at its next charge; it may never come to one.
    if state.owed > state.max_instructions {
        return Err(Stop::OutOfInstructions.into());
    }
    state.clock.check_late(EPOCH_GRACE)?;
    Ok(UpdateDeadline::Continue(1))
}

/// Runs slice after slice, and looks at the clock between them. Leaving drops the program where it stands.
async fn drive(module: &Ready, store: &mut Store<RunState>) -> wasmtime::Result<()> {
    let (clock, cancel) = (store.data().clock.clone(), store.data().cancel.clone());
    let mut program = pin!(module.call(store));
    poll_fn(|context| {
        let ended = program.as_mut().poll(context);
        if ended.is_pending() {
            if cancel.is_cancelled() {
                return Poll::Ready(Err(Stop::Cancelled.into()));
            }
            if let Err(stop) = clock.check() {
                return Poll::Ready(Err(stop.into()));
            }
        }
        ended
    })
    .await
}

/// What the run used: nowhere more than its limits.
fn measure(store: &Store<RunState>, limits: &ResourceLimits) -> ResourcesUsed {
    let state = store.data();
    let elapsed = state.clock.elapsed();
    ResourcesUsed {
        // What overshoots the limit leaves no fuel, not less than none.
        instructions: limits.max_instructions.saturating_sub(store.get_fuel().unwrap_or(0)).saturating_add(state.owed),
        memory_bytes: state.memory.peak(),
        time_seconds: elapsed.as_secs() + u64::from(elapsed.subsec_nanos() > 0),
    }
    .clamped_to(limits)
}
