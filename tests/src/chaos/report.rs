//! What came of a run, for people and for programs.

use super::{Stats, crew::Fates};
use serde_json::{Value, json};
use std::{fmt, time::Duration};

/// What the workers did in a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Deeds {
    /// Programs that were run, the same ones again included.
    pub runs: usize,
    /// Transactions of the operator that came into a block.
    pub transactions: usize,
    /// How often a worker's loop failed and was started again.
    pub loop_failures: usize,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    pub(super) seed: u64,
    pub(super) requests: usize,
    pub(super) callers: usize,
    pub(super) workers: usize,
    pub(super) duration: Duration,
    pub(super) asking: Duration,
    pub(super) settling: Duration,
    pub(super) stats: Stats,
    pub(super) fates: Fates,
    pub(super) deeds: Deeds,
    /// Jobs in the workers' store; [`None`] when these workers do not show them.
    pub(super) jobs: Option<usize>,
    /// Everything that is not as it must be, a sentence each; empty when all is well.
    pub findings: Vec<String>,
}

impl Report {
    /// The report as JSON; times in seconds.
    #[must_use]
    pub fn json(&self) -> Value {
        let faults: serde_json::Map<_, _> =
            self.stats.faults.iter().map(|(fault, count)| (fault.to_string(), json!(count))).collect();
        json!({
            "seed": self.seed,
            "requests": self.requests,
            "callers": self.callers,
            "workers": self.workers,
            "seconds": self.duration.as_secs_f64(),
            "disturbed_seconds": self.asking.as_secs_f64(),
            "settled_after_calm_seconds": self.settling.as_secs_f64(),
            "questions": self.stats.questions,
            "faults": faults,
            "starts": self.fates.starts,
            "kills": self.fates.kills,
            "exits": self.fates.exits,
            "loop_failures": self.deeds.loop_failures,
            "runs": self.deeds.runs,
            "transactions": self.deeds.transactions,
            "jobs_in_store": self.jobs,
            "findings": self.findings,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stats, fates, deeds, .. } = self;
        writeln!(
            f,
            "chaos, seed {}: {} requests of {} callers, {} worker(s), {:.1} s ({:.1} s disturbed, settled {:.1} s after calm)",
            self.seed,
            self.requests,
            self.callers,
            self.workers,
            self.duration.as_secs_f64(),
            self.asking.as_secs_f64(),
            self.settling.as_secs_f64()
        )?;
        let faults: Vec<_> = stats.faults.iter().map(|(fault, count)| format!("{fault} {count}")).collect();
        let total: u64 = stats.faults.values().sum();
        writeln!(f, "  faults   {total}, of {} questions: {}", stats.questions, faults.join(", "))?;
        writeln!(
            f,
            "  workers  {} started, {} killed, {} ended by themselves",
            fates.starts, fates.kills, fates.exits
        )?;
        writeln!(
            f,
            "  work     {} runs, {} transactions, {} restarts of a loop",
            deeds.runs, deeds.transactions, deeds.loop_failures
        )?;
        match self.jobs {
            Some(jobs) => writeln!(f, "  store    {jobs} jobs")?,
            None => writeln!(f, "  store    not looked at: this worker has no command for it")?,
        }
        if self.findings.is_empty() {
            let orphans = if self.jobs.is_some() { ", no orphan" } else { "" };
            return write!(f, "  verdict  none lost, none settled twice, every value right, money conserved{orphans}");
        }
        write!(f, "  verdict  {} findings", self.findings.len())?;
        self.findings.iter().try_for_each(|finding| write!(f, "\n  - {finding}"))
    }
}
