//! A chain by hand, and the short words the tests speak to it in. Money is counted after every block.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test support: a failure here is the test's failure, and no test uses all of it"
)]
use near_account_id::AccountId;
use near_crypto::{InMemorySigner, KeyType, PublicKey, SecretKey, Signer};
use near_primitives::account::{AccessKey, AccessKeyPermission, FunctionCallPermission};
use near_primitives::errors::{ActionErrorKind, InvalidTxError, TxExecutionError};
use near_primitives::hash::CryptoHash;
use near_primitives::transaction::{
    Action, AddKeyAction, CreateAccountAction, DeleteAccountAction, DeployContractAction, FunctionCallAction,
    SignedTransaction, Transaction, TransactionV0, TransferAction,
};
use near_primitives::types::{Balance, Gas, ProtocolVersion};
use near_primitives::views::{FinalExecutionStatus, TxExecutionStatus};
use offchainvm_localchain::{Block, Chain, FinalOutcome, Genesis, StateRead, ViewCall, ViewError};
use std::sync::Arc;

pub const OLDEST: ProtocolVersion = near_primitives::version::MIN_SUPPORTED_PROTOCOL_VERSION;
pub const NEWEST: ProtocolVersion = near_primitives::version::PROTOCOL_VERSION;
/// More blocks than any tree of receipts in the tests is deep.
const DEEP: usize = 12;

/// Somebody who signs.
#[derive(Clone)]
pub struct Who {
    pub id: AccountId,
    pub signer: Signer,
}

pub fn who(id: &str) -> Who {
    let id: AccountId = id.parse().unwrap();
    Who { signer: InMemorySigner::from_seed(id.clone(), KeyType::ED25519, id.as_str()), id }
}

impl Who {
    pub fn with_key(&self, key: &SecretKey) -> Who {
        Who { id: self.id.clone(), signer: InMemorySigner::from_secret_key(self.id.clone(), key.clone()) }
    }
}

/// A chain with an account `root`, where every block's money is counted.
pub struct Net {
    pub chain: Chain,
    pub root: Who,
}

impl Net {
    pub fn new() -> Net {
        Net::at(NEWEST)
    }

    pub fn at(protocol_version: ProtocolVersion) -> Net {
        let root = who("root");
        let genesis = Genesis { protocol_version, ..Genesis::local(root.id.clone(), root.signer.public_key()) };
        let mut net = Net { chain: Chain::new(genesis).unwrap(), root };
        net.block(); // nonces must be below height · 10⁶
        net
    }

    pub fn block(&mut self) -> Arc<Block> {
        let block = self.chain.produce_block().unwrap();
        self.count_money();
        block
    }

    pub fn fast_forward(&mut self, blocks: u64) -> Arc<Block> {
        let block = self.chain.fast_forward(blocks).unwrap();
        self.count_money();
        block
    }

    pub fn count_money(&self) {
        let head = self.chain.head();
        assert_eq!(self.chain.tokens().unwrap(), head.total_supply, "money at height {}", head.height);
    }

    pub fn sign(&self, from: &Who, to: &str, actions: Vec<Action>) -> SignedTransaction {
        let key = self.key(from).expect("the signer's key");
        self.sign_with_nonce(from, to, actions, key.nonce + 1)
    }

    pub fn sign_with_nonce(&self, from: &Who, to: &str, actions: Vec<Action>, nonce: u64) -> SignedTransaction {
        let transaction = Transaction::V0(TransactionV0 {
            signer_id: from.id.clone(),
            public_key: from.signer.public_key(),
            nonce,
            receiver_id: to.parse().unwrap(),
            block_hash: self.chain.head().hash,
            actions,
        });
        let signature = from.signer.sign(transaction.get_hash_and_size().0.as_ref());
        SignedTransaction::new(signature, transaction)
    }

    /// Sends, and makes blocks until nothing is left to do.
    pub fn run(&mut self, from: &Who, to: &str, actions: Vec<Action>) -> FinalOutcome {
        let transaction = self.sign(from, to, actions);
        self.finish(transaction)
    }

    pub fn finish(&mut self, transaction: SignedTransaction) -> FinalOutcome {
        let hash = self.chain.submit(transaction).unwrap();
        self.settle(&hash)
    }

    /// Makes blocks until a transaction is final.
    pub fn settle(&mut self, hash: &CryptoHash) -> FinalOutcome {
        for _ in 0..DEEP {
            self.block();
            if let Some(outcome) = self.chain.final_outcome(hash)
                && outcome.reached == TxExecutionStatus::Final
            {
                return outcome;
            }
        }
        panic!("{hash} is not final after {DEEP} blocks");
    }

    pub fn refused(&mut self, from: &Who, to: &str, actions: Vec<Action>) -> InvalidTxError {
        let transaction = self.sign(from, to, actions);
        self.chain.submit(transaction).unwrap_err()
    }

    /// Creates `name` with this many NEAR and its own key.
    pub fn create(&mut self, name: &str, near: u128) -> Who {
        let new = who(name);
        let root = self.root.clone();
        let actions = vec![create_account(), transfer(Balance::from_near(near)), full_key(&new.signer.public_key())];
        let outcome = self.run(&root, name, actions);
        succeeded(&outcome);
        new
    }

    /// Creates `name` with the test contract.
    pub fn deploy(&mut self, name: &str) -> Who {
        let account = self.create(name, 100);
        let outcome = self.run(&account, name, vec![deploy_contract(contract())]);
        succeeded(&outcome);
        account
    }

    pub fn key(&self, who: &Who) -> Option<AccessKey> {
        let state = self.chain.state_at(self.chain.head()).unwrap();
        state.access_key(&who.id, &who.signer.public_key()).unwrap()
    }

    pub fn balance(&self, account_id: &str) -> Option<Balance> {
        let state = self.chain.state_at(self.chain.head()).unwrap();
        state.account(&account_id.parse().unwrap()).unwrap().map(|account| account.amount())
    }

    pub fn view(&self, account_id: &str, method_name: &str, args: &[u8]) -> Result<Vec<u8>, ViewError> {
        let head = self.chain.head();
        let state = self.chain.state_at(head).unwrap();
        let account_id = account_id.parse().unwrap();
        let call = ViewCall { account_id: &account_id, method_name, args };
        self.chain.view_call(state, head, call).map(|outcome| outcome.result)
    }
}

pub fn contract() -> Vec<u8> {
    wat::parse_str(include_str!("contract.wat")).unwrap()
}

pub fn create_account() -> Action {
    Action::CreateAccount(CreateAccountAction {})
}

pub fn transfer(deposit: Balance) -> Action {
    Action::Transfer(TransferAction { deposit })
}

pub fn full_key(public_key: &PublicKey) -> Action {
    add_key(public_key, AccessKeyPermission::FullAccess)
}

pub fn call_key(public_key: &PublicKey, receiver: &str, method: &str, allowance: Option<Balance>) -> Action {
    let method_names = vec![method.to_string()];
    let permission = FunctionCallPermission { allowance, receiver_id: receiver.into(), method_names };
    add_key(public_key, AccessKeyPermission::FunctionCall(permission))
}

fn add_key(public_key: &PublicKey, permission: AccessKeyPermission) -> Action {
    let access_key = AccessKey { nonce: 0, permission };
    Action::AddKey(Box::new(AddKeyAction { public_key: public_key.clone(), access_key }))
}

pub fn deploy_contract(code: Vec<u8>) -> Action {
    Action::DeployContract(DeployContractAction { code })
}

pub fn delete_account(beneficiary: &str) -> Action {
    Action::DeleteAccount(DeleteAccountAction { beneficiary_id: beneficiary.parse().unwrap() })
}

pub fn call(method: &str, args: &[u8]) -> Action {
    call_with(method, args, 100, Balance::ZERO)
}

pub fn call_with(method: &str, args: &[u8], tgas: u64, deposit: Balance) -> Action {
    Action::FunctionCall(Box::new(FunctionCallAction {
        method_name: method.into(),
        args: args.to_vec(),
        gas: Gas::from_teragas(tgas),
        deposit,
    }))
}

/// The value a transaction returned.
pub fn succeeded(outcome: &FinalOutcome) -> Vec<u8> {
    match &outcome.view.status {
        FinalExecutionStatus::SuccessValue(value) => value.clone(),
        other => panic!("expected a success, got {other:?}"),
    }
}

/// Why a transaction failed.
pub fn failed(outcome: &FinalOutcome) -> ActionErrorKind {
    match &outcome.view.status {
        FinalExecutionStatus::Failure(TxExecutionError::ActionError(error)) => error.kind.clone(),
        other => panic!("expected a failure, got {other:?}"),
    }
}

/// Executors, and how many blocks after the transaction each receipt ran, in the order of the outcome.
pub fn path(net: &Net, outcome: &FinalOutcome) -> Vec<(String, u64)> {
    let height = |hash| net.chain.block_by_hash(hash).unwrap().height;
    let start = height(&outcome.view.transaction_outcome.block_hash);
    let receipts = outcome.view.receipts_outcome.iter();
    receipts.map(|receipt| (receipt.outcome.executor_id.to_string(), height(&receipt.block_hash) - start)).collect()
}
