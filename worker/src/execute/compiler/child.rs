//! The process that compiles one module and ends: `offchainvm compile-module`. It limits itself before it reads a byte.

use super::machine_code;
use crate::execute::engine;
use anyhow::Context;
use nix::sys::{
    prctl,
    resource::{Resource, setrlimit},
};
use std::{
    io::{self, Read, Write},
    process::ExitCode,
    thread,
};

/// How the process is called.
pub(super) const COMMAND: &str = "compile-module";
pub(super) const MEMORY_FLAG: &str = "--memory-mb";
pub(super) const SECONDS_FLAG: &str = "--seconds";
pub(super) const FINGERPRINT_FLAG: &str = "--fingerprint";
/// Set in its environment, so that a program that does not know the command cannot start itself again and again.
pub(super) const CHILD_MARK: &str = "OFFCHAINVM_COMPILE_MODULE";
/// The exit code that says: the module is at fault, and standard error says why.
pub(super) const REFUSED: i32 = 65;

/// Files that the compiler has open: its three pipes, and what the system's own libraries look at.
const MAX_FILES: u64 = 64;

/// What compiling one module may take.
#[derive(Clone, Copy, Debug)]
pub struct CompileLimits {
    /// Address space, in MiB.
    pub memory_mb: u32,
    /// Seconds; as many of each processor.
    pub seconds: u32,
}

/// Compiles the module on standard input to standard output, or, without limits, prints which engine it compiles for.
///
/// # Errors
/// Only what is not the module's doing; a module at fault is told by the exit code.
pub fn compile_module(limits: Option<CompileLimits>) -> anyhow::Result<ExitCode> {
    let Some(limits) = limits else {
        println!("{}", engine::fingerprint(&engine::compiling()?));
        return Ok(ExitCode::SUCCESS);
    };
    limits.apply().context("the compiler's limits cannot be set")?;
    let engine = engine::compiling()?;
    let mut wasm = Vec::new();
    io::stdin().lock().read_to_end(&mut wasm).context("the module cannot be read")?;
    match machine_code::compile(&engine, &wasm) {
        Ok(code) => {
            io::stdout().lock().write_all(&code).context("the machine code cannot be written")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(reason) => {
            io::stderr().lock().write_all(reason.as_bytes())?;
            Ok(ExitCode::from(u8::try_from(REFUSED)?))
        }
    }
}

impl CompileLimits {
    fn apply(self) -> nix::Result<()> {
        let memory = u64::from(self.memory_mb) << 20;
        let processors = thread::available_parallelism().map_or(1, |number| number.get() as u64);
        let limits = [
            (Resource::RLIMIT_AS, memory),
            (Resource::RLIMIT_CPU, u64::from(self.seconds).saturating_mul(processors).max(1)),
            (Resource::RLIMIT_FSIZE, 0),
            (Resource::RLIMIT_NOFILE, MAX_FILES),
            (Resource::RLIMIT_CORE, 0),
        ];
        for (resource, limit) in limits {
            setrlimit(resource, limit, limit)?;
        }
        prctl::set_no_new_privs()
    }
}
