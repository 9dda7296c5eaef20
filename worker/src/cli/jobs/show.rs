//! `offchainvm jobs show`.

use anyhow::{Context, bail};
use offchainvm_interface::CodeSource;

use super::{JobName, Opened, list::program, record::JobRecord};
use crate::{
    build::BuildLogs,
    cli::show::{Table, one_line, or_dash, print, print_json, span, utc},
    stages::BuildReports,
    store::{Blobs, JobView, Moment},
};

/// How much of a fault is shown; the log has all of it.
const FAULT_CHARS: usize = 400;

/// Arguments of `offchainvm jobs show`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The request's number, or the job's name
    id: JobName,
    /// Write JSON
    #[arg(long)]
    json: bool,
    /// Write what the last build of its program reported
    #[arg(long, conflicts_with = "json")]
    build_log: bool,
    /// Write the receipt that was signed for its answer, as JSON, and nothing else
    #[arg(long)]
    receipt: bool,
}

impl Args {
    pub(super) async fn execute(self, opened: &Opened) -> anyhow::Result<()> {
        let job = self.id.find(opened).await?;
        if self.build_log {
            return Ok(print(&build_log(&job, opened).await?)?);
        }
        if self.receipt {
            let receipt = opened.store.receipt(job.id, None).await?;
            let missing = || format!("there is no receipt of {}; one is made when its answer leaves", self.id);
            return print_json(&receipt.with_context(missing)?);
        }
        if self.json {
            return print_json(&JobRecord::from(&job));
        }
        Ok(print(&format!("{}\n{}", facts(&job, Moment::now()), timeline(&job)))?)
    }
}

async fn build_log(job: &JobView, opened: &Opened) -> anyhow::Result<String> {
    let CodeSource::Git(source) = &job.source else { bail!("job {} named a program that is built already", job.id) };
    let config = &opened.config;
    let blobs = Blobs::open(&config.blobs, &config.store.blobs_dir())?;
    let reports = BuildReports::new(blobs, BuildLogs::under(&config.store.build_dir()));
    let log = reports.log(source, job.commit.as_deref()).await?;
    log.with_context(|| format!("the program of job {} was not built by these workers, or too long ago", job.id))
}

fn facts(job: &JobView, now: Moment) -> String {
    let ending = match job.status.ending() {
        Some(_) if job.status.is_dead_letter() => ", undelivered: a dead letter".to_owned(),
        Some(ending) => format!(", {}", ending.as_str()),
        None => format!(", {} since it was taken in", span(now.since(job.created_at))),
    };
    let lines = [
        ("job", Some(job.id.to_string())),
        ("status", Some(format!("{}{ending}", job.status))),
        ("attempts", Some(format!("{} of {}", job.attempts, job.stage))),
        ("sender", Some(job.sender_id.clone())),
        ("program", Some(one_line(&program(&job.source), FAULT_CHARS))),
        ("wasm", job.wasm_sha256.clone()),
        ("deadline", Some(utc(job.deadline))),
        ("worker", job.worker.clone()),
        ("code", job.code.clone()),
        ("last fault", job.note.as_deref().map(|note| one_line(note, FAULT_CHARS))),
        ("sent", job.tx_hash.as_ref().map(|hash| format!("{hash} at {}", or_dash(job.times.sent.map(utc))))),
    ];
    lines.into_iter().filter_map(|(name, value)| Some(format!("{name:<11}{}\n", value?))).collect()
}

fn timeline(job: &JobView) -> String {
    let mut table = Table::new(["STAGE", "READY", "WAITED", "BEGUN", "TOOK", "ENDED"]);
    let between =
        |from: Option<Moment>, to: Option<Moment>| or_dash(from.zip(to).map(|(from, to)| span(to.since(from))));
    for turn in job.timeline().into_iter().filter(|turn| turn.ready.is_some()) {
        table.row([
            turn.stage.to_string(),
            or_dash(turn.ready.map(utc)),
            between(turn.ready, turn.begun),
            or_dash(turn.begun.map(utc)),
            between(turn.begun, turn.ended),
            or_dash(turn.ended.map(utc)),
        ]);
    }
    let end = job
        .closed_at
        .map(|at| format!("over at {}, {} after it was taken in\n", utc(at), span(at.since(job.created_at))));
    format!("{table}{}", end.unwrap_or_default())
}
