//! How the worker stands right now: a board that the start, loops, ingest and lanes report to. `readiness` judges it.
//! What is counted goes to the metrics instead; what is both is copied there when somebody asks for them.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use parking_lot::Mutex;
use serde::Serialize;

use super::Metrics;
use crate::store::Moment;

/// The board. Cloning it is cheap; clones show the same.
#[derive(Clone, Debug, Default)]
pub struct Health {
    pub(super) board: Arc<Mutex<Board>>,
}

#[derive(Debug, Default)]
pub(super) struct Board {
    /// What a start waits for, and why; [`None`] once the worker has started.
    pub(super) start: Option<BTreeMap<&'static str, String>>,
    pub(super) draining: bool,
    pub(super) loops: BTreeMap<&'static str, LoopState>,
    pub(super) lanes: BTreeMap<u32, LaneState>,
    pub(super) needs_chain: bool,
    pub(super) reads_chain: bool,
    pub(super) head: Option<Head>,
    pub(super) chain_fault: Option<String>,
    pub(super) read: Option<Progress>,
}

/// A node's last answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    height: u64,
    pub(super) heard: Instant,
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

impl Health {
    /// A board that nothing was reported to yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that the worker has begun to start: it does nothing yet.
    pub fn starting(&self) {
        self.board.lock().start = Some(BTreeMap::new());
    }

    /// Says that the start waits for something, and why.
    pub fn waits_for(&self, what: &'static str, reason: String) {
        self.board.lock().start.get_or_insert_default().insert(what, reason);
    }

    /// Says that the start does not wait for that any more.
    pub fn found(&self, what: &'static str) {
        if let Some(waits) = &mut self.board.lock().start {
            waits.remove(what);
        }
    }

    /// Says that the worker has started.
    pub fn started(&self) {
        self.board.lock().start = None;
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
    pub(super) fn lag(&self) -> Option<u64> {
        Some(self.head?.height.saturating_sub(self.read?.height))
    }
}
