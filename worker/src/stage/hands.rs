//! Hands that are free: the stage before gives them jobs directly, without the way through the queue.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{Mutex, mpsc};

use crate::store::Claimed;

/// What a stage takes directly. Jobs that wait in the store come first, so hands are free only while none wait.
pub(super) struct Hands {
    free: AtomicUsize,
    reserved: Arc<AtomicUsize>,
    give: mpsc::UnboundedSender<Given>,
    /// Of the one loop that takes; a loop that is started again goes on with it.
    pub(super) take: Mutex<mpsc::UnboundedReceiver<Given>>,
}

/// A job with the hand that it was given to.
pub(super) type Given = (Claimed, Hand);

/// A hand that waits for a job. Dropping it lets it go.
pub(super) struct Hand {
    reserved: Arc<AtomicUsize>,
    give: mpsc::UnboundedSender<Given>,
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.reserved.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hand {
    /// Gives it a job. A stage that takes nothing any more gives it back.
    pub(super) fn take(self, job: Claimed) -> Result<(), Box<Claimed>> {
        let give = self.give.clone();
        give.send((job, self)).map_err(|refused| Box::new(refused.0.0))
    }
}

impl Default for Hands {
    fn default() -> Self {
        let (give, take) = mpsc::unbounded_channel();
        Self { free: AtomicUsize::new(0), reserved: Arc::default(), give, take: Mutex::new(take) }
    }
}

impl Hands {
    /// How many there are from now on, those included that wait for a job already.
    pub(super) fn are_free(&self, hands: usize) {
        self.free.store(hands, Ordering::Relaxed);
    }

    /// How many nobody has reserved.
    pub(super) fn left(&self) -> usize {
        self.free.load(Ordering::Relaxed).saturating_sub(self.reserved.load(Ordering::Relaxed))
    }

    /// One of them, if there is one.
    pub(super) fn one(&self) -> Option<Hand> {
        let free = self.free.load(Ordering::Relaxed);
        let another = |reserved: usize| (reserved < free).then_some(reserved + 1);
        self.reserved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, another).ok()?;
        Some(Hand { reserved: self.reserved.clone(), give: self.give.clone() })
    }
}
