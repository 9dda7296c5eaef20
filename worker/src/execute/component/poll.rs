//! `wasi:io/poll`: waiting for a clock, or for streams that are always ready. Waiting passes at once, and counts as time.

use super::{Host, RunState, broken, interface, paid, places::Places};
use crate::execute::{state::charge, wasi::now};
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::p2::DynPollable;

/// How many things a component may have at a time that it could wait for. It bounds what the host keeps.
const MAX_POLLABLES: usize = 10_000;

/// When something is due.
#[derive(Clone, Copy)]
pub(super) enum Until {
    /// Always.
    Now,
    /// At this time on the monotonic clock.
    Time(u64),
}

impl Until {
    fn time(self) -> u64 {
        match self {
            Self::Now => 0,
            Self::Time(time) => time,
        }
    }
}

/// What one component could wait for.
#[derive(Default)]
pub(super) struct Pollables(Places<Until>);

impl Pollables {
    pub(super) fn add(&mut self, until: Until) -> wasmtime::Result<Resource<DynPollable>> {
        match self.0.add(until, MAX_POLLABLES) {
            Some(place) => Ok(Resource::new_own(place)),
            None => Err(broken(&format!("it has more than {MAX_POLLABLES} pollables"))),
        }
    }

    fn get(&self, place: u32) -> wasmtime::Result<Until> {
        self.0.get(place).copied().ok_or_else(|| broken("it waits for something that is gone"))
    }
}

pub(super) fn define(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut poll = linker.instance(interface!("io/poll"))?;
    poll.resource("pollable", ResourceType::host::<DynPollable>(), |mut host: Host<'_>, place| {
        host.data_mut().handles.pollables.0.remove(place);
        Ok(())
    })?;
    paid(&mut poll, "[method]pollable.ready", |host: Host<'_>, (which,): (Resource<DynPollable>,)| {
        Ok((host.data().handles.pollables.get(which.rep())?.time() <= now(&host)?,))
    })?;
    paid(&mut poll, "[method]pollable.block", |mut host: Host<'_>, (which,): (Resource<DynPollable>,)| {
        wait(&mut host, &[which]).map(drop)
    })?;
    paid(&mut poll, "poll", |mut host: Host<'_>, (wanted,): (Vec<Resource<DynPollable>>,)| {
        if wanted.is_empty() {
            return Err(broken("it waits for nothing"));
        }
        Ok((wait(&mut host, &wanted)?,))
    })
}

/// Lets the time pass until the first is due; the places in the list of all that are.
fn wait(host: &mut Host<'_>, wanted: &[Resource<DynPollable>]) -> wasmtime::Result<Vec<u32>> {
    charge(&mut *host, wanted.len() as u64)?;
    let pollables = &host.data().handles.pollables;
    let times = wanted
        .iter()
        .map(|which| pollables.get(which.rep()).map(Until::time))
        .collect::<wasmtime::Result<Vec<u64>>>()?;
    let now = now(&*host)?;
    let first = times.iter().copied().min().unwrap_or(now).max(now);
    host.data().clock.sleep(first - now)?;
    let due = times.into_iter().zip(0_u32..).filter(|(time, _)| *time <= first);
    Ok(due.map(|(_, place)| place).collect())
}
