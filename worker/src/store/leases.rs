//! Leases: the right to work on a job for a while, how it is kept, and how a job is taken back from those who lost it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::AnyConnection;

use super::{Moment, Store, StoreError, hand_over::HeldBack, writer::Write};
use crate::job::{JobId, Stage};

/// The right to work on a job until it runs out or is recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    pub(super) id: JobId,
    pub(super) stage: Stage,
    pub(super) attempts: u32,
    pub(super) token: String,
    /// For running: what whoever has built the job has not recorded yet.
    pub(super) held_back: Option<Arc<HeldBack>>,
}

impl Lease {
    /// The job.
    #[must_use]
    pub fn id(&self) -> JobId {
        self.id
    }

    /// Whether it is for running what nobody else knows to be built yet.
    #[must_use]
    pub fn holds_a_build_back(&self) -> bool {
        self.held_back.is_some()
    }
}

/// Jobs whose worker let its lease run out wait again; the attempts they stand for were counted when they began.
struct TakeBack {
    now: Moment,
}

impl Write for TakeBack {
    type Output = u64;

    fn name(&self) -> &'static str {
        "take_back"
    }

    fn may_be_lost(&self) -> bool {
        true
    }

    async fn apply(&self, connection: &mut AnyConnection) -> Result<u64, StoreError> {
        let freed = sqlx::query(
            "UPDATE jobs SET state = 'waiting', lease_owner = NULL, lease_until = NULL
             WHERE state = 'running' AND lease_until < $1",
        )
        .bind(self.now.0)
        .execute(connection)
        .await?;
        Ok(freed.rows_affected())
    }
}

struct Renew {
    lease: Lease,
    until: Moment,
}

impl Write for Renew {
    type Output = bool;

    fn name(&self) -> &'static str {
        "renew"
    }

    fn may_be_lost(&self) -> bool {
        true
    }

    async fn apply(&self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        let renewed = sqlx::query("UPDATE jobs SET lease_until = $3 WHERE id = $1 AND lease_owner = $2")
            .bind(self.lease.id.to_string())
            .bind(&self.lease.token)
            .bind(self.until.0)
            .execute(connection)
            .await?;
        Ok(renewed.rows_affected() == 1)
    }
}

impl Store {
    /// Takes back the jobs whose lease ran out, of all stages; says how many.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn take_back(&self, now: Moment) -> Result<u64, StoreError> {
        let (expired,): (i64,) =
            sqlx::query_as("SELECT COUNT(*) FROM jobs WHERE state = 'running' AND lease_until < $1")
                .bind(now.0)
                .fetch_one(&self.pool)
                .await?;
        if expired == 0 {
            return Ok(0);
        }
        let freed = self.writer.write(TakeBack { now }).await?;
        self.wake.ring_all();
        Ok(freed)
    }

    /// Keeps a job for longer; false when the lease is lost, and with it the right to go on.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn renew(&self, lease: &Lease, duration: Duration, now: Moment) -> Result<bool, StoreError> {
        self.writer.write(Renew { lease: lease.clone(), until: now.after(duration) }).await
    }

    /// A name for one claim: two claims never share it, not even of the same job by the same process.
    pub(super) fn token(&self) -> String {
        static COUNTER: AtomicU64 = AtomicU64::new(1);
        format!("{}#{}", self.worker, COUNTER.fetch_add(1, Ordering::Relaxed))
    }

    /// Lets go at once of the leases whose worker is gone, of jobs and of access keys, so that a restart need not wait
    /// for them to run out. The attempts they stand for still count. `is_gone` is asked with each worker's name.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn expire_leases(&self, is_gone: impl Fn(&str) -> bool) -> Result<u64, StoreError> {
        let tokens: Vec<(String,)> = sqlx::query_as("SELECT DISTINCT lease_owner FROM jobs WHERE state = 'running'")
            .fetch_all(&self.pool)
            .await?;
        let mut expired = 0;
        for (token,) in tokens {
            let worker = token.rsplit_once('#').map_or(token.as_str(), |(worker, _)| worker);
            if is_gone(worker) {
                let done = sqlx::query("UPDATE jobs SET lease_until = 0 WHERE lease_owner = $1")
                    .bind(&token)
                    .execute(&self.pool)
                    .await?;
                expired += done.rows_affected();
            }
        }
        self.take_back(Moment(1)).await?;
        self.expire_lanes(is_gone).await?;
        Ok(expired)
    }
}
