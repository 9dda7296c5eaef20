//! What must hold after every block, and when everything has ended.

use crate::{
    people::{Who, contract},
    world::{Ledger, World},
};
use anyhow::{Context, Result, ensure};
use near_account_id::AccountId;
use near_primitives::views::FinalExecutionStatus;
use near_token::NearToken;
use offchainvm_interface::{
    ExecutionRequest,
    calls::{AccountIdArgs, RequestIdArgs, method},
    views::{Receipt, Stats},
};
use serde_json::json;

/// How many windows may pass until nothing waits.
const WINDOWS: u32 = 40;
/// Blocks in which everything that a closed window starts comes to its end.
const AFTERMATH: u8 = 6;
/// Later than every deadline.
const WEEK_AND_A_DAY: std::time::Duration = std::time::Duration::from_secs(8 * 24 * 3_600);

impl World {
    /// The account is what the model says, to the yocto and to the byte, and can pay what it owes.
    pub fn check_account(&self) -> Result<()> {
        let (balance, storage) = self.account(&contract())?;
        ensure!(balance == self.model.balance, "the balance is {balance} instead of {}", self.model.balance);
        ensure!(storage == self.model.storage(), "storage is {storage} instead of {}", self.model.storage());
        ensure!(self.model.room().is_some(), "{balance} do not cover what is owed and {storage} bytes of storage");
        Ok(())
    }

    pub fn check_stats(&self) -> Result<()> {
        let stats: Stats = self.view(method::GET_STATS, &json!({}))?;
        ensure!(stats == self.model.stats(), "{stats:#?} instead of {:#?}", self.model.stats());
        Ok(())
    }

    /// Exactly the requests that wait are listed, each as it was taken.
    pub fn check_pending(&self) -> Result<()> {
        let mut listed: Vec<ExecutionRequest> = self.view(method::LIST_PENDING, &json!({}))?;
        listed.sort_by_key(|request| request.request_id);
        let waiting = self.model.waiting.values().map(|waiting| &waiting.request);
        ensure!(listed.iter().eq(waiting), "{listed:#?} wait instead of {:#?}", self.model.waiting);
        Ok(())
    }

    /// Lets time pass until nothing waits, and closes the books.
    pub fn finish(&mut self, patient: bool) -> Result<()> {
        self.blocks(AFTERMATH)?;
        for _ in 0..WINDOWS {
            if self.model.waiting.is_empty() {
                break;
            }
            if !patient {
                self.chain.advance_time(WEEK_AND_A_DAY);
            }
            self.forward(201)?;
            self.blocks(AFTERMATH)?;
        }
        let model = &self.model;
        ensure!(model.waiting.is_empty(), "these wait for ever: {:#?}", model.waiting);
        ensure!(model.withdrawn.is_empty(), "these never woke: {:?}", model.withdrawn);
        ensure!(model.failures.is_empty(), "these failures never arrived: {:?}", model.failures);
        ensure!(model.upgrading.is_empty(), "{:?} never replaced the contract", model.upgrading);
        ensure!(model.payments.is_empty(), "these payments are open: {:?}", model.payments);
        self.check_ends()?;
        self.check_receipts()?;
        self.check_money()
    }

    /// Every request was completed once, and its transaction came to what was promised.
    fn check_ends(&self) -> Result<()> {
        for (request_id, (_, transaction)) in &self.requests {
            let times = self.completed.get(request_id);
            ensure!(times == Some(&1), "request {request_id} was completed {times:?} times");
            let outcome = self.chain.final_outcome(transaction).context("the request's transaction")?;
            let expected = self.model.ends.get(request_id).context("an end")?;
            let agree = match (&outcome.view.status, expected) {
                (FinalExecutionStatus::SuccessValue(value), Ok(expected)) => value == expected,
                (FinalExecutionStatus::Failure(error), Err(reason)) => {
                    // The node shows the message as a literal; its beginning tells which one it is.
                    let code = reason.split(':').next().unwrap_or_default();
                    error.to_string().contains(&format!("Smart contract panicked: {code}: "))
                }
                _ => false,
            };
            ensure!(agree, "request {request_id} should end with {expected:?}: {:?}", outcome.view.status);
        }
        ensure!(self.completed.len() == self.requests.len(), "{:?} are completed", self.completed);
        Ok(())
    }

    /// The last requests are remembered as they ended, as far as the history goes.
    fn check_receipts(&self) -> Result<()> {
        for request_id in self.requests.keys().rev().take(5) {
            let expected = self.model.receipts.values().find(|receipt| receipt.request_id == *request_id).copied();
            let receipt: Option<Receipt> =
                self.view(method::GET_RECEIPT, &json!(RequestIdArgs { request_id: *request_id }))?;
            ensure!(receipt == expected, "{receipt:#?} instead of {expected:#?}");
        }
        Ok(())
    }

    /// Money in is money out, to the yocto, for the contract and for everybody.
    fn check_money(&self) -> Result<()> {
        let stats: Stats = self.view(method::GET_STATS, &json!({}))?;
        ensure!(stats.escrow.as_yoctonear() == 0, "{stats:#?}");
        let kept = stats.fees.as_yoctonear() + self.model.credits.values().sum::<u128>();
        let Ledger { requested, arrived, change } = &self.ledger;
        ensure!(*requested == arrived + kept, "{requested} came in, {arrived} went out, {kept} is there");

        for who in Who::ALL {
            let account_id = who.id();
            let args = json!(AccountIdArgs { account_id: account_id.clone() });
            let credit: NearToken = self.view(method::GET_CREDIT, &args)?;
            let expected = self.model.credits.get(&account_id).copied().unwrap_or(0);
            ensure!(credit.as_yoctonear() == expected, "{account_id} has a credit of {credit} instead of {expected}");
            if Who::MORTALS.contains(&who) {
                // What they owned when they were deleted went elsewhere.
                continue;
            }
            let expected = 10i128.pow(30) + change.get(&account_id).copied().unwrap_or(0);
            let (balance, _) = self.account(&account_id)?;
            ensure!(balance == expected.unsigned_abs(), "{account_id} has {balance} instead of {expected}");
        }
        Ok(())
    }
}

impl Ledger {
    pub fn gain(&mut self, account_id: &AccountId, amount: u128) {
        *self.change.entry(account_id.clone()).or_default() += i128::try_from(amount).unwrap();
    }

    pub fn lose(&mut self, account_id: &AccountId, amount: u128) {
        *self.change.entry(account_id.clone()).or_default() -= i128::try_from(amount).unwrap();
    }
}
