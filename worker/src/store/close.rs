//! Jobs that end for a reason that lies outside the worker: the chain, the clock, the operator.

use std::{collections::HashMap, time::Duration};

use offchainvm_interface::{ExecutionResponse, FailureCode, ResourcesUsed};
use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{
    Closing, Moment, Store, StoreError,
    bulk::{Bulk, Named, bulk, rows},
    moves::{self, Guard, Leaves, Move},
    outbox::{self, Saying},
    rows::{id_of, status_of},
    writer::Write,
};
use crate::job::{Ending, JobId, RetryPolicy, Stage, Status, Step, Turn};

/// How many late jobs one transaction ends.
const LATE_AT_A_TIME: i64 = 200;

/// A job that came to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Closed {
    /// Which.
    pub id: JobId,
    /// How it ended.
    pub ending: Ending,
    /// The failure code of its answer; [`None`] for a success, and when there was no answer.
    pub code: Option<FailureCode>,
    /// When it was taken in.
    pub created_at: Moment,
}

impl Closed {
    /// Reads a row that holds id, code and created_at.
    fn read(row: &AnyRow, ending: Ending) -> Result<Self, StoreError> {
        let code: Option<String> = row.try_get("code")?;
        let code = FailureCode::ALL.iter().find(|known| Some(known.as_str()) == code.as_deref()).copied();
        Ok(Self { id: id_of(row)?, ending, code, created_at: Moment(row.try_get("created_at")?) })
    }
}

/// A job that nobody came to in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Late {
    /// Which.
    pub id: JobId,
    /// Its end, if it was too late even for an answer.
    pub closed: Option<Closed>,
}

const STANDING: Bulk = bulk!(
    "SELECT id, stage, state, attempts, ending, build_at, code, created_at,
            CASE WHEN outbox.tx_hash IS NULL THEN 0 ELSE 1 END AS sent
     FROM jobs LEFT JOIN outbox ON outbox.job_id = jobs.id WHERE id IN (SELECT value ->> 'id' FROM list)"
);

/// Closes jobs that the chain settled; those that are over, or were never here, are passed over.
pub(super) async fn close(
    connection: &mut AnyConnection,
    settled: &[Closing],
    now: Moment,
) -> Result<Vec<Closed>, StoreError> {
    let named: Vec<Named> = settled.iter().map(|closing| closing.id.into()).collect();
    let standing = sqlx::query(STANDING.on(connection)).bind(rows(&named)?).fetch_all(&mut *connection).await?;
    let answered: HashMap<JobId, bool> = settled.iter().map(|closing| (closing.id, closing.answered)).collect();
    let (mut moves, mut closed) = (Vec::new(), Vec::new());
    for row in &standing {
        let (id, status) = (id_of(row)?, status_of(row)?);
        if status.is_over() {
            continue;
        }
        let sent = row.try_get::<i64, _>("sent")? == 1;
        let ending = match (answered.get(&id), sent) {
            (Some(true), true) => Ending::Answered,
            (Some(true), false) => Ending::Settled,
            _ => Ending::Withdrawn,
        };
        let to = status.step(Step::Close(ending), &RetryPolicy::default())?;
        moves.push(Move::new(id, to, Guard::Open, now).made()?);
        closed.push(Closed::read(row, ending)?);
    }
    let held = moves::write(connection, &moves).await?;
    Ok(closed.into_iter().zip(held).filter_map(|(closed, held)| held.then_some(closed)).collect())
}

/// Ends every waiting job that cannot be answered in time any more.
struct EndLate {
    reserve: Duration,
    now: Moment,
}

impl Write for EndLate {
    type Output = Vec<Late>;

    fn name(&self) -> &'static str {
        "end_late"
    }

    async fn apply(&self, connection: &mut AnyConnection) -> Result<Vec<Late>, StoreError> {
        // A job at work is ended by whoever works on it.
        let rows = sqlx::query(
            "SELECT id, stage, state, attempts, ending, build_at, deadline, code, created_at FROM jobs
             WHERE closed_at IS NULL AND state = 'waiting'
               AND ((stage <> 'publish' AND deadline <= $1) OR deadline <= $2)
             ORDER BY deadline LIMIT $3",
        )
        .bind(self.now.after(self.reserve).0)
        .bind(self.now.0)
        .bind(LATE_AT_A_TIME)
        .fetch_all(&mut *connection)
        .await?;
        let mut ended = Vec::with_capacity(rows.len());
        for row in &rows {
            let (id, status) = (id_of(row)?, status_of(row)?);
            let deadline = Moment(row.try_get("deadline")?);
            let step = if deadline <= self.now { Step::Close(Ending::Expired) } else { Step::GiveUp };
            if give_up(connection, id, status, step, FailureCode::DeadlineMissed, MISSED, self.now).await?.is_none() {
                continue;
            }
            let closed = match step {
                Step::Close(ending) => Some(Closed::read(row, ending)?),
                _ => None,
            };
            ended.push(Late { id, closed });
        }
        Ok(ended)
    }
}

/// What a caller is told whose job came too late.
const MISSED: &str = "the request could not be worked on before its deadline";

/// What a caller is told whose job an operator has cancelled.
pub(super) const CANCELLED: &str = "cancelled by the operator";

struct Cancel {
    id: JobId,
    now: Moment,
}

impl Write for Cancel {
    type Output = Option<Status>;

    fn name(&self) -> &'static str {
        "cancel"
    }

    async fn apply(&self, connection: &mut AnyConnection) -> Result<Option<Status>, StoreError> {
        // Again when the job moved on in between; it can do so only a few times before it is published.
        loop {
            let row = sqlx::query("SELECT id, stage, state, attempts, ending, build_at FROM jobs WHERE id = $1")
                .bind(self.id.to_string())
                .fetch_optional(&mut *connection)
                .await?;
            let Some(row) = row else { return Ok(None) };
            let status = status_of(&row)?;
            if status.is_over() || matches!(status, Status::InProgress { stage: Stage::Publish, .. }) {
                return Ok(Some(status));
            }
            let step = if self.id.is_on_chain() { Step::GiveUp } else { Step::Close(Ending::Withdrawn) };
            let code = FailureCode::OperatorError;
            let given_up = give_up(connection, self.id, status, step, code, CANCELLED, self.now).await?;
            if given_up.is_some() {
                sqlx::query("UPDATE jobs SET cancelled = 1 WHERE id = $1")
                    .bind(self.id.to_string())
                    .execute(connection)
                    .await?;
                return Ok(given_up);
            }
        }
    }
}

/// Takes the job out of its stage; what it becomes is published when `step` leads there. [`None`] when it does not stand
/// there any more; nothing was written then.
async fn give_up(
    connection: &mut AnyConnection,
    id: JobId,
    status: Status,
    step: Step,
    code: FailureCode,
    message: &str,
    now: Moment,
) -> Result<Option<Status>, StoreError> {
    let to = status.step(step, &RetryPolicy::default())?;
    let only_if = match status {
        Status::InProgress { stage, turn: Turn::Running, .. } => Guard::At(stage, "running"),
        Status::InProgress { stage, turn: Turn::Waiting, .. } => Guard::At(stage, "waiting"),
        _ => Guard::At(Stage::Build, "waiting"),
    };
    let leaves = if to.is_over() { Leaves::Nothing } else { Leaves::Outcome(Some(code)) };
    let step = Move { note: Some(message), leaves, ..Move::new(id, to, only_if, now) };
    if !step.write(connection).await? {
        return Ok(None);
    }
    if !to.is_over() {
        let answer = ExecutionResponse::failed(code, message, ResourcesUsed::default());
        outbox::put(connection, [Saying::new(id, &answer, None)?].iter()).await?;
    }
    Ok(Some(to))
}

impl Store {
    /// Ends the waiting jobs that come too late: with an honest failure while there is `reserve` left to publish it,
    /// silently after the deadline. A job is ended only while nobody works on it.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn end_late(&self, reserve: Duration, now: Moment) -> Result<Vec<Late>, StoreError> {
        let (late,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM jobs WHERE closed_at IS NULL AND state = 'waiting'
             AND ((stage <> 'publish' AND deadline <= $1) OR deadline <= $2)",
        )
        .bind(now.after(reserve).0)
        .bind(now.0)
        .fetch_one(&self.pool)
        .await?;
        if late == 0 {
            return Ok(Vec::new());
        }
        let ended = self.writer.write(EndLate { reserve, now }).await?;
        self.wake.ring(Stage::Publish);
        Ok(ended)
    }

    /// Takes a job out of building or running for good, also from under whoever works on it. A request of the chain is
    /// answered with `operator_error`, so that its caller is refunded; one that was submitted here ends at once. A job
    /// that is being published, or is over, stays as it is. Returns where it stands now; [`None`] for an unknown one.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn cancel(&self, id: JobId, now: Moment) -> Result<Option<Status>, StoreError> {
        let status = self.writer.write(Cancel { id, now }).await?;
        self.wake.ring(Stage::Publish);
        Ok(status)
    }
}
