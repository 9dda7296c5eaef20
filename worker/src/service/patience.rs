//! Waiting for what a start needs and what is away: said once when it begins, and once when it ends.

use std::time::Instant;

use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::ServiceError;
use crate::{supervisor::BACKOFF, telemetry::Health};

/// How a start does without something.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    waits: bool,
    health: Health,
}

impl Patience {
    /// One that `waits`, and tells `health` for what and why, or one that fails at once.
    pub(super) fn new(waits: bool, health: &Health) -> Self {
        Self { waits, health: health.clone() }
    }

    /// Whether it waits.
    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// Tries again and again, later each time, while `needed` is away. Whatever else is wrong is no matter of time, and
    /// ends it.
    pub(super) async fn until_there<T>(
        &self,
        needed: &'static str,
        mut attempt: impl AsyncFnMut() -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let begun = Instant::now();
        let mut attempts = 0u32;
        loop {
            let error = match attempt().await {
                Err(error) if self.waits && error.is_away() => error,
                ended => {
                    if attempts > 0 && ended.is_ok() {
                        let waited_ms = begun.elapsed().as_millis() as u64;
                        info!(event = "worker.goes_on", needed, attempts, waited_ms, "the {needed} is there");
                    }
                    self.health.found(needed);
                    return ended;
                }
            };
            self.health.waits_for(needed, error.to_string());
            if attempts == 0 {
                warn!(event = "worker.waits", needed, %error, "the worker cannot start without the {needed}: it waits for it");
            } else {
                debug!(event = "worker.still_waits", needed, %error, attempts, "the {needed} is still away");
            }
            attempts = attempts.saturating_add(1);
            sleep(BACKOFF.wait(attempts, rand::random())).await;
        }
    }
}
