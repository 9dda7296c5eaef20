//! What came of a job goes into the store, into the log and into the metrics.

use tokio::time;
use tracing::{error, info, warn};

use super::Pool;
use crate::{
    job::{Stage, Status, Turn},
    store::{Claimed, Effect, Lease, Moment, StoreError},
    telemetry::StageOutcome,
};

/// How often a result is offered to a store that fails, before it is left to the lease.
const RECORD_ATTEMPTS: u32 = 5;

/// Offers the result to the store until it is taken, and says what came of it. The lease may be a later one than the
/// job was claimed with.
pub(super) async fn record(pool: &Pool, job: &Claimed, lease: &Lease, effect: &Effect) -> StageOutcome {
    let retry = &pool.pace.retry;
    for attempt in 1..=RECORD_ATTEMPTS {
        match pool.store.record(lease, effect, retry, Moment::now()).await {
            Ok(status) => {
                tell(pool, job, effect, status);
                return outcome(effect);
            }
            Err(StoreError::LeaseLost(_)) => {
                info!(
                    event = "job.lease_lost",
                    request_id = job.lease.id().request_id,
                    "the job was closed or taken over meanwhile; the result is dropped"
                );
                return StageOutcome::Void;
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
    StageOutcome::Failed
}

fn outcome(effect: &Effect) -> StageOutcome {
    match effect {
        Effect::Built(_) | Effect::Ran(_) | Effect::Delivered => StageOutcome::Done,
        Effect::Failed { .. } => StageOutcome::Failed,
        Effect::NotYet { .. } | Effect::ArtifactLost => StageOutcome::NotYet,
        Effect::Closed(_) => StageOutcome::Void,
    }
}

fn tell(pool: &Pool, job: &Claimed, effect: &Effect, status: Status) {
    let request_id = job.lease.id().request_id;
    match (effect, status) {
        (_, Status::Completed(ending) | Status::Failed { ending, .. }) => {
            info!(event = "job.closed", request_id, ending = ending.as_str(), %status, "the job is over");
            let code = match effect {
                Effect::Ran(ran) => ran.answer.failure(),
                Effect::Failed { code, .. } if pool.stage != Stage::Publish => Some(*code),
                _ => job.answer.as_ref().and_then(|answer| answer.response.failure()),
            };
            pool.metrics.request_closed(ending, code, Moment::now().since(job.created_at));
        }
        (Effect::Failed { code, answer, wait }, Status::InProgress { stage, turn: Turn::Waiting, attempts })
            if attempts > 0 =>
        {
            warn!(event = "job.retry", request_id, %stage, attempts, %code, wait_ms = wait.as_millis() as u64,
                error = answer.error.as_deref().unwrap_or_default(), "the stage failed and is tried again");
            pool.metrics.retried(stage, *code);
        }
        (Effect::Failed { code, answer, .. }, Status::InProgress { stage: Stage::Publish, .. }) => {
            info!(event = "job.failed", request_id, %code, error = answer.error.as_deref().unwrap_or_default(),
                "the request fails; its answer says why");
        }
        _ => {}
    }
}
