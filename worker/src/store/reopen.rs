//! Jobs that are over although the chain waits for them: they are taken up again. A dead letter is one, and so is a
//! job that was closed because a node or a clock was wrong.

use std::{collections::HashMap, time::Duration};

use sqlx::{AnyConnection, Row};

use super::{
    Moment, StoreError,
    error::int,
    intake::Comparison,
    retry::Again,
    rows::{id_of, status_of},
};
use crate::job::{Ending, JobId, RetryPolicy, Step};

/// The news that a request is settled may reach one node so much later than another: what the chain itself has ended
/// is not taken up again before.
const NEWS_TAKE: Duration = Duration::from_secs(60);
/// The longest rest between two times, unless comparing is rarer.
const LONGEST_REST: Duration = Duration::from_secs(600);

/// A job that was taken up again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reopened {
    /// Which.
    pub id: JobId,
    /// How it had ended.
    pub ending: Ending,
    /// How often it was taken up again, this time included.
    pub times: u32,
}

/// Takes up again what waits on chain, can still be answered in time, is over here, and has rested. A job that an
/// operator has cancelled is not run any more: its refusal is said again.
pub(super) async fn reopen(
    connection: &mut AnyConnection,
    comparison: &Comparison,
    now: Moment,
) -> Result<Vec<Reopened>, StoreError> {
    let answerable: HashMap<JobId, _> = comparison
        .waiting
        .iter()
        .filter(|job| job.deadline > comparison.chain_time)
        .map(|job| (JobId::from(&job.request), job))
        .collect();
    // Requests live for minutes and are numbered in their order: what is older than all of these need not be read.
    let Some(oldest) = answerable.keys().map(|id| id.request_id).min() else { return Ok(Vec::new()) };
    let rows = sqlx::query(
        "SELECT id, stage, state, attempts, ending, build_at, closed_at, cancelled, reopened FROM jobs
         WHERE closed_at IS NOT NULL AND request_id >= $1",
    )
    .bind(int(oldest)?)
    .fetch_all(&mut *connection)
    .await?;
    let mut reopened = Vec::new();
    for row in &rows {
        let id = id_of(row)?;
        let Some(job) = answerable.get(&id) else { continue };
        let was = status_of(row)?;
        let Some(ending) = was.ending() else { continue };
        let closed_at = Moment(row.try_get("closed_at")?);
        let before = u32::try_from(row.try_get::<i64, _>("reopened")?).unwrap_or(u32::MAX);
        // An end in the future means that the clock was set back; that must not make it longer.
        if closed_at <= now && now.since(closed_at) < rest(ending, before, comparison.period) {
            continue;
        }
        let policy = RetryPolicy::default();
        let mut to = was.step(Step::Reopen, &policy)?;
        if row.try_get::<i64, _>("cancelled")? == 1 {
            to = to.step(Step::GiveUp, &policy)?;
        }
        if !Again::new(&job.request)?.begin(connection, was, to, now).await? {
            continue;
        }
        let times = before.saturating_add(1);
        sqlx::query("UPDATE jobs SET reopened = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(i64::from(times))
            .execute(&mut *connection)
            .await?;
        reopened.push(Reopened { id, ending, times });
    }
    Ok(reopened)
}

/// How long a job that is over rests before it may be taken up again for the n-th time: longer each time, and never
/// shorter than the time between two comparisons.
fn rest(ending: Ending, reopened: u32, period: Duration) -> Duration {
    let base = match ending {
        Ending::Undelivered | Ending::Expired => period,
        Ending::Answered | Ending::Kept | Ending::Settled | Ending::Withdrawn => period.max(NEWS_TAKE),
    };
    let policy = RetryPolicy { max_retries: u32::MAX, base, multiplier: 2.0, cap: base.max(LONGEST_REST), jitter: 0.0 };
    policy.wait(reopened.saturating_add(1), 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_and_are_never_shorter_than_the_time_between_two_comparisons() {
        let seconds = |ending, reopened, period| rest(ending, reopened, Duration::from_secs(period)).as_secs();
        let of_a_dead_letter: Vec<u64> = (0..6).map(|times| seconds(Ending::Undelivered, times, 30)).collect();
        assert_eq!(of_a_dead_letter, [30, 60, 120, 240, 480, 600]);
        assert_eq!(seconds(Ending::Settled, 0, 1), 60);
        assert_eq!((seconds(Ending::Expired, 0, 3_600), seconds(Ending::Expired, 9, 3_600)), (3_600, 3_600));
    }
}
