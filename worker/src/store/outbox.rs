//! Answers on their way to the chain, and the receipts that were signed for them.

use std::{collections::HashSet, sync::Arc};

use offchainvm_interface::{
    ExecutionResponse,
    receipt::{Run, SignedReceipt},
};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{
    Lease, Moment, Store, StoreError,
    bulk::{Bulk, bulk, rows},
    rows::id_of,
    writer::Write,
};
use crate::job::JobId;

/// An answer on its way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// What is to be said.
    pub response: ExecutionResponse,
    /// How the program was run; [`None`] when it was not.
    pub run: Option<Run>,
    /// The receipt that was made for an earlier attempt. Its digest may be on the chain, so it is not made again.
    pub receipt: Option<SignedReceipt>,
    /// The last transaction that was sent with it, in base 58.
    pub sent: Option<String>,
}

/// An answer that is about to leave.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// The right to send it.
    pub lease: Lease,
    /// The receipt whose digest goes with it, as JSON.
    pub receipt: Option<Arc<str>>,
}

/// Notes one transaction for all the jobs whose answers it carries, and keeps their receipts.
struct AboutToSend {
    leaving: Vec<Leaving>,
    tx_hash: String,
    now: Moment,
}

impl Write for AboutToSend {
    type Output = Vec<JobId>;

    fn name(&self) -> &'static str {
        "about_to_send"
    }

    async fn apply(&self, connection: &mut AnyConnection) -> Result<Vec<JobId>, StoreError> {
        let leaving: Vec<LeavingRow<'_>> = self
            .leaving
            .iter()
            .map(|Leaving { lease, receipt }| LeavingRow {
                id: lease.id.to_string(),
                token: &lease.token,
                receipt: receipt.as_deref(),
            })
            .collect();
        let noted = sqlx::query(SEND.on(connection))
            .bind(rows(&leaving)?)
            .bind(&self.tx_hash)
            .bind(self.now.0)
            .fetch_all(connection)
            .await?;
        let noted: HashSet<JobId> = noted.iter().map(id_of).collect::<Result<_, _>>()?;
        Ok(self.leaving.iter().map(|leaving| leaving.lease.id).filter(|id| !noted.contains(id)).collect())
    }
}

#[derive(Serialize)]
struct LeavingRow<'a> {
    id: String,
    token: &'a str,
    receipt: Option<&'a str>,
}

const SEND: Bulk = bulk!(
    ", leaving AS MATERIALIZED (
         SELECT value ->> 'id' AS id, value ->> 'token' AS token, value ->> 'receipt' AS receipt FROM list)
     UPDATE outbox SET tx_hash = $2, sent_at = $3, receipt = COALESCE(leaving.receipt, outbox.receipt)
     FROM leaving
     WHERE outbox.job_id = leaving.id
       AND EXISTS (SELECT 1 FROM jobs WHERE jobs.id = leaving.id AND jobs.lease_owner = leaving.token)
     RETURNING outbox.job_id AS id"
);

impl Store {
    /// Remembers the transaction that is about to be sent with the answers of these jobs: after a crash the chain is
    /// asked for it before another one is made. Their receipts are kept with it, and stay when the jobs are over.
    /// Returns the jobs that somebody else has by now; a transaction that carries their answers must not be sent.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn about_to_send(
        &self,
        leaving: Vec<Leaving>,
        tx_hash: &str,
        now: Moment,
    ) -> Result<Vec<JobId>, StoreError> {
        self.writer.write(AboutToSend { leaving, tx_hash: tx_hash.to_owned(), now }).await
    }

    /// The answer that is kept for a job that was submitted here; [`None`] while there is none.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn kept_answer(&self, id: JobId) -> Result<Option<ExecutionResponse>, StoreError> {
        let row = sqlx::query("SELECT response FROM outbox WHERE job_id = $1 AND response IS NOT NULL")
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| decode(id, &row.try_get::<Vec<u8>, _>("response")?)).transpose()
    }
}

/// The rows of the jobs that were claimed for publishing with this token, for [`answer`].
pub(super) async fn answers(
    connection: &mut AnyConnection,
    token: &str,
    until: Moment,
) -> Result<Vec<AnyRow>, StoreError> {
    let answers = sqlx::query(
        "SELECT id, response, run, receipt, tx_hash FROM jobs JOIN outbox ON job_id = id
         WHERE state = 'running' AND lease_until = $2 AND lease_owner = $1",
    );
    Ok(answers.bind(token).bind(until.0).fetch_all(connection).await?)
}

/// What a row says is to be published.
pub(super) fn answer(row: &AnyRow) -> Result<Answer, StoreError> {
    let id = id_of(row)?;
    let response: Option<Vec<u8>> = row.try_get("response")?;
    let response = response.ok_or_else(|| corrupt(id, "cleared before the job's end".to_owned()))?;
    let (run, receipt): (Option<String>, Option<String>) = (row.try_get("run")?, row.try_get("receipt")?);
    Ok(Answer {
        response: decode(id, &response)?,
        run: run.map(|run| from_json(id, "run", &run)).transpose()?,
        receipt: receipt.map(|receipt| from_json(id, "receipt", &receipt)).transpose()?,
        sent: row.try_get("tx_hash")?,
    })
}

/// What a job that is to be published, and is not in [`answers`], fails with.
pub(super) fn no_answer(id: JobId) -> StoreError {
    corrupt(id, "nothing to publish".to_owned())
}

/// What is to be said about a job, as it is written.
pub(super) struct Saying {
    id: JobId,
    response: Vec<u8>,
    run: Option<String>,
}

impl Saying {
    /// An answer, and how the program was run.
    pub(super) fn new(id: JobId, response: &ExecutionResponse, run: Option<&Run>) -> Result<Self, StoreError> {
        let encode =
            |error: std::io::Error| StoreError::Encode { job: id, column: "response", reason: error.to_string() };
        let run = run.map(serde_json::to_string).transpose().map_err(|error| encode(error.into()))?;
        Ok(Self { id, response: borsh::to_vec(response).map_err(encode)?, run })
    }
}

/// Where the response is among all of them.
#[derive(Serialize)]
struct SayingRow<'a> {
    id: String,
    at: usize,
    length: usize,
    run: Option<&'a str>,
}

// The responses are bytes, which JSON cannot carry: they come one after the other in the second parameter.
const PUT: Bulk = bulk!(
    "INSERT INTO outbox (job_id, response, run)
     SELECT value ->> 'id', SUBSTR($2, CAST(value ->> 'at' AS INTEGER), CAST(value ->> 'length' AS INTEGER)),
            value ->> 'run'
     FROM list WHERE TRUE
     ON CONFLICT (job_id) DO UPDATE SET response = excluded.response, run = excluded.run, receipt = NULL"
);

/// Keeps what is to be said about jobs, each of them named once; the jobs' rows tell of it by
/// [`Leaves::Outcome`](super::moves::Leaves). A receipt of an answer before is no receipt of this one.
pub(super) async fn put(connection: &mut AnyConnection, said: impl Iterator<Item = &Saying>) -> Result<(), StoreError> {
    let (mut table, mut responses) = (Vec::new(), Vec::new());
    for Saying { id, response, run } in said {
        // SQL counts from one.
        let at = responses.len() + 1;
        responses.extend_from_slice(response);
        table.push(SayingRow { id: id.to_string(), at, length: response.len(), run: run.as_deref() });
    }
    if table.is_empty() {
        return Ok(());
    }
    sqlx::query(PUT.on(connection)).bind(rows(&table)?).bind(responses).execute(connection).await?;
    Ok(())
}

fn decode(id: JobId, response: &[u8]) -> Result<ExecutionResponse, StoreError> {
    borsh::from_slice(response).map_err(|error| corrupt(id, error.to_string()))
}

fn corrupt(id: JobId, reason: String) -> StoreError {
    StoreError::Corrupt { job: id.to_string(), column: "response", reason }
}

pub(super) fn from_json<T: DeserializeOwned>(id: JobId, column: &'static str, json: &str) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Corrupt {
        job: id.to_string(),
        column,
        reason: error.to_string(),
    })
}
