//! Jobs on their way from one status to the next: each move is a guarded update, and moves that are made at the same
//! time are one statement.

use std::{borrow::Cow, collections::HashSet};

use offchainvm_interface::FailureCode;
use serde::Serialize;
use sqlx::AnyConnection;

use super::{
    Lease, Moment, StoreError,
    bulk::{Bulk, Named, bulk, rows},
    record::BuiltArtifact,
    rows::id_of,
};
use crate::job::{JobId, Stage, Status, Turn};

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

/// A status that is not running, on its way into a row.
pub(super) struct Move<'a> {
    pub(super) id: JobId,
    pub(super) to: Status,
    pub(super) not_before: Moment,
    /// The last thing that went wrong, if something did.
    pub(super) note: Option<&'a str>,
    pub(super) now: Moment,
    pub(super) leaves: Leaves<'a>,
    pub(super) only_if: Guard<'a>,
    /// At an end: whether the answer stays for whoever asks for it.
    pub(super) keeps_answer: bool,
}

/// What the work that ends with a move has left.
#[derive(Clone, Copy)]
pub(super) enum Leaves<'a> {
    /// Nothing that the row must tell.
    Nothing,
    /// A module.
    Artifact(&'a BuiltArtifact),
    /// An answer with this failure code, or a success.
    Outcome(Option<FailureCode>),
}

/// What must still be so when a status is written. Under PostgreSQL another process may have moved the job since it was
/// looked at: the condition is what tells.
pub(super) enum Guard<'a> {
    /// This lease holds.
    Leased(&'a Lease),
    /// The job is not over.
    Open,
    /// The job stands in this stage and state.
    At(Stage, &'static str),
    /// The job is over, in this state.
    Over(&'static str),
}

/// A move as the statement takes it. What is null stays as it is, except the ending, the end's time, and a digest beside
/// a module.
#[derive(Default, Serialize)]
struct Row<'a> {
    id: String,
    stage: Option<&'static str>,
    state: &'static str,
    attempts: Option<i64>,
    ending: Option<&'static str>,
    not_before: i64,
    note: Option<Cow<'a, str>>,
    now: i64,
    closed_at: Option<i64>,
    built_at: Option<i64>,
    wasm_sha256: Option<String>,
    wasm_path: Option<Cow<'a, str>>,
    full_commit: Option<&'a str>,
    toolchain: Option<&'a str>,
    provenance: Option<String>,
    executed_at: Option<i64>,
    code: Option<&'static str>,
    if_token: Option<&'a str>,
    if_stage: Option<&'static str>,
    if_state: Option<&'static str>,
    /// One for a job that is over, and zero for one that is not.
    if_over: i64,
}

impl<'a> From<&Move<'a>> for Row<'a> {
    fn from(step: &Move<'a>) -> Self {
        let Columns { stage, state, attempts, ending } = step.to.into();
        let now = step.now.0;
        let closed_at = step.to.is_over().then_some(now);
        let (id, not_before, note) = (step.id.to_string(), step.not_before.0, step.note.map(storable));
        let row = Self { id, stage, state, attempts, ending, not_before, note, now, closed_at, ..Self::default() };
        let row = match step.only_if {
            Guard::Leased(lease) => Self { if_token: Some(&lease.token), ..row },
            Guard::Open => row,
            Guard::At(stage, state) => Self { if_stage: Some(stage.as_str()), if_state: Some(state), ..row },
            Guard::Over(state) => Self { if_state: Some(state), if_over: 1, ..row },
        };
        match step.leaves {
            Leaves::Nothing => row,
            Leaves::Artifact(artifact) => Self {
                built_at: Some(now),
                wasm_sha256: Some(artifact.digest.to_string()),
                wasm_path: Some(artifact.path.to_string_lossy()),
                full_commit: Some(&artifact.commit),
                toolchain: Some(&artifact.toolchain),
                provenance: artifact.provenance.map(|digest| digest.to_string()),
                ..row
            },
            Leaves::Outcome(code) => Self { executed_at: Some(now), code: code.map(FailureCode::as_str), ..row },
        }
    }
}

/// PostgreSQL's texts hold no NUL, and a stranger's program may have one in its names.
fn storable(note: &str) -> Cow<'_, str> {
    if note.contains('\0') { note.replace('\0', "\u{fffd}").into() } else { note.into() }
}

// One statement for all that a move may change: columns that stay as they are cost less than another statement. But
// indexes of open jobs are written anew when `closed_at` is, though it be the same; so what neither ends nor begins again
// leaves the columns of the end alone.
macro_rules! moves {
    ($of_the_end:literal) => {
        bulk!(concat!(
            ", move AS MATERIALIZED (
                 SELECT value ->> 'id' AS id, value ->> 'stage' AS stage, value ->> 'state' AS state,
                        CAST(value ->> 'attempts' AS BIGINT) AS attempts, value ->> 'ending' AS ending,
                        CAST(value ->> 'not_before' AS BIGINT) AS not_before, value ->> 'note' AS note,
                        CAST(value ->> 'now' AS BIGINT) AS now, CAST(value ->> 'closed_at' AS BIGINT) AS closed_at,
                        CAST(value ->> 'built_at' AS BIGINT) AS built_at, value ->> 'wasm_sha256' AS wasm_sha256,
                        value ->> 'wasm_path' AS wasm_path, value ->> 'full_commit' AS full_commit,
                        value ->> 'toolchain' AS toolchain, value ->> 'provenance' AS provenance,
                        CAST(value ->> 'executed_at' AS BIGINT) AS executed_at, value ->> 'code' AS code,
                        value ->> 'if_token' AS if_token, value ->> 'if_stage' AS if_stage,
                        value ->> 'if_state' AS if_state, CAST(value ->> 'if_over' AS BIGINT) AS if_over
                 FROM list)
             UPDATE jobs SET ",
            $of_the_end,
            "    stage = COALESCE(move.stage, jobs.stage), state = move.state,
                 attempts = COALESCE(move.attempts, jobs.attempts), not_before = move.not_before,
                 waits_from = move.now, note = COALESCE(move.note, jobs.note), lease_owner = NULL, lease_until = NULL,
                 built_at = COALESCE(move.built_at, jobs.built_at),
                 wasm_sha256 = COALESCE(move.wasm_sha256, jobs.wasm_sha256),
                 wasm_path = COALESCE(move.wasm_path, jobs.wasm_path),
                 full_commit = COALESCE(move.full_commit, jobs.full_commit),
                 toolchain = COALESCE(move.toolchain, jobs.toolchain),
                 provenance = CASE WHEN move.built_at IS NULL THEN jobs.provenance ELSE move.provenance END,
                 executed_at = COALESCE(move.executed_at, jobs.executed_at),
                 code = CASE WHEN move.executed_at IS NULL THEN jobs.code ELSE move.code END
             FROM move
             WHERE jobs.id = move.id AND (move.if_token IS NULL OR jobs.lease_owner = move.if_token)
               AND (move.if_stage IS NULL OR jobs.stage = move.if_stage)
               AND (move.if_state IS NULL OR jobs.state = move.if_state)
               AND (jobs.closed_at IS NOT NULL) = (move.if_over = 1)
             RETURNING jobs.id"
        ))
    };
}
const GO_ON: Bulk = moves!("");
const END_OR_BEGIN_AGAIN: Bulk = moves!(
    "ending = move.ending, closed_at = move.closed_at,
     request = CASE WHEN move.closed_at IS NULL THEN jobs.request END, "
);

const CLEAR: Bulk = bulk!("UPDATE outbox SET response = NULL WHERE job_id IN (SELECT value ->> 'id' FROM list)");

/// Writes the statuses: the leases go, and at an end the payloads go, too. Says of each move, in their order, whether its
/// guard held; where it did not, nothing was written.
pub(super) async fn write(connection: &mut AnyConnection, moves: &[Move<'_>]) -> Result<Vec<bool>, StoreError> {
    let mut held = vec![false; moves.len()];
    let mut left: Vec<(&mut bool, &Move<'_>)> = held.iter_mut().zip(moves).collect();
    // A statement moves a job once, and does not say which of two moves it was.
    while !left.is_empty() {
        let mut ids = HashSet::new();
        let (once, again): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, step)| ids.insert(step.id));
        let (going_on, others): (Vec<_>, Vec<_>) = once.into_iter().partition(|(_, step)| step.goes_on());
        write_once(connection, &GO_ON, going_on).await?;
        write_once(connection, &END_OR_BEGIN_AGAIN, others).await?;
        left = again;
    }
    Ok(held)
}

/// Moves of different jobs.
async fn write_once(
    connection: &mut AnyConnection,
    statement: &Bulk,
    moves: Vec<(&mut bool, &Move<'_>)>,
) -> Result<(), StoreError> {
    if moves.is_empty() {
        return Ok(());
    }
    let table: Vec<Row<'_>> = moves.iter().map(|(_, step)| Row::from(*step)).collect();
    let moved = sqlx::query(statement.on(connection)).bind(rows(&table)?).fetch_all(&mut *connection).await?;
    let moved: HashSet<JobId> = moved.iter().map(id_of).collect::<Result<_, _>>()?;
    let mut cleared = Vec::new();
    for (held, step) in moves {
        *held = moved.contains(&step.id);
        if *held && step.to.is_over() && !step.keeps_answer {
            cleared.push(Named::from(step.id));
        }
    }
    if !cleared.is_empty() {
        sqlx::query(CLEAR.on(connection)).bind(rows(&cleared)?).execute(connection).await?;
    }
    Ok(())
}

impl Move<'_> {
    /// Whether the job is open before and after.
    fn goes_on(&self) -> bool {
        !self.to.is_over() && !matches!(self.only_if, Guard::Over(_))
    }

    /// [`write()`] for one move alone.
    pub(super) async fn write(self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        Ok(write(connection, &[self]).await?.contains(&true))
    }
}
