//! A clock that only the program itself moves: one nanosecond for each instruction, plus what it sleeps.
//!
//! A program that measures itself therefore measures the same on every machine. A sleep passes at once, but it counts
//! as time used: the limit on seconds ends a sleeper as it ends a busy program, without holding up the operator.

use super::{
    Host, Stop,
    guest::{Errno, Fault, guest},
};
use std::time::{Duration, Instant};

/// What the wall clock shows when a program starts: 2026-01-01T00:00:00Z, in nanoseconds since 1970.
pub(super) const START_OF_TIME: u64 = 1_767_225_600 * 1_000_000_000;
/// The clocks that exist; the processor's own do not.
pub(super) const REALTIME: u32 = 0;
pub(super) const MONOTONIC: u32 = 1;

/// The time of one run: the program's, and the operator's.
pub(in crate::execute) struct Clock {
    started: Instant,
    budget: Duration,
    slept: Duration,
}

impl Clock {
    /// Starts now, for a program that may take `budget`.
    pub(in crate::execute) fn start(budget: Duration) -> Self {
        Self { started: Instant::now(), budget, slept: Duration::ZERO }
    }

    /// What the run has taken: real time, and time slept.
    pub(in crate::execute) fn elapsed(&self) -> Duration {
        self.started.elapsed().saturating_add(self.slept)
    }

    /// Ends a run whose time is up.
    pub(in crate::execute) fn check(&self) -> Result<(), Stop> {
        if self.elapsed() < self.budget { Ok(()) } else { Err(Stop::OutOfTime) }
    }

    /// Lets `time` pass for the program.
    pub(super) fn sleep(&mut self, time: Duration) -> Result<(), Stop> {
        self.slept = self.slept.saturating_add(time);
        self.check()
    }
}

/// Nanoseconds since the program started, as it sees them.
pub(super) fn now(host: &Host<'_>) -> Result<u64, Fault> {
    let state = host.data();
    let instructions = state.max_instructions.saturating_sub(host.get_fuel()?);
    let slept = u64::try_from(state.clock.slept.as_nanos()).unwrap_or(u64::MAX);
    Ok(slept.saturating_add(instructions))
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
