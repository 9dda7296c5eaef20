//! Access keys: which process sends with which, and the nonces it has used. A key's transactions must reach the chain
//! in the order of their nonces, so only one process at a time may send with it. Processes that could send with the same
//! keys share them evenly: who has to wait for a key says so, and who has more gives it back.

use std::time::Duration;

use sqlx::{Any, AnyConnection, Row, any::AnyArguments, query::Query};

use super::{Moment, Store, StoreError, error::int, writer::Write};

/// How this process stands with a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LaneHold {
    /// It is ours.
    Ours,
    /// It is ours, and a process that has at least two fewer wants it: it is to be given back, though not in a hurry.
    Owed,
    /// Another process has it, or is about to. It is noted that we want it.
    Theirs,
}

struct TakeLane {
    public_key: String,
    owner: String,
    until: Moment,
    now: Moment,
}

/// The keys that a process has, and those that are free and kept for it. `$2` is this process, `$4` the present.
macro_rules! held_by {
    ($who:literal) => {
        held_by!($who, "TRUE")
    };
    ($who:literal, $of:literal) => {
        concat!(
            "(SELECT COUNT(*) FROM lanes AS held WHERE ",
            $of,
            " AND CASE
                  WHEN held.lease_owner IS NOT NULL AND held.lease_until >= $4 THEN held.lease_owner = ",
            $who,
            " ELSE held.wanted_until >= $4 AND held.wanted_by = ",
            $who,
            " END)"
        )
    };
}

/// A free key that somebody wants is that one's.
const TAKE: &str = "
    INSERT INTO lanes (public_key, last_nonce, lease_owner, lease_until) VALUES ($1, 0, $2, $3)
    ON CONFLICT (public_key) DO UPDATE SET lease_owner = excluded.lease_owner, lease_until = excluded.lease_until,
        wanted_by = CASE WHEN lanes.wanted_by = excluded.lease_owner THEN NULL ELSE lanes.wanted_by END
    WHERE lanes.lease_owner = excluded.lease_owner
       OR ((lanes.lease_owner IS NULL OR lanes.lease_until < $4)
           AND (lanes.wanted_by IS NULL OR lanes.wanted_by = excluded.lease_owner OR lanes.wanted_until < $4))";
/// Of several that want a key, the one with the fewest others is noted. Were a free key that is kept for one of them counted
/// as its own, the next would take its place, and so in turn, and nobody would ever have it.
const WANT: &str = concat!(
    "UPDATE lanes SET wanted_by = $2, wanted_until = $3
     WHERE public_key = $1 AND (wanted_by IS NULL OR wanted_by = $2 OR wanted_until < $4 OR ",
    held_by!("lanes.wanted_by", "held.public_key <> $1"),
    " > ",
    held_by!("$2", "held.public_key <> $1"),
    ")"
);
/// One more or less is no reason to hand a key over.
const OWED: &str = concat!(
    "SELECT COUNT(*) FROM lanes WHERE public_key = $1 AND wanted_by <> $2 AND wanted_until >= $4 AND lease_until = $3
         AND ",
    held_by!("$2"),
    " - ",
    held_by!("lanes.wanted_by"),
    " >= 2"
);

impl TakeLane {
    fn ask<'q>(&'q self, statement: &'static str) -> Query<'q, Any, AnyArguments> {
        sqlx::query(statement).bind(&self.public_key).bind(&self.owner).bind(self.until.0).bind(self.now.0)
    }
}

impl Write for TakeLane {
    type Output = LaneHold;

    fn name(&self) -> &'static str {
        "take_lane"
    }

    fn may_be_lost(&self) -> bool {
        true
    }

    async fn apply(&self, connection: &mut AnyConnection) -> Result<LaneHold, StoreError> {
        if self.ask(TAKE).execute(&mut *connection).await?.rows_affected() == 0 {
            self.ask(WANT).execute(connection).await?;
            return Ok(LaneHold::Theirs);
        }
        let owed: i64 = self.ask(OWED).fetch_one(connection).await?.try_get(0)?;
        Ok(if owed > 0 { LaneHold::Owed } else { LaneHold::Ours })
    }
}

struct NextNonce {
    public_key: String,
    at_least: i64,
}

impl Write for NextNonce {
    type Output = i64;

    fn name(&self) -> &'static str {
        "next_nonce"
    }

    fn may_be_lost(&self) -> bool {
        // It is used only when a transaction with it is noted as about to be sent, and that stays.
        true
    }

    async fn apply(&self, connection: &mut AnyConnection) -> Result<i64, StoreError> {
        let (nonce,): (i64,) = sqlx::query_as(
            "INSERT INTO lanes (public_key, last_nonce) VALUES ($1, $2)
             ON CONFLICT (public_key) DO UPDATE SET last_nonce =
                 CASE WHEN lanes.last_nonce < excluded.last_nonce THEN excluded.last_nonce
                      ELSE lanes.last_nonce + 1 END
             RETURNING last_nonce",
        )
        .bind(&self.public_key)
        .bind(self.at_least)
        .fetch_one(connection)
        .await?;
        Ok(nonce)
    }
}

impl Store {
    /// Takes a key for this process, or keeps it for longer. While another process has it, it is noted for as long as a
    /// lease that this one wants it. Of two workers of the same name, one after the other on the same machine, the second
    /// takes over what the first had.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn take_lane(&self, public_key: &str, lease: Duration, now: Moment) -> Result<LaneHold, StoreError> {
        let (public_key, owner) = (public_key.to_owned(), self.worker.to_string());
        self.writer.write(TakeLane { public_key, owner, until: now.after(lease), now }).await
    }

    /// Gives a key back, if this process has it.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn leave_lane(&self, public_key: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE lanes SET lease_owner = NULL, lease_until = 0 WHERE public_key = $1 AND lease_owner = $2")
            .bind(public_key)
            .bind(&*self.worker)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Lets go of the keys whose process is gone, and of those that are kept for one that is gone: another would wait for
    /// it as long as for a lease.
    pub(super) async fn expire_lanes(&self, is_gone: impl Fn(&str) -> bool) -> Result<(), StoreError> {
        for (find, free) in [
            (
                "SELECT DISTINCT lease_owner FROM lanes WHERE lease_owner IS NOT NULL",
                "UPDATE lanes SET lease_owner = NULL, lease_until = 0 WHERE lease_owner = $1",
            ),
            (
                "SELECT DISTINCT wanted_by FROM lanes WHERE wanted_by IS NOT NULL",
                "UPDATE lanes SET wanted_by = NULL, wanted_until = 0 WHERE wanted_by = $1",
            ),
        ] {
            let processes: Vec<(String,)> = sqlx::query_as(find).fetch_all(&self.pool).await?;
            for (process,) in processes.iter().filter(|(process,)| is_gone(process)) {
                sqlx::query(free).bind(process).execute(&self.pool).await?;
            }
        }
        Ok(())
    }

    /// Gives out a nonce for the key: at least `at_least`, and above every nonce given out before, also before a crash.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn next_nonce(&self, public_key: &str, at_least: u64) -> Result<u64, StoreError> {
        let write = NextNonce { public_key: public_key.to_owned(), at_least: int(at_least)? };
        u64::try_from(self.writer.write(write).await?).map_err(|_| StoreError::TooLarge(at_least))
    }
}
