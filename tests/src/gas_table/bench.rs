//! The chain on which gas is measured, and what became of a transaction on it.

use crate::{
    artifacts::contract_wasm,
    network::{DEPOSIT, seed_request},
};
use anyhow::{Context, Result, ensure};
use near_account_id::AccountId;
use near_crypto::{InMemorySigner, KeyType, Signer};
use near_primitives::{
    action::{DeployContractAction, FunctionCallAction},
    hash::CryptoHash,
    receipt::{Receipt, VersionedReceiptEnum},
    transaction::{Action, SignedTransaction, Transaction, TransactionV0},
    types::{Balance, Gas},
    views::{ExecutionOutcomeWithIdView, FinalExecutionStatus},
};
use offchainvm_interface::{
    ExecutionRequest, ExecutionResponse, RequestId,
    calls::{NewArgs, RequestIdArgs, ResolveArgs, method},
    views::Stats,
};
use offchainvm_localchain::{Chain, Genesis, GenesisAccount, StateRead, ViewCall};
use serde_json::{Value, json};

/// The oldest rules that current nodes know; what is measured under them is what the contract promises.
pub const PROTOCOL_VERSION: u32 = 84;

const RICH: Balance = Balance::from_near(1_000_000);
/// Blocks in which everything that a call starts comes to its end, unless it waits for an answer.
const AFTERMATH: u32 = 8;

/// The first step of every call: the transaction that becomes its receipt.
pub(super) const TRANSACTION: &str = "transaction";

/// A chain with the contract on it.
pub(super) struct Bench(Chain);

/// A transaction, or a receipt of it.
#[derive(Clone, Debug)]
pub struct Step {
    /// The method, the action, or that it is the transaction itself.
    pub what: String,
    /// What it burnt.
    pub gas: u64,
    /// What it burnt that for, as far as the node tells.
    pub profile: Vec<(String, u64)>,
}

/// What became of a transaction so far.
pub(super) struct Ended {
    pub(super) status: FinalExecutionStatus,
    pub(super) steps: Vec<Step>,
    pub(super) logs: Vec<String>,
}

pub(super) fn account(name: &str) -> AccountId {
    if name == "root" { "test.near".parse().unwrap() } else { format!("{name}.test.near").parse().unwrap() }
}

pub(super) fn signer(name: &str) -> Signer {
    InMemorySigner::from_seed(account(name), KeyType::ED25519, name)
}

impl Bench {
    /// A chain on which the contract has just been set up, and how that went.
    pub(super) fn new() -> Result<(Self, Ended)> {
        let mut genesis = Genesis::local(account("root"), signer("root").public_key());
        genesis.protocol_version = PROTOCOL_VERSION;
        for name in ["offchainvm", "owner", "heir", "operator", "user", "mortal"] {
            let public_keys = vec![signer(name).public_key()];
            let account_id = account(name);
            genesis.accounts.push(GenesisAccount { account_id, balance: RICH, locked: Balance::ZERO, public_keys });
        }
        let mut bench = Self(Chain::new(genesis)?);
        let code = contract_wasm().to_vec();
        let deployed =
            bench.submit("offchainvm", "offchainvm", vec![Action::DeployContract(DeployContractAction { code })])?;
        bench.settle()?;
        bench.ended(deployed)?.succeeded()?;
        let args = json!(NewArgs { owner_id: account("owner"), operator_id: account("operator") });
        let set_up = bench.run("offchainvm", method::NEW, &args, 0)?;
        Ok((bench, set_up))
    }

    /// Puts a transaction into the next block.
    pub(super) fn submit(&mut self, from: &str, to: &str, actions: Vec<Action>) -> Result<CryptoHash> {
        let signer = signer(from);
        let state = self.0.state_at(self.0.head()).context("the head's state")?;
        let key = state.access_key(&account(from), &signer.public_key())?.context("an access key")?;
        let transaction = Transaction::V0(TransactionV0 {
            signer_id: account(from),
            public_key: signer.public_key(),
            nonce: key.nonce + 1,
            receiver_id: account(to),
            block_hash: self.0.head().hash,
            actions,
        });
        let signature = signer.sign(transaction.get_hash_and_size().0.as_ref());
        let hash = self.0.submit(SignedTransaction::new(signature, transaction))?;
        self.0.produce_block()?;
        Ok(hash)
    }

    /// Sends a call of the contract.
    pub(super) fn call(
        &mut self,
        from: &str,
        method: &str,
        args: &Value,
        deposit: Balance,
        tgas: u64,
    ) -> Result<CryptoHash> {
        let args = serde_json::to_vec(args)?;
        self.submit(from, "offchainvm", vec![function_call(method, args, deposit, tgas)])
    }

    /// Calls the contract with 300 Tgas and `yocto`, waits for the end, and takes no failure.
    pub(super) fn run(&mut self, from: &str, method: &str, args: &Value, yocto: u128) -> Result<Ended> {
        let hash = self.call(from, method, args, Balance::from_yoctonear(yocto), 300)?;
        self.settle()?;
        self.ended(hash)?.succeeded().with_context(|| method.to_owned())
    }

    /// Makes a request, and returns it as the contract keeps it.
    pub(super) fn request(
        &mut self,
        from: &str,
        args: &Value,
        deposit: Balance,
    ) -> Result<(CryptoHash, ExecutionRequest)> {
        let stats: Stats = serde_json::from_value(self.view(method::GET_STATS, &json!({}))?)?;
        let hash = self.call(from, method::REQUEST_EXECUTION, args, deposit, 300)?;
        self.blocks(2)?;
        let request = self.pending(stats.total_requests + 1)?;
        Ok((hash, request.with_context(|| format!("not accepted: {:?}", self.ended(hash).map(|ended| ended.status)))?))
    }

    /// So many small requests, all that wait: what is missing is made.
    pub(super) fn waiting(&mut self, count: usize) -> Result<Vec<ExecutionRequest>> {
        let stats: Stats = serde_json::from_value(self.view(method::GET_STATS, &json!({}))?)?;
        for _ in usize::try_from(stats.pending_requests)?..count {
            self.call("user", method::REQUEST_EXECUTION, &seed_request(), DEPOSIT, 300)?;
        }
        self.blocks(2)?;
        let mut waiting: Vec<ExecutionRequest> = vec![];
        loop {
            let page = json!({ "from_index": waiting.len() });
            let page: Vec<_> = serde_json::from_value(self.view(method::LIST_PENDING, &page)?)?;
            if page.is_empty() {
                break;
            }
            waiting.extend(page);
        }
        ensure!(waiting.len() == count, "{} wait instead of {count}", waiting.len());
        Ok(waiting)
    }

    /// Answers as the operator, as the interface writes answers.
    pub(super) fn resolve(&mut self, request: &ExecutionRequest, response: ExecutionResponse) -> Result<Ended> {
        self.run("operator", method::RESOLVE_EXECUTION, &json!(ResolveArgs { data_id: request.data_id, response }), 0)
    }

    pub(super) fn pending(&self, request_id: RequestId) -> Result<Option<ExecutionRequest>> {
        Ok(serde_json::from_value(self.view(method::GET_REQUEST, &json!(RequestIdArgs { request_id }))?)?)
    }

    pub(super) fn view(&self, method_name: &str, args: &Value) -> Result<Value> {
        let (head, args) = (self.0.head(), serde_json::to_vec(args)?);
        let state = self.0.state_at(head).context("the head's state")?;
        let call = ViewCall { account_id: &account("offchainvm"), method_name, args: &args };
        Ok(serde_json::from_slice(&self.0.view_call(state, head, call)?.result)?)
    }

    pub(super) fn blocks(&mut self, count: u32) -> Result<()> {
        (0..count).try_for_each(|_| Ok(self.0.produce_block().map(|_| ())?))
    }

    /// Makes blocks until nothing is on its way.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.blocks(AFTERMATH)
    }

    /// Closes the windows that are open, and lets their callbacks run.
    pub(super) fn close_windows(&mut self) -> Result<()> {
        self.0.fast_forward(201)?;
        self.blocks(2)
    }

    pub(super) fn advance_time(&mut self, seconds: u64) {
        self.0.advance_time(std::time::Duration::from_secs(seconds));
    }

    /// What became of a transaction so far.
    pub(super) fn ended(&self, hash: CryptoHash) -> Result<Ended> {
        let view = self.0.final_outcome(&hash).context("a transaction in a block")?.view;
        let mut steps = vec![step(TRANSACTION.to_owned(), &view.transaction_outcome)];
        for outcome in &view.receipts_outcome {
            let receipt = self.0.receipt(&outcome.id).context("a receipt")?;
            steps.push(step(what(receipt), outcome));
        }
        let logs = view.receipts_outcome.iter().flat_map(|outcome| outcome.outcome.logs.clone()).collect();
        Ok(Ended { status: view.status, steps, logs })
    }
}

impl Ended {
    /// Itself, unless it failed or has not ended.
    pub(super) fn succeeded(self) -> Result<Self> {
        ensure!(matches!(self.status, FinalExecutionStatus::SuccessValue(_)), "{:?}", self.status);
        Ok(self)
    }

    /// The last receipt of this name.
    pub(super) fn step(&self, what: &str) -> Result<&Step> {
        self.steps.iter().rfind(|step| step.what == what).with_context(|| format!("no {what} in {:?}", self.steps))
    }

    /// What the last receipt of this name burnt.
    pub(super) fn gas(&self, what: &str) -> Result<u64> {
        Ok(self.step(what)?.gas)
    }

    /// The call itself: its transaction and its first receipt, without what that has started.
    pub(super) fn first(&self) -> Result<u64> {
        let [transaction, receipt, ..] = self.steps.as_slice() else { anyhow::bail!("no receipt yet") };
        Ok(transaction.gas + receipt.gas)
    }
}

pub(super) fn function_call(method: &str, args: Vec<u8>, deposit: Balance, tgas: u64) -> Action {
    let (method_name, gas) = (method.to_owned(), Gas::from_teragas(tgas));
    Action::FunctionCall(Box::new(FunctionCallAction { method_name, args, gas, deposit }))
}

fn what(receipt: &Receipt) -> String {
    if receipt.predecessor_id().is_system() {
        return "refund of gas".to_owned();
    }
    match receipt.versioned_receipt() {
        VersionedReceiptEnum::Action(receipt) | VersionedReceiptEnum::PromiseYield(receipt) => {
            match receipt.actions().last() {
                Some(Action::FunctionCall(call)) => call.method_name.clone(),
                Some(Action::Transfer(_)) => "transfer".to_owned(),
                _ => "other".to_owned(),
            }
        }
        _ => "other".to_owned(),
    }
}

fn step(what: String, outcome: &ExecutionOutcomeWithIdView) -> Step {
    let profile = outcome.outcome.metadata.gas_profile.iter().flatten();
    Step {
        what,
        gas: outcome.outcome.gas_burnt.as_gas(),
        profile: profile.map(|cost| (cost.cost.clone(), cost.gas_used.as_gas())).collect(),
    }
}
