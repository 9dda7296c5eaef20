//! Jobs on their way from one status to the next: each move is a guarded update, and moves that are made at the same
//! time are one statement.

mod statements;

use std::collections::HashSet;

use offchainvm_interface::FailureCode;
use sqlx::AnyConnection;

use super::{
    Lease, Moment, StoreError,
    bulk::{Bulk, Named, bulk, rows},
    record::BuiltArtifact,
    rows::id_of,
};
use crate::job::{JobId, Stage, Status};

use statements::{Kind, Row};

/// A status on its way into a row.
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
    /// A module. Whoever has built it may run it at once, with this lease and until then, unless the store is paused.
    Artifact(&'a BuiltArtifact, Option<(&'a Lease, Moment)>),
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

const CLEAR_REQUESTS: Bulk = bulk!("UPDATE requests SET body = NULL WHERE job_id IN (SELECT value ->> 'id' FROM list)");
const CLEAR_ANSWERS: Bulk =
    bulk!("UPDATE outbox SET response = NULL WHERE job_id IN (SELECT value ->> 'id' FROM list)");

/// Writes the statuses: the leases go, and at an end the payloads go, too. Says of each move, in their order, whether its
/// guard held; where it did not, nothing was written.
pub(super) async fn write(connection: &mut AnyConnection, moves: &[Move<'_>]) -> Result<Vec<bool>, StoreError> {
    let mut held = vec![false; moves.len()];
    let mut left: Vec<(&mut bool, &Move<'_>)> = held.iter_mut().zip(moves).collect();
    // A statement moves a job once, and does not say which of two moves it was.
    while !left.is_empty() {
        let mut ids = HashSet::new();
        let (mut once, again): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, step)| ids.insert(step.id));
        for kind in Kind::ALL {
            let of_kind: Vec<_> = once.extract_if(.., |(_, step)| Kind::of(step) == kind).collect();
            write_once(connection, kind.statement(), of_kind).await?;
        }
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
    let (mut over, mut answered) = (Vec::new(), Vec::new());
    for (held, step) in moves {
        *held = moved.contains(&step.id);
        if *held && step.to.is_over() {
            over.push(Named::from(step.id));
            if !step.keeps_answer {
                answered.push(Named::from(step.id));
            }
        }
    }
    for (clear, jobs) in [(CLEAR_REQUESTS, over), (CLEAR_ANSWERS, answered)] {
        if !jobs.is_empty() {
            sqlx::query(clear.on(connection)).bind(rows(&jobs)?).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

impl Move<'_> {
    /// [`write()`] for one move alone.
    pub(super) async fn write(self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        Ok(write(connection, &[self]).await?.contains(&true))
    }
}
