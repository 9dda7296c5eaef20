//! How many windows of 200 blocks a request can wait for the gas that is attached to it.

use super::bench::{Bench, Ended};
use crate::network::{DEPOSIT, seed_request};
use anyhow::{Result, ensure};
use near_primitives::views::FinalExecutionStatus;
use offchainvm_interface::{
    Event, EventLog,
    calls::{SetConfigArgs, method},
    views::Stats,
};
use serde_json::json;

/// The longest deadline, so that gas alone decides.
const WEEK: u64 = 7 * 24 * 3_600;
/// More windows than any gas buys.
const ENOUGH: usize = 2_000;

/// What an amount of gas buys.
pub struct Windows {
    /// Gas attached to `request_execution`.
    pub tgas: u64,
    /// The windows in which the request could be answered.
    pub windows: usize,
}

impl Windows {
    /// Lets a request wait for each of these amounts until it has timed out. All wait side by side: no renewal touches
    /// another request.
    pub fn bought_by(attached_tgas: &[u64]) -> Result<Vec<Self>> {
        let mut bench = Bench::new()?.0;
        let deadline = SetConfigArgs { deadline_seconds: Some(WEEK), ..SetConfigArgs::default() };
        bench.run("owner", method::SET_CONFIG, &json!(deadline), 1)?;
        let mut sent = vec![];
        for &tgas in attached_tgas {
            sent.push((tgas, bench.call("user", method::REQUEST_EXECUTION, &seed_request(), DEPOSIT, tgas)?));
        }
        for _ in 0..ENOUGH {
            bench.close_windows()?;
            let stats: Stats = serde_json::from_value(bench.view(method::GET_STATS, &json!({}))?)?;
            if stats.pending_requests == 0 {
                break;
            }
        }
        bench.settle()?;
        sent.into_iter().map(|(tgas, hash)| Ok(Self { tgas, windows: count(&bench.ended(hash)?)? })).collect()
    }
}

/// The first window, and its renewals.
fn count(ended: &Ended) -> Result<usize> {
    ensure!(matches!(ended.status, FinalExecutionStatus::Failure(_)), "{:?}", ended.status);
    let events = ended.logs.iter().filter_map(|log| EventLog::parse(log));
    Ok(1 + events.filter(|log| matches!(log.event, Event::ExecutionRenewed(_))).count())
}
