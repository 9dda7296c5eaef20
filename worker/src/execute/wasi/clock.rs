//! A clock that only the program itself moves: one nanosecond for each instruction, plus what it sleeps.
//!
//! A program that measures itself therefore measures the same on every machine. A sleep passes at once, but it counts
//! as time used: the limit on seconds ends a sleeper as it ends a busy program, without holding up the operator.

use super::{
    Host, RunState, Stop,
    guest::{Errno, Fault, guest},
};
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};
use wasmtime::AsContext;

/// What the wall clock shows when a program starts: 2026-01-01T00:00:00Z, in nanoseconds since 1970.
pub(in crate::execute) const START_OF_TIME: u64 = 1_767_225_600 * 1_000_000_000;
/// The clocks that exist; the processor's own do not.
pub(super) const REALTIME: u32 = 0;
pub(super) const MONOTONIC: u32 = 1;

/// The time of one run: the program's, and the operator's. Shared with whoever watches the run from outside.
pub(in crate::execute) struct Clock {
    started: Instant,
    budget: Duration,
    slept_nanos: AtomicU64,
    abandoned: AtomicBool,
}

impl Clock {
    /// Starts now, for a program that may take `budget`.
    pub(in crate::execute) fn start(budget: Duration) -> Self {
        Self { started: Instant::now(), budget, slept_nanos: AtomicU64::new(0), abandoned: AtomicBool::new(false) }
    }

    /// What the run has taken: real time, and time slept.
    pub(in crate::execute) fn elapsed(&self) -> Duration {
        self.started.elapsed().saturating_add(Duration::from_nanos(self.slept_nanos.load(Ordering::Relaxed)))
    }

    /// Ends a run whose time is up.
    pub(in crate::execute) fn check(&self) -> Result<(), Stop> {
        self.check_late(Duration::ZERO)
    }

    /// Ends a run whose time has been up for `grace`.
    pub(in crate::execute) fn check_late(&self, grace: Duration) -> Result<(), Stop> {
        if self.abandoned.load(Ordering::Relaxed) {
            return Err(Stop::Cancelled);
        }
        if self.elapsed() < self.budget.saturating_add(grace) { Ok(()) } else { Err(Stop::OutOfTime) }
    }

    /// Nobody waits for the run any more: it ends at its next look at the clock.
    pub(in crate::execute) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    /// Lets time pass for the program; only the program's own thread does.
    pub(in crate::execute) fn sleep(&self, nanos: u64) -> Result<(), Stop> {
        let slept = self.slept_nanos.load(Ordering::Relaxed).saturating_add(nanos);
        self.slept_nanos.store(slept, Ordering::Relaxed);
        self.check()
    }
}

/// Nanoseconds since the program started, as it sees them.
pub(in crate::execute) fn now(host: &impl AsContext<Data = RunState>) -> wasmtime::Result<u64> {
    let host = host.as_context();
    let state = host.data();
    let instructions = state.max_instructions.saturating_sub(host.get_fuel()?).saturating_add(state.owed);
    Ok(state.clock.slept_nanos.load(Ordering::Relaxed).saturating_add(instructions))
}

/// `clock_time_get`
pub(super) fn time(host: &mut Host<'_>, clock: u32, at: u32) -> Result<(), Fault> {
    let start = match clock {
        REALTIME => START_OF_TIME,
        MONOTONIC => 0,
        _ => return Err(Errno::INVAL.into()),
    };
    let now = now(host)?;
    guest(host)?.0.write_u64(at, start.saturating_add(now))
}

/// `clock_res_get`: one nanosecond.
pub(super) fn resolution(host: &mut Host<'_>, clock: u32, at: u32) -> Result<(), Fault> {
    match clock {
        REALTIME | MONOTONIC => guest(host)?.0.write_u64(at, 1),
        _ => Err(Errno::INVAL.into()),
    }
}
