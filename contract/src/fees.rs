//! Money that leaves without a request: fees to the owner, and refunds that could not be sent at first.

use crate::{
    error::{ContractError, or_panic},
    events, promise,
    state::{Contract, ContractExt},
    storage::{Prefix, Table},
};
use near_sdk::{AccountId, NearToken, env, near};
use offchainvm_interface::{Event, events::Payment};

/// Refunds that could not be sent, by whom they belong to.
const CREDITS: Table<AccountId, NearToken> = Table::new(Prefix::Credits);

#[near]
impl Contract {
    /// Sends fees that were earned: all, or `amount`; to the owner, or to `receiver_id`.
    ///
    /// Caller: the owner, with 1 yoctoNEAR. Emits `fees_withdrawn`. When the receiver does not exist, the fees come
    /// back and `withdrawal_failed` is emitted.
    /// Fails when there are fewer fees, or when the contract's balance without them would not cover what it owes and
    /// its storage.
    #[payable]
    #[deny_unknown_arguments]
    pub fn withdraw_fees(&mut self, amount: Option<NearToken>, receiver_id: Option<AccountId>) {
        or_panic(self.check_owner());
        or_panic(self.withdraw(amount, receiver_id));
    }

    /// Sends the caller's credit, refunds that could not be sent when they were due, to the caller or `receiver_id`.
    ///
    /// Caller: who has a credit. Emits `credit_claimed`. When the receiver does not exist, the credit comes back.
    #[deny_unknown_arguments]
    pub fn claim_credit(&mut self, receiver_id: Option<AccountId>) {
        or_panic(self.claim(receiver_id));
    }

    /// Hears how a refund went: one that came back is kept for `account_id`. Emits `refund_credited`.
    ///
    /// Caller: the contract itself.
    #[private]
    pub fn on_refund(account_id: AccountId, amount: NearToken) {
        if came_back() {
            amend(|contract| contract.credit(account_id, amount));
        }
    }

    /// Hears how a withdrawal went: fees that came back are fees again. Emits `withdrawal_failed`.
    ///
    /// Caller: the contract itself.
    #[private]
    pub fn on_withdrawal(account_id: AccountId, amount: NearToken) {
        if came_back() {
            amend(|contract| contract.fees = contract.fees.saturating_add(amount));
            events::emit(Event::WithdrawalFailed(vec![Payment { account_id, amount }]));
        }
    }
}

impl Contract {
    fn withdraw(&mut self, amount: Option<NearToken>, receiver_id: Option<AccountId>) -> Result<(), ContractError> {
        let amount = amount.unwrap_or(self.fees);
        let too_much = || ContractError::FeesTooLow { asked: amount.as_yoctonear(), fees: self.fees.as_yoctonear() };
        let left = self.fees.checked_sub(amount).ok_or_else(too_much)?;
        // What is owed includes the fees themselves, so this is what must be there for everybody else.
        if env::account_balance() < self.owed() {
            let missing = self.owed().saturating_sub(env::account_balance());
            return Err(ContractError::Locked { missing: missing.as_yoctonear() });
        }
        self.fees = left;
        let receiver_id = receiver_id.unwrap_or_else(|| self.owner_id.clone());
        promise::pay(&receiver_id, amount, "on_withdrawal", &receiver_id);
        events::emit(Event::FeesWithdrawn(vec![Payment { account_id: receiver_id, amount }]));
        Ok(())
    }

    fn credit(&mut self, account_id: AccountId, amount: NearToken) {
        let before = env::storage_usage();
        CREDITS.put(&account_id, &credit_of(&account_id).saturating_add(amount));
        self.credits = self.credits.saturating_add(amount.saturating_sub(locked_since(before)));
        events::emit(Event::RefundCredited(vec![Payment { account_id, amount }]));
    }

    fn claim(&mut self, receiver_id: Option<AccountId>) -> Result<(), ContractError> {
        let account_id = env::predecessor_account_id();
        let with_it = env::storage_usage();
        let amount = CREDITS.take(&account_id).ok_or_else(|| ContractError::NoCredit(account_id.clone()))?;
        let freed = env::storage_byte_cost().saturating_mul(with_it.saturating_sub(env::storage_usage()).into());
        self.credits = self.credits.saturating_sub(amount.saturating_sub(freed));
        promise::pay(receiver_id.as_ref().unwrap_or(&account_id), amount, "on_refund", &account_id);
        events::emit(Event::CreditClaimed(vec![Payment { account_id, amount }]));
        Ok(())
    }
}

/// What waits for the account.
pub(crate) fn credit_of(account_id: &AccountId) -> NearToken {
    CREDITS.get(account_id).unwrap_or(NearToken::from_yoctonear(0))
}

/// What storage used since then locks up. A credit pays for its own record, and gets that back with it: the smallest
/// refund holds what a request's storage was charged, which is more.
fn locked_since(before: u64) -> NearToken {
    env::storage_byte_cost().saturating_mul(env::storage_usage().saturating_sub(before).into())
}

/// Changes the root record. Nearly all payments arrive, and hearing of those neither reads nor writes it.
fn amend(change: impl FnOnce(&mut Contract)) {
    if let Some(mut contract) = env::state_read::<Contract>() {
        change(&mut contract);
        env::state_write(&contract);
    }
}

/// Whether the payment that this call was told of has failed, so that its amount is in the balance again.
fn came_back() -> bool {
    env::promise_result_checked(0, 0).is_err()
}
