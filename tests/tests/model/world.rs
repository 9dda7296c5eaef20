//! A chain with the contract on it, the model beside it, and everything that is compared between the two.

use crate::{
    calls::Sent,
    model::{At, BYTE, Model},
    people::{Who, contract, estate, root, signer},
    receipts,
    steps::Setup,
    tally::Tally,
};
use anyhow::{Context, Result, ensure};
use near_account_id::AccountId;
use near_primitives::{
    account::AccessKey,
    action::{AddKeyAction, DeleteAccountAction, DeployContractAction, FunctionCallAction, TransferAction},
    errors::InvalidTxError,
    hash::CryptoHash,
    transaction::{Action, CreateAccountAction, SignedTransaction, Transaction, TransactionV0},
    types::{Balance, Gas},
};
use near_token::NearToken;
use offchainvm_interface::{
    DataId, RequestId, ResourceLimits,
    calls::{NewArgs, SetConfigArgs, method},
};
use offchainvm_localchain::{Block, Chain, Genesis, GenesisAccount, StateRead, ViewCall};
use offchainvm_tests::artifacts::contract_wasm;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What everybody has at first: enough for every deposit.
const RICH: Balance = Balance::from_near(1_000_000);
/// What deploying the contract takes, and the few records that it begins with.
const BEGINNING: Balance = Balance::from_millinear(150);

pub struct World {
    pub chain: Chain,
    pub model: Model,
    /// The calls that are on their way, by the hash of their transactions.
    pub sent: BTreeMap<CryptoHash, Sent>,
    /// Every request that was taken: its handle, and its transaction.
    pub requests: BTreeMap<RequestId, (DataId, CryptoHash)>,
    /// How often each request was said to be completed.
    pub completed: BTreeMap<RequestId, u32>,
    pub ledger: Ledger,
    pub tally: Tally,
    /// Who exists, as far as the contract may pay them.
    pub alive: BTreeSet<AccountId>,
    nonces: BTreeMap<AccountId, u64>,
}

/// Money as the chain shows it, apart from the model, in yoctoNEAR.
#[derive(Default)]
pub struct Ledger {
    /// Deposits of the requests that were taken.
    pub requested: u128,
    /// Everything that arrived from the contract.
    pub arrived: u128,
    /// What each account gained or lost to the contract and for gas.
    pub change: BTreeMap<AccountId, i128>,
}

impl World {
    /// A chain on which the contract has just been set up.
    pub fn new(setup: &Setup) -> Result<Self> {
        let mut genesis = Genesis::local(root(), signer(&root()).public_key());
        genesis.protocol_version = setup.protocol_version;
        let locked = Balance::from_yoctonear(contract_wasm().len() as u128 * BYTE);
        let float = Balance::from_yoctonear(setup.float_millinear * 10u128.pow(21));
        let owned = locked.saturating_add(BEGINNING).saturating_add(float);
        let people = Who::ALL.map(|who| (who.id(), RICH));
        for (account_id, balance) in people.into_iter().chain([(contract(), owned), (estate(), RICH)]) {
            let public_keys = vec![signer(&account_id).public_key()];
            genesis.accounts.push(GenesisAccount { account_id, balance, locked: Balance::ZERO, public_keys });
        }
        let mut chain = Chain::new(genesis)?;
        chain.produce_block()?;
        let mut world = Self {
            model: Model::new(Who::Owner.id(), Who::Operator.id(), 0, 1_000_000),
            chain,
            sent: BTreeMap::new(),
            requests: BTreeMap::new(),
            completed: BTreeMap::new(),
            ledger: Ledger::default(),
            tally: Tally::default(),
            alive: Who::ALL.map(Who::id).into_iter().chain([contract(), estate()]).collect(),
            nonces: BTreeMap::new(),
        };
        world.deploy()?;
        world.configure(setup)?;
        Ok(world)
    }

    fn deploy(&mut self) -> Result<()> {
        let args = NewArgs { owner_id: Who::Owner.id(), operator_id: Who::Operator.id() };
        let deploy = Action::DeployContract(DeployContractAction { code: contract_wasm().to_vec() });
        let new = call(method::NEW, serde_json::to_vec(&args)?, 0, 100);
        self.submit(&contract(), contract(), vec![deploy, new])??;
        for _ in 0..3 {
            self.chain.produce_block()?;
        }
        let account = self.account(&contract())?;
        self.model = Model::new(args.owner_id, args.operator_id, account.0, account.1);
        let estimate: NearToken = self.view(method::ESTIMATE_COST, &json!({ "input_len": 0 }))?;
        let free = self.model.required(&ResourceLimits::default(), 0).context("a price")?;
        self.model.request_bytes = (estimate.as_yoctonear() - free) / BYTE;
        Ok(())
    }

    fn configure(&mut self, setup: &Setup) -> Result<()> {
        let config = SetConfigArgs {
            deadline_seconds: Some(setup.deadline_seconds),
            max_result_bytes: Some(setup.max_result_bytes),
            receipt_history: Some(setup.receipt_history),
        };
        let from = Who::Owner.id();
        self.call(Sent { from, call: crate::calls::Call::SetConfig(config), deposit: 1, tgas: 300 })?;
        self.blocks(3)
    }

    /// Sends a call to the contract. False when the chain does not take it, because its signer was deleted.
    pub fn call(&mut self, sent: Sent) -> Result<bool> {
        let args = sent.call.args();
        let action = call(sent.call.method(), args, sent.deposit, sent.tgas);
        match self.submit(&sent.from, contract(), vec![action])? {
            Ok(hash) => {
                self.sent.insert(hash, sent);
                Ok(true)
            }
            Err(error) => {
                ensure!(!self.alive.contains(&sent.from), "{} may not send: {error}", sent.from);
                Ok(false)
            }
        }
    }

    /// Deletes an account that is there.
    pub fn delete(&mut self, who: Who) -> Result<()> {
        let beneficiary_id = estate();
        let action = Action::DeleteAccount(DeleteAccountAction { beneficiary_id });
        let _ = self.submit(&who.id(), who.id(), vec![action])?;
        Ok(())
    }

    /// Makes an account that is not there.
    pub fn create(&mut self, who: Who) -> Result<()> {
        let key = AddKeyAction { public_key: signer(&who.id()).public_key(), access_key: AccessKey::full_access() };
        let actions = vec![
            Action::CreateAccount(CreateAccountAction {}),
            Action::Transfer(TransferAction { deposit: RICH }),
            Action::AddKey(Box::new(key)),
        ];
        self.submit(&root(), who.id(), actions)??;
        Ok(())
    }

    fn submit(
        &mut self,
        from: &AccountId,
        receiver_id: AccountId,
        actions: Vec<Action>,
    ) -> Result<Result<CryptoHash, InvalidTxError>> {
        let signer = signer(from);
        let state = self.chain.state_at(self.chain.head()).context("the head's state")?;
        let used = state.access_key(from, &signer.public_key())?.map_or(0, |key| key.nonce);
        let nonce = self.nonces.get(from).copied().unwrap_or(0).max(used) + 1;
        self.nonces.insert(from.clone(), nonce);
        let transaction = Transaction::V0(TransactionV0 {
            signer_id: from.clone(),
            public_key: signer.public_key(),
            nonce,
            receiver_id,
            block_hash: self.chain.head().hash,
            actions,
        });
        let signature = signer.sign(transaction.get_hash_and_size().0.as_ref());
        Ok(self.chain.submit(SignedTransaction::new(signature, transaction)))
    }

    /// Makes so many blocks, and checks each.
    pub fn blocks(&mut self, count: u8) -> Result<()> {
        (0..count).try_for_each(|_| {
            let block = self.chain.produce_block()?;
            self.check(&block)
        })
    }

    /// Lets so many heights pass, with a block at the end.
    pub fn forward(&mut self, heights: u64) -> Result<()> {
        let block = self.chain.fast_forward(heights)?;
        self.check(&block)
    }

    /// Holds everything that a block ran, and what it left, against the model.
    fn check(&mut self, block: &Arc<Block>) -> Result<()> {
        let at = At { height: block.height, timestamp: block.timestamp_ns };
        let waited: Vec<_> = self.model.waiting.keys().copied().collect();
        let upgrades = self.model.upgrades;
        for outcome in &block.outcomes {
            receipts::check(self, at, &outcome.outcome).with_context(|| format!("at height {}", block.height))?;
        }
        self.check_account().with_context(|| format!("after height {}", block.height))?;
        // What no receipt has touched since it was last compared is not compared again: a view takes milliseconds.
        if block.outcomes.iter().any(|outcome| outcome.outcome.outcome.executor_id == contract()) {
            self.check_stats().with_context(|| format!("after height {}", block.height))?;
        }
        if self.model.upgrades > upgrades || !self.model.waiting.keys().copied().eq(waited) {
            self.check_pending().with_context(|| format!("after height {}", block.height))?;
        }
        Ok(())
    }

    /// Balance and storage of an account that exists.
    pub fn account(&self, account_id: &AccountId) -> Result<(u128, u64)> {
        let state = self.chain.state_at(self.chain.head()).context("the head's state")?;
        let account = state.account(account_id)?.with_context(|| format!("{account_id} is gone"))?;
        Ok((account.amount().as_yoctonear(), account.storage_usage()))
    }

    /// Calls one of the contract's views.
    pub fn view<T: serde::de::DeserializeOwned>(&self, method_name: &str, args: &serde_json::Value) -> Result<T> {
        let head = self.chain.head();
        let state = self.chain.state_at(head).context("the head's state")?;
        let args = serde_json::to_vec(args)?;
        let call = ViewCall { account_id: &contract(), method_name, args: &args };
        let outcome = self.chain.view_call(state, head, call).with_context(|| method_name.to_owned())?;
        Ok(serde_json::from_slice(&outcome.result)?)
    }
}

fn call(method_name: &str, args: Vec<u8>, deposit: u128, tgas: u64) -> Action {
    Action::FunctionCall(Box::new(FunctionCallAction {
        method_name: method_name.to_owned(),
        args,
        gas: Gas::from_teragas(tgas),
        deposit: Balance::from_yoctonear(deposit),
    }))
}
