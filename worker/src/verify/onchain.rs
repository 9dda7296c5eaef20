//! What the chain says: that there was this request, that it was settled with this receipt, and who its operator is.

use offchainvm_interface::{ExecutionRequest, MaxLimits, Sha256, receipt::ReceiptBody, views::Config};

use super::{
    compare::{Settlement, with_request, with_settlement},
    report::Check,
};
use crate::{
    chain::{Contract, RpcError},
    ingest::{History, SourceError},
};

/// The chain, as far as it can be asked.
pub(super) struct Chain {
    pub(super) contract: Contract,
    /// Without it only what waits, and the last that were settled, are to be found.
    pub(super) history: Option<History>,
}

/// What was learnt there.
pub(super) struct Seen {
    pub(super) checks: Vec<Check>,
    /// The request's input, if it was found.
    pub(super) input: Option<Vec<u8>>,
    /// What the contract lets anybody ask for; the defaults when it does not say.
    pub(super) caps: MaxLimits,
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
    /// Looks up everything that a receipt claims of the chain. `digest` is that of a receipt that was really signed.
    pub(super) async fn look(&self, receipt: &ReceiptBody, digest: Option<Sha256>) -> Seen {
        let network = self.network(receipt).await;
        if network.verdict != super::Verdict::Pass {
            return Seen { checks: vec![network], input: None, caps: MaxLimits::default() };
        }
        let mut checks = vec![network];
        let found = self.request(receipt).await;
        let (request, height) = match found {
            Ok(Some((request, height))) => {
                let differs = with_request(receipt, &request);
                checks.push(Check::compared("request", "compared with what the chain was asked", differs));
                (Some(request), height)
            }
            Ok(None) => {
                checks.push(Check::unproven("request", NO_REQUEST));
                (None, None)
            }
            Err(error) => {
                checks.push(Check::unproven("request", error.to_string()));
                (None, None)
            }
        };
        let input = match request {
            Some(request) => self.input(request).await,
            None => None,
        };
        let (vouched, settlement) = self.settlement(receipt, digest, height).await;
        checks.extend(settlement);
        let config = self.contract.config().await;
        checks.push(self.operator(receipt, vouched, &config).await);
        Seen { checks, input, caps: config.map(|config| config.max_limits).unwrap_or_default() }
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

    /// Whether the request was settled with this receipt, and as it says. First: whether the chain vouches for it.
    async fn settlement(
        &self,
        receipt: &ReceiptBody,
        digest: Option<Sha256>,
        height: Option<u64>,
    ) -> (bool, Vec<Check>) {
        const NAME: &str = "settlement";
        let settled = match self.settled(receipt, height).await {
            Ok(Some(settled)) => settled,
            Ok(None) => return (false, vec![Check::unproven(NAME, NO_SETTLEMENT)]),
            Err(error) => return (false, vec![Check::unproven(NAME, error.to_string())]),
        };
        let on_chain = match (settled.receipt_sha256, digest) {
            (Some(found), Some(own)) if found == own => Check::pass("digest", format!("{own} is on the chain")),
            (Some(found), _) => Check::fail("digest", format!("the request was settled with another receipt, {found}")),
            (None, _) => Check::fail("digest", "the request was settled without a receipt"),
        };
        let vouched = on_chain.verdict == super::Verdict::Pass;
        let differs = with_settlement(receipt, &settled);
        (vouched, vec![on_chain, Check::compared(NAME, "compared with what the chain charged for", differs)])
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
