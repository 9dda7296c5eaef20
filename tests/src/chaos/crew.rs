//! The workers of a run: started, killed at seeded moments, started again, at last stopped as one should.

use crate::worker::{Launch, WorkerHome};
use anyhow::{Result, ensure};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{ops::Range, sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

/// How often a worker is looked at.
const GLANCE: Duration = Duration::from_millis(10);
/// The longest that a worker lives on after the last line that it was allowed: lines are written between deeds, and a
/// worker may die at any moment of them.
const LONGEST_GRACE: Duration = Duration::from_millis(120);
/// The longest that nobody works after a kill.
const LONGEST_ABSENCE: Duration = Duration::from_millis(800);
/// The wait before a worker that ended by itself is started again, as a service manager does.
const RESTART_AFTER: Duration = Duration::from_millis(200);

/// What happened to the workers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Fates {
    /// Processes that were started.
    pub starts: u64,
    /// Killed with SIGKILL.
    pub kills: u64,
    /// Ended by themselves, with an error.
    pub exits: u64,
}

/// How the workers are treated.
#[derive(Clone, Debug)]
pub(super) struct Treatment {
    pub seed: u64,
    pub workers: usize,
    /// How much a worker does before it is killed, in lines of its log: a measure that is the same on slow machines.
    pub life: Range<usize>,
    /// What each is started with.
    pub launch: Launch,
}

/// Workers that are being treated.
pub(super) struct Crew {
    hands: JoinSet<Result<Fates>>,
    calm: CancellationToken,
    stop: CancellationToken,
}

impl Crew {
    /// Starts the workers, all in one home: one folder, one key, one store.
    pub(super) fn start(home: &Arc<WorkerHome>, treatment: &Treatment) -> Self {
        let (calm, stop) = (CancellationToken::new(), CancellationToken::new());
        let mut hands = JoinSet::new();
        for number in 0..treatment.workers {
            let hand = Hand {
                home: home.clone(),
                treatment: treatment.clone(),
                dice: StdRng::seed_from_u64(treatment.seed.wrapping_add(number as u64)),
                calm: calm.clone(),
                stop: stop.clone(),
            };
            hands.spawn(hand.serve());
        }
        Self { hands, calm, stop }
    }

    /// No more kills.
    pub(super) fn calm(&self) {
        self.calm.cancel();
    }

    /// Stops the workers as a service manager does.
    ///
    /// # Errors
    /// One did not stop well, or could not be started at all.
    pub(super) async fn stop(mut self) -> Result<Fates> {
        self.stop.cancel();
        let mut all = Fates::default();
        while let Some(fates) = self.hands.join_next().await {
            let fates = fates??;
            all.starts += fates.starts;
            all.kills += fates.kills;
            all.exits += fates.exits;
        }
        Ok(all)
    }
}

/// One worker after the other.
struct Hand {
    home: Arc<WorkerHome>,
    treatment: Treatment,
    dice: StdRng,
    calm: CancellationToken,
    stop: CancellationToken,
}

impl Hand {
    async fn serve(mut self) -> Result<Fates> {
        let mut fates = Fates::default();
        loop {
            let mut worker = self.home.start_with(&self.treatment.launch)?;
            fates.starts += 1;
            let life = self.dice.random_range(self.treatment.life.clone());
            let grace = LONGEST_GRACE.mul_f64(self.dice.random());
            loop {
                sleep(GLANCE).await;
                if worker.exit_status()?.is_some() {
                    fates.exits += 1;
                    sleep(RESTART_AFTER).await;
                    break;
                }
                if self.stop.is_cancelled() {
                    let status = worker.stop().await?;
                    ensure!(status.success(), "a worker that was told to stop ended with {status}");
                    return Ok(fates);
                }
                if !self.calm.is_cancelled() && worker.lines()? >= life {
                    sleep(grace).await;
                    worker.kill()?;
                    fates.kills += 1;
                    sleep(LONGEST_ABSENCE.mul_f64(self.dice.random())).await;
                    break;
                }
            }
        }
    }
}
