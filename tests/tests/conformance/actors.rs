//! Who acts in the scenarios, and what they can do.

use anyhow::Result;
use near_account_id::AccountId;
use near_crypto::{InMemorySigner, KeyType, PublicKey, SecretKey, Signer};
use near_primitives::account::{AccessKey, AccessKeyPermission, FunctionCallPermission};
use near_primitives::action::{
    Action, AddKeyAction, CreateAccountAction, DeleteKeyAction, DeployContractAction, FunctionCallAction,
    TransferAction,
};
use near_primitives::hash::CryptoHash;
use near_primitives::transaction::{SignedTransaction, Transaction, TransactionV0};
use near_primitives::types::{Balance, Gas};
use serde_json::Value;

/// One NEAR in yoctoNEAR.
pub const NEAR: u128 = 1_000_000_000_000_000_000_000_000;

/// An account and one of its keys.
pub struct Actor {
    pub id: AccountId,
    pub key: SecretKey,
    pub signer: Signer,
}

impl Actor {
    pub fn new(id: AccountId, key: SecretKey) -> Self {
        let signer = InMemorySigner::from_secret_key(id.clone(), key.clone());
        Self { id, key, signer }
    }

    pub fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    /// The same account with another key.
    pub fn with_new_key(&self) -> Self {
        Self::new(self.id.clone(), random_key())
    }

    pub fn sign(&self, to: &AccountId, nonce: u64, block_hash: CryptoHash, actions: Vec<Action>) -> SignedTransaction {
        let transaction = Transaction::V0(TransactionV0 {
            signer_id: self.id.clone(),
            public_key: self.public_key(),
            nonce,
            receiver_id: to.clone(),
            block_hash,
            actions,
        });
        let signature = self.signer.sign(transaction.get_hash_and_size().0.as_ref());
        SignedTransaction::new(signature, transaction)
    }
}

/// Everybody in the scenarios. All but the root are created on the way.
pub struct Cast {
    pub root: Actor,
    pub alice: Actor,
    pub bob: Actor,
    /// Holds the probe contract.
    pub probe: Actor,
    /// Holds it too.
    pub other: Actor,
    /// Holds it too, with little to spare.
    pub poor: Actor,
    /// Never created.
    pub nobody: AccountId,
    /// The probe contract.
    pub wasm: Vec<u8>,
}

impl Cast {
    pub fn new(root: Actor, wasm: Vec<u8>) -> Result<Self> {
        let actor = |name: &str| anyhow::Ok(Actor::new(format!("{name}.{}", root.id).parse()?, random_key()));
        Ok(Self {
            alice: actor("alice")?,
            bob: actor("bob")?,
            probe: actor("probe")?,
            other: actor("other")?,
            poor: actor("poor")?,
            nobody: format!("nobody.{}", root.id).parse()?,
            root,
            wasm,
        })
    }
}

/// What creates an account: the account, its money, its key.
pub fn create(actor: &Actor, near: u128) -> Vec<Action> {
    vec![
        Action::CreateAccount(CreateAccountAction {}),
        transfer(near * NEAR),
        add_key(actor.public_key(), AccessKeyPermission::FullAccess),
    ]
}

pub fn create_and_deploy(actor: &Actor, near: u128, wasm: &[u8]) -> Vec<Action> {
    let mut actions = create(actor, near);
    actions.push(Action::DeployContract(DeployContractAction { code: wasm.to_vec() }));
    actions
}

pub fn transfer(yocto: u128) -> Action {
    Action::Transfer(TransferAction { deposit: Balance::from_yoctonear(yocto) })
}

/// Arguments are sent with sorted keys, as they were recorded: the contract pays for parsing them in their order.
pub fn call(method: &str, mut args: Value, tgas: u64, deposit: u128) -> Action {
    args.sort_all_objects();
    Action::FunctionCall(Box::new(FunctionCallAction {
        method_name: method.to_owned(),
        args: args.to_string().into_bytes(),
        gas: Gas::from_teragas(tgas),
        deposit: Balance::from_yoctonear(deposit),
    }))
}

pub fn add_key(public_key: PublicKey, permission: AccessKeyPermission) -> Action {
    Action::AddKey(Box::new(AddKeyAction { public_key, access_key: AccessKey { nonce: 0, permission } }))
}

pub fn delete_key(public_key: PublicKey) -> Action {
    Action::DeleteKey(Box::new(DeleteKeyAction { public_key }))
}

/// May call one method of one contract, with an allowance of one NEAR.
pub fn one_method(contract: &AccountId, method: &str) -> AccessKeyPermission {
    AccessKeyPermission::FunctionCall(FunctionCallPermission {
        allowance: Some(Balance::from_yoctonear(NEAR)),
        receiver_id: contract.to_string(),
        method_names: vec![method.to_owned()],
    })
}

pub fn random_key() -> SecretKey {
    SecretKey::from_random(KeyType::ED25519)
}
