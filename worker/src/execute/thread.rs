//! Where a run gets its time from: the thread that asks for its first slice, then one that may be blocked.

use super::{error::ExecuteError, outcome::Outcome, verdict::out_of_time, wasi::Clock};
use offchainvm_interface::{ResourceLimits, ResourcesUsed};
use std::{
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::sync::OwnedSemaphorePermit;

/// How much longer than its limit a run may take before the host stops waiting for it. Slices end a program within a
/// millisecond of its limit, epochs within a twentieth of a second, but both only between instructions: one of them can
/// fill all the memory that there is. A gibibyte that was not used before takes a second; this is a multiple of that, so
/// that what such a program used is known, and charged.
const HOST_GRACE: Duration = Duration::from_secs(5);

/// A run that has begun, or is about to.
pub(super) type Running = Pin<Box<dyn Future<Output = Result<Outcome, ExecuteError>> + Send>>;

/// Lets the program run for one slice. A panic is this run's failure and nobody else's.
pub(super) fn one_slice(run: &mut Running) -> Poll<Result<Outcome, ExecuteError>> {
    let mut context = Context::from_waker(Waker::noop());
    // What a panic leaves half done belongs to the run, which is not asked again.
    panic::catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(&mut context)))
        .unwrap_or_else(|panic| Poll::Ready(Err(ExecuteError::Panicked(words(&*panic)))))
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message").to_owned()
}

/// Runs the rest on a thread that may be blocked, and waits for it, but not for ever.
pub(super) async fn to_the_end(
    mut run: Running,
    limits: ResourceLimits,
    clock: Arc<Clock>,
    permit: OwnedSemaphorePermit,
) -> Result<Outcome, ExecuteError> {
    let _abandon = AbandonOnDrop(clock.clone());
    let running = tokio::task::spawn_blocking(move || {
        // Held until the thread is done, so that threads that are waited for and others count alike.
        let _permit = permit;
        loop {
            if let Poll::Ready(outcome) = one_slice(&mut run) {
                return outcome;
            }
        }
    });
    let limit = Duration::from_secs(limits.max_execution_seconds.into());
    match tokio::time::timeout(limit.saturating_add(HOST_GRACE), running).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(lost)) => Err(ExecuteError::Panicked(lost.to_string())),
        Err(_) => Ok(abandoned(&limits)),
    }
}

/// Ends a run that nobody waits for.
struct AbandonOnDrop(Arc<Clock>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// The outcome of a run that the host stopped waiting for. Its meters cannot be read, and what was not measured is not
/// charged; its time is known.
fn abandoned(limits: &ResourceLimits) -> Outcome {
    tracing::error!(
        limit_seconds = limits.max_execution_seconds,
        "a run outlived its time limit; neither fuel nor epochs stopped it"
    );
    let used = ResourcesUsed { time_seconds: limits.max_execution_seconds.into(), ..ResourcesUsed::default() };
    Outcome { end: out_of_time(limits, ""), output: Vec::new(), stderr: String::new(), used }
}
