//! Jobs on their way from one status to the next: each move is a guarded update, and moves that are made at the same
//! time are one statement.

mod statements;

use std::collections::HashSet;

use offchainvm_interface::FailureCode;
use sqlx::AnyConnection;

use super::{
    Lease, Moment, StoreError,
    bulk::{Bulk, Named, bulk, joined, rows},
    hand_over::HeldBack,
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
    Artifact(Built<'a>, Option<(&'a Lease, Moment)>),
    /// An answer with this failure code, or a success.
    Outcome(Option<FailureCode>),
    /// A module and the answer that came of running it.
    Both(Built<'a>, Option<FailureCode>),
}

/// A module, and when it was built.
#[derive(Clone, Copy)]
pub(super) struct Built<'a> {
    pub(super) artifact: &'a BuiltArtifact,
    pub(super) at: Moment,
}

impl<'a> From<&'a HeldBack> for Built<'a> {
    fn from(HeldBack { artifact, at, .. }: &'a HeldBack) -> Self {
        Self { artifact, at: *at }
    }
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

impl<'a> Move<'a> {
    /// One that may go on at once and says no more than where to.
    pub(super) fn new(id: JobId, to: Status, only_if: Guard<'a>, now: Moment) -> Self {
        let (not_before, leaves) = (Moment::AT_ONCE, Leaves::Nothing);
        Self { id, to, not_before, note: None, now, leaves, only_if, keeps_answer: false }
    }

    /// What is written of it. Made before it is the writer's turn, who has more to do than anybody else.
    pub(super) fn made(&self) -> Result<Made, StoreError> {
        let row = serde_json::to_string(&Row::from(self))?;
        let is_over = self.to.is_over();
        Ok(Made { id: self.id, kind: Kind::of(self), row, is_over, keeps_answer: self.keeps_answer })
    }

    /// Writes it alone; says whether its guard held.
    pub(super) async fn write(self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        write_together(connection, &[&self.made()?]).await
    }
}

/// A move that is ready to be written.
pub(super) struct Made {
    id: JobId,
    kind: Kind,
    row: String,
    is_over: bool,
    keeps_answer: bool,
}

const CLEAR_REQUESTS: Bulk = bulk!("UPDATE requests SET body = NULL WHERE job_id IN (SELECT value ->> 'id' FROM list)");
const CLEAR_ANSWERS: Bulk =
    bulk!("UPDATE outbox SET response = NULL WHERE job_id IN (SELECT value ->> 'id' FROM list)");

/// Writes the statuses: the leases go, and at an end the payloads go, too. False when it is one, and its guard did not
/// hold; nothing was written then.
///
/// # Errors
/// [`StoreError::SomeHaveMoved`] when they are several, and not all guards held: each has to be written alone.
pub(super) async fn write_together(connection: &mut AnyConnection, moves: &[&Made]) -> Result<bool, StoreError> {
    let mut moved = 0;
    for kind in Kind::ALL {
        let of_kind: Vec<&Made> = moves.iter().copied().filter(|made| made.kind == kind).collect();
        if !of_kind.is_empty() {
            let statement = kind.statement().silent.on(connection);
            moved += sqlx::query(statement).bind(table(&of_kind)).execute(&mut *connection).await?.rows_affected();
        }
    }
    if moved != moves.len() as u64 {
        return if moves.len() == 1 { Ok(false) } else { Err(StoreError::SomeHaveMoved) };
    }
    clear(connection, moves.iter().copied()).await?;
    Ok(true)
}

/// The same one by one: says of each move, in their order, whether its guard held; where it did not, nothing was written.
pub(super) async fn write(connection: &mut AnyConnection, moves: &[Made]) -> Result<Vec<bool>, StoreError> {
    let mut held = vec![false; moves.len()];
    let mut left: Vec<(&mut bool, &Made)> = held.iter_mut().zip(moves).collect();
    // A statement moves a job once, and does not say which of two moves it was.
    while !left.is_empty() {
        let mut ids = HashSet::new();
        let (mut once, again): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, made)| ids.insert(made.id));
        for kind in Kind::ALL {
            let of_kind: Vec<_> = once.extract_if(.., |(_, made)| made.kind == kind).collect();
            write_once(connection, kind, of_kind).await?;
        }
        left = again;
    }
    Ok(held)
}

/// Moves of different jobs.
async fn write_once(
    connection: &mut AnyConnection,
    kind: Kind,
    moves: Vec<(&mut bool, &Made)>,
) -> Result<(), StoreError> {
    if moves.is_empty() {
        return Ok(());
    }
    let of_kind: Vec<&Made> = moves.iter().map(|(_, made)| *made).collect();
    let statement = kind.statement().telling.on(connection);
    let moved = sqlx::query(statement).bind(table(&of_kind)).fetch_all(&mut *connection).await?;
    let moved: HashSet<JobId> = moved.iter().map(id_of).collect::<Result<_, _>>()?;
    clear(connection, of_kind.into_iter().filter(|made| moved.contains(&made.id))).await?;
    for (held, made) in moves {
        *held = moved.contains(&made.id);
    }
    Ok(())
}

fn table(moves: &[&Made]) -> String {
    joined(moves.iter().map(|made| &*made.row))
}

/// The payloads of those that are over go.
async fn clear(connection: &mut AnyConnection, moved: impl Iterator<Item = &Made>) -> Result<(), StoreError> {
    let over: Vec<&Made> = moved.filter(|made| made.is_over).collect();
    let names = |jobs: &mut dyn Iterator<Item = &&Made>| jobs.map(|made| Named::from(made.id)).collect::<Vec<_>>();
    let answered = names(&mut over.iter().filter(|made| !made.keeps_answer));
    for (clear, jobs) in [(CLEAR_REQUESTS, names(&mut over.iter())), (CLEAR_ANSWERS, answered)] {
        if !jobs.is_empty() {
            sqlx::query(clear.on(connection)).bind(rows(&jobs)?).execute(&mut *connection).await?;
        }
    }
    Ok(())
}
