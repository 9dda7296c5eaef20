//! How quickly a worker reads the blocks that it missed, beside a client that does nothing but fetch them one by one.

use super::shelf::{Recording, Shelf};
use crate::{
    Network,
    network::{DEPOSIT, eventually},
    window::Window,
    worker::{Launch, WorkerHome},
};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::{
    fs,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// How often the worker is asked how far it has read.
const GLANCE: Duration = Duration::from_millis(20);
/// Reading may take so long.
const PATIENCE: Duration = Duration::from_secs(600);
/// What Linux counts processor time in.
const TICK: Duration = Duration::from_millis(10);

/// A chain that a worker has known and missed blocks of.
pub struct Absence {
    net: Network,
    home: WorkerHome,
    missed: Recording,
    /// Requests in the blocks that were missed.
    pub requests: u64,
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
    /// Has a worker know the chain and stop, and then makes `blocks` blocks with `requests` requests in them, of which
    /// most time out and some still wait at the end.
    ///
    /// # Errors
    /// The chain or the worker did not do as they should.
    pub async fn of(blocks: u64, requests: u64) -> Result<Self> {
        let net = Network::start().await?;
        let home = WorkerHome::new(&net)?;
        let mut worker = home.start_as("index")?;
        let known = worker.wait_for("ingest.reconciled", None).await?["height"].as_u64().context("a height")?;
        worker.kill()?;
        for _ in 0..requests {
            let args = json!({"code_source": {"wasm_sha256": "0".repeat(64)}});
            net.request(&net.user, args, DEPOSIT).await?;
            net.chain.node().produce_blocks(blocks / requests).await?;
        }
        let last = known + blocks;
        eventually("the last block to be final", async || {
            Ok((net.chain.node().read(|chain| chain.final_block().height).await? >= last).then_some(()))
        })
        .await?;
        let missed = Recording::of(net.chain.rpc_url(), known + 1..=last).await?;
        Ok(Self { net, home, missed, requests })
    }

    /// Fetches what was missed, and then has a worker read it.
    ///
    /// # Errors
    /// The worker did not read them.
    pub async fn over(&self, answers: Answers) -> Result<Catchup> {
        let recording = match answers.added {
            0 => self.missed.first(answers.blocks),
            bytes => self.missed.busy(answers.blocks, bytes)?,
        };
        let (heights, bytes) = (recording.heights()?, recording.bytes());
        let (blocks, last) = (heights.end() - heights.start() + 1, *heights.end());
        let shelf = Shelf::serve(recording, answers.delay).await?;

        let begun = Instant::now();
        let fetched = Recording::of(&shelf.url, heights).await?;
        let fetching = begun.elapsed();
        ensure!(fetched.bytes() == bytes, "other blocks");

        let (worker, processor) = self.read(&shelf, last).await?;
        Ok(Catchup { blocks, bytes, fetching, worker, processor })
    }

    /// Lets a worker with the cursor of the first one read up to `last`; how long it took, and of the processor.
    async fn read(&self, shelf: &Shelf, last: u64) -> Result<(Duration, Duration)> {
        let home = WorkerHome::new(&self.net)?;
        copy(&self.home, &home)?;
        let mut worker = home.start_with(&Launch {
            arguments: ["--role", "index"].map(str::to_owned).into(),
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
