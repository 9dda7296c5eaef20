//! Whether to try again, and after how long.

use std::time::Duration;

/// How often and how soon something of ours that failed is tried again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// How often at most, after the first attempt.
    pub max_retries: u32,
    /// The wait after the first attempt.
    pub base: Duration,
    /// How much longer each further wait is.
    pub multiplier: f64,
    /// The longest wait.
    pub cap: Duration,
    /// By what part of itself a wait may be shorter or longer, 0 to 1: so that those who failed together do not all
    /// come back together.
    pub jitter: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_retries: 3,
            base: Duration::from_secs(1),
            multiplier: 2.0,
            cap: Duration::from_secs(30),
            jitter: 0.2,
        }
    }
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Another attempt.
    TryAgain,
    /// Nothing more.
    GiveUp,
}

impl RetryPolicy {
    /// What follows when attempt number `attempts` (1 is the first) has failed.
    #[must_use]
    pub fn verdict(&self, attempts: u32) -> Verdict {
        if attempts > self.max_retries { Verdict::GiveUp } else { Verdict::TryAgain }
    }

    /// How long to wait after attempt number `attempt` has failed: min(cap, base · multiplier^(attempt−1)), moved by
    /// the jitter. `chance` is a random number from 0 to 1; 0.5 means no jitter.
    #[must_use]
    pub fn wait(&self, attempt: u32, chance: f64) -> Duration {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        // `min` also turns an overflow to infinity, or not a number, into the cap.
        let seconds = (self.base.as_secs_f64() * self.multiplier.powi(exponent)).min(self.cap.as_secs_f64());
        let spread = 1.0 + self.jitter.clamp(0.0, 1.0) * (2.0 * chance.clamp(0.0, 1.0) - 1.0);
        Duration::try_from_secs_f64(seconds * spread).unwrap_or(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(policy: &RetryPolicy, attempt: u32, chance: f64) -> f64 {
        policy.wait(attempt, chance).as_secs_f64()
    }

    #[test]
    fn waits_double_up_to_the_cap() {
        let policy = RetryPolicy { cap: Duration::from_secs(5), ..RetryPolicy::default() };
        let waits: Vec<f64> = (1..=6).map(|attempt| seconds(&policy, attempt, 0.5)).collect();
        assert_eq!(waits, [1.0, 2.0, 4.0, 5.0, 5.0, 5.0]);
        assert_eq!(seconds(&policy, u32::MAX, 0.5), 5.0);
    }

    #[test]
    fn jitter_stays_within_its_part() {
        let policy = RetryPolicy { jitter: 0.25, ..RetryPolicy::default() };
        assert_eq!(seconds(&policy, 2, 0.0), 1.5);
        assert_eq!(seconds(&policy, 2, 1.0), 2.5);
        let whole = RetryPolicy { jitter: 1.0, ..RetryPolicy::default() };
        assert_eq!(whole.wait(1, 0.0), Duration::ZERO);
    }

    #[test]
    fn retries_stop_exactly_at_the_limit() {
        let policy = RetryPolicy { max_retries: 2, ..RetryPolicy::default() };
        let verdicts: Vec<Verdict> = (1..=4).map(|attempts| policy.verdict(attempts)).collect();
        assert_eq!(verdicts, [Verdict::TryAgain, Verdict::TryAgain, Verdict::GiveUp, Verdict::GiveUp]);
        let never = RetryPolicy { max_retries: 0, ..policy };
        assert_eq!(never.verdict(1), Verdict::GiveUp);
    }
}
