//! What the store says to somebody who looks at all of it: how much there is, how old it is, who sends.

use sqlx::Row;

use super::{Moment, Store, StoreError};
use crate::job::{Ending, Stage};

/// How many jobs stand where.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Not begun.
    pub pending: u64,
    /// Being built, or waiting to be built again.
    pub build: u64,
    /// Built and not run to the end.
    pub execute: u64,
    /// With an outcome that is not on the chain.
    pub publish: u64,
    /// That got an answer.
    pub completed: u64,
    /// That got none from us.
    pub failed: u64,
}

impl Counts {
    /// Those that are not over.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.pending + self.build + self.execute + self.publish
    }
}

/// What a stage has before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct QueueView {
    /// The stage.
    pub stage: Stage,
    /// Jobs that wait for it.
    pub waiting: u64,
    /// Jobs that somebody works on.
    pub running: u64,
    /// When the oldest of both was taken in.
    pub oldest: Option<Moment>,
}

/// An access key, as the store knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LaneView {
    /// The key, `ed25519:…`.
    pub public_key: String,
    /// The last nonce given out.
    pub last_nonce: u64,
    /// The process that sends with it, `machine/pid-random`.
    pub holder: Option<String>,
    /// Until when it may.
    pub until: Moment,
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

impl Store {
    /// How many jobs stand where.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(
            "SELECT state, stage, CASE WHEN build_at IS NULL THEN 0 ELSE 1 END AS begun, COUNT(*) FROM jobs
             GROUP BY state, stage, CASE WHEN build_at IS NULL THEN 0 ELSE 1 END",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut counts = Counts::default();
        for (state, stage, begun, count) in rows {
            let place = match (state.as_str(), stage.as_str(), begun) {
                ("completed", ..) => &mut counts.completed,
                ("failed", ..) => &mut counts.failed,
                (_, "build", 0) => &mut counts.pending,
                (_, "build", _) => &mut counts.build,
                (_, "execute", _) => &mut counts.execute,
                _ => &mut counts.publish,
            };
            *place += unsigned(count);
        }
        Ok(counts)
    }

    /// What each stage has before it. Only open jobs are read, however many are over.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn queues(&self) -> Result<Vec<QueueView>, StoreError> {
        let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(
            "SELECT stage, state, COUNT(*), MIN(created_at) FROM jobs WHERE closed_at IS NULL GROUP BY stage, state",
        )
        .fetch_all(&self.pool)
        .await?;
        let queue = |stage: Stage| {
            let mut queue = QueueView { stage, waiting: 0, running: 0, oldest: None };
            for (_, state, count, oldest) in rows.iter().filter(|row| row.0 == stage.as_str()) {
                let jobs = if state == "running" { &mut queue.running } else { &mut queue.waiting };
                *jobs = unsigned(*count);
                let oldest = Moment(*oldest);
                queue.oldest = Some(queue.oldest.map_or(oldest, |other| other.min(oldest)));
            }
            queue
        };
        Ok([Stage::Build, Stage::Execute, Stage::Publish].map(queue).into())
    }

    /// How many jobs came to which end.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn endings(&self) -> Result<Vec<(Ending, u64)>, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT ending, COUNT(*) FROM jobs WHERE closed_at IS NOT NULL GROUP BY ending ORDER BY ending",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().filter_map(|(ending, count)| Some((ending.parse().ok()?, unsigned(count)))).collect())
    }

    /// The access keys that were used, and who has them.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn lanes(&self) -> Result<Vec<LaneView>, StoreError> {
        let rows =
            sqlx::query("SELECT public_key, last_nonce, lease_owner, lease_until FROM lanes ORDER BY public_key")
                .fetch_all(&self.pool)
                .await?;
        rows.iter()
            .map(|row| {
                Ok(LaneView {
                    public_key: row.try_get("public_key")?,
                    last_nonce: unsigned(row.try_get("last_nonce")?),
                    holder: row.try_get("lease_owner")?,
                    until: Moment(row.try_get("lease_until")?),
                })
            })
            .collect()
    }

    /// Whose requests the store holds: chain and contract; [`None`] before the first worker has run.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn identity(&self) -> Result<Option<(String, String)>, StoreError> {
        Ok(sqlx::query_as("SELECT chain_id, contract_id FROM identity").fetch_optional(&self.pool).await?)
    }
}
