//! The contract once more, in plain Rust: what every call of it must come to.
//!
//! The model is told what the chain runs, in the order in which it runs it, and says what must come of it: success or
//! which refusal, which events, which payments, which balance, how much storage, to the byte.

use crate::{
    answers::Answer,
    calls::{Call, Code, Sent},
    people::contract,
};
use near_account_id::AccountId;
use near_token::NearToken;
use offchainvm_interface::{
    DataId, Event, ExecutionRequest, MaxLimits, Pricing, RequestId,
    views::{Receipt, Stats},
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use crate::answers::Refusal;

/// What a byte of storage locks up, in yoctoNEAR.
pub const BYTE: u128 = 10u128.pow(19);
/// Room that a receipt must find in order to be kept, in bytes.
pub const RECEIPT_BYTES: u128 = 250;
/// What every record occupies beside its key and value, in bytes.
const RECORD: u64 = 40;

/// The block in which something runs.
#[derive(Clone, Copy, Debug)]
pub struct At {
    pub height: u64,
    pub timestamp: u64,
}

/// What a receipt on the contract must come to.
pub type Verdict = Result<Effect, Refusal>;

#[derive(Debug, Default)]
pub struct Effect {
    pub events: Vec<Event>,
    pub returned: Returned,
}

#[derive(Debug, Default, Eq, PartialEq)]
pub enum Returned {
    #[default]
    Nothing,
    Value(Vec<u8>),
    /// What another receipt returns.
    Promise,
    /// For each entry whether it was taken, or a fragment of why not.
    Resolved(Vec<Result<(), Refusal>>),
}

/// A request that waits.
#[derive(Debug)]
pub struct Waiting {
    pub request: ExecutionRequest,
    /// The length of an input that is kept apart.
    pub large_input: Option<usize>,
    /// Height at which the present window opened.
    pub opened: u64,
    pub window: u32,
    pub answer: Option<Answer>,
}

/// A transfer that the contract sent, and who hears of it.
#[derive(Debug)]
pub struct Payment {
    pub to: AccountId,
    pub amount: u128,
    /// The method that hears how it went, and whose money it is.
    pub heard_by: &'static str,
    pub account_id: AccountId,
    pub arrived: Option<bool>,
}

/// All that the contract must hold.
#[derive(Debug)]
pub struct Model {
    pub owner_id: AccountId,
    pub proposed_owner_id: Option<AccountId>,
    pub operators: Vec<AccountId>,
    pub pricing: Pricing,
    pub paused: bool,
    pub max_limits: MaxLimits,
    pub max_result_bytes: u32,
    pub deadline_seconds: u64,
    pub receipt_history: u32,
    pub waiting: BTreeMap<RequestId, Waiting>,
    /// Requests that are settled, but whose transactions have not woken yet.
    pub withdrawn: BTreeSet<RequestId>,
    /// What the transactions of settled requests return, or how their failure begins.
    pub ends: BTreeMap<RequestId, Result<Vec<u8>, String>>,
    /// Messages on their way to `fail_execution`.
    pub failures: VecDeque<String>,
    /// Code on its way to replace the contract.
    pub upgrading: VecDeque<Code>,
    pub upgrades: u32,
    pub payments: Vec<Payment>,
    pub receipts: BTreeMap<u32, Receipt>,
    pub credits: BTreeMap<AccountId, u128>,
    pub fees: u128,
    /// The account's balance.
    pub balance: u128,
    /// Counters only.
    pub counts: Stats,
    /// Storage that a request's deposit covers beside its input.
    pub request_bytes: u128,
    /// Storage of all that is not modelled: the code, the keys, the version, the root record without its names.
    other_storage: u64,
}

impl Model {
    /// The contract as `new` leaves it.
    pub fn new(owner_id: AccountId, operator_id: AccountId, balance: u128, storage_usage: u64) -> Self {
        let mut model = Self {
            owner_id,
            proposed_owner_id: None,
            operators: vec![operator_id],
            pricing: Pricing::default(),
            paused: false,
            max_limits: MaxLimits::default(),
            max_result_bytes: 65_536,
            deadline_seconds: 600,
            receipt_history: 100,
            waiting: BTreeMap::new(),
            withdrawn: BTreeSet::new(),
            ends: BTreeMap::new(),
            failures: VecDeque::new(),
            upgrading: VecDeque::new(),
            upgrades: 0,
            payments: Vec::new(),
            receipts: BTreeMap::new(),
            credits: BTreeMap::new(),
            fees: 0,
            balance,
            counts: Stats::default(),
            request_bytes: 0,
            other_storage: 0,
        };
        model.other_storage = storage_usage - model.storage();
        model
    }

    /// What a transaction's receipt comes to. `fresh` is the yield that it made, whose name only the chain knows.
    pub fn call(&mut self, at: At, sent: &Sent, fresh: Option<DataId>) -> Verdict {
        self.balance += sent.deposit;
        let verdict = self.accept(at, sent, fresh);
        if verdict.is_err() {
            self.balance -= sent.deposit;
        }
        verdict
    }

    fn accept(&mut self, at: At, sent: &Sent, fresh: Option<DataId>) -> Verdict {
        let Sent { from, call, deposit, tgas } = sent;
        match call {
            Call::Request(args) => self.request(at, from, args, *deposit, *tgas, fresh),
            Call::Resolve(args) => self.resolve(from, *deposit, args),
            Call::ResolveMany(entries) => self.resolve_many(from, *deposit, entries),
            Call::CancelStale(request_id) => self.cancel_stale(at, from, *deposit, *request_id),
            Call::EmergencyCancel(request_id) => {
                self.owners(from, *deposit).and_then(|()| self.cancel(at, *request_id))
            }
            Call::AcceptOwner => self.accept_owner(from, *deposit),
            Call::ClaimCredit(args) => self.claim(from, *deposit, args.receiver_id.as_ref()),
            lever => self.owners(from, *deposit).and_then(|()| self.pull(lever)),
        }
    }

    /// What `get_stats` must show.
    pub fn stats(&self) -> Stats {
        Stats {
            pending_requests: self.waiting.len() as u64,
            escrow: NearToken::from_yoctonear(self.escrow()),
            requests_storage: self.requests_storage(),
            fees: NearToken::from_yoctonear(self.fees),
            credits: NearToken::from_yoctonear(self.credits_beside_storage()),
            ..self.counts.clone()
        }
    }

    fn escrow(&self) -> u128 {
        self.waiting.values().map(|waiting| waiting.request.deposit.as_yoctonear()).sum()
    }

    /// Storage that the deposits of waiting requests pay for.
    fn requests_storage(&self) -> u64 {
        self.waiting.values().map(Waiting::storage).sum()
    }

    /// Credits, without what their records lock up.
    fn credits_beside_storage(&self) -> u128 {
        self.credits.iter().map(|(account_id, amount)| amount - locked(credit_storage(account_id))).sum()
    }

    /// The account's `storage_usage`.
    pub fn storage(&self) -> u64 {
        let names = [Some(&self.owner_id), self.proposed_owner_id.as_ref()].into_iter().flatten();
        let names: u64 = names.chain(&self.operators).map(|id| 4 + id.len() as u64).sum();
        let stashes: u64 = self.waiting.values().map(Waiting::stash).sum();
        let receipts: u64 = self.receipts.values().map(|receipt| record(5, borsh_len(receipt))).sum();
        let credits: u64 = self.credits.keys().map(credit_storage).sum();
        self.other_storage + names + self.requests_storage() + stashes + receipts + credits
    }

    /// What the contract has beyond what it owes and what its storage locks up, but for that of the requests that wait,
    /// which is in their deposits; [`None`] when it has less.
    pub fn room(&self) -> Option<u128> {
        let storage = locked(self.storage() - self.requests_storage());
        self.balance.checked_sub(self.escrow() + self.fees + self.credits_beside_storage() + storage)
    }

    pub(crate) fn pay(&mut self, to: &AccountId, amount: u128, heard_by: &'static str, account_id: &AccountId) {
        if amount == 0 {
            return;
        }
        self.balance -= amount;
        let (to, account_id) = (to.clone(), account_id.clone());
        self.payments.push(Payment { to, amount, heard_by, account_id, arrived: None });
    }

    /// A transfer from the contract ran. A failed one sends its money back by another receipt.
    pub fn paid(&mut self, to: &AccountId, amount: u128, arrived: bool) -> anyhow::Result<()> {
        let same = |payment: &&mut Payment| payment.arrived.is_none() && &payment.to == to && payment.amount == amount;
        let payment = self.payments.iter_mut().find(same);
        let payment = payment.ok_or_else(|| anyhow::anyhow!("the contract pays {amount} to {to}, unasked"))?;
        payment.arrived = Some(arrived);
        if arrived && to == &contract() {
            self.balance += amount;
        }
        Ok(())
    }

    /// The contract hears how a transfer went.
    pub fn heard(&mut self, method: &str, account_id: &AccountId, amount: u128) -> anyhow::Result<Effect> {
        let same = |payment: &Payment| {
            payment.arrived.is_some()
                && payment.heard_by == method
                && &payment.account_id == account_id
                && payment.amount == amount
        };
        let found = self.payments.iter().position(same);
        let found =
            found.ok_or_else(|| anyhow::anyhow!("{method} of {amount} for {account_id}, which was not paid"))?;
        let payment = self.payments.remove(found);
        Ok(if payment.arrived == Some(true) { Effect::default() } else { self.came_back(payment) })
    }
}

impl Waiting {
    /// What the request occupies as long as it waits.
    fn storage(&self) -> u64 {
        let request = record(9, borsh_len(&self.request));
        let handle = record(33, 8 + 32 + 4 + 1 + 4 + 4);
        let position = record(5, 8 + 32);
        let input = self.large_input.map_or(0, |len| record(9, 4 + len as u64));
        request + handle + position + input
    }

    /// What its answer occupies until the callback.
    fn stash(&self) -> u64 {
        let stashed = self.answer.as_ref().filter(|answer| answer.is_stashed());
        stashed.map_or(0, |answer| record(9, answer.bytes()))
    }
}

impl Effect {
    pub fn event(event: Event) -> Self {
        Self { events: vec![event], returned: Returned::Nothing }
    }
}

/// What a key of `key` bytes with a value of `value` bytes occupies.
pub fn record(key: u64, value: u64) -> u64 {
    RECORD + key + value
}

/// What so many bytes of storage lock up.
fn locked(bytes: u64) -> u128 {
    u128::from(bytes) * BYTE
}

fn credit_storage(account_id: &AccountId) -> u64 {
    record(1 + 4 + account_id.len() as u64, 16)
}

fn borsh_len(value: &impl borsh::BorshSerialize) -> u64 {
    borsh::to_vec(value).unwrap().len() as u64
}
