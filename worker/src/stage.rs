//! How every stage works: claim, open a span, run, record. Written once.
//!
//! - `take`, `rate`: when jobs are taken in hand, and how many; `hands`: how one stage gives them to the next
//! - `record`: what came of one

mod hands;
mod rate;
mod record;
mod take;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use offchainvm_interface::{ExecutionResponse, FailureCode, ResourcesUsed};
use tokio::{sync::Semaphore, task::JoinSet, time};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info_span, warn};

use crate::{
    clock::ChainClock,
    job::{Ending, RetryPolicy, Stage},
    store::{BuiltArtifact, Claimed, Effect, Lease, Moment, Store, StoreError},
    telemetry::{Metrics, Running, StageOutcome},
};

use hands::Hands;
use record::record;
use take::{give_back, take_until_stopped};

/// How long a build may have taken, and its run may take, for both to be recorded with one write. In hand a job waits for
/// its turn, too, see `take`.
const QUICK: Duration = Duration::from_millis(500);

/// What a handler promises.
pub type Handling<'a> = Pin<Box<dyn Future<Output = Effect> + Send + 'a>>;

/// What one stage does with one job. Handlers can be wrapped in others: to log, to measure, to replace.
pub trait Handler: Send + Sync + 'static {
    /// Does the stage's part and says what came of it. When `cancel` fires nobody waits for the result any more; it
    /// should come soon, and [`Effect::NotYet`] will do.
    fn handle<'a>(&'a self, job: &'a Claimed, cancel: CancellationToken) -> Handling<'a>;

    /// Whether there is any point in giving it jobs now. While there is none they wait in the store, where others can
    /// take them. A handler around another passes the question on.
    fn is_ready(&self) -> bool {
        true
    }
}

/// A stage ready to run: its handler, and how it is run.
#[derive(Clone)]
pub struct Pool {
    /// Which stage.
    pub stage: Stage,
    /// What is done with a job.
    pub handler: Arc<dyn Handler>,
    /// Where jobs come from and results go.
    pub store: Store,
    /// How it is run.
    pub pace: Pace,
    /// Where it is counted.
    metrics: Metrics,
    slots: Arc<Semaphore>,
    hands: Arc<Hands>,
    next: Option<Next>,
}

impl Pool {
    /// A pool with its own slots, counted nowhere.
    #[must_use]
    pub fn new(stage: Stage, handler: Arc<dyn Handler>, store: Store, pace: Pace) -> Self {
        let slots = Arc::new(Semaphore::new(pace.concurrency));
        Self { stage, handler, store, pace, metrics: Metrics::new(), slots, hands: Arc::default(), next: None }
    }

    /// The same, whose jobs go on in `next` directly while it has free hands.
    #[must_use]
    pub fn followed_by(self, next: &Self) -> Self {
        Self { next: Some(Next { hands: next.hands.clone(), lease: next.pace.lease }), ..self }
    }

    /// The same, counted there.
    #[must_use]
    pub fn counted_by(self, metrics: &Metrics) -> Self {
        Self { metrics: metrics.clone(), ..self }
    }
}

/// Where jobs go on directly when they are built.
#[derive(Clone)]
struct Next {
    hands: Arc<Hands>,
    lease: Duration,
}

/// How a stage is run.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Jobs at work at the same time.
    pub concurrency: usize,
    /// How long a job belongs to us without a sign of life.
    pub lease: Duration,
    /// The longest pause between two looks for work.
    pub poll: Duration,
    /// How long before its deadline a job must be ready to be published.
    pub reserve: Duration,
    /// Trying again.
    pub retry: RetryPolicy,
    /// By which deadlines are looked at.
    pub clock: ChainClock,
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
pub async fn run(pool: Pool, stop: Stop) -> Result<(), StoreError> {
    let pool = Arc::new(pool);
    let mut jobs = JoinSet::new();
    let result = take_until_stopped(&pool, &stop, &mut jobs).await;
    while jobs.join_next().await.is_some() {}
    result
}

/// One job from claim to record, in its span.
async fn attend(pool: Arc<Pool>, stop: CancellationToken, job: Claimed) {
    let id = job.lease.id();
    let span = info_span!("job", request_id = id.request_id, stage = %pool.stage, attempt = job.attempts);
    async {
        let begun = time::Instant::now();
        let mut lease = job.lease.clone();
        let job = Arc::new(job);
        let (effect, running) = match doomed(&job, &pool) {
            Some(effect) => (effect, None),
            None => perform(&pool, stop, job.clone(), &mut lease).await,
        };
        let outcome = match effect {
            Effect::Built(artifact) => pass_on(&pool, Arc::unwrap_or_clone(job), artifact, begun.elapsed()).await,
            effect => record(&pool, &job, &lease, &effect).await,
        };
        if let Some(running) = running {
            running.finished(outcome);
        }
    }
    .instrument(span)
    .await;
}

/// A built job goes into a free hand of the next stage, or into the queue. What was built quickly is not recorded yet: it
/// may run as quickly, and then both are written at once.
async fn pass_on(pool: &Pool, job: Claimed, artifact: BuiltArtifact, took: Duration) -> StageOutcome {
    let Some((next, hand)) = pool.next.as_ref().and_then(|next| Some((next, next.hands.one()?))) else {
        return record(pool, &job, &job.lease, &Effect::Built(artifact)).await;
    };
    let mut job = job.built(artifact.clone(), next.lease, Moment::now());
    if took > QUICK && !matches!(pool.store.hand_over(&mut job.lease, Moment::now()).await, Ok(true)) {
        // Whatever was in the way says so itself, if it still is.
        return record(pool, &job, &job.lease, &Effect::Built(artifact)).await;
    }
    if let Err(job) = hand.take(job)
        && let Err(error) = give_back(pool, &job).await
    {
        warn!(%error, "the job waits until its lease runs out");
    }
    StageOutcome::Done
}

/// Jobs that are over before they are begun: too late, or begun too often by workers that did not survive it.
fn doomed(job: &Claimed, pool: &Pool) -> Option<Effect> {
    if job.deadline <= pool.pace.clock.now() {
        return Some(Effect::Closed(Ending::Expired));
    }
    if time_left(job, pool).is_some_and(|left| left.is_zero()) {
        return Some(missed());
    }
    if pool.stage == Stage::Publish {
        // An answer that is there is worth more than the doubt about why nobody has delivered it.
        return None;
    }
    let begun_before = job.attempts.saturating_sub(1);
    (begun_before > pool.pace.retry.max_retries).then(|| {
        fault(
            FailureCode::OperatorError,
            &format!("the worker stopped {begun_before} times during {}", pool.stage),
            Duration::ZERO,
        )
    })
}

/// How long a job may be worked on so that its answer can still be published; publishing itself goes on to the end.
fn time_left(job: &Claimed, pool: &Pool) -> Option<Duration> {
    (pool.stage != Stage::Publish).then(|| job.deadline.before(pool.pace.reserve).since(pool.pace.clock.now()))
}

fn missed() -> Effect {
    fault(FailureCode::DeadlineMissed, "the request could not be finished before its deadline", Duration::ZERO)
}

/// Runs the work while keeping the lease. A panic is this job's failure and nobody else's.
async fn perform(pool: &Arc<Pool>, stop: CancellationToken, job: Arc<Claimed>, lease: &mut Lease) -> Done {
    let pace = &pool.pace;
    let attempt = job.attempts;
    let last_moment = time_left(&job, pool).map(|left| time::Instant::now() + left);
    let cancel = stop.child_token();
    let mut task = tokio::spawn(handle(pool.clone(), job, cancel.clone()).in_current_span());
    let mut beat = time::interval(pace.lease / 3);
    beat.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    beat.reset_after(if lease.holds_a_build_back() { QUICK.min(beat.period()) } else { beat.period() });
    let mut late = false;
    let result = loop {
        tokio::select! {
            result = &mut task => break result,
            () = reached(last_moment), if !late => {
                late = true;
                cancel.cancel();
            }
            _ = beat.tick() => match keep(pool, lease).await {
                Ok(true) => {}
                // Closed by the chain, or taken over: what comes of it is void, so it need not be finished.
                Ok(false) => cancel.cancel(),
                Err(error) => warn!(%error, "the lease could not be renewed; the next beat tries again"),
            },
        }
    };
    match result {
        // Interrupted by us, and not because it ended at that very moment.
        Ok((Effect::NotYet { .. }, running)) if late => (missed(), running),
        Ok(done) => done,
        Err(panic) => {
            error!(%panic, "the work panicked");
            let wait = pace.retry.wait(attempt, rand::random());
            (fault(FailureCode::OperatorError, "an internal error of the worker", wait), None)
        }
    }
}

/// Keeps the job for longer. A build that is held back is recorded by that, unless the store is paused.
async fn keep(pool: &Pool, lease: &mut Lease) -> Result<bool, StoreError> {
    let Pool { store, pace, .. } = pool;
    Ok(store.hand_over(lease, Moment::now()).await? || store.renew(lease, pace.lease, Moment::now()).await?)
}

/// What came of the work, and the measure of it; [`None`] when it was not begun, or did not come to an end of its own.
type Done = (Effect, Option<Running>);

/// Waits for a free slot and does the work.
async fn handle(pool: Arc<Pool>, job: Arc<Claimed>, cancel: CancellationToken) -> Done {
    match cancel.run_until_cancelled(pool.slots.acquire()).await {
        // Nobody closes the slots; an error would mean what a missing one means.
        Some(Ok(_slot)) => {
            let running = pool.metrics.stage_began(pool.stage, Moment::now().since(job.ready_at));
            (pool.handler.handle(&job, cancel).await, Some(running))
        }
        _ => (Effect::NotYet { wait: Duration::ZERO }, None),
    }
}

async fn reached(moment: Option<time::Instant>) {
    match moment {
        Some(moment) => time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// A failure on our side, with the answer that it becomes when it was the last attempt.
#[must_use]
pub fn fault(code: FailureCode, message: &str, wait: Duration) -> Effect {
    let answer = Box::new(ExecutionResponse::failed(code, message, ResourcesUsed::default()));
    Effect::Failed { code, answer, wait }
}

#[cfg(test)]
mod tests;
