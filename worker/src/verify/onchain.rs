//! What the chain says: that there was this request, that it was settled with this receipt, and who its operator is.

use offchainvm_interface::{
    ExecutionRequest, MaxLimits, Sha256,
    receipt::{ReceiptBody, SignedReceipt},
    views::Config,
};

use super::{
    Verdict,
    compare::{Settlement, with_request, with_settlement},
    presented::Presented,
    report::Check,
};
use crate::{
    chain::{Contract, RpcError},
    ingest::{History, SourceError},
    receipt,
};

/// The chain, as far as it can be asked.
pub(super) struct Chain {
    pub(super) contract: Contract,
    /// Without it only what waits, and the last that were settled, are to be found.
    pub(super) history: Option<History>,
}

/// What was learnt there.
pub(super) struct Seen<'a> {
    /// The receipt that was looked at.
    pub(super) receipt: &'a SignedReceipt,
    pub(super) checks: Vec<Check>,
    /// The request's input, if it was found.
    pub(super) input: Option<Vec<u8>>,
    /// What the contract lets anybody ask for; the defaults when it does not say.
    pub(super) caps: MaxLimits,
    /// The digest of the receipt that the request was settled with, when it is another.
    pub(super) settled_with: Option<Sha256>,
}

/// How the request was settled, beside the receipt for it.
struct Settled<'a> {
    receipt: &'a SignedReceipt,
    checks: Vec<Check>,
    /// Whether the receipt's digest is on the chain.
    vouched: bool,
    /// The digest that is, when it is another.
    with: Option<Sha256>,
}

/// Something could not be asked.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error("{0}")]
    Rpc(#[from] RpcError),
    #[error("{0}")]
    Source(#[from] SourceError),
}

/// A request, and where it was made, if a block told of it.
type Found = (ExecutionRequest, Option<u64>);

impl Chain {
    /// Looks up everything that a receipt claims of the chain.
    pub(super) async fn look<'a>(&self, presented: &'a Presented) -> Seen<'a> {
        let last = presented.last();
        let network = self.network(&last.receipt).await;
        if network.verdict != Verdict::Pass {
            let (checks, caps) = (vec![network], MaxLimits::default());
            return Seen { receipt: last, checks, input: None, caps, settled_with: None };
        }
        let found = self.request(&last.receipt).await;
        let height = found.as_ref().ok().and_then(|found| found.as_ref()?.1);
        let settled = self.settlement(presented, height).await;
        let body = &settled.receipt.receipt;
        let (request, input) = match found {
            Ok(Some((request, _))) => {
                let differs = with_request(body, &request);
                let check = Check::compared("request", "compared with what the chain was asked", differs);
                (check, self.input(request).await)
            }
            Ok(None) => (Check::unproven("request", NO_REQUEST), None),
            Err(error) => (Check::unproven("request", error.to_string()), None),
        };
        let config = self.contract.config().await;
        let mut checks = vec![network, request];
        checks.extend(settled.checks);
        checks.push(self.operator(body, settled.vouched, &config).await);
        let caps = config.map(|config| config.max_limits).unwrap_or_default();
        Seen { receipt: settled.receipt, checks, input, caps, settled_with: settled.with }
    }

    async fn network(&self, receipt: &ReceiptBody) -> Check {
        const NAME: &str = "network";
        match self.contract.rpc().chain_id().await {
            Ok(chain_id) if chain_id == receipt.chain_id => Check::pass(NAME, format!("a node of {chain_id} answers")),
            Ok(chain_id) => {
                let claimed = &receipt.chain_id;
                Check::unproven(NAME, format!("the receipt is of {claimed}, but the node asked is of {chain_id}"))
            }
            Err(error) => Check::unproven(NAME, error.to_string()),
        }
    }

    /// The request, where it waits or where it was announced.
    async fn request(&self, receipt: &ReceiptBody) -> Result<Option<Found>, LookError> {
        if let Some(request) = self.contract.request(receipt.request_id).await? {
            return Ok(Some((request, None)));
        }
        let Some(history) = &self.history else { return Ok(None) };
        let newest = self.contract.rpc().final_block().await?.height;
        let found = history.request(receipt.request_id, receipt.requested_at, newest).await?;
        Ok(found.map(|found| (found.request, Some(found.height))))
    }

    /// The input's bytes: in the event, or, if they were too many for it, in the contract while the request waits.
    async fn input(&self, request: ExecutionRequest) -> Option<Vec<u8>> {
        match request.input_ref {
            None => Some(request.input_data.into_bytes()),
            Some(_) => self.contract.request_input(request.request_id).await.ok().flatten().map(String::into_bytes),
        }
    }

    /// Whether the request was settled with this receipt, or one of those that there are, and as it says.
    async fn settlement<'a>(&self, presented: &'a Presented, height: Option<u64>) -> Settled<'a> {
        const NAME: &str = "settlement";
        const DIGEST: &str = "digest";
        let last = presented.last();
        let unknown = |check| Settled { receipt: last, checks: vec![check], vouched: false, with: None };
        let settlement = match self.settled(&last.receipt, height).await {
            Ok(Some(settlement)) => settlement,
            Ok(None) => return unknown(Check::unproven(NAME, NO_SETTLEMENT)),
            Err(error) => return unknown(Check::unproven(NAME, error.to_string())),
        };
        let with = settlement.receipt_sha256;
        let how = with.map_or_else(|| "without a receipt".to_owned(), |found| format!("with another receipt, {found}"));
        let Some(receipt) = presented.with(with) else {
            let detail = format!("the request was settled {how}; none that is kept here counts");
            return Settled { with, ..unknown(Check::unproven(DIGEST, detail)) };
        };
        // Only the digest of a receipt that was really signed.
        let own = receipt::check(receipt).ok();
        let vouched = own.is_some() && own == with;
        let digest = match own {
            Some(own) if vouched => Check::pass(DIGEST, format!("{own} is on the chain")),
            _ => Check::fail(DIGEST, format!("the request was settled {how}")),
        };
        let differs = with_settlement(&receipt.receipt, &settlement);
        let checks = vec![digest, Check::compared(NAME, "compared with what the chain charged for", differs)];
        Settled { receipt, checks, vouched, with: with.filter(|_| !vouched) }
    }

    /// What the contract remembers of its last requests, and then what its events say.
    async fn settled(&self, receipt: &ReceiptBody, height: Option<u64>) -> Result<Option<Settlement>, LookError> {
        if let Some(remembered) = self.contract.receipt(receipt.request_id).await? {
            return Ok(Some(remembered.into()));
        }
        let (Some(history), Some(height)) = (&self.history, height) else { return Ok(None) };
        let newest = self.contract.rpc().final_block().await?.height;
        let event = history.settlement(receipt.request_id, height, newest).await?;
        Ok(event.as_ref().map(Settlement::from))
    }

    /// Whether the account was an operator and the key is its own. Only an operator can put a digest on the chain, so
    /// one that is there speaks for both, also when they are no longer what they were.
    async fn operator(&self, receipt: &ReceiptBody, vouched: bool, config: &Result<Config, RpcError>) -> Check {
        const NAME: &str = "operator";
        let operator = &receipt.operator_id;
        if vouched {
            return Check::pass(
                NAME,
                format!("an operator put the receipt's digest, which names {operator}, on the chain"),
            );
        }
        match config {
            Ok(config) if config.operators.contains(operator) => {}
            Ok(_) => return Check::unproven(NAME, format!("{operator} is no operator of the contract now")),
            Err(error) => return Check::unproven(NAME, error.to_string()),
        }
        let Ok(key) = receipt.public_key.parse() else {
            return Check::fail(NAME, format!("{:?} is not a public key", receipt.public_key));
        };
        match self.contract.rpc().access_key(operator, &key).await {
            Ok(_) => Check::pass(NAME, format!("{operator} is an operator, and the key is its own")),
            Err(error) => Check::unproven(NAME, error.to_string()),
        }
    }
}

const NO_REQUEST: &str = "the request does not wait, and no block source has the block that announced it; name one that \
    goes back so far (--block-source)";
const NO_SETTLEMENT: &str = "the request waits still, or the contract and the block sources do not remember its end";
