//! A signed transaction brought to the chain, and what became of it: executed, refused, unknown.

use std::time::Duration;

use near_account_id::AccountId;
use near_primitives::{
    errors::InvalidTxError, hash::CryptoHash, transaction::SignedTransaction, views::FinalExecutionOutcomeView,
};
use tokio::time::{Instant, sleep};
use tracing::debug;

use super::verdict::Verdicts;
use crate::chain::{Rpc, RpcError, TxProgress};

/// How soon a node is asked again when it answers at once instead of waiting.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a transaction may be unknown to every node before it is handed over again.
const RESEND_AFTER: Duration = Duration::from_secs(3);

/// What became of a transaction.
#[derive(Debug)]
pub(super) enum Fate {
    /// It was executed, for better or worse.
    Executed(Box<FinalExecutionOutcomeView>, Verdicts),
    /// No node takes it, and none has: it will never be executed.
    Refused(Box<InvalidTxError>),
    /// It has not been executed as far as the nodes know; it still may be.
    Unknown,
}

/// Hands a transaction over and waits, at most for `patience`, until it is executed. One that no node has heard of is
/// handed over again: the same transaction is executed once or never.
pub(super) async fn deliver(rpc: &Rpc, transaction: &SignedTransaction, patience: Duration) -> Fate {
    let (hash, begin) = (transaction.get_hash(), Instant::now());
    while begin.elapsed() < patience {
        let handed_over = Instant::now();
        let refusal = match rpc.submit(transaction).await {
            Ok(progress) => match fate(progress) {
                Some(fate) => return fate,
                None => None,
            },
            Err(RpcError::InvalidTransaction(error)) => Some(error),
            Err(error) => {
                debug!(event = "publish.unheard", tx_hash = %hash, %error, "the node's answer did not come; it may have the transaction");
                None
            }
        };
        // A nonce is refused also when this very transaction has used it: when its answer was lost, or it came twice.
        if let Some(error) = refusal
            && matches!(rpc.transaction(hash, transaction.transaction.signer_id()).await, Ok(TxProgress::Unknown))
        {
            return Fate::Refused(error);
        }
        if let Some(fate) = watch(rpc, transaction, handed_over, begin + patience).await {
            return fate;
        }
    }
    Fate::Unknown
}

/// Asks for a transaction until it is executed; [`None`] when it has to be handed over again.
async fn watch(rpc: &Rpc, transaction: &SignedTransaction, handed_over: Instant, until: Instant) -> Option<Fate> {
    let (hash, account) = (transaction.get_hash(), transaction.transaction.signer_id());
    while Instant::now() < until {
        let mut progress = rpc.transaction(hash, account).await;
        if matches!(progress, Ok(TxProgress::Pending(_))) {
            progress = rpc.follow(hash, account).await;
        }
        match progress {
            Ok(TxProgress::Unknown) if handed_over.elapsed() >= RESEND_AFTER => return None,
            Ok(progress) => {
                if let Some(fate) = fate(progress) {
                    return Some(fate);
                }
            }
            // It passed the door and was refused when its block was made.
            Err(RpcError::InvalidTransaction(error)) => return Some(Fate::Refused(error)),
            Err(error) => debug!(tx_hash = %hash, %error, "the transaction cannot be asked for now"),
        }
        sleep(PAUSE).await;
    }
    Some(Fate::Unknown)
}

fn fate(progress: TxProgress) -> Option<Fate> {
    let TxProgress::Executed(outcome) = progress else { return None };
    let verdicts = Verdicts::read(&outcome)?;
    Some(Fate::Executed(outcome, verdicts))
}

/// What became of a transaction of an earlier attempt.
#[derive(Debug)]
pub(super) enum Earlier {
    /// It was executed.
    Executed(Verdicts),
    /// A node has it: to send another one now could only waste gas, whichever comes second is refused.
    UnderWay,
    /// No node has heard of it, or it was refused.
    Gone,
}

/// What became of a transaction that an earlier attempt may have sent. One that is under way is waited for a while.
pub(super) async fn ask(rpc: &Rpc, account: &AccountId, hash: CryptoHash) -> Result<Earlier, RpcError> {
    let progress = match rpc.transaction(hash, account).await {
        Ok(TxProgress::Pending(_)) => rpc.follow(hash, account).await,
        progress => progress,
    };
    match progress {
        Ok(TxProgress::Unknown) | Err(RpcError::InvalidTransaction(_)) => Ok(Earlier::Gone),
        Ok(progress) => Ok(match fate(progress) {
            Some(Fate::Executed(_, verdicts)) => Earlier::Executed(verdicts),
            _ => Earlier::UnderWay,
        }),
        Err(error) => Err(error),
    }
}
