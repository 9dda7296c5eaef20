//! The block sources together: the one that does best is asked, and another one when it cannot answer.

use std::fmt::Display;

use url::Url;

use super::source::{BlockSource, Fetched, SourceError, http};
use crate::{
    chain::{EndpointState, Endpoints, name_of},
    telemetry::Metrics,
};

/// How large a block may be that is not needed yet, of which several are kept: far above what busy chains have.
const MAX_BYTES_AHEAD: usize = 16 << 20;

/// Sources of the same chain's blocks, the preferred one first. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct BlockSources {
    endpoints: Endpoints<BlockSource>,
}

/// What is known of a height, and which source says so.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) fetched: Fetched,
    pub(super) from: usize,
}

/// A question that a source did not answer, which it has not been blamed for yet.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) error: SourceError,
    pub(super) from: usize,
}

impl BlockSources {
    /// Prepares the connections; nothing is asked yet.
    ///
    /// # Errors
    /// [`SourceError::Client`] when TLS cannot be set up.
    pub fn new(urls: &[Url]) -> Result<Self, SourceError> {
        let http = http()?;
        let sources = urls.iter().map(|url| (name_of(url), BlockSource::new(url, http.clone())));
        Ok(Self { endpoints: Endpoints::new("block source", sources.collect()) })
    }

    /// Counts the sources' failures there from now on; the first call decides.
    pub fn report_to(&self, metrics: &Metrics) {
        self.endpoints.report_to(metrics);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.endpoints.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// How each of them does, the preferred one first.
    #[must_use]
    pub fn states(&self) -> Vec<EndpointState> {
        self.endpoints.states()
    }

    /// Asks for the final block at `height`. That a source does not go back so far is the answer only when no other one
    /// has a better answer.
    pub(super) async fn block(&self, height: u64) -> Result<Answer, SourceError> {
        let mut round = self.endpoints.round();
        let mut not_served = None;
        let mut last = None;
        while let Some(source) = round.next() {
            let from = round.index();
            match source.block(height).await {
                Ok(fetched @ Fetched::NotServed) => not_served = not_served.or(Some(Answer { fetched, from })),
                // This alone does not make a source well: one that is stuck says it forever.
                Ok(fetched @ Fetched::NotYet) => return Ok(Answer { fetched, from }),
                Ok(fetched @ (Fetched::Block(_) | Fetched::Skipped)) => {
                    round.worked();
                    return Ok(Answer { fetched, from });
                }
                Err(error) => {
                    round.failed(&error);
                    last = Some(error);
                }
            }
        }
        not_served.ok_or_else(|| last.unwrap_or(SourceError::None))
    }

    /// Asks one source for a block that is not needed yet. [`None`] is an answer that does not lead on, or is too large to
    /// be kept: it is asked for again when it is needed, of all sources if need be.
    pub(super) async fn block_ahead(&self, height: u64) -> Result<Option<Answer>, Unanswered> {
        let mut round = self.endpoints.round();
        let Some(source) = round.next() else { return Ok(None) };
        let from = round.index();
        match source.block_up_to(height, MAX_BYTES_AHEAD).await {
            Ok(fetched @ (Fetched::Block(_) | Fetched::Skipped)) => {
                round.worked();
                Ok(Some(Answer { fetched, from }))
            }
            Ok(Fetched::NotYet | Fetched::NotServed) | Err(SourceError::TooLarge(_)) => Ok(None),
            Err(error) => Err(Unanswered { error, from }),
        }
    }

    /// Notes that an answer of a source was wrong: others are asked first for a while.
    pub(super) fn blame(&self, index: usize, reason: &dyn Display) {
        self.endpoints.blame(index, reason);
    }
}
