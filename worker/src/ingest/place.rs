//! Where ingest stands on the chain, and what a block source's answer means there: pure.
//!
//! The next block is the one that names the last as its parent. Nothing else moves the place, whatever a source says:
//! an older block, a later one, the same one again, one of another chain, or none.

use super::{block::Block, source::Fetched};
use crate::store::Cursor;

/// Where ingest stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    cursor: Cursor,
    next: u64,
    strangers: usize,
    compared: u64,
}

/// What is to be done about an answer.
#[derive(Debug)]
pub(super) enum Step {
    /// The next block: take it in.
    Take(Box<Block>),
    /// The chain passed over that height: ask for the one after it.
    AskOn,
    /// The source is wrong: ask another one.
    Distrust(Fault),
    /// The next block cannot be had from anybody.
    Skip(&'static str),
    /// The next block is not there yet.
    Wait,
}

/// What is wrong with a source.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Fault {
    /// It answers another question.
    #[error("asked for block {asked}, it serves block {served}")]
    OtherHeight { asked: u64, served: u64 },
    /// Its block has another parent than the last block that was taken.
    #[error("its block {height} does not follow block {after} as it was read")]
    Stranger { height: u64, after: u64 },
    /// It has nothing new although the chain goes on.
    #[error("it does not get beyond block {after}, and the chain does")]
    Stuck { after: u64 },
}

impl Place {
    /// Right behind the cursor, with a store that was compared with the chain's state after block `compared`.
    pub(super) fn after(cursor: Cursor, compared: u64) -> Self {
        Self { next: cursor.height.saturating_add(1), cursor, strangers: 0, compared }
    }

    /// The last block that was taken.
    pub(super) fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// The height to ask for.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// How many blocks are missing up to `newest`.
    pub(super) fn behind(&self, newest: u64) -> u64 {
        newest.saturating_sub(self.cursor.height)
    }

    /// Whether the store holds what waits of a block's requests already. What does not wait any more needs no work.
    pub(super) fn is_compared(&self, height: u64) -> bool {
        height <= self.compared
    }

    /// The store was compared with the chain's state after block `height`.
    pub(super) fn compared(&mut self, height: u64) {
        self.compared = self.compared.max(height);
    }

    /// What to do about an answer to the question for [`Place::next`], when there are `sources` to ask and the chain's
    /// final block has the height `newest`.
    pub(super) fn judge(&mut self, answer: Fetched, newest: u64, sources: usize) -> Step {
        match answer {
            Fetched::Block(block) if block.height() != self.next => {
                Step::Distrust(Fault::OtherHeight { asked: self.next, served: block.height() })
            }
            Fetched::Block(block) if block.follows(&self.cursor) => Step::Take(block),
            Fetched::Block(block) => {
                let fault = Fault::Stranger { height: block.height(), after: self.cursor.height };
                // One of the heights in between may have been passed over wrongly.
                self.next = self.cursor.height.saturating_add(1);
                self.strangers += 1;
                if self.strangers < sources {
                    return Step::Distrust(fault);
                }
                Step::Skip(
                    "the block does not follow the last one that was read: blocks are missing, or the chain is another",
                )
            }
            Fetched::Skipped if self.next <= newest => {
                self.next += 1;
                Step::AskOn
            }
            // Beyond the chain's end nothing is passed over yet.
            Fetched::Skipped => {
                self.next = self.cursor.height.saturating_add(1);
                Step::Wait
            }
            Fetched::NotServed => Step::Skip("no block source serves blocks that old"),
            Fetched::NotYet => Step::Wait,
        }
    }

    /// The block was taken.
    pub(super) fn took(&mut self, block: &Block) {
        *self = Self::after(block.cursor(), self.compared);
    }
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
