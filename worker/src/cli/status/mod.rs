//! `offchainvm status`: how the worker stands, from its store and its chain.

mod record;
mod text;

use std::{process::ExitCode, time::Duration};

use tokio::time::timeout;

use super::{
    opened::{Opened, StoreArgs},
    show::{print, print_json},
};
use crate::{
    job::Ending,
    store::{Cursor, LaneView, Moment, QueueView, WorkerView},
};

/// How long the chain is waited for: its part of the picture is not worth more.
const CHAIN_PATIENCE: Duration = Duration::from_secs(5);
/// A worker that was silent for so many leases is taken for gone.
const SILENT_LEASES: u32 = 3;

/// Arguments of `offchainvm status`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// What the store and the chain say.
struct Picture {
    contract: Option<(String, String)>,
    paused: Option<Moment>,
    cursor: Option<Cursor>,
    head: Result<u64, String>,
    queues: Vec<QueueView>,
    endings: Vec<(Ending, u64)>,
    lanes: Vec<LaneView>,
    workers: Vec<WorkerView>,
    now: Moment,
}

impl Args {
    pub(super) async fn execute(self) -> anyhow::Result<ExitCode> {
        let opened = self.store.open().await?;
        let picture = Picture::take(&opened).await?;
        if self.json {
            print_json(&picture.record())?;
        } else {
            print(&picture.text())?;
        }
        opened.store.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

impl Picture {
    async fn take(opened: &Opened) -> anyhow::Result<Self> {
        let (store, now) = (&opened.store, Moment::now());
        let silent = Duration::from_secs(opened.config.stages.lease_seconds) * SILENT_LEASES;
        Ok(Self {
            contract: store.identity().await?,
            paused: store.paused_since().await?,
            cursor: store.cursor().await?,
            head: head(opened).await,
            queues: store.queues().await?,
            endings: store.endings().await?,
            lanes: store.lanes().await?,
            workers: store.workers(now.before(silent)).await?,
            now,
        })
    }

    /// Final blocks that are still to be read, if the chain says how far it is.
    fn lag(&self) -> Option<u64> {
        let head = self.head.as_ref().ok()?;
        self.cursor.as_ref().map(|cursor| head.saturating_sub(cursor.height))
    }

    fn over(&self, wanted: impl Fn(Ending) -> bool) -> u64 {
        self.endings.iter().filter(|(ending, _)| wanted(*ending)).map(|(_, count)| count).sum()
    }

    fn open(&self) -> u64 {
        self.queues.iter().map(|queue| queue.waiting + queue.running).sum()
    }
}

async fn head(opened: &Opened) -> Result<u64, String> {
    let contract = opened.contract().map_err(|error| format!("{error:#}"))?;
    match timeout(CHAIN_PATIENCE, contract.rpc().final_block()).await {
        Ok(Ok(block)) => Ok(block.height),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer in {CHAIN_PATIENCE:?}")),
    }
}
