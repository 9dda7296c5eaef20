//! Which of several equal endpoints to ask: pure.
//!
//! The first of them that is well is asked. One that fails rests, longer each time; when its rest is over a single
//! question tries it, and the others go on asking elsewhere until that one is answered.

use std::time::{Duration, Instant};

use crate::job::RetryPolicy;

/// How long an endpoint that failed rests. There is no last attempt: it is tried again as long as the worker lives.
const REST: RetryPolicy = RetryPolicy {
    max_retries: u32::MAX,
    base: Duration::from_millis(500),
    multiplier: 2.0,
    cap: Duration::from_secs(60),
    jitter: 0.2,
};

/// For how long one question alone tries an endpoint that failed before.
const TRIAL: Duration = Duration::from_secs(10);

/// What is known of some endpoints; each goes by its place in the configuration.
#[derive(Clone, Debug)]
pub struct Health {
    members: Vec<Member>,
}

#[derive(Clone, Debug, Default)]
struct Member {
    failures: u32,
    rests_until: Option<Instant>,
    last_error: Option<String>,
}

/// How an endpoint does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Condition {
    /// How often it failed since it last answered.
    pub failures: u32,
    /// How long it is left alone yet, unless all the others rest too.
    pub rests: Duration,
    /// Why it failed last; [`None`] when it is well.
    pub last_error: Option<String>,
}

impl Member {
    fn rests(&self, now: Instant) -> Duration {
        self.rests_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }
}

impl Health {
    /// So many endpoints, all well.
    #[must_use]
    pub fn of(count: usize) -> Self {
        Self { members: vec![Member::default(); count] }
    }

    /// The endpoint to ask next, for a question that `asked` were asked already. When all of them rest, a new question
    /// goes to the one whose rest ends first: who asks has a patience of its own.
    pub fn choose(&mut self, asked: &[usize], now: Instant) -> Option<usize> {
        let ready = self
            .members
            .iter_mut()
            .enumerate()
            .find(|(index, member)| !asked.contains(index) && member.rests(now).is_zero());
        if let Some((index, member)) = ready {
            if member.failures > 0 {
                member.rests_until = Some(now + TRIAL);
            }
            return Some(index);
        }
        if !asked.is_empty() {
            return None;
        }
        let first = self.members.iter().enumerate().min_by_key(|(_, member)| member.rests(now));
        first.map(|(index, _)| index)
    }

    /// The endpoint answered. Tells how often it had failed before.
    pub fn worked(&mut self, index: usize) -> u32 {
        self.members.get_mut(index).map(std::mem::take).map_or(0, |before| before.failures)
    }

    /// The endpoint failed. Tells how often it has now. `chance` is a random number from 0 to 1.
    pub fn failed(&mut self, index: usize, error: String, now: Instant, chance: f64) -> u32 {
        let Some(member) = self.members.get_mut(index) else { return 0 };
        member.failures = member.failures.saturating_add(1);
        member.rests_until = Some(now + REST.wait(member.failures, chance));
        member.last_error = Some(error);
        member.failures
    }

    /// How each of them does.
    #[must_use]
    pub fn conditions(&self, now: Instant) -> Vec<Condition> {
        let condition = |member: &Member| Condition {
            failures: member.failures,
            rests: member.rests(now),
            last_error: member.last_error.clone(),
        };
        self.members.iter().map(condition).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_JITTER: f64 = 0.5;

    fn fail(health: &mut Health, index: usize, now: Instant) {
        health.failed(index, "away".to_owned(), now, NO_JITTER);
    }

    #[test]
    fn the_first_that_is_well_is_asked_and_a_question_asks_nobody_twice() {
        let (mut health, now) = (Health::of(3), Instant::now());
        assert_eq!(health.choose(&[], now), Some(0));
        fail(&mut health, 0, now);
        assert_eq!(health.choose(&[0], now), Some(1));
        assert_eq!(health.choose(&[], now), Some(1), "the one that failed rests for other questions too");
        fail(&mut health, 1, now);
        assert_eq!(health.choose(&[0, 1], now), Some(2));
        fail(&mut health, 2, now);
        assert_eq!(health.choose(&[0, 1, 2], now), None);
    }

    #[test]
    fn rests_grow_up_to_a_minute_and_an_answer_ends_them() {
        let (mut health, now) = (Health::of(1), Instant::now());
        let rests: Vec<u128> = (0..9)
            .map(|_| {
                fail(&mut health, 0, now);
                health.conditions(now).iter().map(|condition| condition.rests.as_millis()).sum()
            })
            .collect();
        assert_eq!(rests, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(health.worked(0), 9);
        let well = Condition { failures: 0, rests: Duration::ZERO, last_error: None };
        assert_eq!(health.conditions(now), [well]);
    }

    #[test]
    fn after_its_rest_one_question_alone_tries_an_endpoint() {
        let (mut health, now) = (Health::of(2), Instant::now());
        fail(&mut health, 0, now);
        let later = now + Duration::from_millis(500);
        assert_eq!(health.choose(&[], later), Some(0));
        assert_eq!(health.choose(&[], later), Some(1), "a second question meanwhile");
        health.worked(0);
        assert_eq!(health.choose(&[], later), Some(0));
    }

    #[test]
    fn when_all_rest_a_new_question_tries_the_one_that_is_back_first() {
        let (mut health, now) = (Health::of(2), Instant::now());
        fail(&mut health, 0, now);
        fail(&mut health, 0, now);
        fail(&mut health, 1, now);
        assert_eq!(health.choose(&[], now), Some(1));
        assert_eq!(health.choose(&[1], now), None, "one question wakes one of them, not all");
    }

    #[test]
    fn the_rest_is_moved_by_chance() {
        let now = Instant::now();
        let rest = |chance| {
            let mut health = Health::of(1);
            health.failed(0, String::new(), now, chance);
            health.conditions(now).first().map(|condition| condition.rests)
        };
        assert_eq!((rest(0.0), rest(1.0)), (Some(Duration::from_millis(400)), Some(Duration::from_millis(600))));
    }
}
