//! `wasi:clocks`: the clock of `wasi/clock.rs`, under its other names.

use super::{Host, RunState, interface, paid, poll::Until};
use crate::execute::wasi::{START_OF_TIME, now};
use wasmtime::component::{ComponentType, Lift, Linker, Lower};

const NANOS_A_SECOND: u64 = 1_000_000_000;

/// A point in time, since 1970.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

impl Datetime {
    fn of(nanos: u64) -> Self {
        // Below a thousand million, hence within 32 bits.
        let nanoseconds = u32::try_from(nanos % NANOS_A_SECOND).unwrap_or_default();
        Self { seconds: nanos / NANOS_A_SECOND, nanoseconds }
    }
}

pub(super) fn define(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut wall = linker.instance(interface!("clocks/wall-clock"))?;
    paid(&mut wall, "now", |host: Host<'_>, ()| Ok((Datetime::of(START_OF_TIME.saturating_add(now(&host)?)),)))?;
    paid(&mut wall, "resolution", |_: Host<'_>, ()| Ok((Datetime::of(1),)))?;

    let mut monotonic = linker.instance(interface!("clocks/monotonic-clock"))?;
    paid(&mut monotonic, "now", |host: Host<'_>, ()| Ok((now(&host)?,)))?;
    paid(&mut monotonic, "resolution", |_: Host<'_>, ()| Ok((1_u64,)))?;
    paid(&mut monotonic, "subscribe-instant", |mut host: Host<'_>, (when,): (u64,)| {
        Ok((host.data_mut().pollables.add(Until::Time(when))?,))
    })?;
    paid(&mut monotonic, "subscribe-duration", |mut host: Host<'_>, (duration,): (u64,)| {
        let when = now(&host)?.saturating_add(duration);
        Ok((host.data_mut().pollables.add(Until::Time(when))?,))
    })
}
