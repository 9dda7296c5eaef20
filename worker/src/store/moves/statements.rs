//! The statements that move jobs, and their rows.

use std::borrow::Cow;

use offchainvm_interface::FailureCode;
use serde::Serialize;

use super::{Built, Guard, Leaves, Move};
use crate::{
    job::{Stage, Status, Turn},
    store::{
        Lease, Moment,
        bulk::{Bulk, bulk},
    },
};

/// A statement, in two forms.
pub(super) struct Statement {
    pub(super) silent: Bulk,
    /// Returns the names of the jobs that it moved. They come back one by one, which costs more than to move them.
    pub(super) telling: Bulk,
}

/// What moves are written by the same statement.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Kind {
    GoesOn,
    HasBuilt,
    HasRun,
    HasBuiltAndRun,
    EndsOrBeginsAgain,
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::GoesOn, Self::HasBuilt, Self::HasRun, Self::HasBuiltAndRun, Self::EndsOrBeginsAgain];

    pub(super) fn of(step: &Move<'_>) -> Self {
        match step.leaves {
            _ if step.to.is_over() || matches!(step.only_if, Guard::Over(_)) => Self::EndsOrBeginsAgain,
            Leaves::Nothing => Self::GoesOn,
            Leaves::Artifact(..) => Self::HasBuilt,
            Leaves::Outcome(_) => Self::HasRun,
            Leaves::Both(..) => Self::HasBuiltAndRun,
        }
    }

    /// The statement that moves the jobs whose guards hold.
    pub(super) fn statement(self) -> &'static Statement {
        match self {
            Self::GoesOn => &GO_ON,
            Self::HasBuilt => &HAS_BUILT,
            Self::HasRun => &HAS_RUN,
            Self::HasBuiltAndRun => &HAS_BUILT_AND_RUN,
            Self::EndsOrBeginsAgain => &END_OR_BEGIN_AGAIN,
        }
    }
}

/// The words that a status has in the columns.
struct Columns {
    stage: Option<&'static str>,
    state: &'static str,
    attempts: Option<i64>,
    ending: Option<&'static str>,
}

impl From<Status> for Columns {
    fn from(status: Status) -> Self {
        let open = |stage: Stage, state, attempts: u32| Self {
            stage: Some(stage.as_str()),
            state,
            attempts: Some(attempts.into()),
            ending: None,
        };
        match status {
            Status::Pending => open(Stage::Build, "waiting", 0),
            Status::InProgress { stage, turn: Turn::Waiting, attempts } => open(stage, "waiting", attempts),
            Status::InProgress { stage, turn: Turn::Running, attempts } => open(stage, "running", attempts),
            // Stage and attempts stay as they were: they tell where it ended.
            Status::Completed(ending) => {
                Self { stage: None, state: "completed", attempts: None, ending: Some(ending.as_str()) }
            }
            Status::Failed { ending, .. } => {
                Self { stage: None, state: "failed", attempts: None, ending: Some(ending.as_str()) }
            }
        }
    }
}

/// A move as the statements take it; each reads what it needs.
#[derive(Default, Serialize)]
pub(super) struct Row<'a> {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'static str>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<i64>,
    not_before: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<Cow<'a, str>>,
    now: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    if_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    if_stage: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    if_state: Option<&'static str>,
    #[serde(flatten)]
    built: Option<BuiltColumns<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    executed_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(flatten)]
    end: Option<End>,
}

/// What a build adds to the row.
#[derive(Serialize)]
struct BuiltColumns<'a> {
    built_at: i64,
    wasm_sha256: String,
    wasm_path: Cow<'a, str>,
    full_commit: &'a str,
    toolchain: &'a str,
    provenance: Option<String>,
    lease_owner: Option<&'a str>,
    lease_until: Option<i64>,
}

/// What is added at the end, and taken away where a job begins again.
#[derive(Serialize)]
struct End {
    ending: Option<&'static str>,
    closed_at: Option<i64>,
    /// One for a job that is over, and zero for one that is not.
    if_over: i64,
}

impl<'a> From<&Move<'a>> for Row<'a> {
    fn from(step: &Move<'a>) -> Self {
        let Columns { stage, state, attempts, ending } = step.to.into();
        let now = step.now.0;
        let (id, not_before, note) = (step.id.to_string(), step.not_before.0, step.note.map(storable));
        let row = Self { id, stage, state, attempts, not_before, note, now, ..Self::default() };
        let row = match step.only_if {
            Guard::Leased(lease) => Self { if_token: Some(&lease.token), ..row },
            Guard::Open => row,
            Guard::At(stage, state) => Self { if_stage: Some(stage.as_str()), if_state: Some(state), ..row },
            Guard::Over(state) => Self { if_state: Some(state), ..row },
        };
        let row = match step.leaves {
            Leaves::Nothing => row,
            Leaves::Artifact(built, taken) => Self { built: Some(BuiltColumns::new(built, taken)), ..row },
            Leaves::Outcome(code) => Self { executed_at: Some(now), code: code.map(FailureCode::as_str), ..row },
            Leaves::Both(built, code) => {
                Self { built: Some(BuiltColumns::new(built, None)), code: code.map(FailureCode::as_str), ..row }
            }
        };
        if Kind::of(step) != Kind::EndsOrBeginsAgain {
            return row;
        }
        let (closed_at, if_over) = (step.to.is_over().then_some(now), matches!(step.only_if, Guard::Over(_)).into());
        Self { end: Some(End { ending, closed_at, if_over }), ..row }
    }
}

impl<'a> BuiltColumns<'a> {
    fn new(Built { artifact, at }: Built<'a>, taken: Option<(&'a Lease, Moment)>) -> Self {
        Self {
            built_at: at.0,
            wasm_sha256: artifact.digest.to_string(),
            wasm_path: artifact.path.to_string_lossy(),
            full_commit: &artifact.commit,
            toolchain: &artifact.toolchain,
            provenance: artifact.provenance.map(|digest| digest.to_string()),
            lease_owner: taken.map(|(lease, _)| &*lease.token),
            lease_until: taken.map(|(_, until)| until.0),
        }
    }
}

/// PostgreSQL's texts hold no NUL, and a stranger's program may have one in its names.
fn storable(note: &str) -> Cow<'_, str> {
    if note.contains('\0') { note.replace('\0', "\u{fffd}").into() } else { note.into() }
}

// Statements for what moves have in common, with what each kind of them reads, sets and asks beyond that. Only those that
// end a job, or begin one again, name the columns of the end: indexes of open jobs are written anew when `closed_at` is,
// though it be the same.
macro_rules! moves {
    ($reads:expr, $sets:expr, $if:literal) => {
        Statement { silent: moves!($reads, $sets, $if, ""), telling: moves!($reads, $sets, $if, " RETURNING jobs.id") }
    };
    ($reads:expr, $sets:expr, $if:literal, $tells:literal) => {
        bulk!(concat!(
            ", move AS MATERIALIZED (
                 SELECT value ->> 'id' AS id, value ->> 'stage' AS stage, value ->> 'state' AS state,
                        CAST(value ->> 'attempts' AS BIGINT) AS attempts,
                        CAST(value ->> 'not_before' AS BIGINT) AS not_before, value ->> 'note' AS note,
                        CAST(value ->> 'now' AS BIGINT) AS now, ",
            $reads,
            "            value ->> 'if_token' AS if_token, value ->> 'if_stage' AS if_stage,
                        value ->> 'if_state' AS if_state
                 FROM list)
             UPDATE jobs SET
                 stage = COALESCE(move.stage, jobs.stage), state = move.state,
                 attempts = COALESCE(move.attempts, jobs.attempts), not_before = move.not_before,
                 waits_from = move.now, note = COALESCE(move.note, jobs.note), ",
            $sets,
            " FROM move
             WHERE jobs.id = move.id AND (move.if_token IS NULL OR jobs.lease_owner = move.if_token)
               AND (move.if_stage IS NULL OR jobs.stage = move.if_stage)
               AND (move.if_state IS NULL OR jobs.state = move.if_state) AND ",
            $if,
            $tells
        ))
    };
}
static GO_ON: Statement = moves!("", "lease_owner = NULL, lease_until = NULL", "jobs.closed_at IS NULL");
// What a build and a run are recorded with, alone or together.
macro_rules! reads_built {
    () => {
        "CAST(value ->> 'built_at' AS BIGINT) AS built_at, value ->> 'wasm_sha256' AS wasm_sha256,
         value ->> 'wasm_path' AS wasm_path, value ->> 'full_commit' AS full_commit, value ->> 'toolchain' AS toolchain,
         value ->> 'provenance' AS provenance, "
    };
}
macro_rules! sets_built {
    () => {
        "built_at = move.built_at, wasm_sha256 = move.wasm_sha256, wasm_path = move.wasm_path,
         full_commit = move.full_commit, toolchain = move.toolchain, provenance = move.provenance, "
    };
}
macro_rules! sets_run {
    () => {
        "lease_owner = NULL, lease_until = NULL, executed_at = move.now, code = move.code"
    };
}
static HAS_BUILT: Statement = moves!(
    concat!(
        reads_built!(),
        "value ->> 'lease_owner' AS lease_owner, CAST(value ->> 'lease_until' AS BIGINT) AS lease_until, "
    ),
    concat!(
        sets_built!(),
        "lease_owner = move.lease_owner, lease_until = move.lease_until,
         execute_at = CASE WHEN move.lease_owner IS NULL THEN execute_at ELSE COALESCE(execute_at, move.built_at) END"
    ),
    "jobs.closed_at IS NULL
     AND (move.lease_owner IS NULL OR NOT EXISTS (SELECT 1 FROM flags WHERE name = 'paused'))"
);
static HAS_RUN: Statement = moves!("value ->> 'code' AS code, ", sets_run!(), "jobs.closed_at IS NULL");
static HAS_BUILT_AND_RUN: Statement = moves!(
    concat!(reads_built!(), "value ->> 'code' AS code, "),
    concat!(sets_built!(), sets_run!(), ", execute_at = COALESCE(execute_at, move.built_at)"),
    "jobs.closed_at IS NULL"
);
static END_OR_BEGIN_AGAIN: Statement = moves!(
    "value ->> 'ending' AS ending, CAST(value ->> 'closed_at' AS BIGINT) AS closed_at,
     CAST(value ->> 'executed_at' AS BIGINT) AS executed_at, value ->> 'code' AS code,
     CAST(value ->> 'if_over' AS BIGINT) AS if_over, ",
    "lease_owner = NULL, lease_until = NULL, ending = move.ending, closed_at = move.closed_at,
     executed_at = COALESCE(move.executed_at, jobs.executed_at),
     code = CASE WHEN move.executed_at IS NULL THEN jobs.code ELSE move.code END",
    "(jobs.closed_at IS NOT NULL) = (move.if_over = 1)"
);
