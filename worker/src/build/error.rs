//! How a build can end without a program, and why a worker may not be able to build at all.

use crate::program::NotAProgram;
use offchainvm_interface::{BuildTarget, failure::FailureCode};
use std::{io, path::PathBuf};

/// A build that gave no program.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The source is at fault: building the same commit again would end the same way.
    #[error("{code}: {message}")]
    Source {
        /// Which fault, always one that the source's owner answers for.
        code: FailureCode,
        /// What failed and, where there is one, the end of the log. Bounded, without control characters.
        message: String,
    },
    /// The caller of the build cancelled it.
    #[error("the build was cancelled")]
    Cancelled,
    /// This machine is at fault: another attempt may succeed.
    #[error(transparent)]
    Operator(#[from] OperatorError),
}

impl BuildError {
    /// A fault of the source.
    pub(super) fn source(code: FailureCode, message: impl Into<String>) -> Self {
        Self::Source { code, message: message.into() }
    }
}

impl From<NotAProgram> for BuildError {
    fn from(NotAProgram { code, message }: NotAProgram) -> Self {
        Self::Source { code, message }
    }
}

/// What can go wrong on the operator's machine while building.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// A file of the worker cannot be read or written.
    #[error("cannot {action} {path}: {error}", path = path.display())]
    File {
        /// What was being done.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The sandbox does not start.
    #[error("cannot start the sandbox {program}: {error}", program = program.display())]
    Spawn {
        /// The program that does not start.
        program: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The sandbox or a tool in it ended in a way that says nothing about the source.
    #[error("{step} ended unexpectedly ({how}): {log}")]
    Unexpected {
        /// Which step.
        step: &'static str,
        /// How it ended.
        how: String,
        /// The end of its log.
        log: String,
    },
    /// A task of the worker panicked or was stopped.
    #[error("a background task of the build stopped: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// The worker is shutting down.
    #[error("no more builds are taken")]
    Closed,
}

impl OperatorError {
    /// For `map_err`: an I/O error with what was being done to which file.
    pub(super) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::File { action, path, error }
    }
}

/// Why this machine cannot build: found once, when the worker starts.
#[derive(Debug, thiserror::Error)]
pub enum BuildSetupError {
    /// A program is missing.
    #[error("{program} was not found in PATH or does not run; install it: {install}")]
    ProgramMissing {
        /// Its name.
        program: &'static str,
        /// How to get it.
        install: &'static str,
    },
    /// bubblewrap is there but cannot make a sandbox.
    #[error(
        "bubblewrap cannot make a sandbox on this machine (it needs version 0.8 or later, and user namespaces allowed by the kernel): {0}"
    )]
    SandboxRefused(String),
    /// The toolchain is missing.
    #[error(
        "Rust toolchain {0:?} was not found; install it: rustup toolchain install {0} --profile minimal --target wasm32-wasip1,wasm32-wasip2,wasm32-unknown-unknown"
    )]
    ToolchainMissing(String),
    /// The toolchain cannot compile for a target.
    #[error(
        "the toolchain in {root} has no target {target}; install it: rustup target add {target} --toolchain {name}",
        root = root.display()
    )]
    TargetMissing {
        /// The toolchain's folder.
        root: PathBuf,
        /// Its name.
        name: String,
        /// What is missing.
        target: BuildTarget,
    },
    /// A setting makes no sense.
    #[error("build.{setting} {problem}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The work folder cannot be used.
    #[error(transparent)]
    Folder(#[from] OperatorError),
}
