//! Which question meets which fault: a pure function of the seed.

use super::{Fault, asked::Asked};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// A seeded plan of faults. What happens to the n-th question of a kind is a function of the seed, the kind and n alone,
/// so the same seed gives the same faults however the questions of different kinds interleave. The numbers begin anew
/// when a plan is set.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What all dice are thrown from.
    pub seed: u64,
    /// The share of questions that meet each fault, of those that it makes sense for. Shares of faults that may strike
    /// the same question add up; beyond 1 the later ones of [`Fault::ALL`] lose.
    pub rates: BTreeMap<Fault, f64>,
    /// How long a hanging question hangs. Longer than the client's patience, if it is to be the client who gives up.
    pub hang: Duration,
    /// The longest that a slow answer is held back.
    pub slow: Duration,
    /// The longest that a late transaction is late.
    pub late: Duration,
    /// By how many blocks a stale node is behind at most.
    pub stale_blocks: u64,
}

impl Plan {
    /// No faults.
    #[must_use]
    pub fn calm() -> Self {
        Self {
            seed: 0,
            rates: BTreeMap::new(),
            hang: Duration::from_secs(35),
            slow: Duration::from_secs(2),
            late: Duration::from_secs(4),
            stale_blocks: 5,
        }
    }

    /// This fault for every question that it makes sense for.
    #[must_use]
    pub fn always(fault: Fault) -> Self {
        Self::calm().with(fault, 1.0)
    }

    /// Everything, often enough that few conversations go through undisturbed.
    #[must_use]
    pub fn rough(seed: u64) -> Self {
        let mut plan = Self { seed, ..Self::calm() };
        for fault in Fault::ALL {
            let rate = match fault {
                // Rare, because each holds a worker up for its whole patience.
                Fault::Hung => 0.004,
                Fault::Dropped | Fault::ServerError | Fault::TooManyRequests | Fault::AnswerLost => 0.02,
                Fault::Truncated => 0.01,
                Fault::Slow | Fault::Stale | Fault::OlderBlock | Fault::NewerBlock | Fault::NotYet => 0.05,
                Fault::NonceLow | Fault::NonceHigh | Fault::Swallowed | Fault::Late | Fault::Duplicated => 0.08,
            };
            plan = plan.with(fault, rate);
        }
        plan
    }

    /// The same with another share for one fault.
    #[must_use]
    pub fn with(mut self, fault: Fault, rate: f64) -> Self {
        self.rates.insert(fault, rate);
        self
    }

    /// Throws the dice for one question.
    fn fault(&self, asked: &Asked, dice: &mut StdRng) -> Option<Fault> {
        let mut left: f64 = dice.random();
        Fault::ALL.into_iter().filter(|fault| fault.strikes(asked)).find(|fault| {
            left -= self.rates.get(fault).copied().unwrap_or(0.0);
            left < 0.0
        })
    }
}

/// A plan at work: it knows how many questions of each kind there have been.
#[derive(Debug)]
pub(super) struct Course {
    pub plan: Plan,
    asked: Mutex<HashMap<String, u64>>,
}

impl Course {
    pub(super) fn new(plan: Plan) -> Self {
        Self { plan, asked: Mutex::default() }
    }

    /// What happens to the next question, and the dice for its details.
    pub(super) fn next(&self, asked: &Asked) -> (Option<Fault>, StdRng) {
        let number = {
            let mut counts = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(asked.kind().to_owned()).or_insert(0);
            *count += 1;
            *count
        };
        // DefaultHasher::new() has fixed keys: the same in every run.
        let mut hasher = DefaultHasher::new();
        (self.plan.seed, asked.kind(), number).hash(&mut hasher);
        let mut dice = StdRng::seed_from_u64(hasher.finish());
        (self.plan.fault(asked, &mut dice), dice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(plan: &Plan, asked: &Asked, count: usize) -> Vec<Option<Fault>> {
        let course = Course::new(plan.clone());
        (0..count).map(|_| course.next(asked).0).collect()
    }

    #[test]
    fn a_seed_repeats_its_faults_whatever_else_is_asked_in_between() {
        let block = Asked::Block { height: 1 };
        let key = Asked::Rpc { method: "query".to_owned(), params: json!({"request_type": "view_access_key"}) };
        let course = Course::new(Plan::rough(7));
        let mixed: Vec<_> = (0..500)
            .map(|_| {
                course.next(&key);
                course.next(&block).0
            })
            .collect();
        assert_eq!(mixed, faults(&Plan::rough(7), &block, 500));
        assert_ne!(mixed, faults(&Plan::rough(8), &block, 500));
    }

    #[test]
    fn a_fault_strikes_its_share_of_the_questions_that_it_makes_sense_for_and_no_other() {
        let block = Asked::Block { height: 1 };
        let plan = Plan::calm().with(Fault::OlderBlock, 0.25).with(Fault::Swallowed, 0.75);
        let struck = faults(&plan, &block, 10_000);
        let count = |fault| struck.iter().filter(|f| **f == Some(fault)).count();
        assert!((2_300..2_700).contains(&count(Fault::OlderBlock)), "{}", count(Fault::OlderBlock));
        assert_eq!(count(Fault::Swallowed), 0);
        assert!(faults(&Plan::calm(), &block, 1_000).iter().all(Option::is_none));
    }
}
