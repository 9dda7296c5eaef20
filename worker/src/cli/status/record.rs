//! The picture as JSON, for scripts. Fields are only ever added.

use serde::Serialize;

use super::Picture;
use crate::{cli::show::utc, job::Ending, store::Moment};

/// The whole of it. Times are RFC 3339 in UTC.
#[derive(Serialize)]
pub(super) struct Record<'a> {
    chain_id: Option<&'a str>,
    contract_id: Option<&'a str>,
    paused: bool,
    paused_since: Option<String>,
    block_read: Option<u64>,
    block_final: Option<u64>,
    lag_blocks: Option<u64>,
    chain_error: Option<&'a str>,
    open: u64,
    completed: u64,
    failed: u64,
    dead_letters: u64,
    endings: serde_json::Map<String, serde_json::Value>,
    stages: Vec<QueueRecord>,
    lanes: Vec<LaneRecord<'a>>,
    workers: Vec<WorkerRecord<'a>>,
}

#[derive(Serialize)]
struct QueueRecord {
    stage: &'static str,
    waiting: u64,
    running: u64,
    oldest_age_ms: Option<u64>,
}

#[derive(Serialize)]
struct LaneRecord<'a> {
    public_key: &'a str,
    last_nonce: u64,
    held_by: Option<&'a str>,
}

#[derive(Serialize)]
struct WorkerRecord<'a> {
    name: &'a str,
    roles: Vec<&'a str>,
    version: &'a str,
    started_at: String,
    heard_at: String,
}

impl Picture {
    pub(super) fn record(&self) -> Record<'_> {
        let (chain_id, contract_id) =
            self.contract.as_ref().map(|(chain, contract)| (chain.as_str(), contract.as_str())).unzip();
        let age = |since: Moment| u64::try_from(self.now.since(since).as_millis()).unwrap_or(u64::MAX);
        Record {
            chain_id,
            contract_id,
            paused: self.paused.is_some(),
            paused_since: self.paused.map(utc),
            block_read: self.cursor.as_ref().map(|cursor| cursor.height),
            block_final: self.head.as_ref().ok().copied(),
            lag_blocks: self.lag(),
            chain_error: self.head.as_ref().err().map(String::as_str),
            open: self.open(),
            completed: self.over(|ending| ending.is_answer()),
            failed: self.over(|ending| !ending.is_answer()),
            dead_letters: self.over(|ending| ending == Ending::Undelivered),
            endings: self.endings.iter().map(|(ending, count)| (ending.as_str().to_owned(), (*count).into())).collect(),
            stages: self
                .queues
                .iter()
                .map(|queue| QueueRecord {
                    stage: queue.stage.as_str(),
                    waiting: queue.waiting,
                    running: queue.running,
                    oldest_age_ms: queue.oldest.map(age),
                })
                .collect(),
            lanes: self
                .lanes
                .iter()
                .map(|lane| LaneRecord {
                    public_key: &lane.public_key,
                    last_nonce: lane.last_nonce,
                    held_by: lane.holder.as_deref().filter(|_| lane.until >= self.now),
                })
                .collect(),
            workers: self
                .workers
                .iter()
                .map(|worker| WorkerRecord {
                    name: &worker.name,
                    roles: worker.roles.split(',').filter(|role| !role.is_empty()).collect(),
                    version: &worker.version,
                    started_at: utc(worker.started_at),
                    heard_at: utc(worker.beat_at),
                })
                .collect(),
        }
    }
}
