//! Keeps the worker's loops running: one that fails or panics is reported and started again, later each time.

use std::{fmt::Display, future::Future, time::Duration};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, error_span};

use crate::{
    job::RetryPolicy,
    telemetry::{Health, LoopState, Metrics},
};

/// A loop that ran this long was healthy: its next failure counts as the first again.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);

/// The waits between two starts. There is no last one: as long as the worker lives, it tries.
pub const BACKOFF: RetryPolicy = RetryPolicy {
    max_retries: u32::MAX,
    base: Duration::from_millis(250),
    multiplier: 2.0,
    cap: Duration::from_secs(15),
    jitter: 0.2,
};

/// Who keeps the loops running, and tells the board and the metrics how they do. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Supervisor {
    stop: CancellationToken,
    health: Health,
    metrics: Metrics,
    backoff: RetryPolicy,
}

impl Supervisor {
    /// A supervisor whose loops are not started again once `stop` fires.
    #[must_use]
    pub fn new(stop: CancellationToken, health: Health, metrics: Metrics) -> Self {
        Self { stop, health, metrics, backoff: BACKOFF }
    }

    /// Runs `start` again and again until it ends well or the worker is told to stop. A loop that heeds `stop` itself
    /// ends well.
    pub async fn supervise<F, R, E>(self, name: &'static str, mut start: F)
    where
        F: FnMut() -> R,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        let watched = Watched { name, health: &self.health, state: LoopState::Lost };
        self.metrics.loop_known(name);
        let mut failures = 0u32;
        loop {
            self.health.loop_is(name, LoopState::Running);
            let begun = Instant::now();
            let reason = match tokio::spawn(start().instrument(error_span!("loop", task = name))).await {
                Ok(Ok(())) => return watched.finished(),
                Ok(Err(error)) => error.to_string(),
                Err(panic) => panic.to_string(),
            };
            if begun.elapsed() >= HEALTHY_AFTER {
                failures = 0;
            }
            failures = failures.saturating_add(1);
            self.metrics.loop_restarted(name);
            self.health.loop_is(name, LoopState::Restarting { reason: reason.clone(), failures });
            let wait = self.backoff.wait(failures, rand::random());
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
                () = self.stop.cancelled() => return watched.finished(),
            }
        }
    }
}

/// Tells the board when nobody watches a loop any more: it has finished, or else it is lost.
struct Watched<'a> {
    name: &'static str,
    health: &'a Health,
    state: LoopState,
}

impl Watched<'_> {
    fn finished(mut self) {
        self.state = LoopState::Finished;
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.health.loop_is(self.name, self.state.clone());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn supervisor(stop: CancellationToken) -> Supervisor {
        let backoff = RetryPolicy { base: Duration::ZERO, ..BACKOFF };
        Supervisor { backoff, ..Supervisor::new(stop, Health::new(), Metrics::new()) }
    }

    fn state(supervisor: &Supervisor) -> Option<LoopState> {
        supervisor.health.loops().pop().map(|one| one.state)
    }

    #[tokio::test]
    async fn a_loop_that_fails_or_panics_is_started_again_until_it_ends_well() {
        static STARTS: AtomicU32 = AtomicU32::new(0);
        let supervisor = supervisor(CancellationToken::new());
        supervisor
            .clone()
            .supervise("test", || async {
                match STARTS.fetch_add(1, Ordering::SeqCst) {
                    0 => Err("broken"),
                    1 => panic!("broken differently"),
                    _ => Ok(()),
                }
            })
            .await;
        assert_eq!(STARTS.load(Ordering::SeqCst), 3);
        assert_eq!(state(&supervisor), Some(LoopState::Finished));
        let text = supervisor.metrics.encode().unwrap();
        assert!(text.contains("offchainvm_loop_restarts_total{task=\"test\"} 2\n"), "{text}");
    }

    #[tokio::test]
    async fn a_loop_that_is_told_to_stop_is_not_started_again() {
        let stop = CancellationToken::new();
        stop.cancel();
        let slow = Supervisor { backoff: BACKOFF, ..supervisor(stop) };
        slow.clone().supervise("test", || async { Err::<(), _>("broken") }).await;
        assert_eq!(state(&slow), Some(LoopState::Finished));
    }

    #[tokio::test]
    async fn the_board_shows_why_a_loop_is_started_again_and_that_nobody_does_it_any_more() {
        let slow = Supervisor { backoff: BACKOFF, ..supervisor(CancellationToken::new()) };
        let task = tokio::spawn({
            let slow = slow.clone();
            async move { slow.supervise("test", || async { Err::<(), _>("broken") }).await }
        });
        let restarting = LoopState::Restarting { reason: "broken".to_owned(), failures: 1 };
        while state(&slow).as_ref() != Some(&restarting) {
            tokio::task::yield_now().await;
        }
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(state(&slow), Some(LoopState::Lost));
    }
}
