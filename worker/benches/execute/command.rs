//! The same programs as whole commands: `wasmtime run`, and `offchainvm run`, each run a process of its own.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use nix::sys::{
    resource::{Usage, UsageWho, getrusage},
    time::TimeValLike,
};
use offchainvm_worker::execute::Program;

use crate::{
    Bench,
    guests::guest,
    run,
    spread::{Spread, timed},
};

/// Names the command; the PATH is searched without it. `scripts/bench execute` sets it.
const VARIABLE: &str = "WASMTIME";
/// Commands for each figure.
const RUNS: usize = 40;
/// Prime numbers that the compute-bound program goes through here: enough that a process's start is a small part.
const PRIMES: &str = "40000";
const COMPUTE_RUNS: usize = 10;

/// What decides how a module is compiled, as our engine has it: fuel, looks at the clock, no chance in results.
const RULES: &[&str] =
    &["-W", "fuel=100000000000,epoch-interruption=y,nan-canonicalization=y,relaxed-simd-deterministic=y"];
/// What else a run may take: our default limits.
const LIMITS: &[&str] = &["-W", "max-memory-size=134217728,timeout=60s"];

/// Measures the commands beside runs in this process.
pub fn compare(bench: &Bench, warm: &Spread) -> Result<()> {
    let Some(wasmtime) = Wasmtime::find(bench.folder.path())? else {
        println!(
            "wasmtime command      ABSENT, so nothing is compared with it: neither ${VARIABLE} nor the PATH names"
        );
        println!("                      one that runs (scripts/bench execute installs it)");
        return Ok(());
    };
    println!("Whole commands of {}: the same limits (fuel, 128 MiB, 60 s) and rules, the", wasmtime.version);
    println!(
        "module compiled before by `wasmtime compile`. Each run starts a process and loads the module; ours, warm,"
    );
    println!("does neither, so the first ratio says what a resident worker saves, and nothing of the two engines.\n");
    let start = no_op(&wasmtime, warm)?;
    compute(bench, &wasmtime, start)?;
    uncompiled(&wasmtime)
}

/// The wasmtime command, and where its compiled modules go.
struct Wasmtime {
    path: PathBuf,
    version: String,
    folder: PathBuf,
}

impl Wasmtime {
    fn find(folder: &Path) -> Result<Option<Self>> {
        let path = PathBuf::from(env::var_os(VARIABLE).unwrap_or_else(|| "wasmtime".into()));
        let Ok(output) = Command::new(&path).arg("--version").output() else { return Ok(None) };
        ensure!(output.status.success(), "{} --version fails", path.display());
        let version = String::from_utf8(output.stdout)?.trim().to_owned();
        Ok(Some(Self { path, version, folder: folder.to_owned() }))
    }

    /// Compiles a guest, for the rules that it will be run by.
    fn compile(&self, name: &str) -> Result<PathBuf> {
        let compiled = self.folder.join(name).with_extension("cwasm");
        let mut command = Command::new(&self.path);
        command.arg("compile").args(RULES).arg("-o").arg(&compiled).arg(guest(name));
        finish(command, "")?;
        Ok(compiled)
    }

    fn run(&self, module: &Path) -> Command {
        let mut command = Command::new(&self.path);
        command.arg("run").args(RULES).args(LIMITS).arg("--allow-precompiled").arg(module);
        command
    }
}

/// A program that does nothing; how much of the processors one such command takes.
fn no_op(wasmtime: &Wasmtime, warm: &Spread) -> Result<Duration> {
    let module = wasmtime.compile("nothing")?;
    let mut processor = Vec::new();
    let command = Spread::of(timed(RUNS, || {
        let begun = processor_time(UsageWho::RUSAGE_CHILDREN)?;
        finish(wasmtime.run(&module), "")?;
        processor.push(processor_time(UsageWho::RUSAGE_CHILDREN)?.saturating_sub(begun));
        Ok(())
    })?);
    println!("no-op, wasmtime run   {command}");
    println!("  ours, warm          {:8.1} µs median", warm.median);
    println!("  ratio of medians    {:8.4}   (ours / the command's)\n", warm.median / command.median);
    processor.sort_unstable();
    processor.get(processor.len() / 2).copied().context("no runs")
}

/// A program that computes: how much of the processors it takes, which other processes disturb less than the time.
fn compute(bench: &Bench, wasmtime: &Wasmtime, start: Duration) -> Result<()> {
    let module = wasmtime.compile("compute")?;
    let (executor, program) = (bench.executor()?, Program::bytes(std::fs::read(guest("compute"))?));
    let outcome = bench.runtime.block_on(run(&executor, &program, PRIMES))?;
    ensure!(finish(wasmtime.run(&module), PRIMES)? == outcome.output, "the command computes something else");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..COMPUTE_RUNS {
        let begun = processor_time(UsageWho::RUSAGE_CHILDREN)?;
        finish(wasmtime.run(&module), PRIMES)?;
        theirs.push(processor_time(UsageWho::RUSAGE_CHILDREN)?.saturating_sub(begun));
        let begun = processor_time(UsageWho::RUSAGE_SELF)?;
        bench.runtime.block_on(run(&executor, &program, PRIMES))?;
        ours.push(processor_time(UsageWho::RUSAGE_SELF)?.saturating_sub(begun));
    }
    let (ours, theirs) = (Spread::of(ours), Spread::of(theirs));
    let start = start.as_secs_f64() * 1e6;
    println!("compute-bound, ours   {ours}   (processor time: user and system)");
    println!("  wasmtime run        {theirs}   (of which the no-op command has {start:.0})");
    println!("  ratio of medians    {:8.3}", ours.median / theirs.median);
    println!("  without the start   {:8.3}   (ours / the command's less the no-op command's)", {
        ours.median / (theirs.median - start)
    });
    println!("  ratio of the least  {:8.3}   (as the line before)\n", ours.least / (theirs.least - start));
    Ok(())
}

/// Both commands with a module that neither has seen before: the process, compiling, the run.
fn uncompiled(wasmtime: &Wasmtime) -> Result<()> {
    let module = guest("nothing");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS / 4 {
        theirs.extend(timed(1, || finish(wasmtime.run(&module), "").map(drop))?);
        ours.extend(timed(1, || finish(our_run(&module, &wasmtime.folder), "").map(drop))?);
    }
    let (ours, theirs) = (Spread::of(ours), Spread::of(theirs));
    println!("offchainvm run FILE   {ours}");
    println!("  wasmtime run FILE   {theirs}");
    println!("  ratio of medians    {:8.2}   (each a process that compiles the no-op and runs it;", {
        ours.median / theirs.median
    });
    println!("                      ours compiles in a second process, with limits)");
    Ok(())
}

/// Our command, as it is without any configuration.
fn our_run(module: &Path, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_offchainvm"));
    let ours = |name: &OsString| name.to_string_lossy().starts_with("OFFCHAINVM_");
    for (name, _) in env::vars_os().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command.arg("run").arg(module).current_dir(folder);
    command
}

/// Runs a command with this on its standard input; what it writes.
fn finish(mut command: Command, input: &str) -> Result<Vec<u8>> {
    use std::io::Write;

    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("a standard input")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{command:?} fails: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

fn processor_time(whose: UsageWho) -> Result<Duration> {
    let usage: Usage = getrusage(whose)?;
    let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(u64::try_from(microseconds)?))
}
