//! The section `[execute]` of the configuration.

use serde::Deserialize;
use std::path::PathBuf;

/// How programs are run. A missing field has its default; an unknown one is refused.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct ExecuteConfig {
    /// How many programs run at the same time; 0 means one for each processor.
    pub parallel_runs: u32,
    /// The most that a program may write to standard output, in bytes. No more than the contract's
    /// `max_result_bytes`, or the surplus is paid for and thrown away.
    pub max_output_bytes: usize,
    /// The largest module that is compiled, in MiB. With the time-out it bounds what a stranger's module can cost
    /// before it has run, which nobody pays for.
    pub max_module_mb: u32,
    /// Who compiles modules to machine code.
    pub compiler: Compiler,
    /// Seconds after which compiling a module to machine code is given up.
    pub compile_timeout_seconds: u32,
    /// How much memory compiling a module may take, in MiB of address space.
    pub compile_memory_mb: u32,
    /// How many compiled modules stay in memory.
    pub modules_in_memory: usize,
    /// How much disk compiled modules may take, in MiB; the oldest go first.
    pub modules_on_disk_mb: u32,
    /// Where linear memories come from.
    pub memory: MemorySource,
}

/// Who compiles modules to machine code.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(from = "String")]
pub enum Compiler {
    /// `"this_program"`: the running program, started again as `offchainvm compile-module` for each module. Right where
    /// that program is `offchainvm`; one that embeds the worker names another.
    ThisProgram,
    /// The path of a binary `offchainvm` of the same version.
    Program(PathBuf),
    /// `"in_process"`: nobody else. A hostile module can then use up the memory of the whole worker.
    InProcess,
}

impl From<String> for Compiler {
    fn from(text: String) -> Self {
        match text.as_str() {
            "this_program" => Self::ThisProgram,
            "in_process" => Self::InProcess,
            _ => Self::Program(text.into()),
        }
    }
}

/// Where linear memories come from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum MemorySource {
    /// From a pool, reserved once: 12 GiB of address space (not of memory) for each parallel run. The faster.
    Pooled,
    /// From the operating system for each run, for machines that limit a process's address space.
    OnDemand,
}

impl Default for ExecuteConfig {
    fn default() -> Self {
        Self {
            parallel_runs: 0,
            max_output_bytes: 65_536,
            max_module_mb: 16,
            compiler: Compiler::ThisProgram,
            compile_timeout_seconds: 30,
            compile_memory_mb: 2_048,
            modules_in_memory: 64,
            modules_on_disk_mb: 1_024,
            memory: MemorySource::Pooled,
        }
    }
}

impl ExecuteConfig {
    /// [`Self::parallel_runs`], with 0 resolved and never 0.
    #[must_use]
    pub fn runs(&self) -> u32 {
        let processors = || std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1));
        if self.parallel_runs == 0 { processors() } else { self.parallel_runs }
    }
}
