//! The receipts of a job. There is one, unless the job was over and began again: then an earlier answer may be on its way
//! still, and the chain says which of the receipts counts.

use std::collections::HashSet;

use offchainvm_interface::{Sha256, receipt::SignedReceipt};
use sqlx::AnyConnection;

use super::{Closing, Store, StoreError, outbox::from_json};
use crate::{job::JobId, receipt::digest};

/// Every receipt of a job, as JSON: the one that was sent last or counts, and then those before it, the newest first.
const ALL: &str = "SELECT receipt, 1 AS last, 0 AS number FROM outbox WHERE job_id = $1 AND receipt IS NOT NULL
     UNION ALL SELECT receipt, 0, number FROM earlier_receipts WHERE job_id = $1 ORDER BY last DESC, number DESC";

impl Store {
    /// The receipts that were sent for a job, the last first. Once the chain has told which one it was settled with,
    /// that is the only one.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn receipts(&self, id: JobId) -> Result<Vec<SignedReceipt>, StoreError> {
        let found: Vec<(String, i64, i64)> = sqlx::query_as(ALL).bind(id.to_string()).fetch_all(&self.pool).await?;
        found.iter().map(|(json, ..)| from_json(id, "receipt", json)).collect()
    }

    /// The receipt of a job that counts, or was sent last; with `sha256` the one with that digest. [`None`] when there
    /// is none.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn receipt(&self, id: JobId, sha256: Option<Sha256>) -> Result<Option<SignedReceipt>, StoreError> {
        let wanted = |receipt: &SignedReceipt| sha256.is_none_or(|sha256| is(receipt, sha256));
        Ok(self.receipts(id).await?.into_iter().find(wanted))
    }
}

/// Keeps of each job's receipts only the one that the chain has settled it with. Where the chain names another, all stay.
pub(super) async fn settle(connection: &mut AnyConnection, settled: &[Closing]) -> Result<(), StoreError> {
    if settled.is_empty() {
        return Ok(());
    }
    // Hardly any job has several, so this is a look at an empty table.
    let several: Vec<(String,)> =
        sqlx::query_as("SELECT DISTINCT job_id FROM earlier_receipts").fetch_all(&mut *connection).await?;
    let several: HashSet<String> = several.into_iter().map(|(id,)| id).collect();
    for Closing { id, receipt, .. } in settled {
        if let Some(sha256) = receipt
            && several.contains(&id.to_string())
        {
            choose(connection, *id, *sha256).await?;
        }
    }
    Ok(())
}

async fn choose(connection: &mut AnyConnection, id: JobId, sha256: Sha256) -> Result<(), StoreError> {
    let all: Vec<(String, i64, i64)> = sqlx::query_as(ALL).bind(id.to_string()).fetch_all(&mut *connection).await?;
    for (json, ..) in &all {
        if !is(&from_json(id, "receipt", json)?, sha256) {
            continue;
        }
        // In this order: what is replaced here is an earlier receipt, too.
        sqlx::query("UPDATE outbox SET receipt = $2 WHERE job_id = $1")
            .bind(id.to_string())
            .bind(json)
            .execute(&mut *connection)
            .await?;
        sqlx::query("DELETE FROM earlier_receipts WHERE job_id = $1").bind(id.to_string()).execute(connection).await?;
        return Ok(());
    }
    Ok(())
}

/// Whether the digest is that of the receipt.
fn is(receipt: &SignedReceipt, sha256: Sha256) -> bool {
    digest(&receipt.receipt).is_ok_and(|found| found == sha256)
}
