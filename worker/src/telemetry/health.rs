//! How the worker stands right now: a board that loops, ingest and lanes report to, and that `/healthz` and `/readyz`
//! read. What is counted goes to the metrics instead; what is both is copied there when somebody asks for them.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use serde::Serialize;

use super::Metrics;
use crate::store::Moment;

/// The board. Cloning it is cheap; clones show the same.
#[derive(Clone, Debug, Default)]
pub struct Health {
    board: Arc<Mutex<Board>>,
}

#[derive(Debug, Default)]
struct Board {
    draining: bool,
    loops: BTreeMap<&'static str, LoopState>,
    lanes: BTreeMap<u32, LaneState>,
    needs_chain: bool,
    reads_chain: bool,
    head: Option<Head>,
    chain_fault: Option<String>,
    read: Option<Progress>,
}

/// A node's last answer.
#[derive(Clone, Copy, Debug)]
struct Head {
    height: u64,
    heard: Instant,
}

/// How far the chain was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Progress {
    /// The last block that was read.
    pub height: u64,
    /// That block's own time.
    pub time: Moment,
}

/// How a loop of the worker does.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LoopState {
    /// It runs.
    Running,
    /// It failed and is about to be started again.
    Restarting {
        /// Why it failed.
        reason: String,
        /// How often it failed in a row.
        failures: u32,
    },
    /// It did what it was for, or was told to stop.
    Finished,
    /// Nobody starts it again: the task that kept it running is gone.
    Lost,
}

/// A loop and how it does.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Loop {
    /// Its name.
    pub name: &'static str,
    /// How it does.
    #[serde(flatten)]
    pub state: LoopState,
}

/// How a publish lane does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LaneState {
    /// It may send.
    Idle,
    /// A transaction of it is on its way.
    Busy,
    /// It cannot send: its key is gone, or its account has no money.
    Unusable(String),
}

impl LaneState {
    /// The names of all states.
    pub const NAMES: [&str; 3] = ["idle", "busy", "unusable"];

    /// The state's stable name.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Unusable(_) => "unusable",
        }
    }
}

/// What this process must have in order to be ready.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Expectations {
    /// How many final blocks may be unread.
    pub max_lag_blocks: u64,
    /// How long the chain may be silent.
    pub max_silence: Duration,
}

/// One condition of being ready.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// How it is, in words.
    pub detail: String,
}

impl Check {
    /// A condition that is met.
    #[must_use]
    pub fn met(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, ok: true, detail: detail.into() }
    }

    /// A condition that is not met.
    #[must_use]
    pub fn unmet(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, ok: false, detail: detail.into() }
    }
}

impl Health {
    /// A board that nothing was reported to yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says how a loop does.
    pub fn loop_is(&self, name: &'static str, state: LoopState) {
        self.board.lock().loops.insert(name, state);
    }

    /// Says how a lane does.
    pub fn lane_is(&self, lane: u32, state: LaneState) {
        self.board.lock().lanes.insert(lane, state);
    }

    /// Says that another process has the lane's key now.
    pub fn lane_left(&self, lane: u32) {
        self.board.lock().lanes.remove(&lane);
    }

    /// Says that this process speaks with the chain, so that it is not ready while the chain is silent.
    pub fn needs_chain(&self) {
        self.board.lock().needs_chain = true;
    }

    /// Says that this process reads blocks, so that it is not ready while it is behind.
    pub fn reads_chain(&self) {
        self.board.lock().reads_chain = true;
    }

    /// Says how far the chain was read.
    pub fn block_read(&self, height: u64, time: Moment) {
        self.board.lock().read = Some(Progress { height, time });
    }

    /// Says that a node has answered, and what its newest final block is.
    pub fn chain_answered(&self, height: u64) {
        let mut board = self.board.lock();
        board.head = Some(Head { height, heard: Instant::now() });
        board.chain_fault = None;
    }

    /// Says that no node has answered.
    pub fn chain_failed(&self, reason: String) {
        self.board.lock().chain_fault = Some(reason);
    }

    /// Says that the worker was told to stop: it takes nothing new.
    pub fn draining(&self) {
        self.board.lock().draining = true;
    }

    /// The loops, by name.
    #[must_use]
    pub fn loops(&self) -> Vec<Loop> {
        self.board.lock().loops.iter().map(|(name, state)| Loop { name, state: state.clone() }).collect()
    }

    /// Whether every loop runs or is about to.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.board.lock().loops.values().all(|state| *state != LoopState::Lost)
    }

    /// The conditions of being ready, as far as the board knows of them.
    #[must_use]
    pub fn checks(&self, expected: &Expectations) -> Vec<Check> {
        let board = self.board.lock();
        let mut checks = vec![board.stopping(), board.running()];
        if board.needs_chain {
            checks.push(board.chain(expected.max_silence));
        }
        if board.reads_chain {
            checks.push(board.ingest(expected.max_lag_blocks));
        }
        if !board.lanes.is_empty() {
            checks.push(board.lanes());
        }
        checks
    }

    /// Copies what is also a metric.
    pub fn export(&self, metrics: &Metrics, now: Moment) {
        let board = self.board.lock();
        if let Some(read) = board.read {
            metrics.block_read(read.height, now.since(read.time));
        }
        if let Some(head) = board.head {
            metrics.chain_head(head.height, board.lag().unwrap_or_default());
        }
        for (lane, state) in &board.lanes {
            metrics.lane_state(*lane, state);
        }
    }
}

impl Board {
    /// Blocks that are still to be read. A block source may be ahead of the node.
    fn lag(&self) -> Option<u64> {
        Some(self.head?.height.saturating_sub(self.read?.height))
    }

    fn stopping(&self) -> Check {
        if self.draining {
            Check::unmet("stopping", "the worker was told to stop and takes nothing new")
        } else {
            Check::met("stopping", "the worker was not told to stop")
        }
    }

    fn running(&self) -> Check {
        let faults: Vec<String> = self
            .loops
            .iter()
            .filter_map(|(name, state)| match state {
                LoopState::Running | LoopState::Finished => None,
                LoopState::Restarting { reason, failures } => Some(format!("{name} failed {failures} times: {reason}")),
                LoopState::Lost => Some(format!("{name} is gone")),
            })
            .collect();
        if faults.is_empty() {
            Check::met("loops", format!("{} run", self.loops.len()))
        } else {
            Check::unmet("loops", faults.join("; "))
        }
    }

    fn chain(&self, max_silence: Duration) -> Check {
        let fault = self.chain_fault.as_deref().map(|fault| format!(": {fault}")).unwrap_or_default();
        match self.head {
            None => Check::unmet("chain", format!("no node has answered yet{fault}")),
            Some(head) => {
                let silent = head.heard.elapsed();
                let detail = format!("a node answered {} ms ago{fault}", silent.as_millis());
                if silent > max_silence { Check::unmet("chain", detail) } else { Check::met("chain", detail) }
            }
        }
    }

    fn ingest(&self, max_lag: u64) -> Check {
        let Some(read) = self.read else { return Check::unmet("ingest", "no block has been read yet") };
        let lag = self.lag().unwrap_or_default();
        let detail = format!("block {} is read, {lag} behind the newest one; at most {max_lag} may be", read.height);
        if lag > max_lag { Check::unmet("ingest", detail) } else { Check::met("ingest", detail) }
    }

    /// One lane that can send is enough: it is slower, but nothing is lost.
    fn lanes(&self) -> Check {
        let faults: Vec<String> = self
            .lanes
            .iter()
            .filter_map(|(lane, state)| match state {
                LaneState::Unusable(reason) => Some(format!("lane {lane}: {reason}")),
                LaneState::Idle | LaneState::Busy => None,
            })
            .collect();
        let usable = self.lanes.len() - faults.len();
        let mut detail = format!("{usable} of {} lanes can send", self.lanes.len());
        for fault in faults {
            detail.push_str("; ");
            detail.push_str(&fault);
        }
        if usable == 0 { Check::unmet("lanes", detail) } else { Check::met("lanes", detail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Expectations = Expectations { max_lag_blocks: 10, max_silence: Duration::from_secs(3600) };

    fn unmet(health: &Health, expected: &Expectations) -> Vec<&'static str> {
        health.checks(expected).into_iter().filter(|check| !check.ok).map(|check| check.name).collect()
    }

    #[test]
    fn a_worker_is_ready_once_the_chain_answers_and_the_blocks_are_read() {
        let health = Health::new();
        health.needs_chain();
        health.reads_chain();
        assert_eq!(unmet(&health, &EXPECTED), ["chain", "ingest"]);
        health.chain_answered(100);
        health.block_read(89, Moment(0));
        assert_eq!(unmet(&health, &EXPECTED), ["ingest"], "11 blocks behind");
        health.block_read(90, Moment(0));
        assert_eq!(unmet(&health, &EXPECTED), [""; 0]);
        health.draining();
        assert_eq!(unmet(&health, &EXPECTED), ["stopping"]);
    }

    #[test]
    fn a_silent_chain_makes_a_worker_unready_and_the_reason_is_shown() {
        let health = Health::new();
        health.needs_chain();
        health.chain_answered(7);
        health.chain_failed("connection refused".to_owned());
        assert_eq!(unmet(&health, &EXPECTED), [""; 0], "one failure is not silence yet");
        let impatient = Expectations { max_silence: Duration::ZERO, ..EXPECTED };
        let checks = health.checks(&impatient);
        let check = checks.iter().find(|check| check.name == "chain");
        assert!(check.is_some_and(|check| !check.ok && check.detail.contains("connection refused")), "{check:?}");
    }

    #[test]
    fn one_lane_that_can_send_is_enough() {
        let health = Health::new();
        health.lane_is(0, LaneState::Unusable("the key is gone".to_owned()));
        health.lane_is(1, LaneState::Busy);
        assert_eq!(unmet(&health, &EXPECTED), [""; 0]);
        health.lane_is(1, LaneState::Unusable("no money".to_owned()));
        assert_eq!(unmet(&health, &EXPECTED), ["lanes"]);
    }

    #[test]
    fn a_loop_that_restarts_makes_a_worker_unready_and_one_that_is_lost_makes_it_unhealthy() {
        let health = Health::new();
        health.loop_is("ingest", LoopState::Restarting { reason: "broken".to_owned(), failures: 2 });
        assert!(health.is_alive());
        assert_eq!(unmet(&health, &EXPECTED), ["loops"]);
        health.loop_is("ingest", LoopState::Lost);
        assert!(!health.is_alive());
    }
}
