//! How many jobs a worker takes in, runs and makes durable a second, how soon it is ready after a restart, and whether
//! its memory stays flat. `scripts/bench` runs it; the method is printed with the figures.
//!
//!     cargo bench --package offchainvm-worker --bench jobs -- [--jobs 20000] [--memory-jobs 100000]

mod alone;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use offchainvm_interface::{CodeSource, DataId, ExecutionRequest, Pricing, ResourceLimits, Sha256, WasmSource};
use offchainvm_worker::{
    config::Config,
    execute::{Compiler, ExecuteConfig, Executor, Program, Task},
    job::{Stage, WasmDigest},
    service::{Handle, Role, Service},
    stage::{Handler, Handling},
    store::{BlockEvents, Claimed, Cursor, Moment, NewJob, Store},
    telemetry::Metrics,
};
use tokio_util::sync::CancellationToken;

/// The least that a command can be.
const NO_OP: &str = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;
/// Requests in one block: jobs come in as a busy chain would tell of them.
const A_BLOCK: u64 = 200;
const CALLERS: u64 = 50;
/// How often it is looked whether all is done.
const GLANCE: Duration = Duration::from_millis(5);
/// Jobs that wait when the worker is restarted.
const LEFT_OVER: u64 = 10_000;

#[derive(Parser)]
struct Args {
    /// Jobs of the throughput run.
    #[arg(long, default_value_t = 20_000)]
    jobs: u64,
    /// Jobs of the memory run; 0 leaves it out.
    #[arg(long, default_value_t = 100_000)]
    memory_jobs: u64,
    /// Passed by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let wasm = wat::parse_str(NO_OP)?;
    println!(
        "worker: {} processors, SQLite in WAL mode with synchronous = FULL (every outcome is on the disk before",
        processors()
    );
    println!("it counts), no-op WASI program, build and module cached, {CALLERS} callers\n");

    let bare = bare_runs(&wasm, args.jobs).await?;
    println!(
        "runs alone            {bare:8.0} runs/s   (the same executor without store and stages, {} runs)",
        args.jobs
    );
    let alone = alone::rate(args.jobs).await?;
    println!(
        "store alone           {alone:8.0} jobs/s   (the same writes from one task, nothing built or run; {} jobs)",
        args.jobs
    );
    let (rate, commits) = throughput(&wasm, args.jobs).await?;
    println!(
        "intake to outcome     {rate:8.0} jobs/s   (blocks of {A_BLOCK} requests in, until the last outcome is durable; {} jobs)",
        args.jobs
    );
    println!("                      {:8.2} of the store alone, {:.2} of the runs alone", rate / alone, rate / bare);
    println!("                      {commits}");
    let ready = restart(&wasm).await?;
    println!(
        "restart               {ready:8.0} ms       (open the store with {LEFT_OVER} waiting jobs, until the first outcome is durable)"
    );
    if args.memory_jobs > 0 {
        memory(&wasm, args.memory_jobs).await?;
    }
    Ok(())
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn compiler() -> Compiler {
    Compiler::Program(env!("CARGO_BIN_EXE_offchainvm").into())
}

/// The executor alone, with as many runs under way as the worker has.
async fn bare_runs(wasm: &[u8], runs: u64) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let executor = Executor::new(&ExecuteConfig { compiler: compiler(), ..ExecuteConfig::default() }, folder.path())?;
    let program = Program::bytes(wasm.to_vec());
    run(&executor, &program).await?;
    let begin = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..processors() {
        let (executor, program, share) = (executor.clone(), program.clone(), runs / processors() as u64);
        tasks.spawn(async move {
            for _ in 0..share {
                run(&executor, &program).await?;
            }
            anyhow::Ok(share)
        });
    }
    let mut done = 0;
    while let Some(share) = tasks.join_next().await {
        done += share??;
    }
    Ok(done as f64 / begin.elapsed().as_secs_f64())
}

async fn run(executor: &Executor, program: &Program) -> Result<()> {
    let task = Task { input: Vec::new(), limits: ResourceLimits::default(), seed: [0; 32] };
    executor.run(program, task, CancellationToken::new()).await?;
    Ok(())
}

/// Jobs a second, and how they were written.
async fn throughput(wasm: &[u8], jobs: u64) -> Result<(f64, String)> {
    let folder = tempfile::tempdir()?;
    let (service, store, digest) = warm(folder.path(), wasm).await?;
    let begin = Instant::now();
    take_in(&store, digest, 1, jobs).await?;
    service.until(&store, jobs).await?;
    let rate = jobs as f64 / begin.elapsed().as_secs_f64();
    let commits = service.commits()?;
    service.handle.shutdown().await;
    Ok((rate, commits))
}

async fn restart(wasm: &[u8]) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let (service, store, digest) = warm(folder.path(), wasm).await?;
    store.set_paused(true, Moment::now()).await?;
    take_in(&store, digest, 1, LEFT_OVER).await?;
    service.handle.shutdown().await;
    Store::open(database(folder.path()).as_path(), "between").await?.set_paused(false, Moment::now()).await?;

    let begin = Instant::now();
    let (service, store) = launch(folder.path()).await?;
    service.until(&store, 1).await?;
    let ready = begin.elapsed();
    ensure!(store.counts().await?.open() == LEFT_OVER, "jobs were lost");
    service.handle.shutdown().await;
    Ok(ready.as_secs_f64() * 1e3)
}

/// Jobs whose outcome is there are settled by the next block, as a chain would tell, so that the store has no more open
/// jobs at the end than at the beginning.
async fn memory(wasm: &[u8], jobs: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (service, store, digest) = warm(folder.path(), wasm).await?;
    let step = jobs / 10;
    println!("memory                resident, after each tenth of {jobs} jobs:");
    for tenth in 0..10 {
        take_in(&store, digest, tenth * step + 1, step).await?;
        service.until(&store, step).await?;
        settle(&store, digest, tenth * step + 1, step).await?;
        println!("                      {:8.1} MiB", resident_mib()?);
    }
    service.handle.shutdown().await;
    Ok(())
}

fn database(folder: &Path) -> std::path::PathBuf {
    folder.join("worker.sqlite")
}

/// A service without a chain, and how many programs it has run since somebody waited for that.
struct Bench {
    handle: Handle,
    metrics: Metrics,
    ran: Arc<AtomicU64>,
}

/// Counts the runs: asking the store after each would take time from the work.
struct Counting {
    inner: Arc<dyn Handler>,
    ran: Arc<AtomicU64>,
}

impl Handler for Counting {
    fn handle<'a>(&'a self, job: &'a Claimed, cancel: CancellationToken) -> Handling<'a> {
        Box::pin(async move {
            let effect = self.inner.handle(job, cancel).await;
            self.ran.fetch_add(1, Ordering::Relaxed);
            effect
        })
    }
}

impl Bench {
    /// How the writes were put together, by the worker's own metrics.
    fn commits(&self) -> Result<String> {
        let text = self.metrics.encode()?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.with_context(|| format!("the metric {name}"))?.parse::<f64>().with_context(|| name.to_owned())
        };
        let commits = value("offchainvm_store_commit_duration_seconds_count")?;
        let changes = value("offchainvm_store_commit_changes_sum")? / commits;
        let took = value("offchainvm_store_commit_duration_seconds_sum")?;
        let each = took / commits * 1e3;
        Ok(format!("{commits:.0} commits of {changes:.0} changes and {each:.1} ms on average, {took:.2} s in all"))
    }

    /// Waits until `jobs` more have run and as many outcomes are durable.
    async fn until(&self, store: &Store, jobs: u64) -> Result<()> {
        while self.ran.load(Ordering::Relaxed) < jobs {
            tokio::time::sleep(GLANCE).await;
        }
        loop {
            let counts = store.counts().await?;
            ensure!(counts.failed == 0, "{} jobs failed", counts.failed);
            if counts.publish >= jobs {
                self.ran.store(0, Ordering::Relaxed);
                return Ok(());
            }
            tokio::time::sleep(GLANCE).await;
        }
    }
}

async fn launch(folder: &Path) -> Result<(Bench, Store)> {
    let mut config = Config::read(None)?;
    config.store.path = folder.to_owned();
    config.execute.compiler = compiler();
    let store = Store::open(database(folder).as_path(), "bench").await?;
    let metrics = Metrics::new();
    store.report_to(&metrics);
    let ran = Arc::new(AtomicU64::new(0));
    let counter = ran.clone();
    let handle = Service::builder(config)
        .roles([Role::Build, Role::Execute].into_iter().collect())
        .store(store.clone())
        .wrap(Stage::Execute, |inner| Arc::new(Counting { inner, ran: counter }))
        .launch()
        .await?;
    Ok((Bench { handle, metrics, ran }, store))
}

/// A service whose program is compiled.
async fn warm(folder: &Path, wasm: &[u8]) -> Result<(Bench, Store, WasmDigest)> {
    let (service, store) = launch(folder).await?;
    let digest = service.handle.add_program(wasm.to_vec()).await?;
    take_in(&store, digest, u64::from(u32::MAX), 1).await?;
    service.until(&store, 1).await?;
    settle(&store, digest, u64::from(u32::MAX), 1).await?;
    Ok((service, store, digest))
}

async fn take_in(store: &Store, digest: WasmDigest, first: u64, count: u64) -> Result<()> {
    let mut next = first;
    while next < first + count {
        let last = (next + A_BLOCK).min(first + count);
        let requested = (next..last).map(|id| new_job(id, digest)).collect::<Result<_>>()?;
        let block = Cursor { height: last, hash: format!("H{last}") };
        store.take_block(BlockEvents { block, requested, settled: Vec::new() }, Moment::now()).await?;
        next = last;
    }
    Ok(())
}

async fn settle(store: &Store, digest: WasmDigest, first: u64, count: u64) -> Result<()> {
    let settled = (first..first + count)
        .map(|id| {
            let id = offchainvm_worker::job::JobId::from(&new_job(id, digest)?.request);
            Ok(offchainvm_worker::store::Closing { id, answered: true, receipt: None })
        })
        .collect::<Result<_>>()?;
    let block = Cursor { height: first + count, hash: format!("S{first}") };
    store.take_block(BlockEvents { block, requested: Vec::new(), settled }, Moment::now()).await?;
    Ok(())
}

fn new_job(request_id: u64, digest: WasmDigest) -> Result<NewJob> {
    let mut handle = [7; 32];
    handle.first_chunk_mut().map(|head| *head = request_id.to_le_bytes()).context("a handle of 32 bytes")?;
    let deadline = Moment::now().after(Duration::from_secs(3_600));
    let request = ExecutionRequest {
        request_id,
        data_id: DataId(handle),
        sender_id: format!("caller-{}.near", request_id % CALLERS).parse()?,
        refund_to: None,
        code_source: CodeSource::Wasm(WasmSource { wasm_sha256: Sha256(digest.0), url: None, build_target: None }),
        resource_limits: ResourceLimits::default(),
        compile_only: false,
        input_data: String::new(),
        input_ref: None,
        response_format: offchainvm_interface::ResponseFormat::Bytes,
        deposit: near_token::NearToken::from_near(1),
        pricing: Pricing::default(),
        timestamp: 0,
        deadline: u64::try_from(deadline.0)?.saturating_mul(1_000_000),
    };
    Ok(NewJob { request, deadline })
}

fn resident_mib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kib: f64 = line.split_whitespace().next().context("VmRSS")?.parse()?;
    Ok(kib / 1024.0)
}
