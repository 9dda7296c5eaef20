//! Transactions signed but not sent, for tests that decide themselves in which block they are.

use crate::Network;
use anyhow::{Context, Result};
use near_crypto::{InMemorySigner, SecretKey};
use near_primitives::{
    action::{DeployContractAction, FunctionCallAction},
    transaction::{Action, SignedTransaction, Transaction, TransactionV0},
    types::{Balance, Gas},
};
use near_workspaces::Account;
use offchainvm_interface::{
    DataId, ExecutionResponse,
    calls::{RESOLVE_GAS, ResolveArgs, method},
};
use serde_json::{Value, json};

/// An account's key, and its next nonce.
pub struct Signer {
    signer: near_crypto::Signer,
    nonce: u64,
}

impl Signer {
    /// `account`'s key as the chain knows it now.
    pub async fn of(net: &Network, account: &Account) -> Result<Self> {
        let key: SecretKey = account.secret_key().to_string().parse()?;
        let nonce = net.workspaces.view_access_key(account.id(), &account.secret_key().public_key()).await?.nonce + 1;
        Ok(Self { signer: InMemorySigner::from_secret_key(account.id().clone(), key), nonce })
    }

    /// The same with the nonce after it.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { signer: self.signer.clone(), nonce: self.nonce + 1 }
    }

    /// A call of `resolve_execution`.
    pub async fn resolve(
        &self,
        net: &Network,
        data_id: DataId,
        response: &ExecutionResponse,
    ) -> Result<SignedTransaction> {
        let args = serde_json::to_value(ResolveArgs { data_id, response: response.clone() })?;
        self.sign(net, vec![call(method::RESOLVE_EXECUTION, &args)?]).await
    }

    /// The same as the published examples have it, and as every version of the contract reads it: bytes as an array.
    pub async fn resolve_plainly(
        &self,
        net: &Network,
        data_id: DataId,
        response: &ExecutionResponse,
    ) -> Result<SignedTransaction> {
        let mut args = serde_json::to_value(ResolveArgs { data_id, response: response.clone() })?;
        args["response"]["return_value"] = json!(response.return_value);
        self.sign(net, vec![call(method::RESOLVE_EXECUTION, &args)?]).await
    }

    /// New code for the contract's own account, and the conversion of its state.
    pub async fn redeploy(&self, net: &Network, code: &[u8]) -> Result<SignedTransaction> {
        let deploy = Action::DeployContract(DeployContractAction { code: code.to_vec() });
        self.sign(net, vec![deploy, call(method::MIGRATE, &json!({}))?]).await
    }

    async fn sign(&self, net: &Network, actions: Vec<Action>) -> Result<SignedTransaction> {
        let block_hash = net.chain.node().read(|chain| chain.head().hash).await.context("the head")?;
        let transaction = Transaction::V0(TransactionV0 {
            signer_id: self.signer.get_account_id(),
            public_key: self.signer.public_key(),
            nonce: self.nonce,
            receiver_id: net.contract.id().clone(),
            block_hash,
            actions,
        });
        let signature = self.signer.sign(transaction.get_hash_and_size().0.as_ref());
        Ok(SignedTransaction::new(signature, transaction))
    }
}

fn call(method: &str, args: &Value) -> Result<Action> {
    Ok(Action::FunctionCall(Box::new(FunctionCallAction {
        method_name: method.to_owned(),
        args: serde_json::to_vec(args)?,
        gas: Gas::from_gas(RESOLVE_GAS.as_gas()),
        deposit: Balance::ZERO,
    })))
}
