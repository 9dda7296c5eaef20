//! `offchainvm jobs`: look at requests, and repair what went wrong with them. Works on the store beside the worker that
//! serves it; a worker need not run.

mod list;
mod record;
mod repair;
mod show;

use std::{process::ExitCode, str::FromStr};

use anyhow::Context;
use clap::Subcommand;
use offchainvm_interface::RequestId;

use super::opened::{Opened, StoreArgs};
use crate::{job::JobId, store::JobView};

/// Arguments of `offchainvm jobs`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List jobs, the newest first
    List(list::Args),
    /// Tell a job's story: what was done when, how often, and what went wrong
    Show(show::Args),
    /// Try a job again that failed: above all a dead letter, whose answer could not be delivered
    ///
    /// The request is read again from the chain, which must still wait for it; the program runs once more. A worker
    /// takes it at its next look for work.
    Retry(repair::Args),
    /// Answer a request with a failure of the operator, so that its caller gets the whole deposit back
    ///
    /// Ends building and running it, also under way. A worker publishes the answer, `operator_error`, "cancelled by
    /// the operator". An answer that is being published already cannot be taken back.
    Cancel(repair::Args),
}

impl Args {
    pub(super) async fn execute(self) -> anyhow::Result<ExitCode> {
        let opened = self.store.open().await?;
        match self.command {
            Command::List(args) => args.execute(&opened).await,
            Command::Show(args) => args.execute(&opened).await,
            Command::Retry(args) => args.retry(&opened).await,
            Command::Cancel(args) => args.cancel(&opened).await,
        }?;
        opened.store.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

/// Which job: the request's number, or the whole name for one that was submitted without a chain.
#[derive(Clone, Copy, Debug)]
enum JobName {
    Request(RequestId),
    Job(JobId),
}

impl FromStr for JobName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.parse().map(Self::Request);
        number.or_else(|_| text.parse().map(Self::Job)).map_err(|_| {
            "not a request's number, such as 7, nor a job's name, such as 7: and 64 hexadecimal digits".to_owned()
        })
    }
}

impl JobName {
    async fn find(self, opened: &Opened) -> anyhow::Result<JobView> {
        let found = match self {
            Self::Request(id) => opened.store.job(id).await?,
            Self::Job(id) => opened.store.job_named(id).await?,
        };
        found.with_context(|| format!("the store {} knows no job {self}", opened.store.database()))
    }
}

impl std::fmt::Display for JobName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Request(id) => id.fmt(f),
            Self::Job(id) => id.fmt(f),
        }
    }
}
