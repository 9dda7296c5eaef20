//! The request's transaction, from the first byte sent to its outcome. It is open for as long as the program takes.

use super::story;
use crate::chain::{Call, OperatorSigner, Rpc, TxProgress, next_nonce, sign_call};
use anyhow::{Context, bail};
use near_account_id::AccountId;
use near_primitives::{transaction::SignedTransaction, views::FinalExecutionOutcomeView};
use std::{pin::pin, time::Duration};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// How often the node is asked how far the transaction has come: about once in a block.
const ASK_EVERY: Duration = Duration::from_millis(600);
/// How often the waiting person is told that nothing has happened.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Signs and sends `call`, tells on standard error how it goes, and returns its outcome.
pub(super) async fn send(
    rpc: &Rpc,
    signer: &OperatorSigner,
    call: Call,
    wait: Duration,
) -> anyhow::Result<FinalExecutionOutcomeView> {
    let contract = call.receiver.clone();
    let (key, at) = rpc.access_key(signer.account_id(), &signer.public_key()).await?;
    let transaction = sign_call(call, signer, next_nonce(at, key.nonce), at.hash);
    let hash = transaction.get_hash();
    eprintln!("transaction {hash}");
    match timeout(wait, follow(rpc, signer, &transaction, Teller::new(contract))).await {
        Ok(outcome) => outcome,
        Err(_) => bail!("no outcome after {} s; transaction {hash} goes on without us", wait.as_secs()),
    }
}

/// Submits, and meanwhile watches: the node answers a submission late, but refuses one early.
async fn follow(
    rpc: &Rpc,
    signer: &OperatorSigner,
    transaction: &SignedTransaction,
    mut teller: Teller,
) -> anyhow::Result<FinalExecutionOutcomeView> {
    let mut submission = pin!(rpc.submit(transaction));
    let mut submitted = false;
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let answer = tokio::select! {
            answer = &mut submission, if !submitted => {
                submitted = true;
                answer
            }
            _ = ticks.tick() => rpc.transaction(transaction.get_hash(), signer.account_id()).await,
        };
        match answer {
            Ok(TxProgress::Executed(outcome)) => {
                teller.tell(&outcome);
                return Ok(*outcome);
            }
            Ok(TxProgress::Pending(Some(outcome))) => teller.tell(&outcome),
            Ok(TxProgress::Pending(None) | TxProgress::Unknown) => teller.wait(),
            // Whether it arrived is open; asking again will show.
            Err(error) if error.is_transient() => teller.wait(),
            Err(error) => return Err(error).context("the request was not made"),
        }
    }
}

/// Says once what has happened, and now and then that nothing has.
struct Teller {
    contract: AccountId,
    started: Instant,
    told: Instant,
    accepted: bool,
}

impl Teller {
    fn new(contract: AccountId) -> Self {
        let now = Instant::now();
        Self { contract, started: now, told: now, accepted: false }
    }

    fn tell(&mut self, outcome: &FinalExecutionOutcomeView) {
        match story::accepted(outcome, &self.contract) {
            Some(request_id) if !self.accepted => {
                self.accepted = true;
                self.say(&format!("accepted as request {request_id}; an operator builds and runs it"));
            }
            _ => self.wait(),
        }
    }

    fn wait(&mut self) {
        if self.told.elapsed() >= TELL_EVERY {
            self.say("waiting");
        }
    }

    fn say(&mut self, what: &str) {
        self.told = Instant::now();
        eprintln!("{:>4} s  {what}", self.started.elapsed().as_secs());
    }
}
