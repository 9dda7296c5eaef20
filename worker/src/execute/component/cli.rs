//! `wasi:cli`: no arguments but a name, no environment, three streams, no terminal, and the end.

use super::{
    Host, RunState, Stop, interface, paid,
    streams::{ERRORS, INPUT, Input, OUTPUT, Output},
};
use wasmtime::component::{Linker, Resource, ResourceType};

/// `argv[0]`, as in preview 1.
const PROGRAM_NAME: &str = "program";

/// Terminals exist as types; there is none.
struct TerminalInput;
struct TerminalOutput;

pub(super) fn define(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut environment = linker.instance(interface!("cli/environment"))?;
    paid(&mut environment, "get-environment", |_: Host<'_>, ()| Ok((Vec::<(String, String)>::new(),)))?;
    paid(&mut environment, "get-arguments", |_: Host<'_>, ()| Ok((vec![PROGRAM_NAME.to_owned()],)))?;
    paid(&mut environment, "initial-cwd", |_: Host<'_>, ()| Ok((None::<String>,)))?;

    let mut exit = linker.instance(interface!("cli/exit"))?;
    paid(&mut exit, "exit", |_: Host<'_>, (status,): (Result<(), ()>,)| -> wasmtime::Result<()> {
        Err(Stop::Exit(u32::from(status.is_err())).into())
    })?;
    paid(&mut exit, "exit-with-code", |_: Host<'_>, (code,): (u8,)| -> wasmtime::Result<()> {
        Err(Stop::Exit(code.into()).into())
    })?;

    paid(&mut linker.instance(interface!("cli/stdin"))?, "get-stdin", |_: Host<'_>, ()| Ok((Input::new_own(INPUT),)))?;
    paid(&mut linker.instance(interface!("cli/stdout"))?, "get-stdout", |_: Host<'_>, ()| {
        Ok((Output::new_own(OUTPUT),))
    })?;
    paid(&mut linker.instance(interface!("cli/stderr"))?, "get-stderr", |_: Host<'_>, ()| {
        Ok((Output::new_own(ERRORS),))
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
    paid(&mut linker.instance(interface!("cli/terminal-stdin"))?, "get-terminal-stdin", |_: Host<'_>, ()| {
        Ok((None::<Resource<TerminalInput>>,))
    })?;
    paid(&mut linker.instance(interface!("cli/terminal-stdout"))?, "get-terminal-stdout", |_: Host<'_>, ()| {
        Ok((None::<Resource<TerminalOutput>>,))
    })?;
    paid(&mut linker.instance(interface!("cli/terminal-stderr"))?, "get-terminal-stderr", |_: Host<'_>, ()| {
        Ok((None::<Resource<TerminalOutput>>,))
    })?;
    Ok(())
}
