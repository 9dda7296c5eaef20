//! `wasi:cli`: no arguments but a name, no environment, three streams, no terminal, and the end.

use super::{Host, RunState, Stop, interface, streams::Stream};
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

/// `argv[0]`, as in preview 1.
const PROGRAM_NAME: &str = "program";

/// Terminals exist as types; there is none.
struct TerminalInput;
struct TerminalOutput;

pub(super) fn define(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut environment = linker.instance(interface!("cli/environment"))?;
    environment.func_wrap("get-environment", |_: Host<'_>, ()| Ok((Vec::<(String, String)>::new(),)))?;
    environment.func_wrap("get-arguments", |_: Host<'_>, ()| Ok((vec![PROGRAM_NAME.to_owned()],)))?;
    environment.func_wrap("initial-cwd", |_: Host<'_>, ()| Ok((None::<String>,)))?;

    let mut exit = linker.instance(interface!("cli/exit"))?;
    exit.func_wrap("exit", |_: Host<'_>, (status,): (Result<(), ()>,)| -> wasmtime::Result<()> {
        Err(Stop::Exit(u32::from(status.is_err())).into())
    })?;
    exit.func_wrap("exit-with-code", |_: Host<'_>, (code,): (u8,)| -> wasmtime::Result<()> {
        Err(Stop::Exit(code.into()).into())
    })?;

    linker
        .instance(interface!("cli/stdin"))?
        .func_wrap("get-stdin", |_: Host<'_>, ()| Ok((Resource::<DynInputStream>::new_own(Stream::Input.number()),)))?;
    linker.instance(interface!("cli/stdout"))?.func_wrap("get-stdout", |_: Host<'_>, ()| {
        Ok((Resource::<DynOutputStream>::new_own(Stream::Output.number()),))
    })?;
    linker.instance(interface!("cli/stderr"))?.func_wrap("get-stderr", |_: Host<'_>, ()| {
        Ok((Resource::<DynOutputStream>::new_own(Stream::Errors.number()),))
    })?;
    terminals(linker)
}

fn terminals(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let no_drop = |_: Host<'_>, _: u32| Ok(());
    linker.instance(interface!("cli/terminal-input"))?.resource(
        "terminal-input",
        ResourceType::host::<TerminalInput>(),
        no_drop,
    )?;
    linker.instance(interface!("cli/terminal-output"))?.resource(
        "terminal-output",
        ResourceType::host::<TerminalOutput>(),
        no_drop,
    )?;
    linker
        .instance(interface!("cli/terminal-stdin"))?
        .func_wrap("get-terminal-stdin", |_: Host<'_>, ()| Ok((None::<Resource<TerminalInput>>,)))?;
    linker
        .instance(interface!("cli/terminal-stdout"))?
        .func_wrap("get-terminal-stdout", |_: Host<'_>, ()| Ok((None::<Resource<TerminalOutput>>,)))?;
    linker
        .instance(interface!("cli/terminal-stderr"))?
        .func_wrap("get-terminal-stderr", |_: Host<'_>, ()| Ok((None::<Resource<TerminalOutput>>,)))?;
    Ok(())
}
