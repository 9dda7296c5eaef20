//! An executor with a cache of its own, and short ways to run things on it.

use crate::guests::{guest, guest_for};
use offchainvm_interface::{FailureCode, ResourceLimits};
use offchainvm_worker::execute::{Compiler, End, ExecuteConfig, ExecuteError, Executor, Outcome, Program, Task};
use std::fs;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// An executor, and the folder of its compiled modules.
pub struct Fixture {
    pub executor: Executor,
    pub cache: TempDir,
}

impl Fixture {
    pub fn new() -> Self {
        Self::with(&ExecuteConfig { parallel_runs: 8, ..config() })
    }

    pub fn with(config: &ExecuteConfig) -> Self {
        let cache = tempfile::tempdir().unwrap();
        Self { executor: Executor::new(config, cache.path()).unwrap(), cache }
    }

    /// Runs `program` under `limits`.
    pub async fn run(&self, program: &Program, input: &str, limits: ResourceLimits) -> Outcome {
        self.try_run(program, input, limits, CancellationToken::new()).await.unwrap()
    }

    pub async fn try_run(
        &self,
        program: &Program,
        input: &str,
        limits: ResourceLimits,
        cancel: CancellationToken,
    ) -> Result<Outcome, ExecuteError> {
        let outcome = self.executor.run(program, task(input, limits, [0; 32]), cancel).await?;
        assert_eq!(outcome.used.clamped_to(&limits), outcome.used, "more was used than allowed");
        Ok(outcome)
    }

    /// Runs a guest under the default limits.
    pub async fn guest(&self, name: &str, input: &str) -> Outcome {
        self.run(&program(name), input, ResourceLimits::default()).await
    }

    /// Runs a module written as text under the default limits.
    pub async fn wat(&self, text: &str) -> Outcome {
        self.run(&wat_program(text), "", ResourceLimits::default()).await
    }
}

/// The defaults, with the binary of this build to compile.
pub fn config() -> ExecuteConfig {
    let compiler = Compiler::Program(env!("CARGO_BIN_EXE_offchainvm").into());
    ExecuteConfig { compiler, ..ExecuteConfig::default() }
}

pub fn task(input: &str, limits: ResourceLimits, seed: [u8; 32]) -> Task {
    Task { input: input.into(), limits, seed }
}

/// A guest of `tests/guests`, built if need be.
pub fn program(name: &str) -> Program {
    Program::bytes(fs::read(guest(name)).unwrap())
}

/// The same, compiled to a component.
pub fn component(name: &str) -> Program {
    Program::bytes(fs::read(guest_for(name, "wasm32-wasip2")).unwrap())
}

pub fn wat_program(text: &str) -> Program {
    Program::bytes(wat::parse_str(text).unwrap())
}

/// The message of a run that must have failed with `code`.
#[track_caller]
pub fn message(outcome: &Outcome, code: FailureCode) -> &str {
    match &outcome.end {
        End::Failed { code: found, message } if *found == code => message,
        end => panic!("expected {code}, found {end:?}; standard error: {}", outcome.stderr),
    }
}

/// The output of a run that must have succeeded.
#[track_caller]
pub fn text(outcome: &Outcome) -> &str {
    assert_eq!(outcome.end, End::Success);
    std::str::from_utf8(&outcome.output).unwrap()
}

/// All of an outcome that must be the same each time: everything but the wall-clock time.
pub fn repeatable(outcome: &Outcome) -> (End, &[u8], &str, u64, u64) {
    let Outcome { end, output, stderr, used } = outcome;
    (end.clone(), output, stderr, used.instructions, used.memory_bytes)
}

/// A core module of these sections, each its number and content.
pub fn assemble(sections: impl IntoIterator<Item = (u8, Vec<u8>)>) -> Vec<u8> {
    let mut wasm = b"\0asm\x01\0\0\0".to_vec();
    for (number, content) in sections {
        wasm.push(number);
        wasm.extend(leb128(content.len()));
        wasm.extend(content);
    }
    wasm
}

/// A number as WebAssembly writes it.
pub fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
