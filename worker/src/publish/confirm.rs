//! What became of a transaction: executed, not executed, unknown.

use std::time::Duration;

use near_account_id::AccountId;
use near_primitives::{hash::CryptoHash, transaction::SignedTransaction};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::PublishError;
use crate::chain::{Landing, Rpc, TxProgress, landing_of};

/// How soon the node is asked again when it answers at once instead of waiting.
const PAUSE: Duration = Duration::from_millis(200);

/// What became of a transaction.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Fate {
    /// Its call went through.
    Succeeded,
    /// Its call was executed and failed; the reason is for people.
    Failed(String),
    /// It has not been executed as far as the node knows; it still may be.
    Unknown,
}

/// How long a transaction may be unknown to the node before it is handed over again, this time with a check: a node
/// takes a transaction without one, and what it drops it drops in silence.
const RESEND_AFTER: Duration = Duration::from_secs(3);

/// What became of a transaction that an earlier attempt may have sent. One that is under way is waited for.
pub(super) async fn earlier_fate(
    rpc: &Rpc,
    account: &AccountId,
    hash: CryptoHash,
    cancel: &CancellationToken,
) -> Result<Fate, PublishError> {
    let mut progress = rpc.transaction(hash, account).await?;
    if matches!(progress, TxProgress::Pending(_)) {
        let followed = cancel.run_until_cancelled(rpc.follow(hash, account)).await;
        progress = followed.ok_or(PublishError::Cancelled)??;
    }
    match (fate(&progress), progress) {
        (Some(fate), _) => Ok(fate),
        (None, TxProgress::Unknown) => Ok(Fate::Unknown),
        // To send another one now could only waste gas: whichever comes second is refused.
        (None, _) => Err(PublishError::Unknown(hash.to_string())),
    }
}

/// Waits, at most for `patience`, until a transaction that was sent is executed. Sending the same one again is safe: it
/// is executed once or never.
pub(super) async fn await_fate(
    rpc: &Rpc,
    transaction: &SignedTransaction,
    patience: Duration,
    cancel: &CancellationToken,
) -> Result<Fate, PublishError> {
    let (hash, account) = (transaction.get_hash(), transaction.transaction.signer_id());
    let begin = Instant::now();
    let mut resent = false;
    loop {
        let followed = cancel.run_until_cancelled(rpc.follow(hash, account)).await;
        let progress = followed.ok_or(PublishError::Cancelled)??;
        if let Some(fate) = fate(&progress) {
            return Ok(fate);
        }
        if begin.elapsed() >= patience {
            return Ok(Fate::Unknown);
        }
        let seen = matches!(progress, TxProgress::Pending(Some(_)));
        if !seen && !resent && begin.elapsed() >= RESEND_AFTER {
            resent = true;
            if let Some(fate) = fate(&rpc.submit(transaction).await?) {
                return Ok(fate);
            }
        }
        sleep(PAUSE).await;
    }
}

fn fate(progress: &TxProgress) -> Option<Fate> {
    let TxProgress::Executed(outcome) = progress else { return None };
    match landing_of(outcome) {
        Landing::Succeeded(_) => Some(Fate::Succeeded),
        Landing::Failed(error) => Some(Fate::Failed(error.to_string())),
        Landing::Open => None,
    }
}
