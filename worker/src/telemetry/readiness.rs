//! Whether the worker does what it is for, judged by its board: the conditions that `/readyz` shows.

use std::time::Duration;

use serde::Serialize;

use super::health::{Board, Health, LaneState, LoopState};

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
    /// The conditions of being ready, as far as the board knows of them.
    #[must_use]
    pub fn checks(&self, expected: &Expectations) -> Vec<Check> {
        let board = self.board.lock();
        let mut checks: Vec<Check> = board.starting().into_iter().collect();
        checks.extend([board.stopping(), board.running()]);
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
}

impl Board {
    /// Only a worker that is starting has this condition.
    fn starting(&self) -> Option<Check> {
        let waits: Vec<String> =
            self.start.as_ref()?.iter().map(|(what, reason)| format!("it waits for the {what}: {reason}")).collect();
        let detail = if waits.is_empty() { "the worker is starting".to_owned() } else { waits.join("; ") };
        Some(Check::unmet("start", detail))
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
    use crate::store::Moment;

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
    fn a_worker_that_starts_is_not_ready_and_says_what_it_waits_for() {
        let health = Health::new();
        health.starting();
        assert_eq!(unmet(&health, &EXPECTED), ["start"]);
        health.waits_for("node", "connection refused".to_owned());
        health.waits_for("database", "no such host".to_owned());
        let said = |health: &Health| health.checks(&EXPECTED).into_iter().next().map(|check| check.detail);
        let both = "it waits for the database: no such host; it waits for the node: connection refused";
        assert_eq!(said(&health).as_deref(), Some(both));
        health.found("database");
        assert_eq!(said(&health).as_deref(), Some("it waits for the node: connection refused"));
        health.started();
        assert_eq!(unmet(&health, &EXPECTED), [""; 0]);
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
