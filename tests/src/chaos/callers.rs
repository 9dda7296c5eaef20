//! Those who ask: accounts of their own, whose transactions are signed here and handed straight to the chain. They do
//! not go through the proxy: a caller's connection is not what is tried.

use super::workload::{DEPOSIT, Order};
use crate::Network;
use anyhow::{Context, Result};
use near_crypto::{InMemorySigner, KeyType, SecretKey, Signer};
use near_primitives::{
    action::{Action, FunctionCallAction},
    hash::CryptoHash,
    transaction::SignedTransaction,
    types::{AccountId, Balance, Gas},
};
use offchainvm_interface::calls::{REQUEST_GAS, method};

/// What each caller has to begin with.
const WEALTH: Balance = Balance::from_near(1_000);

/// A caller.
pub(super) struct Caller {
    /// Its account.
    pub account: AccountId,
    /// What it had when the run began, in yoctoNEAR.
    pub wealth: u128,
    signer: Signer,
    nonce: u64,
}

/// A request that was sent.
pub(super) struct Asked {
    /// Whose, as an index into the callers.
    pub caller: usize,
    /// Its transaction.
    pub transaction: CryptoHash,
    /// What was asked, and how it must end.
    pub order: Order,
}

/// Creates `count` accounts under the root account, all in one block or two.
pub(super) async fn settle_in(net: &Network, count: usize) -> Result<Vec<Caller>> {
    let (root, root_key) = (net.chain.root_account_id().clone(), net.chain.root_secret_key().clone());
    let root_signer = InMemorySigner::from_secret_key(root.clone(), root_key);
    let mut nonce = key_nonce(net, &root, &root_signer).await?;
    let mut callers = Vec::with_capacity(count);
    let mut last = CryptoHash::default();
    for number in 0..count {
        let account: AccountId = format!("caller-{number}.{root}").parse()?;
        let key = SecretKey::from_seed(KeyType::ED25519, account.as_str());
        let signer = InMemorySigner::from_secret_key(account.clone(), key);
        nonce += 1;
        let public_key = signer.public_key();
        let hash = head(net).await?;
        last = submit(
            net,
            SignedTransaction::create_account(
                nonce,
                root.clone(),
                account.clone(),
                WEALTH,
                public_key,
                &root_signer,
                hash,
            ),
        )
        .await?;
        callers.push(Caller { account, wealth: 0, signer, nonce: 0 });
    }
    wait_until_executed(net, last).await?;
    for caller in &mut callers {
        caller.nonce = key_nonce(net, &caller.account, &caller.signer).await?;
        caller.wealth = net.balance(&caller.account).await?;
    }
    Ok(callers)
}

impl Caller {
    /// Signs the request and hands it to the chain.
    pub(super) async fn ask(&mut self, net: &Network, order: &Order) -> Result<CryptoHash> {
        self.nonce += 1;
        let call = Action::FunctionCall(Box::new(FunctionCallAction {
            method_name: method::REQUEST_EXECUTION.to_owned(),
            args: serde_json::to_vec(&order.args)?,
            gas: Gas::from_gas(REQUEST_GAS.as_gas()),
            deposit: Balance::from_yoctonear(DEPOSIT.as_yoctonear()),
        }));
        let (account, contract) = (self.account.clone(), net.contract.id().clone());
        let hash = head(net).await?;
        submit(net, SignedTransaction::from_actions(self.nonce, account, contract, &self.signer, vec![call], hash))
            .await
    }
}

async fn key_nonce(net: &Network, account: &AccountId, signer: &Signer) -> Result<u64> {
    let key = signer.public_key().to_string().parse()?;
    Ok(net.workspaces.view_access_key(account, &key).await?.nonce)
}

async fn head(net: &Network) -> Result<CryptoHash> {
    Ok(net.chain.node().read(|chain| chain.head().hash).await?)
}

async fn submit(net: &Network, transaction: SignedTransaction) -> Result<CryptoHash> {
    net.chain.node().write(move |chain| chain.submit(transaction)).await?.context("a transaction was refused")
}

async fn wait_until_executed(net: &Network, transaction: CryptoHash) -> Result<()> {
    crate::network::eventually("the callers' accounts", async || {
        let outcome = net.chain.node().read(move |chain| chain.final_outcome(&transaction).map(|o| o.reached)).await?;
        let done = matches!(outcome, Some(near_primitives::views::TxExecutionStatus::Final));
        Ok(done.then_some(()))
    })
    .await
}
