//! Stage 4: the outcome onto the chain.
//!
//! A job's part is here: shape the answer, find out what became of an earlier transaction, hand the answer to a lane,
//! and draw the conclusion from what the lane says. The lanes' part:
//!
//! - `queue`: where answers wait; `batch`: which of them go together
//! - `lane`: one access key at work; `hold`: whose it is; `send`: one batch from signature to result
//! - `refusal`: what a node's refusal means, and which nonces can be; `confirm`: executed, refused, unknown
//! - `verdict`: what an executed transaction did with each of its answers
//! - `receipts`: the receipt that goes with an answer
//! - `lanes`, `balance`: the loops beside the stage
//!
//! A transaction is noted for all its jobs before it is sent, and asked for before another one is made, so a crash
//! anywhere here costs a question, never a second run. That a request is settled once is the contract's promise: a
//! transaction that comes late or twice is refused there, and harms nobody.

mod balance;
mod batch;
mod confirm;
mod earlier;
mod error;
mod hold;
mod lane;
mod lanes;
mod payload;
mod queue;
mod receipts;
mod refusal;
mod send;
mod verdict;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use near_token::NearToken;
use offchainvm_interface::FailureCode;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    chain::{Contract, OperatorSigner},
    job::{Ending, RetryPolicy},
    receipt::Letterhead,
    stage::{Handler, Handling, fault},
    store::{Answer, Claimed, Effect, Store},
    telemetry::{Health, Metrics},
};

pub use lane::LanePace;
pub use lanes::Lanes;
pub use payload::{ResultCap, acceptable, resolve_args};
pub use verdict::answers_taken;

use balance::BalanceWatch;
use batch::Size;
use confirm::Earlier;
use earlier::EarlierTransactions;
use error::PublishError;
use lane::{Lane, LaneParts};
use queue::{Entry, Queue, Said};
use verdict::Verdict;

/// The publish stage.
#[derive(Debug)]
pub struct Publish {
    contract: Contract,
    queue: Arc<Queue>,
    earlier: EarlierTransactions,
    cap: ResultCap,
    letterhead: Letterhead,
    retry: RetryPolicy,
    /// Whether it was said that answers wait, since one arrived.
    told: AtomicBool,
}

/// What publishing is made of.
#[derive(Clone, Debug)]
pub struct PublishParts {
    /// Where answers go.
    pub contract: Contract,
    /// The name of its chain.
    pub chain_id: String,
    /// Who remembers what was sent.
    pub store: Store,
    /// The key that always signs.
    pub signer: OperatorSigner,
    /// Further keys of the same account.
    pub further: Vec<OperatorSigner>,
    /// The contract's.
    pub cap: ResultCap,
    /// The most answers that wait for a lane.
    pub in_flight: usize,
    /// How lanes work.
    pub pace: LanePace,
    /// Below this the operator's balance is warned of.
    pub low_balance: NearToken,
    /// How soon to try again.
    pub retry: RetryPolicy,
    /// Who is told how lanes do.
    pub health: Health,
    /// Where transactions are counted.
    pub metrics: Metrics,
}

/// What an earlier attempt has left.
enum Before {
    /// The job is over.
    Over(Effect),
    /// The answer has to be sent, in no larger company than this.
    Open(usize),
}

impl Publish {
    /// The stage, and the lanes that must run beside it.
    #[must_use]
    pub fn new(parts: PublishParts) -> (Self, Lanes) {
        let PublishParts { contract, store, signer, further, cap, in_flight, pace, low_balance, retry, .. } = parts;
        let (health, metrics) = (parts.health, parts.metrics);
        let (rpc, account) = (contract.rpc().clone(), signer.account_id().clone());
        let letterhead = Letterhead {
            chain_id: parts.chain_id,
            contract_id: contract.id().clone(),
            max_result_bytes: cap.0 as u64,
            signer: signer.clone(),
        };
        let (queue, giving) = (Arc::new(Queue::new(in_flight)), Arc::new(Semaphore::new(1)));
        let lane = |(number, signer)| {
            let (health, metrics) = (health.clone(), metrics.clone());
            let (contract, rpc) = (contract.id().clone(), rpc.clone());
            let (store, queue, giving) = (store.clone(), queue.clone(), giving.clone());
            Lane(Arc::new(LaneParts { number, signer, contract, rpc, store, queue, pace, giving, health, metrics }))
        };
        let lanes = (0u32..).zip([signer].into_iter().chain(further)).map(lane).collect();
        let balance = BalanceWatch { rpc: rpc.clone(), account: account.clone(), low: low_balance, metrics };
        let earlier = EarlierTransactions::new(rpc, account);
        let told = AtomicBool::new(false);
        (Self { contract, queue, earlier, cap, letterhead, retry, told }, Lanes { lanes, balance })
    }

    async fn deliver(
        &self,
        job: &Claimed,
        answer: &Answer,
        cancel: &CancellationToken,
    ) -> Result<Effect, PublishError> {
        let request_id = job.request.request_id;
        let mut company = match self.before(job, answer, cancel).await? {
            Before::Over(effect) => return Ok(effect),
            Before::Open(company) => company,
        };
        let args = resolve_args(&job.request, answer.response.clone(), self.cap);
        let (args, receipt) = receipts::attach(&self.letterhead, job, answer, args);
        let bytes = serde_json::to_vec(&args)?.len();
        loop {
            let entry = |reply| Entry {
                lease: job.lease.clone(),
                args: args.clone(),
                receipt: receipt.clone(),
                size: Size { bytes, company },
                reply,
            };
            let (reason, carried) = match self.by_lane(entry, cancel).await? {
                Said::Landed { hash, verdict: Some(Verdict::Accepted) } => {
                    info!(event = "publish.confirmed", request_id, tx_hash = %hash, "the answer is on the chain");
                    return Ok(Effect::Delivered);
                }
                Said::Landed { verdict: Some(Verdict::Refused(reason)), .. } => (reason, 1),
                Said::Landed { hash, verdict: None } => (format!("the transaction {hash} does not say why"), 1),
                Said::Landed { verdict: Some(Verdict::Failed { reason, carried }), .. }
                | Said::Invalid { reason, carried } => (reason, carried),
                Said::Unknown(hash) => return Err(PublishError::Unknown(hash.to_string())),
                Said::NotSent(reason) => return Err(PublishError::NotSent(reason)),
            };
            // The contract says in its state whether it waits; the text of its error is for people.
            if !self.waits(job).await? {
                info!(
                    event = "publish.superseded",
                    request_id, reason, "the request was settled before the answer arrived"
                );
                return Ok(Effect::Closed(Ending::Settled));
            }
            if carried <= 1 {
                return Err(PublishError::Refused(reason));
            }
            company = carried / 2;
            info!(
                event = "publish.smaller",
                request_id, carried, reason, "a transaction failed with all its answers; they go again in smaller ones"
            );
        }
    }

    /// On another attempt: what became of the last one, and does the request wait still?
    async fn before(&self, job: &Claimed, answer: &Answer, cancel: &CancellationToken) -> Result<Before, PublishError> {
        let sent = answer.sent.as_deref().and_then(|text| text.parse().ok());
        let mut company = usize::MAX;
        if let Some(hash) = sent {
            let asked = cancel.run_until_cancelled(self.earlier.ask(hash)).await;
            match &*asked.ok_or(PublishError::Cancelled)?? {
                Earlier::Executed(verdicts) => match verdicts.of(job.request.data_id) {
                    Some(Verdict::Accepted) => {
                        info!(event = "publish.confirmed", request_id = job.request.request_id, tx_hash = %hash,
                            "the answer was on the chain already");
                        return Ok(Before::Over(Effect::Delivered));
                    }
                    Some(Verdict::Failed { carried, .. }) => company = carried / 2,
                    Some(Verdict::Refused(_)) | None => {}
                },
                Earlier::UnderWay => return Err(PublishError::Unknown(hash.to_string())),
                Earlier::Gone => {}
            }
        } else if job.attempts == 1 {
            return Ok(Before::Open(company));
        }
        if self.waits(job).await? {
            return Ok(Before::Open(company));
        }
        Ok(Before::Over(Effect::Closed(Ending::Settled)))
    }

    /// Hands the answer to the lanes and waits for what they say of it.
    async fn by_lane(
        &self,
        entry: impl FnOnce(oneshot::Sender<Said>) -> Entry,
        cancel: &CancellationToken,
    ) -> Result<Said, PublishError> {
        let (reply, said) = oneshot::channel();
        if !self.queue.push(entry(reply)) {
            return Err(PublishError::NotSent("there is no lane to send it on now".to_owned()));
        }
        let said = cancel.run_until_cancelled(said).await.ok_or(PublishError::Cancelled)?;
        said.map_err(|_| PublishError::NotSent("the lane that had it has stopped".to_owned()))
    }

    async fn waits(&self, job: &Claimed) -> Result<bool, PublishError> {
        Ok(self.contract.request_since(job.request.request_id, job.seen_height).await?.is_some())
    }
}

impl Handler for Publish {
    fn handle<'a>(&'a self, job: &'a Claimed, cancel: CancellationToken) -> Handling<'a> {
        Box::pin(self.run(job, cancel))
    }

    fn is_ready(&self) -> bool {
        self.queue.is_open()
    }
}

impl Publish {
    async fn run(&self, job: &Claimed, cancel: CancellationToken) -> Effect {
        let Some(answer) = &job.answer else {
            return fault(FailureCode::OperatorError, "there is no answer to publish", Duration::ZERO);
        };
        info!(event = "publish.started", request_id = job.request.request_id, "publishing the answer");
        let error = match self.deliver(job, answer, &cancel).await {
            Ok(effect) => {
                self.told.store(false, Ordering::Relaxed);
                return effect;
            }
            Err(error) => error,
        };
        let wait = self.retry.wait(job.attempts, rand::random());
        if error.is_not_yet() {
            let request_id = job.request.request_id;
            // When something stands in the way it does so for all: the first says it, until an answer arrives again.
            if self.told.swap(true, Ordering::Relaxed) {
                debug!(event = "publish.waiting", request_id, %error, "the answer is not confirmed yet, either");
            } else {
                warn!(event = "publish.waiting", request_id, %error, "the answer is not confirmed yet; others may follow");
            }
            return Effect::NotYet { wait };
        }
        fault(FailureCode::OperatorError, &error.to_string(), wait)
    }
}
