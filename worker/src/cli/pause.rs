//! `offchainvm pause` and `offchainvm resume`: the switch that stops new work in every process of a store.

use std::process::ExitCode;

use super::{opened::StoreArgs, show::utc};
use crate::store::Moment;

/// Arguments of `offchainvm pause` and `resume`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    store: StoreArgs,
}

impl Args {
    pub(super) async fn execute(self, paused: bool) -> anyhow::Result<ExitCode> {
        let opened = self.store.open().await?;
        opened.store.set_paused(paused, Moment::now()).await?;
        if let Some(since) = opened.store.paused_since().await? {
            println!("paused since {}: nothing new is built or run, answers are still published", utc(since));
        } else {
            println!("not paused: requests are built and run");
        }
        opened.store.close().await;
        Ok(ExitCode::SUCCESS)
    }
}
