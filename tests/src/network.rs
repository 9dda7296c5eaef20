//! A chain of the test's own with the contract on it.

use crate::{artifacts, hurry::Hurry};
use anyhow::{Context, Result};
use near_workspaces::{
    Account, AccountId, Contract, Worker,
    network::{Sandbox, ValidatorKey},
    operations::TransactionStatus,
    result::ExecutionFinalResult,
    types::{Finality, Gas, NearToken, SecretKey},
};
use offchainvm_interface::{
    DataId, ExecutionRequest, ExecutionResponse, RequestId,
    calls::{NewArgs, REQUEST_GAS, RESOLVE_GAS, RequestIdArgs, ResolveArgs, method},
    views::Stats,
};
use offchainvm_localchain::{Blocks, LocalChain};
use serde_json::{Value, json};
use std::{
    collections::HashSet,
    task::Poll,
    time::{Duration, Instant},
};

/// What the seed's examples attach: 0.1 NEAR.
pub const DEPOSIT: NearToken = NearToken::from_millinear(100);

/// Fast enough for a test, slow enough that the 200 blocks of a yield leave a worker time to compile a program.
const BLOCK_TIME: Duration = Duration::from_millis(200);
/// The same when there is no worker, and only empty blocks are waited for.
const IDLE_BLOCK_TIME: Duration = Duration::from_millis(100);

/// A running chain, the contract deployed on it, its owner, its operator and a first user.
pub struct Network {
    /// The chain itself.
    pub chain: LocalChain,
    /// near-workspaces' connection to it.
    pub workspaces: Worker<Sandbox>,
    /// The contract.
    pub contract: Contract,
    /// Its owner.
    pub owner: Account,
    /// Its operator.
    pub operator: Account,
    /// Somebody with money.
    pub user: Account,
    _hurry: Option<Hurry>,
}

impl Network {
    /// Starts a chain that produces blocks on a timer, and at once when something happens.
    pub async fn start() -> Result<Self> {
        Self::start_version(artifacts::contract_wasm()).await
    }

    /// Starts such a chain with another version of the contract.
    pub async fn start_version(contract: &[u8]) -> Result<Self> {
        let chain = LocalChain::builder().blocks(Blocks::Every(IDLE_BLOCK_TIME)).start().await?;
        let hurry = Hurry::of(chain.node());
        Self::start_on(chain, Some(hurry), contract).await
    }

    /// Starts a chain that produces blocks on a timer only, and leaves a worker time.
    pub async fn start_for_worker() -> Result<Self> {
        Self::start_with(Blocks::Every(BLOCK_TIME)).await
    }

    /// Starts a chain with blocks as told.
    pub async fn start_with(blocks: Blocks) -> Result<Self> {
        Self::start_on(LocalChain::builder().blocks(blocks).start().await?, None, artifacts::contract_wasm()).await
    }

    /// Starts a chain that makes blocks only when it is told to, once the contract is on it.
    pub async fn start_still() -> Result<Self> {
        let chain = LocalChain::builder().blocks(Blocks::ByHand).start().await?;
        let until_ready = (chain.node().tick_every(IDLE_BLOCK_TIME), Hurry::of(chain.node()));
        let net = Self::start_on(chain, None, artifacts::contract_wasm()).await?;
        drop(until_ready);
        Ok(net)
    }

    async fn start_on(chain: LocalChain, hurry: Option<Hurry>, wasm: &[u8]) -> Result<Self> {
        let root = chain.root_account_id().clone();
        let key: SecretKey = chain.root_secret_key().to_string().parse()?;
        let workspaces = near_workspaces::sandbox()
            .rpc_addr(chain.rpc_url())
            .validator_key(ValidatorKey::Known(root.clone(), key.clone()))
            .await?;
        let root = Account::from_secret_key(root, key, &workspaces);

        let owner = subaccount(&root, "owner").await?;
        let operator = subaccount(&root, "operator").await?;
        let user = subaccount(&root, "user").await?;
        let contract = subaccount(&root, "offchainvm").await?.deploy(wasm).await?.into_result()?;
        contract
            .call(method::NEW)
            .args_json(NewArgs { owner_id: owner.id().clone(), operator_id: operator.id().clone() })
            .transact()
            .await?
            .into_result()?;
        // A worker asks for what is final, and that is two blocks behind.
        eventually("the contract in a final block", async || {
            Ok(contract.view(method::GET_CONFIG).finality(Finality::Final).await.ok())
        })
        .await?;
        Ok(Self { chain, workspaces, contract, owner, operator, user, _hurry: hurry })
    }

    /// One more account with 100 NEAR, `name` under the root account.
    pub async fn account(&self, name: &str) -> Result<Account> {
        let root = Account::from_secret_key(
            self.chain.root_account_id().clone(),
            self.chain.root_secret_key().to_string().parse()?,
            &self.workspaces,
        );
        subaccount(&root, name).await
    }

    /// Sends a request without waiting for its answer.
    pub async fn request(&self, from: &Account, args: Value, deposit: NearToken) -> Result<Sent> {
        let status = from
            .call(self.contract.id(), method::REQUEST_EXECUTION)
            .args_json(args)
            .deposit(deposit)
            .gas(Gas::from_gas(REQUEST_GAS.as_gas()))
            .transact_async()
            .await?;
        Ok(Sent(status))
    }

    /// Sends the seed's request and returns it as the contract keeps it, with its transaction.
    pub async fn request_and_find(
        &self,
        from: &Account,
        args: Value,
        deposit: NearToken,
    ) -> Result<(Sent, ExecutionRequest)> {
        let next = self.stats().await?.total_requests + 1;
        let sent = self.request(from, args, deposit).await?;
        let request = eventually("the request to be accepted", async || self.pending(next).await).await?;
        Ok((sent, request))
    }

    /// Answers as the operator.
    pub async fn resolve(&self, data_id: DataId, response: ExecutionResponse) -> Result<ExecutionFinalResult> {
        self.resolve_as(&self.operator, data_id, response).await
    }

    /// Answers as anybody.
    pub async fn resolve_as(
        &self,
        who: &Account,
        data_id: DataId,
        response: ExecutionResponse,
    ) -> Result<ExecutionFinalResult> {
        let call = who.call(self.contract.id(), method::RESOLVE_EXECUTION);
        let args = ResolveArgs { data_id, response };
        Ok(call.args_json(args).gas(Gas::from_gas(RESOLVE_GAS.as_gas())).transact().await?)
    }

    /// Calls a method as its owner must: with 1 yoctoNEAR.
    pub async fn administer(&self, who: &Account, method: &str, args: Value) -> Result<ExecutionFinalResult> {
        let call = who.call(self.contract.id(), method).args_json(args).gas(Gas::from_tgas(100));
        Sent(call.deposit(NearToken::from_yoctonear(1)).transact_async().await?).outcome().await
    }

    /// Calls a method with JSON arguments, 30 Tgas and no deposit.
    pub async fn call(&self, who: &Account, method: &str, args: Value) -> Result<ExecutionFinalResult> {
        let call = who.call(self.contract.id(), method).args_json(args).gas(Gas::from_tgas(30));
        Sent(call.transact_async().await?).outcome().await
    }

    /// The request, while it waits.
    pub async fn pending(&self, request_id: RequestId) -> Result<Option<ExecutionRequest>> {
        Ok(self.contract.view(method::GET_REQUEST).args_json(RequestIdArgs { request_id }).await?.json()?)
    }

    /// What has passed through the contract.
    pub async fn stats(&self) -> Result<Stats> {
        Ok(self.contract.view(method::GET_STATS).await?.json()?)
    }

    /// An account's balance in yoctoNEAR.
    pub async fn balance(&self, account: &AccountId) -> Result<u128> {
        Ok(self.workspaces.view_account(account).await?.balance.as_yoctonear())
    }

    /// Lets time pass that the chain does not fill with blocks: the next block is that much younger.
    pub async fn advance_time(&self, by: Duration) -> Result<()> {
        Ok(self.chain.node().write(move |chain| chain.advance_time(by)).await?)
    }

    /// The text with which the last receipt of a failed transaction ended, whole, as the node keeps it.
    pub async fn failure_text(&self, result: &ExecutionFinalResult) -> Result<String> {
        let params = json!({
            "tx_hash": result.outcome().transaction_hash.to_string(),
            "sender_account_id": result.outcome().executor_id,
            "wait_until": "NONE",
        });
        let body = json!({"jsonrpc": "2.0", "id": "test", "method": "tx", "params": params});
        let answer = reqwest::Client::new().post(self.chain.rpc_url()).json(&body).send().await?;
        let answer: Value = answer.json().await?;
        let text = &answer["result"]["status"]["Failure"]["ActionError"]["kind"]["FunctionCallError"]["ExecutionError"];
        Ok(text.as_str().with_context(|| answer.to_string())?.to_owned())
    }

    /// Checks that the contract holds what it owes: escrow, fees, credits and its storage together, but for the storage
    /// of waiting requests, which is paid for by the deposits in escrow.
    pub async fn assert_solvent(&self) -> Result<()> {
        let account = self.workspaces.view_account(self.contract.id()).await?;
        let stats = self.stats().await?;
        let owed = stats.escrow.saturating_add(stats.fees).saturating_add(stats.credits).as_yoctonear();
        let storage = u128::from(account.storage_usage - stats.requests_storage) * 10u128.pow(19);
        assert!(account.balance.as_yoctonear() >= owed + storage, "{account:?} {stats:?}");
        Ok(())
    }
}

/// A transaction that is on its way.
pub struct Sent(TransactionStatus);

impl From<TransactionStatus> for Sent {
    fn from(status: TransactionStatus) -> Self {
        Self(status)
    }
}

impl Sent {
    /// Waits until the transaction and everything it started has ended, refunds included.
    pub async fn outcome(self) -> Result<ExecutionFinalResult> {
        let deadline = Instant::now() + Duration::from_secs(240);
        loop {
            if let Poll::Ready(result) = self.0.status().await?
                && is_complete(&result)
            {
                return Ok(result);
            }
            anyhow::ensure!(Instant::now() < deadline, "the transaction did not end");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Whether every receipt that an outcome names has an outcome itself.
fn is_complete(result: &ExecutionFinalResult) -> bool {
    let outcomes = result.outcomes();
    let known: HashSet<_> = outcomes.iter().map(|outcome| outcome.transaction_hash).collect();
    outcomes.iter().flat_map(|outcome| &outcome.receipt_ids).all(|id| known.contains(id))
}

/// The seed's first example.
#[must_use]
pub fn seed_request() -> Value {
    json!({
        "code_source": {"repo": "https://github.com/user/project", "commit": "abc123", "build_target": "wasm32-wasi"},
        "resource_limits": {"max_instructions": 1_000_000_000, "max_memory_mb": 128, "max_execution_seconds": 60},
    })
}

/// Asks again and again until there is an answer, for a minute at most.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(value) = ask().await? {
            return Ok(value);
        }
        anyhow::ensure!(Instant::now() < deadline, "waited a minute for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn subaccount(root: &Account, name: &str) -> Result<Account> {
    Ok(root.create_subaccount(name).initial_balance(NearToken::from_near(100)).transact().await?.into_result()?)
}
