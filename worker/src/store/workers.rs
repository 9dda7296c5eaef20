//! Which processes work on this store.

use std::time::Duration;

use super::{Moment, Store, StoreError};

/// A process, as it last said of itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WorkerView {
    /// `machine/pid-random`.
    pub name: String,
    /// What it does, comma-separated.
    pub roles: String,
    /// Its program's version.
    pub version: String,
    /// When it started.
    pub started_at: Moment,
    /// When it was last heard of.
    pub beat_at: Moment,
}

impl Store {
    /// Says that this process lives and what it does. Processes that have been silent for `forget` are removed.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn beat(&self, roles: &str, forget: Duration, now: Moment) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO workers (name, roles, version, started_at, beat_at) VALUES ($1, $2, $3, $4, $4)
             ON CONFLICT (name) DO UPDATE SET roles = excluded.roles, version = excluded.version,
                 beat_at = excluded.beat_at",
        )
        .bind(&*self.worker)
        .bind(roles)
        .bind(env!("CARGO_PKG_VERSION"))
        .bind(now.0)
        .execute(&self.pool)
        .await?;
        sqlx::query("DELETE FROM workers WHERE beat_at < $1").bind(now.before(forget).0).execute(&self.pool).await?;
        Ok(())
    }

    /// Takes this process off the list: it stops in good order.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn leave(&self) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM workers WHERE name = $1").bind(&*self.worker).execute(&self.pool).await?;
        Ok(())
    }

    /// The processes that were heard of since `since`, by name.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn workers(&self, since: Moment) -> Result<Vec<WorkerView>, StoreError> {
        let rows: Vec<(String, String, String, i64, i64)> = sqlx::query_as(
            "SELECT name, roles, version, started_at, beat_at FROM workers WHERE beat_at >= $1 ORDER BY name",
        )
        .bind(since.0)
        .fetch_all(&self.pool)
        .await?;
        let view = |(name, roles, version, started, beat)| WorkerView {
            name,
            roles,
            version,
            started_at: Moment(started),
            beat_at: Moment(beat),
        };
        Ok(rows.into_iter().map(view).collect())
    }
}
