//! How every stage works: claim, open a span, run, record. Written once.

use std::{future::Future, sync::Arc, time::Duration};

use offchainvm_interface::{ExecutionResponse, FailureCode, ResourcesUsed};
use tokio::{task::JoinSet, time};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};

use crate::{
    job::{Ending, RetryPolicy, Stage, Status, Turn},
    store::{Claimed, Effect, Lease, Moment, Store, StoreError},
};

/// How often a result is offered to a store that fails, before it is left to the lease.
const RECORD_ATTEMPTS: u32 = 5;
/// The longest pause between two looks for work, whatever the store says about when the next job is due.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);

/// What one stage does with one job.
pub trait Work: Send + Sync + 'static {
    /// Which stage this is.
    const STAGE: Stage;

    /// Does the stage's part and says what came of it. When `cancel` fires nobody waits for the result any more; it
    /// should come soon, and [`Effect::NotYet`] will do.
    fn run(&self, job: &Claimed, cancel: CancellationToken) -> impl Future<Output = Effect> + Send;
}

/// How a stage is run.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Jobs at the same time.
    pub concurrency: usize,
    /// How long a job belongs to us without a sign of life.
    pub lease: Duration,
    /// The longest pause between two looks for work.
    pub poll: Duration,
    /// Trying again.
    pub retry: RetryPolicy,
}

/// How a stage is told to stop, in two phases.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Take nothing new.
    pub drain: CancellationToken,
    /// Drop what is at work.
    pub now: CancellationToken,
}

/// Works on the stage's jobs until it is told to stop and the last of them is recorded.
///
/// # Errors
/// [`StoreError`] when the store fails while looking for work; what was at work is finished first.
pub async fn run<W: Work>(work: Arc<W>, store: Store, pace: Pace, stop: Stop) -> Result<(), StoreError> {
    let mut jobs = JoinSet::new();
    let result = take_until_stopped(&work, &store, &pace, &stop, &mut jobs).await;
    while jobs.join_next().await.is_some() {}
    result
}

async fn take_until_stopped<W: Work>(
    work: &Arc<W>,
    store: &Store,
    pace: &Pace,
    stop: &Stop,
    jobs: &mut JoinSet<()>,
) -> Result<(), StoreError> {
    let mut wake = store.wake_up(W::STAGE);
    loop {
        // First listen, then look: what arrives in between is heard.
        wake.listen();
        while jobs.len() < pace.concurrency && !stop.drain.is_cancelled() {
            let Some(job) = store.claim(W::STAGE, pace.lease, Moment::now()).await? else { break };
            if stop.drain.is_cancelled() {
                // Told to stop while it was being claimed: nothing was begun, so nothing is lost by giving it back.
                store.record(&job.lease, &Effect::NotYet { wait: Duration::ZERO }, &pace.retry, Moment::now()).await?;
                return Ok(());
            }
            jobs.spawn(attend(work.clone(), store.clone(), pace.clone(), stop.now.clone(), job));
        }
        let pause = pause(store, W::STAGE, pace).await?;
        tokio::select! {
            () = stop.drain.cancelled() => return Ok(()),
            Some(_) = jobs.join_next() => {}
            // With all hands full a wake-up could only be answered by looking away again.
            () = wake.heard(), if jobs.len() < pace.concurrency => {}
            () = time::sleep(pause), if jobs.len() < pace.concurrency => {}
        }
    }
}

/// How long to sleep: until the next job is due, at most one poll.
async fn pause(store: &Store, stage: Stage, pace: &Pace) -> Result<Duration, StoreError> {
    let due = store.next_due(stage).await?;
    Ok(due.map_or(pace.poll, |due| due.since(Moment::now()).clamp(SHORTEST_PAUSE, pace.poll)))
}

/// One job from claim to record, in its span.
async fn attend<W: Work>(work: Arc<W>, store: Store, pace: Pace, stop: CancellationToken, job: Claimed) {
    let id = job.lease.id();
    let span = info_span!("job", request_id = id.request_id, stage = %W::STAGE, attempt = job.attempts);
    async {
        let lease = job.lease.clone();
        let effect = match doomed(&job, W::STAGE, &pace.retry) {
            Some(effect) => effect,
            None => perform(work, &store, &pace, stop, job).await,
        };
        record(&store, &lease, &effect, &pace.retry).await;
    }
    .instrument(span)
    .await;
}

/// Jobs that are over before they are begun: too late, or begun too often by workers that did not survive it.
fn doomed(job: &Claimed, stage: Stage, retry: &RetryPolicy) -> Option<Effect> {
    if job.deadline <= Moment::now() {
        return Some(Effect::Closed(Ending::Expired));
    }
    let begun_before = job.attempts.saturating_sub(1);
    (begun_before > retry.max_retries).then(|| {
        fault(
            FailureCode::OperatorError,
            &format!("the worker stopped {begun_before} times during {stage}"),
            Duration::ZERO,
        )
    })
}

/// Runs the work while keeping the lease. A panic is this job's failure and nobody else's.
async fn perform<W: Work>(work: Arc<W>, store: &Store, pace: &Pace, stop: CancellationToken, job: Claimed) -> Effect {
    let (lease, attempt) = (job.lease.clone(), job.attempts);
    let cancel = stop.child_token();
    let token = cancel.clone();
    let mut task = tokio::spawn(async move { work.run(&job, token).await }.in_current_span());
    let mut beat = time::interval(pace.lease / 3);
    beat.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    let result = loop {
        tokio::select! {
            result = &mut task => break result,
            _ = beat.tick() => match store.renew(&lease, pace.lease, Moment::now()).await {
                Ok(true) => {}
                // Closed by the chain, or taken over: what comes of it is void, so it need not be finished.
                Ok(false) => cancel.cancel(),
                Err(error) => warn!(%error, "the lease could not be renewed; the next beat tries again"),
            },
        }
    };
    result.unwrap_or_else(|panic| {
        error!(%panic, "the work panicked");
        let wait = pace.retry.wait(attempt, rand::random());
        fault(FailureCode::OperatorError, "an internal error of the worker", wait)
    })
}

/// A failure on our side, with the answer that it becomes when it was the last attempt.
#[must_use]
pub fn fault(code: FailureCode, message: &str, wait: Duration) -> Effect {
    let answer = Box::new(ExecutionResponse::failed(code, message, ResourcesUsed::default()));
    Effect::Failed { code, answer, wait }
}

async fn record(store: &Store, lease: &Lease, effect: &Effect, retry: &RetryPolicy) {
    for attempt in 1..=RECORD_ATTEMPTS {
        match store.record(lease, effect, retry, Moment::now()).await {
            Ok(status) => return tell(lease, effect, status),
            Err(StoreError::LeaseLost(_)) => {
                return info!(
                    event = "job.lease_lost",
                    request_id = lease.id().request_id,
                    "the job was closed or taken over meanwhile; the result is dropped"
                );
            }
            Err(error) if attempt == RECORD_ATTEMPTS => {
                // The lease runs out and the work is done again: the store is the only memory we have.
                error!(%error, ?effect, "the result could not be recorded");
            }
            Err(error) => {
                warn!(%error, attempt, "the result could not be recorded yet");
                time::sleep(retry.wait(attempt, rand::random())).await;
            }
        }
    }
}

fn tell(lease: &Lease, effect: &Effect, status: Status) {
    let request_id = lease.id().request_id;
    match (effect, status) {
        (_, Status::Completed(ending) | Status::Failed { ending, .. }) => {
            info!(event = "job.closed", request_id, ending = ending.as_str(), %status, "the job is over");
        }
        (Effect::Failed { code, answer, wait }, Status::InProgress { stage, turn: Turn::Waiting, attempts })
            if attempts > 0 =>
        {
            warn!(event = "job.retry", request_id, %stage, attempts, %code, wait_ms = wait.as_millis() as u64,
                error = answer.error.as_deref().unwrap_or_default(), "the stage failed and is tried again");
        }
        (Effect::Failed { code, answer, .. }, _) => {
            info!(event = "job.failed", request_id, %code, error = answer.error.as_deref().unwrap_or_default(),
                "the request fails; its answer says why");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
