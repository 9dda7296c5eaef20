//! Reading ahead: as long as blocks are missing, several of them are asked for at the same time. They are handed on in
//! their order, and judged as if they had been asked for one by one.
//!
//! A public source takes a tenth of a second for an answer, mostly on the way: one by one, the blocks of an hour would
//! take ten minutes.

use std::collections::VecDeque;

use tokio_util::task::AbortOnDropHandle;

use super::{
    source::SourceError,
    sources::{Answer, BlockSources, Unanswered},
};

/// How many blocks are asked for beyond the next one.
pub(super) const MOST: usize = 8;

/// The blocks that are under way.
pub(super) struct Ahead {
    sources: BlockSources,
    /// By heights that follow each other.
    asked: VecDeque<Asked>,
    /// How many there may be beyond the next one. It begins anew with each fault: sources in trouble get one question at
    /// a time.
    depth: usize,
}

/// A question under way. It is given up with the value.
struct Asked {
    height: u64,
    answer: AbortOnDropHandle<Result<Option<Answer>, Unanswered>>,
}

impl Ahead {
    pub(super) fn new(sources: BlockSources) -> Self {
        Self { sources, asked: VecDeque::new(), depth: 0 }
    }

    /// What is known of `height`, the next one; meanwhile the ones after it up to `newest` are asked for. It may be
    /// dropped and asked again.
    pub(super) async fn block(&mut self, height: u64, newest: u64) -> Result<Answer, SourceError> {
        self.asked.retain(|asked| asked.height >= height);
        if self.asked.front().is_some_and(|asked| asked.height > height.saturating_add(1)) {
            self.asked.clear();
        }
        let reach = newest.min(height.saturating_add(self.depth as u64));
        let first = self.asked.back().map_or(height, |asked| asked.height).saturating_add(1);
        for later in first..=reach {
            let sources = self.sources.clone();
            let answer = tokio::spawn(async move { sources.block_ahead(later).await });
            self.asked.push_back(Asked { height: later, answer: AbortOnDropHandle::new(answer) });
        }
        if let Some(asked) = self.asked.front_mut().filter(|asked| asked.height == height) {
            let answer = (&mut asked.answer).await;
            self.asked.pop_front();
            match answer {
                Ok(Ok(Some(answer))) => return Ok(answer),
                // The one failure stands for those of all questions that were under way.
                Ok(Err(Unanswered { error, from })) => {
                    self.sources.blame(from, &error);
                    self.stumbled();
                }
                Ok(Ok(None)) | Err(_) => {}
            }
        }
        self.sources.block(height).await
    }

    /// The last answer led on.
    pub(super) fn went_well(&mut self) {
        self.depth = MOST.min(self.depth + 1);
    }

    /// The last answer led nowhere: what was asked for beyond it may be as wrong.
    pub(super) fn stumbled(&mut self) {
        self.asked.clear();
        self.depth = 0;
    }
}

#[cfg(test)]
#[path = "ahead_tests.rs"]
mod tests;
