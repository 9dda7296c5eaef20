//! A job as JSON, for scripts. Fields are only ever added.

use offchainvm_interface::{CodeSource, DataId, RequestId};
use serde::Serialize;

use crate::{
    cli::show::utc,
    job::Status,
    store::{JobView, Moment},
};

/// A job. Times are RFC 3339 in UTC; what has not happened is null.
#[derive(Debug, Serialize)]
pub(super) struct JobRecord<'a> {
    id: String,
    request_id: RequestId,
    data_id: DataId,
    sender_id: &'a str,
    source: &'a CodeSource,
    /// `Pending`, `InProgress`, `Completed` or `Failed`.
    status: &'static str,
    /// Where it is, or where it ended.
    stage: &'static str,
    /// How often that stage was begun.
    attempts: u32,
    ending: Option<&'static str>,
    dead_letter: bool,
    /// The failure code of the answer; null for a success.
    code: Option<&'a str>,
    /// The last thing that went wrong.
    last_fault: Option<&'a str>,
    wasm_sha256: Option<&'a str>,
    /// The last transaction sent with the answer.
    tx_hash: Option<&'a str>,
    /// The process that works on it.
    worker: Option<&'a str>,
    deadline: String,
    created_at: String,
    closed_at: Option<String>,
    stages: Vec<StageRecord>,
}

/// One stage of it.
#[derive(Debug, Serialize)]
pub(super) struct StageRecord {
    stage: &'static str,
    ready_at: Option<String>,
    begun_at: Option<String>,
    ended_at: Option<String>,
    wait_ms: Option<u64>,
    work_ms: Option<u64>,
}

impl<'a> From<&'a JobView> for JobRecord<'a> {
    fn from(job: &'a JobView) -> Self {
        Self {
            id: job.id.to_string(),
            request_id: job.id.request_id,
            data_id: job.id.data_id,
            sender_id: &job.sender_id,
            source: &job.source,
            status: match job.status {
                Status::Pending => "Pending",
                Status::InProgress { .. } => "InProgress",
                Status::Completed(_) => "Completed",
                Status::Failed { .. } => "Failed",
            },
            stage: job.stage.as_str(),
            attempts: job.attempts,
            ending: job.status.ending().map(|ending| ending.as_str()),
            dead_letter: job.status.is_dead_letter(),
            code: job.code.as_deref(),
            last_fault: job.note.as_deref(),
            wasm_sha256: job.wasm_sha256.as_deref(),
            tx_hash: job.tx_hash.as_deref(),
            worker: job.worker.as_deref(),
            deadline: utc(job.deadline),
            created_at: utc(job.created_at),
            closed_at: job.closed_at.map(utc),
            stages: job
                .timeline()
                .into_iter()
                .map(|turn| StageRecord {
                    stage: turn.stage.as_str(),
                    ready_at: turn.ready.map(utc),
                    begun_at: turn.begun.map(utc),
                    ended_at: turn.ended.map(utc),
                    wait_ms: between(turn.ready, turn.begun),
                    work_ms: between(turn.begun, turn.ended),
                })
                .collect(),
        }
    }
}

fn between(from: Option<Moment>, to: Option<Moment>) -> Option<u64> {
    Some(u64::try_from(to?.since(from?).as_millis()).unwrap_or(u64::MAX))
}
