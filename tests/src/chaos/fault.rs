//! The ways in which an honest chain can be hard to talk to.

use super::asked::Asked;
use std::fmt;

/// One kind of fault.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Fault {
    /// The connection ends before the question has gone anywhere.
    Dropped,
    /// A server error, 500 to 504, in front of the node: the question has gone nowhere.
    ServerError,
    /// 429: the question has gone nowhere.
    TooManyRequests,
    /// Nothing is said for [`super::Plan::hang`], then the connection ends; the question has gone nowhere.
    Hung,
    /// The question is held back for a while, then answered.
    Slow,
    /// The question is answered, but the connection ends before the answer is out: what it asked for has happened.
    AnswerLost,
    /// Half of the answer, as if it were all of it.
    Truncated,
    /// The answer of a node that is some blocks behind: an older state, an older final block, a transaction that it has
    /// not heard of.
    Stale,
    /// An access key whose nonce is too low, as from a node that has not seen the last transactions.
    NonceLow,
    /// An access key whose nonce is too high, as from a node that has seen a transaction which then never happened.
    NonceHigh,
    /// A transaction is said to be accepted and goes nowhere.
    Swallowed,
    /// A transaction is said to be accepted and reaches the node a while later, perhaps after its successors.
    Late,
    /// A transaction reaches the node twice.
    Duplicated,
    /// An older block than the one that was asked for.
    OlderBlock,
    /// A later block than the one that was asked for.
    NewerBlock,
    /// "Not yet" for a block that is there.
    NotYet,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::Dropped,
        Self::ServerError,
        Self::TooManyRequests,
        Self::Hung,
        Self::Slow,
        Self::AnswerLost,
        Self::Truncated,
        Self::Stale,
        Self::NonceLow,
        Self::NonceHigh,
        Self::Swallowed,
        Self::Late,
        Self::Duplicated,
        Self::OlderBlock,
        Self::NewerBlock,
        Self::NotYet,
    ];

    /// Its name in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::ServerError => "server_error",
            Self::TooManyRequests => "too_many_requests",
            Self::Hung => "hung",
            Self::Slow => "slow",
            Self::AnswerLost => "answer_lost",
            Self::Truncated => "truncated",
            Self::Stale => "stale",
            Self::NonceLow => "nonce_low",
            Self::NonceHigh => "nonce_high",
            Self::Swallowed => "swallowed",
            Self::Late => "late",
            Self::Duplicated => "duplicated",
            Self::OlderBlock => "older_block",
            Self::NewerBlock => "newer_block",
            Self::NotYet => "not_yet",
        }
    }

    /// Whether this fault makes sense for that question.
    pub(super) fn strikes(self, asked: &Asked) -> bool {
        match self {
            Self::Dropped
            | Self::ServerError
            | Self::TooManyRequests
            | Self::Hung
            | Self::Slow
            | Self::AnswerLost
            | Self::Truncated => true,
            Self::Stale => asked.can_be_stale(),
            Self::NonceLow | Self::NonceHigh => asked.is_access_key(),
            Self::Swallowed | Self::Late | Self::Duplicated => asked.is_transaction(),
            Self::OlderBlock | Self::NewerBlock | Self::NotYet => matches!(asked, Asked::Block { .. }),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
