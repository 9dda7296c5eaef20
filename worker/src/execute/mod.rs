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
//! - `modules`, `disk`: compiled modules, in memory and, sealed, on disk
//! - `wasi`, `limiter`, `state`: what a program can reach, and what it cannot
//! - `run`: one run
//! - `fingerprint`: the engine's name in receipts

mod config;
mod disk;
mod engine;
mod error;
mod fingerprint;
mod limiter;
mod modules;
mod outcome;
mod program;
mod run;
mod state;
mod ticker;
mod wasi;

pub use config::{ExecuteConfig, MemorySource};
pub use error::{ExecuteError, ExecuteSetupError};
pub use outcome::{End, Outcome};
pub use program::Program;

use error::{LoadError, Refusal};
use modules::{Modules, Ready};
use offchainvm_interface::{ResourceLimits, ResourcesUsed, receipt};
use run::Run;
use std::{path::Path, sync::Arc, time::Duration};
use ticker::Ticker;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// How much longer than its limit a run may take before the host stops waiting for it. Slices end a program within a
/// millisecond of its limit, epochs within a tenth of a second; this is for the case that both do not.
const HOST_GRACE: Duration = Duration::from_millis(400);

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

    /// Runs `program` on a thread of its own, after waiting for one of the parallel runs to be free. Neither that
    /// wait nor compiling the module counts as the program's time.
    ///
    /// # Errors
    /// Only what is not the program's doing; whatever the program does is an [`Outcome`].
    pub async fn run(&self, program: &Program, task: Task, cancel: CancellationToken) -> Result<Outcome, ExecuteError> {
        let ready = self.modules.get(program);
        let module = match unless(&cancel, ready).await? {
            Ok(module) => module,
            Err(LoadError::Refused(refusal)) => return Ok(refused(refusal)),
            Err(LoadError::Operator(error)) => return Err(error),
        };
        let permit = unless(&cancel, self.permits.clone().acquire_owned()).await?;
        let permit = permit.map_err(|_| ExecuteError::Engine("the executor is closed".to_owned()))?;
        self.run_ready(module, task, cancel, permit).await
    }

    async fn run_ready(
        &self,
        module: Ready,
        task: Task,
        cancel: CancellationToken,
        permit: OwnedSemaphorePermit,
    ) -> Result<Outcome, ExecuteError> {
        let Task { input, limits, seed } = task;
        // Cancelled when this function is left, whichever way: a run that nobody waits for ends at its next tick.
        let abandoned = cancel.child_token();
        let cancel = abandoned.clone();
        let _abandoned = abandoned.drop_guard();
        let run = Run { module, input, limits, seed, max_output: self.max_output, cancel };
        let running = tokio::task::spawn_blocking(move || {
            // Held until the thread is done, so that threads that are waited for and others count alike.
            let _permit = permit;
            run.outcome()
        });
        let limit = Duration::from_secs(limits.max_execution_seconds.into());
        match tokio::time::timeout(limit.saturating_add(HOST_GRACE), running).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panicked)) => Err(ExecuteError::Panicked(panicked.to_string())),
            Err(_) => Ok(abandoned_outcome(&limits)),
        }
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

/// The outcome of a run that the host stopped waiting for. Its meters cannot be read, and what was not measured is not
/// charged; its time is known.
fn abandoned_outcome(limits: &ResourceLimits) -> Outcome {
    tracing::error!(
        limit_seconds = limits.max_execution_seconds,
        "a run outlived its time limit; neither fuel nor epochs stopped it"
    );
    let used = ResourcesUsed { time_seconds: limits.max_execution_seconds.into(), ..ResourcesUsed::default() };
    Outcome { end: run::out_of_time(limits, ""), output: Vec::new(), stderr: String::new(), used }
}
