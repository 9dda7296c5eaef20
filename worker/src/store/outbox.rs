//! Answers on their way to the chain, and the nonces they are sent with.

use offchainvm_interface::ExecutionResponse;
use sqlx::{Row, SqliteConnection};

use super::{Lease, Moment, Store, StoreError, error::int};
use crate::job::JobId;

/// An answer on its way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// What is to be said.
    pub response: ExecutionResponse,
    /// The last transaction that was sent with it, in base 58.
    pub sent: Option<String>,
}

impl Store {
    pub(super) async fn answer(&self, id: JobId) -> Result<Answer, StoreError> {
        let corrupt = |reason: String| StoreError::Corrupt { job: id.to_string(), column: "response", reason };
        let row = sqlx::query("SELECT response, tx_hash FROM outbox WHERE job_id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?
            .ok_or_else(|| corrupt("nothing to publish".to_owned()))?;
        let response: Option<Vec<u8>> = row.try_get("response")?;
        let response = response.ok_or_else(|| corrupt("cleared before the job's end".to_owned()))?;
        let response = borsh::from_slice(&response).map_err(|error| corrupt(error.to_string()))?;
        Ok(Answer { response, sent: row.try_get("tx_hash")? })
    }

    /// Remembers the transaction that is about to be sent: after a crash the chain is asked for it before another one
    /// is made.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when somebody else has the job; it must not be sent then.
    pub async fn about_to_send(&self, lease: &Lease, tx_hash: &str, now: Moment) -> Result<(), StoreError> {
        let noted = sqlx::query(
            "UPDATE outbox SET tx_hash = $3, sent_at = $4
             WHERE job_id = $1 AND EXISTS (SELECT 1 FROM jobs WHERE id = $1 AND lease_owner = $2)",
        )
        .bind(lease.id.to_string())
        .bind(&lease.token)
        .bind(tx_hash)
        .bind(now.0)
        .execute(&self.pool)
        .await?;
        if noted.rows_affected() == 1 { Ok(()) } else { Err(StoreError::LeaseLost(lease.id)) }
    }

    /// Gives out a nonce for the key: at least `at_least`, and above every nonce given out before, also before a crash.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn next_nonce(&self, public_key: &str, at_least: u64) -> Result<u64, StoreError> {
        let (nonce,): (i64,) = sqlx::query_as(
            "INSERT INTO lanes (public_key, last_nonce) VALUES ($1, $2)
             ON CONFLICT (public_key) DO UPDATE SET last_nonce =
                 CASE WHEN lanes.last_nonce < excluded.last_nonce THEN excluded.last_nonce
                      ELSE lanes.last_nonce + 1 END
             RETURNING last_nonce",
        )
        .bind(public_key)
        .bind(int(at_least)?)
        .fetch_one(&self.pool)
        .await?;
        u64::try_from(nonce).map_err(|_| StoreError::TooLarge(at_least))
    }
}

pub(super) async fn put(
    connection: &mut SqliteConnection,
    id: JobId,
    response: &ExecutionResponse,
) -> Result<(), StoreError> {
    let encode = |error: std::io::Error| StoreError::Encode { job: id, column: "response", reason: error.to_string() };
    sqlx::query(
        "INSERT INTO outbox (job_id, code, response) VALUES ($1, $2, $3)
         ON CONFLICT (job_id) DO UPDATE SET code = excluded.code, response = excluded.response",
    )
    .bind(id.to_string())
    .bind(response.failure().map(offchainvm_interface::FailureCode::as_str))
    .bind(borsh::to_vec(response).map_err(encode)?)
    .execute(connection)
    .await?;
    Ok(())
}
