//! `wasi:clocks`: the clock of `wasi/clock.rs`, under its other names.

use super::{Host, RunState, interface, paid, poll::Until};
use crate::execute::wasi::{START_OF_TIME, now};
use wasmtime::component::Linker;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;

const NANOS_A_SECOND: u64 = 1_000_000_000;

/// A point in time, from nanoseconds since 1970.
pub(super) fn datetime(nanos: u64) -> Datetime {
    // Below a thousand million, hence within 32 bits.
    let nanoseconds = u32::try_from(nanos % NANOS_A_SECOND).unwrap_or_default();
    Datetime { seconds: nanos / NANOS_A_SECOND, nanoseconds }
}

/// The way back; [`None`] for what is too late to be told in 64 bits.
pub(super) fn nanoseconds(time: Datetime) -> Option<u64> {
    time.seconds.checked_mul(NANOS_A_SECOND)?.checked_add(time.nanoseconds.into())
}

pub(super) fn define(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut wall = linker.instance(interface!("clocks/wall-clock"))?;
    paid(&mut wall, "now", |host: Host<'_>, ()| Ok((datetime(START_OF_TIME.saturating_add(now(&host)?)),)))?;
    paid(&mut wall, "resolution", |_: Host<'_>, ()| Ok((datetime(1),)))?;

    let mut monotonic = linker.instance(interface!("clocks/monotonic-clock"))?;
    paid(&mut monotonic, "now", |host: Host<'_>, ()| Ok((now(&host)?,)))?;
    paid(&mut monotonic, "resolution", |_: Host<'_>, ()| Ok((1_u64,)))?;
    paid(&mut monotonic, "subscribe-instant", |mut host: Host<'_>, (when,): (u64,)| {
        Ok((host.data_mut().handles.pollables.add(Until::Time(when))?,))
    })?;
    paid(&mut monotonic, "subscribe-duration", |mut host: Host<'_>, (duration,): (u64,)| {
        let when = now(&host)?.saturating_add(duration);
        Ok((host.data_mut().handles.pollables.add(Until::Time(when))?,))
    })
}
