//! WASI preview 1 for a command that has its input, its output, and a folder of its own in memory.
//!
//! Every function of the interface is here, so that ordinary programs link. Written out rather than taken from a general
//! implementation for three reasons: no code that opens a file of the host or a socket is linked, so none can be
//! reached; the clock and the random numbers are functions of the request; and the work that a call makes the host do
//! is bounded and paid for, one instruction for each byte that crosses the boundary.
//!
//! - `guest`: the program's memory, and the answers to its calls
//! - `descriptors`: which of the two that follow a call is for
//! - `stdio`: descriptors 0, 1 and 2
//! - `files`: descriptors from 3 on, the scratch directory and what is opened in it
//! - `clock`: a clock that instructions and sleep move
//! - `poll`: waiting
//! - `random`: numbers that follow from a seed
//! - `absent`: what does not exist

mod absent;
mod clock;
mod descriptors;
mod files;
mod guest;
mod poll;
mod random;
mod stdio;

pub(super) use {
    clock::{Clock, START_OF_TIME, now},
    files::Files,
    random::{Random, fill},
    stdio::Stdio,
};

use super::state::{RunState, Stop, charge_call};
use guest::{Errno, Fault, answer, call, functions, guest};
use wasmtime::{Caller, Engine, Linker, Module};

/// The interface's name in a module's imports.
const MODULE: &str = "wasi_snapshot_preview1";
/// `argv[0]`, the only argument: programs that print their name have one.
const PROGRAM_NAME: &[u8] = b"program\0";

/// What a command exports, with neither parameters nor results.
pub(super) const ENTRY: &str = "_start";

type Host<'a> = Caller<'a, RunState>;

/// Whether the module begins as a command does.
pub(super) fn is_command(module: &Module) -> bool {
    let entry = module.get_export(ENTRY);
    entry.is_some_and(|entry| entry.func().is_some_and(|f| f.params().len() == 0 && f.results().len() == 0))
}

/// The host functions that a program may import: these and no others.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<RunState>> {
    let mut linker = Linker::new(engine);
    process(&mut linker)?;
    descriptors::define(&mut linker)?;
    time_and_chance(&mut linker)?;
    absent::define(&mut linker)?;
    Ok(linker)
}

/// Arguments, environment and the end.
fn process(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    functions! { linker;
        "args_sizes_get"(host, count: u32, bytes: u32) => sizes(host, count, 1, bytes, PROGRAM_NAME.len());
        "args_get"(host, pointers: u32, bytes: u32) => arguments(host, pointers, bytes);
        "environ_sizes_get"(host, count: u32, bytes: u32) => sizes(host, count, 0, bytes, 0);
        "environ_get"(_host, _pointers: u32, _bytes: u32) => Ok(());
        "proc_raise"(_host, _signal: u32) => Err(Errno::NOTSUP.into());
        "sched_yield"(_host) => Ok(());
    }
    linker.func_wrap(MODULE, "proc_exit", |code: u32| -> wasmtime::Result<()> { Err(Stop::Exit(code).into()) })?;
    Ok(())
}

fn sizes(host: &mut Host<'_>, count_at: u32, count: u32, bytes_at: u32, bytes: usize) -> Result<(), Fault> {
    let (mut memory, _) = guest(host)?;
    memory.write_u32(count_at, count)?;
    memory.write_u32(bytes_at, u32::try_from(bytes).unwrap_or(u32::MAX))
}

fn arguments(host: &mut Host<'_>, pointers: u32, bytes: u32) -> Result<(), Fault> {
    let (mut memory, _) = guest(host)?;
    memory.write_u32(pointers, bytes)?;
    memory.write(bytes, PROGRAM_NAME)
}

/// Clocks, waiting and random numbers.
fn time_and_chance(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    functions! { linker;
        "clock_res_get"(host, clock: u32, at: u32) => clock::resolution(host, clock, at);
        "clock_time_get"(host, clock: u32, _precision: u64, at: u32) => clock::time(host, clock, at);
        "poll_oneoff"(host, wanted: u32, events: u32, count: u32, ready: u32) =>
            poll::poll(host, wanted, events, count, ready);
    }
    linker.func_wrap_async(MODULE, "random_get", |mut host: Host<'_>, (at, length): (u32, u32)| {
        Box::new(async move {
            charge_call(&mut host)?;
            answer(random::get(&mut host, at, length).await)
        })
    })?;
    Ok(())
}
