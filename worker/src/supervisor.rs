//! Keeps the worker's loops running: one that fails or panics is reported and started again, later each time.

use std::{fmt::Display, future::Future, time::Duration};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, error_span};

use crate::job::RetryPolicy;

/// A loop that ran this long was healthy: its next failure counts as the first again.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);

/// The waits between two starts. There is no last one: as long as the worker lives, it tries.
const BACKOFF: RetryPolicy = RetryPolicy {
    max_retries: u32::MAX,
    base: Duration::from_millis(250),
    multiplier: 2.0,
    cap: Duration::from_secs(15),
    jitter: 0.2,
};

/// Runs `start` again and again until it ends well or `stop` fires. A loop that heeds `stop` itself ends well.
pub async fn supervise<F, R, E>(name: &'static str, stop: CancellationToken, start: F)
where
    F: FnMut() -> R,
    R: Future<Output = Result<(), E>> + Send + 'static,
    E: Display + Send + 'static,
{
    keep_running(name, stop, &BACKOFF, start).await;
}

async fn keep_running<F, R, E>(name: &'static str, stop: CancellationToken, backoff: &RetryPolicy, mut start: F)
where
    F: FnMut() -> R,
    R: Future<Output = Result<(), E>> + Send + 'static,
    E: Display + Send + 'static,
{
    let mut failures = 0u32;
    loop {
        let begun = Instant::now();
        let reason = match tokio::spawn(start().instrument(error_span!("loop", task = name))).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(panic) => panic.to_string(),
        };
        if begun.elapsed() >= HEALTHY_AFTER {
            failures = 0;
        }
        failures = failures.saturating_add(1);
        let wait = backoff.wait(failures, rand::random());
        error!(
            event = "loop.failed",
            task = name,
            reason,
            failures,
            wait_ms = wait.as_millis() as u64,
            "a loop of the worker failed and is started again"
        );
        tokio::select! {
            () = sleep(wait) => {}
            () = stop.cancelled() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests")]
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const AT_ONCE: RetryPolicy = RetryPolicy { base: Duration::ZERO, ..BACKOFF };

    #[tokio::test]
    async fn a_loop_that_fails_or_panics_is_started_again_until_it_ends_well() {
        static STARTS: AtomicU32 = AtomicU32::new(0);
        keep_running("test", CancellationToken::new(), &AT_ONCE, || async {
            match STARTS.fetch_add(1, Ordering::SeqCst) {
                0 => Err("broken"),
                1 => panic!("broken differently"),
                _ => Ok(()),
            }
        })
        .await;
        assert_eq!(STARTS.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_loop_that_is_told_to_stop_is_not_started_again() {
        let stop = CancellationToken::new();
        stop.cancel();
        supervise("test", stop, || async { Err::<(), _>("broken") }).await;
    }
}
