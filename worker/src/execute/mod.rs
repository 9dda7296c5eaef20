//! Execute: a WebAssembly module and its input into an outcome.
//!
//! A program is stopped in three independent ways: by fuel (it counts instructions, and each slice of them ends with a
//! look at the clock), by epochs (another look at the clock every few milliseconds) and by the host's own time-out;
//! memory and output have limits of their own.
//! Each end is a typed outcome, and what was used is reported with all of them. The same module, input, limits and
//! seed give the same output and the same count of instructions.
//!
//! - `config`, `error`: the section `[execute]`; what can go wrong on the operator's side
//! - `program`, `outcome`: what goes in and what comes out
//! - `engine`, `ticker`: wasmtime's one engine, and what moves its epoch
//! - `compiler`: WebAssembly into machine code, in a process of its own
//! - `modules`, `disk`: compiled modules, in memory and, sealed, on disk
//! - `ready`: the kinds of programs, and how each is called
//! - `wasi`, `component`, `function`: what a program of each kind can reach, and what it cannot
//! - `scratch`: the files of one run, in memory
//! - `limiter`, `state`: what it may use, and what belongs to one run
//! - `run`, `thread`, `verdict`, `symbol`: one run, the thread that it may need, and what its end means
//! - `fingerprint`: the engine's name in receipts

mod compiler;
mod component;
mod config;
mod disk;
mod engine;
mod error;
mod fingerprint;
mod function;
mod limiter;
mod modules;
mod outcome;
mod program;
mod ready;
mod run;
mod scratch;
mod state;
mod symbol;
mod thread;
mod ticker;
mod verdict;
mod wasi;

pub use compiler::{CompileLimits, compile_module};
pub use config::{Compiler, ExecuteConfig, MemorySource};
pub use error::{ExecuteError, ExecuteSetupError};
pub use outcome::{End, Outcome};
pub use program::Program;

use error::{LoadError, Refusal};
use modules::Modules;
use offchainvm_interface::{ResourceLimits, ResourcesUsed, receipt};
use run::Run;
use std::{path::Path, sync::Arc, task::Poll, time::Duration};
use ticker::Ticker;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use wasi::Clock;

/// Runs programs. Cheap to clone; the clones share the engine, the compiled modules and the number of parallel runs.
#[derive(Clone)]
pub struct Executor {
    modules: Arc<Modules>,
    permits: Arc<Semaphore>,
    max_output: usize,
    _ticker: Arc<Ticker>,
}

/// What a program is given.
#[derive(Clone, Debug)]
pub struct Task {
    /// What it reads on standard input.
    pub input: Vec<u8>,
    /// What it may use.
    pub limits: ResourceLimits,
    /// What its random numbers are made from.
    pub seed: [u8; 32],
}

impl Executor {
    /// Starts the engine. Compiled modules are kept under `cache_dir`, which is made when it is not there.
    ///
    /// # Errors
    /// The engine does not start with this configuration on this machine, or the cache cannot be used.
    pub fn new(config: &ExecuteConfig, cache_dir: &Path) -> Result<Self, ExecuteSetupError> {
        let engine = engine::new(config)?;
        let ticker = Ticker::start(&engine).map_err(ExecuteSetupError::Ticker)?;
        Ok(Self {
            modules: Arc::new(Modules::new(engine, config, cache_dir)?),
            permits: Arc::new(Semaphore::new(usize::try_from(config.runs()).unwrap_or(1))),
            max_output: config.max_output_bytes,
            _ticker: Arc::new(ticker),
        })
    }

    /// What, beside a task, decides how a program ends here.
    #[must_use]
    pub fn describe(&self) -> receipt::Run {
        receipt::Run { engine: fingerprint::engine(), max_output_bytes: self.max_output as u64 }
    }

    /// Runs `program`, after waiting for one of the parallel runs to be free. Neither that wait nor compiling the module
    /// counts as the program's time.
    ///
    /// The program begins on the thread that asks, where a short one also ends: handing it to another thread and back
    /// would cost more than it takes. What has not ended after its first slice gets a thread of its own.
    ///
    /// # Errors
    /// Only what is not the program's doing; whatever the program does is an [`Outcome`].
    pub async fn run(&self, program: &Program, task: Task, cancel: CancellationToken) -> Result<Outcome, ExecuteError> {
        // Programs that end at once must not keep their thread from those that wait for it.
        tokio::task::consume_budget().await;
        let loaded = match self.modules.in_memory(program) {
            Some(module) => Ok(module),
            None => unless(&cancel, self.modules.get(program)).await?,
        };
        let module = match loaded {
            Ok(module) => module,
            Err(LoadError::Refused(refusal)) => return Ok(refused(refusal)),
            Err(LoadError::Operator(error)) => return Err(error),
        };
        let permit = self.permit(&cancel).await?;
        let Task { input, limits, seed } = task;
        let clock = Arc::new(Clock::start(Duration::from_secs(limits.max_execution_seconds.into())));
        let run = Run { module, input, limits, seed, max_output: self.max_output, clock: clock.clone(), cancel };
        let mut run: thread::Running = Box::pin(run.outcome());
        match thread::one_slice(&mut run) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => thread::to_the_end(run, limits, clock, permit).await,
        }
    }
}

impl Executor {
    /// One of the parallel runs. Whoever waits for one comes before whoever asks now.
    async fn permit(&self, cancel: &CancellationToken) -> Result<OwnedSemaphorePermit, ExecuteError> {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let permit = unless(cancel, self.permits.clone().acquire_owned()).await?;
        permit.map_err(|_| ExecuteError::Engine("the executor is closed".to_owned()))
    }
}

/// The result of `work`, unless it is called off before.
async fn unless<T>(cancel: &CancellationToken, work: impl Future<Output = T>) -> Result<T, ExecuteError> {
    cancel.run_until_cancelled(work).await.ok_or(ExecuteError::Cancelled)
}

/// The outcome of a module that was not started.
fn refused(Refusal { code, message }: Refusal) -> Outcome {
    let end = End::Failed { code, message };
    Outcome { end, output: Vec::new(), stderr: String::new(), used: ResourcesUsed::default() }
}
