//! How quickly a worker reads the blocks that it missed, beside a client that does nothing but fetch them one by one.

use super::{fetch::fetch, recording::Recording, shelf::Shelf};
use crate::{
    Network,
    network::DEPOSIT,
    window::Window,
    worker::{Launch, WorkerHome},
};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::{
    fs,
    time::{Duration, Instant},
};
use tokio::{task::spawn_blocking, time::sleep};

/// How often the worker is asked how far it has read: answering takes it a moment.
const GLANCE: Duration = Duration::from_millis(50);
/// Reading may take so long.
const PATIENCE: Duration = Duration::from_secs(600);
/// What Linux counts processor time in.
const TICK: Duration = Duration::from_millis(10);

/// A chain that a worker has known and missed blocks of. It stands still.
pub struct Absence {
    net: Network,
    home: WorkerHome,
    missed: Recording,
    /// Requests of which the missed blocks tell that still wait.
    pub waiting: u64,
    /// How long it took to make the blocks, and to record them.
    pub preparation: (Duration, Duration),
}

/// How a block source answers.
#[derive(Clone, Copy, Debug)]
pub struct Answers {
    /// How many blocks it has.
    pub blocks: usize,
    /// How long after the question.
    pub delay: Duration,
    /// What is added to each block, in bytes of JSON: what other contracts did.
    pub added: usize,
}

/// What came of a run.
#[derive(Clone, Copy, Debug)]
pub struct Catchup {
    /// Heights that were read.
    pub blocks: u64,
    /// The blocks' size.
    pub bytes: usize,
    /// A client that fetches block after block and does nothing with them.
    pub fetching: Duration,
    /// The worker, from the moment that it stands on its cursor.
    pub worker: Duration,
    /// The processor time that the worker took for it.
    pub processor: Duration,
}

impl Absence {
    /// Has a worker know the chain and stop, and then makes `blocks` blocks with `requests` requests spread over them, of
    /// which those still wait at the end that have not timed out.
    ///
    /// # Errors
    /// The chain or the worker did not do as they should.
    pub async fn of(blocks: u64, requests: u64) -> Result<Self> {
        ensure!(
            (1..=blocks).contains(&requests),
            "{requests} requests in {blocks} blocks: at least one, and a block each"
        );
        let net = Network::start_still().await?;
        let home = WorkerHome::new(&net)?;
        let mut worker = home.start_as("index")?;
        let known = worker.wait_for("ingest.reconciled", None).await?["height"].as_u64().context("a height")?;
        worker.kill()?;

        let (begun, last) = (Instant::now(), known + blocks);
        for _ in 0..requests {
            let args = json!({"code_source": {"wasm_sha256": "0".repeat(64)}});
            net.request(&net.user, args, DEPOSIT).await?;
            net.chain.node().produce_blocks(blocks / requests).await?;
        }
        while net.chain.node().read(|chain| chain.final_block().height).await? < last {
            net.chain.produce_block().await?;
        }
        let stats = net.stats().await?;
        ensure!(stats.total_requests == requests, "the chain took {} of the requests in", stats.total_requests);
        let (made, begun) = (begun.elapsed(), Instant::now());
        let url = net.chain.rpc_url().to_owned();
        let missed = spawn_blocking(move || Recording::of(&url, known + 1..=last)).await??;
        Ok(Self { net, home, missed, waiting: stats.pending_requests, preparation: (made, begun.elapsed()) })
    }

    /// Fetches what was missed, and then has a worker read it.
    ///
    /// # Errors
    /// The worker did not read them.
    pub async fn over(&self, answers: Answers) -> Result<Catchup> {
        let mut recording = self.missed.first(answers.blocks);
        if answers.added > 0 {
            recording = recording.busy(answers.added)?;
        }
        let (heights, bytes) = (recording.heights()?, recording.bytes());
        let (blocks, last) = (heights.end() - heights.start() + 1, *heights.end());
        let shelf = Shelf::serve(recording, answers.delay)?;

        let (begun, url) = (Instant::now(), shelf.url.clone());
        let fetched = spawn_blocking(move || fetch(&url, heights)).await??;
        let fetching = begun.elapsed();
        ensure!(fetched.iter().map(|(_, block)| block.len()).sum::<usize>() == bytes, "other blocks");
        drop(fetched);

        let (worker, processor) = self.read(&shelf, last).await?;
        Ok(Catchup { blocks, bytes, fetching, worker, processor })
    }

    /// Lets a worker with the cursor of the first one read up to `last`; how long it took, and of the processor.
    async fn read(&self, shelf: &Shelf, last: u64) -> Result<(Duration, Duration)> {
        let home = WorkerHome::new(&self.net)?;
        copy(&self.home, &home)?;
        let mut worker = home.start_with(&Launch {
            // The role "api" is what tells how far it has read.
            arguments: ["--role", "index,api"].map(str::to_owned).into(),
            environment: vec![
                ("OFFCHAINVM_CHAIN__BLOCK_SOURCES".to_owned(), json!([shelf.url]).to_string()),
                ("OFFCHAINVM_INGEST__MAX_BLOCKS_BEHIND".to_owned(), u32::MAX.to_string()),
            ],
            ..Launch::default()
        })?;
        let window = Window::of(&mut worker).await?;
        worker.wait_for("ingest.resumed", None).await?;
        let (begun, spent) = (Instant::now(), processor_time(worker.id())?);
        while window.scrape().await?.value("offchainvm_block_height_read") < last as f64 {
            ensure!(begun.elapsed() < PATIENCE, "the worker did not read up to {last}");
            sleep(GLANCE).await;
        }
        let (duration, processor) = (begun.elapsed(), processor_time(worker.id())? - spent);
        let taken = window.scrape().await?.sum("offchainvm_requests_taken_total");
        ensure!(taken == self.waiting as f64, "the worker took in {taken} requests, and {} wait", self.waiting);
        let log = home.log()?;
        ensure!(log.iter().all(|line| line["event"] != "ingest.gap"), "the worker skipped blocks");
        worker.kill()?;
        Ok((duration, processor))
    }
}

/// Copies the data of a worker that does not run.
fn copy(from: &WorkerHome, to: &WorkerHome) -> Result<()> {
    fs::create_dir_all(to.data())?;
    for entry in fs::read_dir(from.data())? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.data().join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// What a process has taken of the processors: fields 14 and 15 of its `stat`, counted behind its name.
fn processor_time(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).context("a short stat")?.parse::<u32>().context("stat");
    Ok(TICK * (ticks(11)? + ticks(12)?))
}
