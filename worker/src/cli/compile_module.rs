//! `offchainvm compile-module`: what the worker starts for each module that it has not compiled before.

use crate::execute::{CompileLimits, compile_module};
use std::process::ExitCode;

/// Arguments of `offchainvm compile-module`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// MiB of address space that compiling may take.
    #[arg(long, value_name = "MIB", required_unless_present = "fingerprint")]
    memory_mb: Option<u32>,
    /// Seconds that compiling may take of each processor.
    #[arg(long, value_name = "SECONDS", required_unless_present = "fingerprint")]
    seconds: Option<u32>,
    /// Print which engine is compiled for, and stop.
    #[arg(long)]
    fingerprint: bool,
}

impl Args {
    /// Compiles standard input to standard output.
    ///
    /// # Errors
    /// When it fails in another way than by the module's fault.
    pub fn execute(&self) -> anyhow::Result<ExitCode> {
        let limits = self.memory_mb.zip(self.seconds).filter(|_| !self.fingerprint);
        compile_module(limits.map(|(memory_mb, seconds)| CompileLimits { memory_mb, seconds }))
    }
}
