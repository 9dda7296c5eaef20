//! One batch: taken, signed, noted, delivered, and each answer told what became of it.

use near_primitives::{errors::InvalidTxError, transaction::SignedTransaction, views::FinalExecutionOutcomeView};
use near_token::NearToken;
use offchainvm_interface::calls::{BATCH_GAS, RESOLVE_GAS, ResolveManyArgs, method};
use tracing::info;

use super::{
    confirm::{Fate, deliver},
    lane::{Lane, Rest, Sight, give_back, leave_open, say_to_all},
    queue::{Entry, Said},
    refusal::{Refusal, is_near},
    verdict::Verdicts,
};
use crate::{
    chain::{Call, Landing, SendError, landing_of, sign_call},
    failpoint::failpoint,
    store::{Leaving, Moment},
    telemetry::TxFate,
};

/// How often the same batch is signed in a row when its nonce turns out to be used, or its block too old.
const SIGNATURES: u32 = 3;

impl Lane {
    /// Takes what waits and brings it to the chain. Whatever comes of it, everybody in the batch is told; what is
    /// returned is why the lane must rest.
    pub(super) async fn send_next(&self, sight: &mut Sight) -> Result<(), Rest> {
        // First the number, then the batch: it grows while the number is written down.
        let mut nonce = self.nonce(sight).await?;
        let mut batch = self.0.queue.take(sight.most);
        for signature in 1..=SIGNATURES {
            let Some(transaction) = self.note(&mut batch, sight, nonce).await? else { return Ok(()) };
            let fate = deliver(&self.0.rpc, &transaction, self.0.pace.confirm_for).await;
            failpoint("publish.sent");
            let error = match fate {
                Fate::Executed(outcome, verdicts) => {
                    self.landed(batch, &transaction, &outcome, &verdicts);
                    return Ok(());
                }
                Fate::Unknown => {
                    self.count(TxFate::Unknown, batch.len());
                    leave_open(batch, transaction.get_hash());
                    return Ok(());
                }
                Fate::Refused(error) => error,
            };
            info!(event = "publish.refused", lane = self.0.number, tx_hash = %transaction.get_hash(), nonce,
                results = batch.len(), %error, "no node takes the transaction");
            self.count(TxFate::Refused, batch.len());
            let used = match Refusal::of(&error) {
                Refusal::SignAgain { used } if signature < SIGNATURES => used,
                refusal => return self.refused(batch, refusal, &error),
            };
            match self.look().await {
                Ok(seen) => *sight = seen,
                Err(rest) => {
                    give_back(batch, "the chain does not answer");
                    return Err(rest);
                }
            }
            if used > sight.least_nonce && is_near(used, sight.block) {
                sight.least_nonce = used.saturating_add(1);
            }
            nonce = match self.nonce(sight).await {
                Ok(nonce) => nonce,
                Err(rest) => {
                    give_back(batch, "there is no nonce for it");
                    return Err(rest);
                }
            };
        }
        Ok(())
    }

    async fn nonce(&self, sight: &Sight) -> Result<u64, Rest> {
        let key = self.0.signer.public_key().to_string();
        let nonce = self.0.store.next_nonce(&key, sight.least_nonce).await?;
        if is_near(nonce, sight.block) {
            return Ok(nonce);
        }
        Err(Rest::TooFarAhead { nonce, height: sight.block.height })
    }

    /// Signs a transaction with the batch and remembers it for all its jobs. Jobs that somebody else has by now are
    /// taken out, and it is signed anew; [`None`] when nothing is left.
    async fn note(&self, batch: &mut Vec<Entry>, sight: &Sight, nonce: u64) -> Result<Option<SignedTransaction>, Rest> {
        while !batch.is_empty() {
            let call = match self.call(batch) {
                Ok(call) => call,
                Err(error) => {
                    say_to_all(std::mem::take(batch), |_| Said::Invalid { reason: error.to_string(), carried: 1 });
                    return Ok(None);
                }
            };
            let bytes = call.args.len();
            let transaction = sign_call(call, &self.0.signer, nonce, sight.block.hash);
            let hash = transaction.get_hash();
            let leaving = |entry: &Entry| Leaving { lease: entry.lease.clone(), receipt: entry.receipt.clone() };
            let leaving = batch.iter().map(leaving).collect();
            let lost = match self.0.store.about_to_send(leaving, &hash.to_string(), Moment::now()).await {
                Ok(lost) => lost,
                Err(error) => {
                    give_back(std::mem::take(batch), "the store fails");
                    return Err(error.into());
                }
            };
            if lost.is_empty() {
                self.leaving(batch, &transaction, nonce, bytes);
                return Ok(Some(transaction));
            }
            let (others, kept) = std::mem::take(batch).into_iter().partition(|entry| lost.contains(&entry.lease.id()));
            give_back(others, "somebody else has the job now");
            *batch = kept;
        }
        Ok(None)
    }

    fn call(&self, batch: &[Entry]) -> Result<Call, SendError> {
        let contract = self.0.contract.clone();
        match batch {
            [alone] => Call::new(contract, method::RESOLVE_EXECUTION, &alone.args, RESOLVE_GAS.as_gas()),
            several => {
                let args = ResolveManyArgs { responses: several.iter().map(|entry| entry.args.clone()).collect() };
                Call::new(contract, method::RESOLVE_EXECUTIONS, &args, BATCH_GAS.as_gas())
            }
        }
    }

    fn leaving(&self, batch: &[Entry], transaction: &SignedTransaction, nonce: u64, bytes: usize) {
        let (lane, tx_hash, results) = (self.0.number, transaction.get_hash(), batch.len());
        info!(event = "publish.transaction", lane, %tx_hash, nonce, results, bytes, "a transaction leaves");
        for entry in batch {
            info!(event = "publish.sent", request_id = entry.lease.id().request_id, lane, %tx_hash, results,
                code = entry.args.response.failure().map(|code| code.as_str()), "the answer is sent");
        }
    }

    fn count(&self, fate: TxFate, results: usize) {
        self.0.metrics.transaction(self.0.number, fate, results);
    }

    fn landed(
        &self,
        batch: Vec<Entry>,
        transaction: &SignedTransaction,
        outcome: &FinalExecutionOutcomeView,
        verdicts: &Verdicts,
    ) {
        let receipts = || outcome.receipts_outcome.iter().chain([&outcome.transaction_outcome]);
        let gas_burnt = receipts().map(|receipt| receipt.outcome.gas_burnt.as_gas()).sum::<u64>();
        let cost = receipts().fold(NearToken::ZERO, |sum, receipt| sum.saturating_add(receipt.outcome.tokens_burnt));
        let hash = transaction.get_hash();
        let fate = match landing_of(outcome) {
            Landing::Failed(_) => TxFate::Failed,
            Landing::Succeeded(_) | Landing::Open => TxFate::Succeeded,
        };
        self.count(fate, batch.len());
        self.0.metrics.gas_spent(gas_burnt, cost);
        info!(event = "publish.executed", lane = self.0.number, tx_hash = %hash, results = batch.len(),
            accepted = verdicts.accepted(), gas_burnt, "a transaction is executed");
        say_to_all(batch, |entry| Said::Landed { hash, verdict: verdicts.of(entry.args.data_id).cloned() });
    }

    /// No node takes the transaction, and another signature does not help.
    fn refused(&self, batch: Vec<Entry>, refusal: Refusal, error: &InvalidTxError) -> Result<(), Rest> {
        let reason = error.to_string();
        let rest = match refusal {
            Refusal::BadCall => {
                let carried = batch.len();
                say_to_all(batch, |_| Said::Invalid { reason: reason.clone(), carried });
                return Ok(());
            }
            Refusal::SignAgain { .. } | Refusal::Later => Rest::Busy(reason),
            Refusal::NoMoney => Rest::NoMoney(reason),
            Refusal::BadKey => Rest::BadKey(reason),
        };
        give_back(batch, &rest.to_string());
        Err(rest)
    }
}
