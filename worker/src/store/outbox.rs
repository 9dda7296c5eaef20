//! Answers on their way to the chain, and the receipts that were signed for them.

use std::sync::Arc;

use offchainvm_interface::{
    ExecutionResponse,
    receipt::{Run, SignedReceipt},
};
use serde::de::DeserializeOwned;
use sqlx::{AnyConnection, Row};

use super::{Lease, Moment, Store, StoreError, writer::Write};
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
        let mut lost = Vec::new();
        for Leaving { lease, receipt } in &self.leaving {
            let noted = sqlx::query(
                "UPDATE outbox SET tx_hash = $3, sent_at = $4, receipt = COALESCE($5, receipt)
                 WHERE job_id = $1 AND EXISTS (SELECT 1 FROM jobs WHERE id = $1 AND lease_owner = $2)",
            )
            .bind(lease.id.to_string())
            .bind(&lease.token)
            .bind(&self.tx_hash)
            .bind(self.now.0)
            .bind(receipt.as_deref())
            .execute(&mut *connection)
            .await?;
            if noted.rows_affected() == 0 {
                lost.push(lease.id);
            }
        }
        Ok(lost)
    }
}

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

    /// The receipt that was last sent for a job; [`None`] when none was.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn receipt(&self, id: JobId) -> Result<Option<SignedReceipt>, StoreError> {
        let row = sqlx::query("SELECT receipt FROM outbox WHERE job_id = $1 AND receipt IS NOT NULL")
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| from_json(id, "receipt", &row.try_get::<String, _>("receipt")?)).transpose()
    }
}

/// The answer of a job that is to be published.
pub(super) async fn answer(connection: &mut AnyConnection, id: JobId) -> Result<Answer, StoreError> {
    let row = sqlx::query("SELECT response, run, receipt, tx_hash FROM outbox WHERE job_id = $1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| corrupt(id, "nothing to publish".to_owned()))?;
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

/// Keeps what is to be said about a job, and how its program was run; the job's row tells of it by
/// [`Leaves::Outcome`](super::rows::Leaves). A receipt of an answer before is no receipt of this one.
pub(super) async fn put(
    connection: &mut AnyConnection,
    id: JobId,
    response: &ExecutionResponse,
    run: Option<&Run>,
) -> Result<(), StoreError> {
    let encode = |error: std::io::Error| StoreError::Encode { job: id, column: "response", reason: error.to_string() };
    sqlx::query(
        "INSERT INTO outbox (job_id, response, run) VALUES ($1, $2, $3)
         ON CONFLICT (job_id) DO UPDATE SET response = excluded.response, run = excluded.run, receipt = NULL",
    )
    .bind(id.to_string())
    .bind(borsh::to_vec(response).map_err(encode)?)
    .bind(run.map(serde_json::to_string).transpose().map_err(|error| encode(error.into()))?)
    .execute(connection)
    .await?;
    Ok(())
}

fn decode(id: JobId, response: &[u8]) -> Result<ExecutionResponse, StoreError> {
    borsh::from_slice(response).map_err(|error| corrupt(id, error.to_string()))
}

fn corrupt(id: JobId, reason: String) -> StoreError {
    StoreError::Corrupt { job: id.to_string(), column: "response", reason }
}

fn from_json<T: DeserializeOwned>(id: JobId, column: &'static str, json: &str) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Corrupt {
        job: id.to_string(),
        column,
        reason: error.to_string(),
    })
}
