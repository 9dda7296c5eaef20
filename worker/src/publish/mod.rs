//! Stage 4: the outcome onto the chain.
//!
//! Shape the answer, sign it with the lane's next nonce, note the transaction in the outbox, send it, and ask the chain
//! what became of it. A transaction that was noted is asked for before another one is made, so a crash anywhere here
//! costs a question, never a second run.

mod confirm;
mod lane;
mod payload;

use std::time::Duration;

use offchainvm_interface::{
    FailureCode,
    calls::{RESOLVE_GAS, method},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    chain::{Call, Contract, OperatorSigner, RpcError},
    job::{Ending, RetryPolicy},
    stage::{Handler, Handling, fault},
    store::{Answer, Claimed, Effect, Store, StoreError},
};

pub use payload::{ResultCap, resolve_args};

use confirm::{Fate, await_fate, earlier_fate};
use lane::Lane;

/// The publish stage.
#[derive(Debug)]
pub struct Publish {
    contract: Contract,
    lane: Lane,
    cap: ResultCap,
    confirm_for: Duration,
    retry: RetryPolicy,
}

/// Why an answer did not get onto the chain this time.
#[derive(Debug, thiserror::Error)]
enum PublishError {
    /// The node cannot be asked, or it refuses the transaction.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The store fails, or the job is not ours any more.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The answer cannot be written.
    #[error(transparent)]
    Payload(#[from] crate::chain::SendError),
    /// The call was executed and failed, and the request waits still.
    #[error("resolve_execution failed on chain: {0}")]
    Refused(String),
    /// Nobody knows yet what became of the transaction.
    #[error("the transaction {0} has not been executed yet")]
    Unknown(String),
    /// The worker stops, or the job was closed.
    #[error("interrupted")]
    Cancelled,
}

impl PublishError {
    /// Whether time will tell, as opposed to something that failed.
    fn is_not_yet(&self) -> bool {
        match self {
            Self::Rpc(error) => error.is_transient() || lane::is_passing(error),
            Self::Unknown(_) | Self::Cancelled => true,
            Self::Store(_) | Self::Payload(_) | Self::Refused(_) => false,
        }
    }
}

impl Publish {
    /// The stage, with one key as its lane. `cap` is the contract's, `confirm_for` how long a sent transaction is
    /// waited for at a time.
    #[must_use]
    pub fn new(
        contract: Contract,
        store: Store,
        signer: OperatorSigner,
        cap: ResultCap,
        confirm_for: Duration,
        retry: RetryPolicy,
    ) -> Self {
        let lane = Lane::new(contract.rpc().clone(), store, signer);
        Self { contract, lane, cap, confirm_for, retry }
    }

    async fn deliver(
        &self,
        job: &Claimed,
        answer: &Answer,
        cancel: &CancellationToken,
    ) -> Result<Effect, PublishError> {
        let request_id = job.request.request_id;
        if let Some(effect) = self.seen_before(job, answer, cancel).await? {
            return Ok(effect);
        }
        let args = resolve_args(&job.request, answer.response.clone(), self.cap);
        let code = args.response.failure();
        let call = Call::new(self.contract.id().clone(), method::RESOLVE_EXECUTION, &args, RESOLVE_GAS.as_gas())?;
        let transaction = self.lane.send(call, &job.lease).await?;
        let hash = transaction.get_hash();
        info!(event = "publish.sent", request_id, tx_hash = %hash, code = code.map(FailureCode::as_str),
            "the answer is sent");
        match await_fate(self.contract.rpc(), &transaction, self.confirm_for, cancel).await? {
            Fate::Succeeded => {
                info!(event = "publish.confirmed", request_id, tx_hash = %hash, "the answer is on the chain");
                Ok(Effect::Delivered)
            }
            Fate::Failed(reason) => self.not_accepted(request_id, reason).await,
            Fate::Unknown => Err(PublishError::Unknown(hash.to_string())),
        }
    }

    /// On another attempt: what became of the last one, and does the request wait still?
    async fn seen_before(
        &self,
        job: &Claimed,
        answer: &Answer,
        cancel: &CancellationToken,
    ) -> Result<Option<Effect>, PublishError> {
        if let Some(hash) = answer.sent.as_deref().and_then(|text| text.parse().ok()) {
            let fate = earlier_fate(self.contract.rpc(), self.lane.account(), hash, cancel).await?;
            if fate == Fate::Succeeded {
                info!(event = "publish.confirmed", request_id = job.request.request_id, tx_hash = %hash,
                    "the answer was on the chain already");
                return Ok(Some(Effect::Delivered));
            }
        } else if job.attempts == 1 {
            return Ok(None);
        }
        let waits = self.contract.request(job.request.request_id).await?.is_some();
        Ok((!waits).then_some(Effect::Closed(Ending::Settled)))
    }

    /// A failed call is no failure of ours when the request was settled by something else in the meantime. The chain
    /// says so in its state; the text of its error is for people.
    async fn not_accepted(&self, request_id: u64, reason: String) -> Result<Effect, PublishError> {
        match self.contract.request(request_id).await? {
            None => {
                info!(event = "publish.superseded", request_id, "the request was settled before the answer arrived");
                Ok(Effect::Closed(Ending::Settled))
            }
            Some(_) => Err(PublishError::Refused(reason)),
        }
    }
}

impl Handler for Publish {
    fn handle<'a>(&'a self, job: &'a Claimed, cancel: CancellationToken) -> Handling<'a> {
        Box::pin(self.run(job, cancel))
    }
}

impl Publish {
    async fn run(&self, job: &Claimed, cancel: CancellationToken) -> Effect {
        let Some(answer) = &job.answer else {
            return fault(FailureCode::OperatorError, "there is no answer to publish", Duration::ZERO);
        };
        info!(event = "publish.started", request_id = job.request.request_id, "publishing the answer");
        let error = match self.deliver(job, answer, &cancel).await {
            Ok(effect) => return effect,
            Err(error) => error,
        };
        let wait = self.retry.wait(job.attempts, rand::random());
        if error.is_not_yet() {
            warn!(event = "publish.waiting", request_id = job.request.request_id, %error, "the answer is not confirmed yet");
            return Effect::NotYet { wait };
        }
        fault(FailureCode::OperatorError, &error.to_string(), wait)
    }
}
