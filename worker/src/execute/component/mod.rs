//! WASI 0.2 for a component that has nothing but its input and its output: the target `wasm32-wasip2`.
//!
//! The same world as preview 1 has in `wasi/`, under other names: the same streams and files, the clock that instructions
//! and sleep move, the random numbers of the request's seed, one instruction for each byte that crosses the boundary. What
//! no program has, sockets, is wasmtime-wasi's own, with every permission denied, so that ordinary programs link and are
//! told so in the ordinary way.
//!
//! - `cli`: arguments, environment, the end, the standard streams
//! - `streams`, `poll`: reading, writing, waiting
//! - `files`: the scratch directory
//! - `clocks`, `random`: time and chance
//! - `denied`: sockets
//! - `places`: what handles stand for

mod cli;
mod clocks;
mod denied;
mod files;
mod places;
mod poll;
mod random;
mod streams;

use super::state::{RunState, Stop, charge_call};
use wasmtime::{
    Engine, Store, StoreContextMut,
    component::{ComponentNamedList, Lift, Linker, LinkerInstance, Lower},
};
use wasmtime_wasi::p2::bindings::CommandPre;

/// The newest version of the interfaces that is known here; a component made for an older 0.2 links as well.
macro_rules! interface {
    ($name:literal) => {
        concat!("wasi:", $name, "@0.2.12")
    };
}
use interface;

/// What a component has handles to, beside the standard streams. A core module has none of it.
#[derive(Default)]
pub(super) struct Handles {
    files: files::Files,
    pollables: poll::Pollables,
    denied: Option<Box<denied::Denied>>,
}

type Host<'a> = StoreContextMut<'a, RunState>;

/// The interfaces that a component may import: these and no others.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<RunState>> {
    let mut linker = Linker::new(engine);
    cli::define(&mut linker)?;
    poll::define(&mut linker)?;
    streams::define(&mut linker)?;
    files::define(&mut linker)?;
    clocks::define(&mut linker)?;
    random::define(&mut linker)?;
    denied::define(&mut linker)?;
    Ok(linker)
}

/// Defines a function that charges for being called before it does its `work`.
fn paid<Given, Told>(
    instance: &mut LinkerInstance<'_, RunState>,
    name: &str,
    work: impl Fn(Host<'_>, Given) -> wasmtime::Result<Told> + Send + Sync + 'static,
) -> wasmtime::Result<()>
where
    Given: ComponentNamedList + Lift + 'static,
    Told: ComponentNamedList + Lower + 'static,
{
    instance.func_wrap(name, move |mut host: Host<'_>, given: Given| {
        charge_call(&mut host)?;
        work(host, given)
    })
}

/// Instantiates, and calls `run` of `wasi:cli/run`. Its "error" is what other programs say with exit code 1.
pub(super) async fn call(program: &CommandPre<RunState>, store: &mut Store<RunState>) -> wasmtime::Result<()> {
    let command = program.instantiate_async(&mut *store).await?;
    match command.wasi_cli_run().call_run(store).await? {
        Ok(()) => Ok(()),
        Err(()) => Err(Stop::Exit(1).into()),
    }
}

/// The program does what the interface forbids.
fn broken(how: &str) -> wasmtime::Error {
    Stop::InterfaceBroken(how.to_owned()).into()
}
