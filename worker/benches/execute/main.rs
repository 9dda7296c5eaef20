//! What running a program costs beside what wasmtime itself costs: embedded in the same process, and as a command.
//! `scripts/bench execute` runs it, with the command installed; the method is printed with the figures.
//!
//!     cargo bench --package offchainvm-worker --bench execute -- [--runs 20000]

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use offchainvm_interface::{FailureCode, ResourceLimits};
use offchainvm_worker::execute::{Compiler, End, ExecuteConfig, Executor, Outcome, Program, Task};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use bare::Bare;
use guests::guest;
use spread::{Spread, timed};

#[path = "../../../tests/src/guests.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests, which need more of it")]
mod guests;

mod bare;
mod command;
mod memory;
mod program;
mod spread;

/// Ours and the baseline take turns in so many rounds, so that both see the same machine.
const ROUNDS: usize = 10;
/// Prime numbers that the compute-bound program goes through: about 100 ms.
const PRIMES: &str = "12000";

#[derive(Parser)]
struct Args {
    /// Runs of the no-op for each figure.
    #[arg(long, default_value_t = 20_000)]
    runs: usize,
    /// Passed by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let nothing = std::fs::read(guest("nothing"))?;
    let echo = std::fs::read(guest("echo"))?;
    println!(
        "execute: {} processors. The baseline is a bare embedding of wasmtime: the same engine settings, fuel, epochs, a",
        processors()
    );
    println!(
        "memory limiter, input and output in memory, blocking calls on the thread that asks; of WASI it has what the"
    );
    println!(
        "program calls, without any checks. The two take turns in {ROUNDS} rounds. Programs are Rust for wasm32-wasip1,"
    );
    println!(
        "compiled and in memory: a no-op of {} KB, and an echo of {} KB, which reads its input to the end (none here).\n",
        nothing.len() / 1_000,
        echo.len() / 1_000
    );

    let runtime = runtime(1)?;
    let bench = Bench { runtime, folder: tempfile::tempdir()?, bare: Bare::new()? };
    let warm = bench.latency("no-op", &nothing, args.runs)?;
    bench.latency("echo", &echo, args.runs)?;
    for threads in [1, 2] {
        bench.throughput(&nothing, threads, args.runs)?;
    }
    bench.compute()?;
    bench.punctual()?;
    bench.cold()?;
    memory::per_module(&nothing)?;
    command::compare(&bench, &warm)
}

struct Bench {
    runtime: Runtime,
    folder: tempfile::TempDir,
    bare: Bare,
}

impl Bench {
    fn executor(&self) -> Result<Executor> {
        Ok(Executor::new(&config(), self.folder.path())?)
    }

    /// The median of single runs, from the call to the outcome in hand.
    fn latency(&self, what: &str, wasm: &[u8], runs: usize) -> Result<Spread> {
        let (executor, program, bare) = (self.executor()?, Program::bytes(wasm), self.bare.load(wasm)?);
        self.runtime.block_on(run(&executor, &program, ""))?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            theirs.extend(timed(runs / ROUNDS, || bare.run(b"").map(drop))?);
            let (executor, program) = (executor.clone(), program.clone());
            let round = self.runtime.spawn(async move {
                let mut times = Vec::new();
                for _ in 0..runs / ROUNDS {
                    let begin = Instant::now();
                    run(&executor, &program, "").await?;
                    times.push(begin.elapsed());
                }
                anyhow::Ok(times)
            });
            ours.extend(self.runtime.block_on(round)??);
        }
        let (ours, theirs) = (Spread::of(ours), Spread::of(theirs));
        println!("warm {what:17}{ours}");
        println!("  bare                {theirs}");
        println!("  ratio of medians    {:8.2}\n", ours.median / theirs.median);
        Ok(ours)
    }

    /// Runs a second on so many threads, as many runs under way.
    fn throughput(&self, wasm: &[u8], threads: usize, runs: usize) -> Result<()> {
        let (executor, program, bare) = (self.executor()?, Program::bytes(wasm), self.bare.load(wasm)?);
        let runtime = runtime(threads)?;
        runtime.block_on(run(&executor, &program, ""))?;
        let (mut ours, mut theirs) = (Duration::ZERO, Duration::ZERO);
        let share = runs / ROUNDS / threads;
        for _ in 0..ROUNDS {
            let begin = Instant::now();
            std::thread::scope(|scope| {
                let repeat = || (0..share).try_for_each(|_| bare.run(b"").map(drop));
                let threads: Vec<_> = (0..threads).map(|_| scope.spawn(repeat)).collect();
                threads.into_iter().try_for_each(|thread| thread.join().ok().context("a thread panicked")?)
            })?;
            theirs += begin.elapsed();
            let begin = Instant::now();
            let tasks: Vec<_> = (0..threads)
                .map(|_| {
                    let (executor, program) = (executor.clone(), program.clone());
                    runtime.spawn(async move {
                        for _ in 0..share {
                            run(&executor, &program, "").await?;
                        }
                        anyhow::Ok(())
                    })
                })
                .collect();
            for task in tasks {
                runtime.block_on(task)??;
            }
            ours += begin.elapsed();
        }
        let rate = |time: Duration| (share * threads * ROUNDS) as f64 / time.as_secs_f64();
        println!("no-op, {threads} thread{}      {:8.0} runs/s", if threads == 1 { " " } else { "s" }, rate(ours));
        println!("  bare                {:8.0} runs/s", rate(theirs));
        println!("  ratio               {:8.2}\n", rate(ours) / rate(theirs));
        Ok(())
    }

    /// A program that computes and hardly calls the host.
    fn compute(&self) -> Result<()> {
        let wasm = std::fs::read(guest("compute"))?;
        let (executor, program, bare) = (self.executor()?, Program::bytes(wasm.clone()), self.bare.load(&wasm)?);
        let outcome = self.runtime.block_on(run(&executor, &program, PRIMES))?;
        ensure!(bare.run(PRIMES.as_bytes())? == outcome.output, "the baseline computes something else");
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..3 * ROUNDS {
            theirs.extend(timed(1, || bare.run(PRIMES.as_bytes()).map(drop))?);
            ours.extend(timed(1, || self.runtime.block_on(run(&executor, &program, PRIMES)).map(drop))?);
        }
        let (ours, theirs) = (Spread::of(ours), Spread::of(theirs));
        println!("compute-bound         {ours}");
        println!("                      {:8} million instructions", outcome.used.instructions / 1_000_000);
        println!("  bare                {theirs}");
        println!("  ratio of medians    {:8.3}", ours.median / theirs.median);
        println!("  ratio of the least  {:8.3}   (what a busy machine disturbs least)\n", ours.least / theirs.least);
        Ok(())
    }

    /// How long after its time a program is stopped: one that spins for a second, and one that sleeps for most of it.
    fn punctual(&self) -> Result<()> {
        let executor = self.executor()?;
        for (what, slept) in [("spins for 1 s", 0), ("sleeps 950 ms, spins", 950), ("sleeps 999 ms, spins", 999)] {
            let program = Program::bytes(program::sleeps_then_spins(slept)?);
            let limits = ResourceLimits { max_instructions: 1, ..ResourceLimits::default() };
            let task = |limits| Task { input: Vec::new(), limits, seed: [0; 32] };
            self.runtime.block_on(executor.run(&program, task(limits), CancellationToken::new()))?;
            let limits = ResourceLimits { max_instructions: u64::MAX / 2, max_execution_seconds: 1, ..limits };
            let begin = Instant::now();
            let outcome = self.runtime.block_on(executor.run(&program, task(limits), CancellationToken::new()))?;
            let late = begin.elapsed().as_secs_f64() * 1e3 - (1_000 - slept) as f64;
            ensure!(outcome.end.failure() == Some(FailureCode::OutOfTime), "{:?}", outcome.end);
            println!("time limit of 1 s     {late:8.1} ms late   (a program that {what})");
        }
        println!();
        Ok(())
    }

    /// The first run of a module that an earlier process has compiled.
    fn cold(&self) -> Result<()> {
        let wasm = program::of_a_megabyte()?;
        let program = Program::bytes(wasm.clone());
        self.runtime.block_on(run(&self.executor()?, &program, ""))?;
        let (mut starts, mut times) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let mut executor = None;
            starts.extend(timed(1, || self.executor().map(|started| executor = Some(started)))?);
            let executor = executor.context("an executor")?;
            times.extend(timed(1, || self.runtime.block_on(run(&executor, &program, "")).map(drop))?);
        }
        println!("cold start            {}", Spread::of(times));
        println!(
            "                      (a module of {} KB, compiled by an earlier executor: read, verified, loaded and run",
            wasm.len() / 1_000
        );
        println!("                      once; starting the executor itself is another {})\n", Spread::of(starts));
        Ok(())
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn runtime(threads: usize) -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?)
}

fn config() -> ExecuteConfig {
    ExecuteConfig {
        parallel_runs: 2,
        compiler: Compiler::Program(env!("CARGO_BIN_EXE_offchainvm").into()),
        ..ExecuteConfig::default()
    }
}

async fn run(executor: &Executor, program: &Program, input: &str) -> Result<Outcome> {
    let limits = ResourceLimits { max_instructions: 100_000_000_000, ..ResourceLimits::default() };
    let task = Task { input: input.into(), limits, seed: [0; 32] };
    let outcome = executor.run(program, task, CancellationToken::new()).await?;
    ensure!(outcome.end == End::Success, "{:?}", outcome.end);
    Ok(outcome)
}
