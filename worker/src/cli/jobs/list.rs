//! `offchainvm jobs list`.

use clap::ValueEnum;
use offchainvm_interface::{CodeSource, FailureCode};

use super::{Opened, record::JobRecord};
use crate::{
    cli::show::{Table, one_line, or_dash, print, print_json, span},
    store::{JobFilter, JobState, JobView, Moment},
};

/// How much of a program's address fits a table.
const SOURCE_CHARS: usize = 60;

/// Arguments of `offchainvm jobs list`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only jobs in this state
    #[arg(long)]
    state: Option<StateArg>,
    /// Only jobs whose answer has this failure code, such as `operator_error`
    #[arg(long, value_parser = failure_code)]
    code: Option<FailureCode>,
    /// Only dead letters: jobs whose answer could not be delivered
    #[arg(long)]
    dead: bool,
    /// How many at most
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
    /// Write JSON: an array of what `jobs show --json` writes
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum StateArg {
    Pending,
    InProgress,
    Completed,
    Failed,
}

impl From<StateArg> for JobState {
    fn from(arg: StateArg) -> Self {
        match arg {
            StateArg::Pending => Self::Pending,
            StateArg::InProgress => Self::InProgress,
            StateArg::Completed => Self::Completed,
            StateArg::Failed => Self::Failed,
        }
    }
}

fn failure_code(text: &str) -> Result<FailureCode, String> {
    let found = FailureCode::ALL.iter().find(|code| code.as_str() == text);
    found.copied().ok_or_else(|| {
        let codes: Vec<&str> = FailureCode::ALL.iter().map(|code| code.as_str()).collect();
        format!("there is no such code; there are {}", codes.join(", "))
    })
}

impl Args {
    pub(super) async fn execute(self, opened: &Opened) -> anyhow::Result<()> {
        let filter = JobFilter {
            state: self.state.map(JobState::from),
            code: self.code,
            dead_letters: self.dead,
            limit: self.limit,
        };
        let jobs = opened.store.jobs(&filter).await?;
        if self.json {
            let records: Vec<JobRecord> = jobs.iter().map(JobRecord::from).collect();
            return print_json(&records);
        }
        let text = if jobs.is_empty() { "no such jobs\n".to_owned() } else { table(&jobs, Moment::now()).to_string() };
        Ok(print(&text)?)
    }
}

fn table(jobs: &[JobView], now: Moment) -> Table<7> {
    let mut table = Table::new(["REQUEST", "STATUS", "ENDING", "CODE", "AGE", "SENDER", "PROGRAM"]);
    for job in jobs {
        table.row([
            if job.id.is_on_chain() { job.id.request_id.to_string() } else { job.id.to_string() },
            job.status.to_string(),
            or_dash(job.status.ending().map(|ending| ending.as_str())),
            or_dash(job.code.as_deref()),
            span(now.since(job.created_at)),
            job.sender_id.clone(),
            one_line(&program(&job.source), SOURCE_CHARS),
        ]);
    }
    table
}

/// A program's address in one line.
pub(super) fn program(source: &CodeSource) -> String {
    match source {
        CodeSource::Git(source) => format!("{}@{}", source.repo, source.commit),
        CodeSource::Wasm(source) => format!("sha256:{}", source.wasm_sha256),
    }
}
