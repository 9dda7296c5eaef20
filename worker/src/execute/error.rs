//! What can go wrong that is not the program's doing.

use crate::job::WasmDigest;
use std::{io, path::PathBuf};

/// The executor cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteSetupError {
    /// wasmtime refuses the configuration, or the machine cannot give what it asks for.
    #[error(
        "the engine does not start: {0}; if address space is what lacks, lower execute.parallel_runs or set \
         execute.memory = \"on_demand\""
    )]
    Engine(String),
    /// The thread that moves the epoch does not start.
    #[error("the epoch ticker does not start")]
    Ticker(#[source] io::Error),
    /// The folder of compiled modules cannot be used.
    #[error("the cache of compiled modules at {path} cannot be used")]
    Cache {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The program that compiles modules is not one.
    #[error(
        "{program} does not compile modules: {problem}; set execute.compiler to the path of an `offchainvm` of this          version, or to \"in_process\""
    )]
    Compiler {
        /// The program.
        program: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The key that authenticates compiled modules can be read by others, who could then forge one.
    #[error("the key {path} is open to other users (mode {mode:o}); expected 600: remove it and a new one is made")]
    KeyExposed {
        /// The key's file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file holds something else.
    #[error("{path} is not a key of 32 bytes; remove it and a new one is made")]
    KeyMalformed {
        /// The key's file.
        path: PathBuf,
    },
}

/// A run failed, and it is the operator's fault or wish: the caller pays nothing, and it may be tried again.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// Whoever asked for the run called it off.
    #[error("the run was cancelled")]
    Cancelled,
    /// The artifact cannot be read.
    #[error("the module {path} cannot be read")]
    Artifact {
        /// The artifact's file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The artifact is not the one that was asked for.
    #[error("the module has SHA-256 {found}, but {expected} was asked for")]
    ArtifactChanged {
        /// What the file should hold.
        expected: WasmDigest,
        /// What it holds.
        found: WasmDigest,
    },
    /// The program that compiles modules cannot be started or spoken to.
    #[error("the compiler {program} cannot be used")]
    Compiler {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The machine had no memory for a program that was within its limits.
    #[error("the machine has no memory left for a program within its limits: {0}")]
    HostOutOfMemory(String),
    /// wasmtime failed in a way that no program should be able to bring about.
    #[error("the engine failed: {0}")]
    Engine(String),
    /// The thread that ran the program panicked.
    #[error("the run panicked: {0}")]
    Panicked(String),
}

/// The module itself is at fault, as found before it ran: too large, not valid, not a command.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    pub code: offchainvm_interface::FailureCode,
    pub message: String,
}

/// A module was not made ready.
#[derive(Debug)]
pub(super) enum LoadError {
    Refused(Refusal),
    Operator(ExecuteError),
}

impl From<Refusal> for LoadError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<ExecuteError> for LoadError {
    fn from(error: ExecuteError) -> Self {
        Self::Operator(error)
    }
}
