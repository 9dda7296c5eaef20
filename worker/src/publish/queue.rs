//! Where answers wait until a lane takes them.

use std::{collections::VecDeque, sync::Arc};

use near_primitives::hash::CryptoHash;
use offchainvm_interface::calls::ResolveArgs;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::{
    batch::{Size, choose},
    verdict::Verdict,
};
use crate::store::Lease;

/// An answer that waits for a lane.
#[derive(Debug)]
pub(super) struct Entry {
    /// The right to send it.
    pub(super) lease: Lease,
    /// What is said.
    pub(super) args: ResolveArgs,
    /// The receipt whose digest that names, as JSON.
    pub(super) receipt: Option<Arc<str>>,
    /// What it weighs.
    pub(super) size: Size,
    /// Who waits to hear what became of it. When nobody does any more it is not sent.
    pub(super) reply: oneshot::Sender<Said>,
}

/// What a lane says of an answer that it was given.
#[derive(Debug)]
pub(super) enum Said {
    /// Its transaction was executed.
    Landed {
        /// The transaction.
        hash: CryptoHash,
        /// What that did with the answer; [`None`] when it does not say.
        verdict: Option<Verdict>,
    },
    /// Its transaction was sent, and nobody knows yet what became of it.
    Unknown(CryptoHash),
    /// No node takes the transaction as it is.
    Invalid {
        /// The node's words.
        reason: String,
        /// How many answers it carried.
        carried: usize,
    },
    /// It was not sent, for a reason that lies not in it.
    NotSent(String),
}

/// The answers that wait, first come first served: at most as many as the stage has in hand, since each has somebody
/// who waits for it.
#[derive(Debug)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    news: Notify,
}

#[derive(Debug)]
struct Inner {
    waiting: VecDeque<Entry>,
    capacity: usize,
    open: usize,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self { inner: Mutex::new(Inner { waiting: VecDeque::new(), capacity, open: 0 }), news: Notify::new() }
    }

    /// Whether there is a lane that takes answers.
    pub(super) fn is_open(&self) -> bool {
        self.inner.lock().open > 0
    }

    /// Puts an answer where the next free lane takes it; says false when there is no lane,
    /// or too much waits.
    #[must_use]
    pub(super) fn push(&self, entry: Entry) -> bool {
        let mut inner = self.inner.lock();
        if inner.open == 0 || inner.waiting.len() >= inner.capacity {
            return false;
        }
        inner.waiting.push_back(entry);
        drop(inner);
        self.news.notify_one();
        true
    }

    /// Waits until something waits. Another lane may be faster in taking it.
    pub(super) async fn something(&self) {
        loop {
            // First listen, then look: what arrives in between is heard.
            let news = self.news.notified();
            if !self.inner.lock().waiting.is_empty() {
                return;
            }
            news.await;
        }
    }

    /// Takes what goes together in one transaction, at most `most`.
    pub(super) fn take(&self, most: usize) -> Vec<Entry> {
        let mut inner = self.inner.lock();
        inner.waiting.retain(|entry| !entry.reply.is_closed());
        let chosen = choose(inner.waiting.iter().map(|entry| entry.size), most);
        // From the back, so that the places in front stay what they are.
        let mut taken: Vec<Entry> = chosen.into_iter().rev().filter_map(|place| inner.waiting.remove(place)).collect();
        taken.reverse();
        if !inner.waiting.is_empty() {
            drop(inner);
            self.news.notify_one();
        }
        taken
    }

    /// Says that a lane takes answers, until what this returns is dropped. With the last lane nobody is left to wait
    /// for: whoever waits is told so.
    pub(super) fn open(&self) -> Open<'_> {
        self.inner.lock().open += 1;
        Open(self)
    }
}

/// A lane that takes answers.
#[derive(Debug)]
pub(super) struct Open<'a>(&'a Queue);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let mut inner = self.0.inner.lock();
        inner.open = inner.open.saturating_sub(1);
        if inner.open > 0 {
            // It may have been called and not have come.
            self.0.news.notify_one();
        } else {
            for entry in inner.waiting.drain(..) {
                // Who does not wait any more need not be told.
                let _ = entry.reply.send(Said::NotSent("there is no lane to send it on now".to_owned()));
            }
        }
    }
}
