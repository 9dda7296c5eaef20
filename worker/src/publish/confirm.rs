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

/// Asks the node once what became of a transaction.
pub(super) async fn fate_now(rpc: &Rpc, account: &AccountId, hash: CryptoHash) -> Result<Fate, PublishError> {
    Ok(fate(&rpc.transaction(hash, account).await?).unwrap_or(Fate::Unknown))
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
        let progress = tokio::select! {
            progress = rpc.follow(hash, account) => progress?,
            () = cancel.cancelled() => return Err(PublishError::Cancelled),
        };
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
