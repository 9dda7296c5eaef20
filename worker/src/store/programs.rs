//! Which programs are still needed: those of jobs that are not over.

use std::collections::HashSet;

use super::{Store, StoreError};
use crate::job::{ParseDigestError, WasmDigest};

impl Store {
    /// The programs of all open jobs.
    ///
    /// # Errors
    /// A database error.
    pub async fn programs_needed(&self) -> Result<HashSet<WasmDigest>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT wasm_sha256, MIN(id) FROM jobs WHERE closed_at IS NULL AND wasm_sha256 IS NOT NULL GROUP BY wasm_sha256",
        )
        .fetch_all(&self.pool)
        .await?;
        let digests = rows.into_iter().map(|(digest, job)| {
            let corrupt =
                |error: ParseDigestError| StoreError::Corrupt { job, column: "wasm_sha256", reason: error.to_string() };
            digest.parse().map_err(corrupt)
        });
        digests.collect()
    }
}
