//! When a stage looks for work, and how much of it is taken in hand.

use std::{sync::Arc, time::Duration};

use tokio::{task::JoinSet, time};

use super::{Pace, Pool, Stop, attend, hands::Hands, rate::Rate};
use crate::{
    job::Stage,
    store::{Claimed, Effect, Moment, Store, StoreError},
};

/// The shortest pause between two looks for work, whatever the store says about when the next job is due.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
/// How soon a handler that was not ready is asked again.
const READY_POLL: Duration = Duration::from_millis(50);
/// Jobs that are claimed at a time.
const MOST_AT_A_TIME: usize = 256;
/// Beside those at work, as many jobs are taken in hand as are done in this time: quick jobs then share their writes and
/// keep the pool busy in between, and slow ones stay where other workers can take them. A job is in hand until it is
/// recorded, so this must be clearly more than what a slow disk takes for two commits.
const IN_HAND_FOR: Duration = Duration::from_millis(250);

/// Takes jobs in hand until it is told to stop; they may be at work still when it returns.
pub(super) async fn take_until_stopped(
    pool: &Arc<Pool>,
    stop: &Stop,
    jobs: &mut JoinSet<()>,
) -> Result<(), StoreError> {
    let Pool { stage, store, pace, .. } = &**pool;
    let _none_after = Closing(&pool.hands);
    let mut given = pool.hands.take.lock().await;
    let mut wake = store.wake_up(*stage);
    let mut rate = Rate::new();
    let mut queue = Queue::Unknown;
    let mut look_at = time::Instant::now();
    // Hands that have their job stay reserved until it is counted.
    let mut full = Vec::new();
    while !stop.drain.is_cancelled() {
        while jobs.try_join_next().is_some() {
            rate.done();
        }
        if !pool.handler.is_ready() {
            pool.hands.are_free(0);
            tokio::select! {
                () = stop.drain.cancelled() => {}
                () = time::sleep(READY_POLL) => {}
            }
            continue;
        }
        // There is no use in being quicker than the stage after this one: its queue would be longer, and its hands full.
        let of_use = pool.next.as_ref().map_or(usize::MAX, |next| next.hands.left());
        let in_hand = pace.concurrency + rate.jobs_in(IN_HAND_FOR).min(of_use);
        let free = in_hand.saturating_sub(jobs.len()).min(MOST_AT_A_TIME);
        // Each claim is a write: while all slots are taken, a few free hands wait for more.
        let hands_are_free = jobs.len() < pace.concurrency || free > in_hand / 4;
        if hands_are_free && queue != Queue::Empty {
            // First listen, then look: what arrives in between is heard.
            wake.listen();
            let claimed = if queue == Queue::HasMore || store.has_due(*stage, Moment::now()).await? {
                store.claim(*stage, free, pace.lease, Moment::now()).await?
            } else {
                Vec::new()
            };
            queue = if claimed.len() == free { Queue::HasMore } else { Queue::Empty };
            if queue == Queue::Empty {
                look_at = time::Instant::now() + pause(store, *stage, pace).await?;
            }
            for job in claimed {
                if stop.drain.is_cancelled() {
                    give_back(pool, &job).await?;
                } else {
                    jobs.spawn(attend(pool.clone(), stop.now.clone(), job));
                }
            }
        }
        pool.hands.are_free(if queue == Queue::Empty { in_hand.saturating_sub(jobs.len()) } else { 0 });
        full.clear();
        if hands_are_free && queue == Queue::HasMore {
            continue;
        }
        tokio::select! {
            () = stop.drain.cancelled() => {}
            Some((job, hand)) = given.recv() => {
                jobs.spawn(attend(pool.clone(), stop.now.clone(), job));
                full.push(hand);
            }
            Some(_) = jobs.join_next() => rate.done(),
            // With all hands full a wake-up could only be answered by looking away again.
            () = wake.heard(), if hands_are_free => queue = Queue::Unknown,
            () = time::sleep_until(look_at), if hands_are_free => queue = Queue::Unknown,
        }
    }
    given.close();
    while let Some((job, _hand)) = given.recv().await {
        give_back(pool, &job).await?;
    }
    Ok(())
}

/// Told to stop while it was being taken: nothing was begun, so nothing is lost by giving it back.
pub(super) async fn give_back(pool: &Pool, job: &Claimed) -> Result<(), StoreError> {
    let back = Effect::NotYet { wait: Duration::ZERO };
    pool.store.record(&job.lease, &back, &pool.pace.retry, Moment::now()).await.map(drop)
}

/// Whatever ends the loop: no hand is free after it.
struct Closing<'a>(&'a Hands);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.are_free(0);
    }
}

/// What is known of the jobs that wait for this stage and are due.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Queue {
    /// Nothing: it must be looked.
    Unknown,
    /// As many as were asked for were there.
    HasMore,
    /// There were fewer, and nobody has said since that there are others.
    Empty,
}

/// How long to sleep: until the next job is due, at most one poll.
async fn pause(store: &Store, stage: Stage, pace: &Pace) -> Result<Duration, StoreError> {
    let due = store.next_due(stage).await?;
    Ok(due.map_or(pace.poll, |due| due.since(Moment::now()).clamp(SHORTEST_PAUSE, pace.poll)))
}
