//! Switches of the operator that outlive a process.

use super::{Moment, Store, StoreError};

const PAUSED: &str = "paused";

impl Store {
    /// Stops, or starts again, the taking of jobs for building and running, in every process of this store. What is at
    /// work goes on, and answers are published.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn set_paused(&self, paused: bool, now: Moment) -> Result<(), StoreError> {
        let statement = if paused {
            sqlx::query("INSERT INTO flags (name, set_at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(PAUSED)
                .bind(now.0)
        } else {
            sqlx::query("DELETE FROM flags WHERE name = $1").bind(PAUSED)
        };
        statement.execute(&self.pool).await?;
        self.wake.ring_all();
        Ok(())
    }

    /// Since when nothing new is built or run; [`None`] when it is.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn paused_since(&self) -> Result<Option<Moment>, StoreError> {
        let row: Option<(i64,)> =
            sqlx::query_as("SELECT set_at FROM flags WHERE name = $1").bind(PAUSED).fetch_optional(&self.pool).await?;
        Ok(row.map(|(at,)| Moment(at)))
    }
}
