//! What the tests of the surface share: a fast chain, calls with any deposit, accounts that vanish, exact balances.

use anyhow::Result;
use near_workspaces::{
    Account, AccountDetailsPatch, AccountId,
    operations::TransactionStatus,
    result::ExecutionFinalResult,
    types::{Gas, KeyType, NearToken, SecretKey},
};
use offchainvm_interface::{
    ExecutionRequest, ExecutionResponse, ResourcesUsed, Sha256,
    calls::{AccountIdArgs, method},
};
use offchainvm_localchain::Blocks;
use offchainvm_tests::{
    Network,
    network::{Sent, eventually},
    outcome::failure,
};
use serde_json::Value;
use std::time::Duration;

pub const NOTHING: NearToken = NearToken::from_yoctonear(0);
pub const ONE_YOCTO: NearToken = NearToken::from_yoctonear(1);

/// The usage of the worked example, and what it costs under the default prices.
pub const USED: ResourcesUsed = ResourcesUsed { instructions: 10_000_000, memory_bytes: 64 << 20, time_seconds: 5 };
pub const COST: NearToken = NearToken::from_yoctonear(21_410_000_000_000_000_000_000);

pub const STORAGE_PRICE: u128 = 10u128.pow(19);

/// A chain that makes blocks as fast as tests without a worker can use them.
pub async fn start() -> Result<Network> {
    Network::start_with(Blocks::Every(Duration::from_millis(20))).await
}

/// Calls a method with any deposit and enough gas for each of them.
pub async fn call(
    net: &Network,
    who: &Account,
    method: &str,
    args: &Value,
    deposit: NearToken,
) -> Result<ExecutionFinalResult> {
    Ok(send(net, who, method, args, deposit).await?.await?)
}

/// The same, without waiting for its end.
pub async fn send(
    net: &Network,
    who: &Account,
    method: &str,
    args: &Value,
    deposit: NearToken,
) -> Result<TransactionStatus> {
    let call = who.call(net.contract.id(), method).args_json(args).gas(Gas::from_tgas(100));
    Ok(call.deposit(deposit).transact_async().await?)
}

pub async fn view(net: &Network, method: &str, args: Value) -> Result<Value> {
    Ok(net.contract.view(method).args_json(args).await?.json()?)
}

pub async fn credit(net: &Network, account_id: &AccountId) -> Result<NearToken> {
    let args = AccountIdArgs { account_id: account_id.clone() };
    Ok(net.contract.view(method::GET_CREDIT).args_json(args).await?.json()?)
}

/// Checks that a call failed and said `words`.
pub fn assert_refused(result: &ExecutionFinalResult, words: &str) {
    let text = failure(result);
    assert!(text.contains(words), "expected {words:?} in {text}");
}

/// A run that ended well, with the usage of the worked example.
pub fn answer(output: &str) -> ExecutionResponse {
    ExecutionResponse::succeeded(output.as_bytes().to_vec(), USED)
}

/// Answers a request and waits for the end of its transaction.
pub async fn settle(
    net: &Network,
    sent: Sent,
    request: &ExecutionRequest,
    response: ExecutionResponse,
) -> Result<ExecutionFinalResult> {
    net.resolve(request.data_id, response).await?.into_result()?;
    sent.outcome().await
}

pub fn sha256(bytes: &[u8]) -> Sha256 {
    Sha256(near_primitives::hash::hash(bytes).0)
}

/// An id under the root account; no such account need exist.
pub fn id(net: &Network, name: &str) -> AccountId {
    format!("{name}.{}", net.chain.root_account_id()).parse().unwrap()
}

/// Deletes an account and waits until it is gone.
pub async fn delete(net: &Network, account: Account) -> Result<()> {
    let account_id = account.id().clone();
    account.delete_account(net.operator.id()).await?.into_result()?;
    eventually("the account to be gone", async || {
        Ok(net.workspaces.view_account(&account_id).await.is_err().then_some(()))
    })
    .await
}

/// An account with 100 NEAR under a key of its own: one that takes the name of a deleted account needs another key.
pub async fn account_with_new_key(net: &Network, name: &str) -> Result<Account> {
    let key: SecretKey = net.chain.root_secret_key().to_string().parse()?;
    let root = Account::from_secret_key(net.chain.root_account_id().clone(), key, &net.workspaces);
    let account = root.create_subaccount(name).initial_balance(NearToken::from_near(100));
    Ok(account.keys(SecretKey::from_random(KeyType::ED25519)).transact().await?.into_result()?)
}

pub async fn storage_usage(net: &Network) -> Result<u64> {
    Ok(net.workspaces.view_account(net.contract.id()).await?.storage_usage)
}

/// What the contract owes to others and what its storage locks up, in yoctoNEAR: its balance must never be below.
pub async fn owed(net: &Network) -> Result<u128> {
    let stats = net.stats().await?;
    let money = stats.escrow.saturating_add(stats.fees).saturating_add(stats.credits).as_yoctonear();
    Ok(money + u128::from(storage_usage(net).await? - stats.requests_storage) * STORAGE_PRICE)
}

/// Brings the contract's balance to exactly what it owes, and `more`.
pub async fn leave_to_spare(net: &Network, more: i128) -> Result<()> {
    let balance = NearToken::from_yoctonear(owed(net).await?.checked_add_signed(more).unwrap());
    let patch = net.workspaces.patch(net.contract.id());
    patch.account_from_current(move |account| AccountDetailsPatch::from(account).balance(balance)).transact().await?;
    assert_eq!(net.balance(net.contract.id()).await?, balance.as_yoctonear());
    Ok(())
}
