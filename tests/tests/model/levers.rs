//! The model of the owner's levers, and of money that leaves without a request.

use crate::{
    answers::Refusal,
    calls::{Call, Code},
    model::{BYTE, Effect, Model, Payment, RECEIPT_BYTES, Returned, Verdict},
};
use near_account_id::AccountId;
use near_token::NearToken;
use offchainvm_interface::{
    Event,
    calls::{SetConfigArgs, WithdrawFeesArgs},
    events::{self, ConfigChanged, ContractUpgraded, OperatorsChanged, OwnerChanged, OwnerProposed, PausedChanged},
};

/// The version of the state that the contract keeps.
const STATE_VERSION: u32 = 2;
const OUT_OF_RANGE: Refusal = "but must be between";

impl Model {
    pub(crate) fn owners(&self, from: &AccountId, deposit: u128) -> Result<(), Refusal> {
        match (from == &self.owner_id, deposit) {
            (false, _) => Err("Only the owner may call this method"),
            (true, 1) => Ok(()),
            (true, _) => Err("Attach exactly 1 yoctoNEAR"),
        }
    }

    pub(crate) fn pull(&mut self, lever: &Call) -> Verdict {
        match lever {
            Call::SetPricing(pricing) => {
                self.pricing = *pricing;
                Ok(Effect::event(Event::PricingChanged(vec![*pricing])))
            }
            Call::SetPaused(paused) => {
                self.paused = *paused;
                Ok(Effect::event(Event::PausedChanged(vec![PausedChanged { paused: *paused }])))
            }
            Call::SetLimits(limits) => {
                if limits.max_instructions == 0 || limits.max_memory_mb == 0 || limits.max_execution_seconds == 0 {
                    return Err("Each limit must be at least 1");
                }
                self.max_limits = *limits;
                Ok(Effect::event(Event::LimitsChanged(vec![*limits])))
            }
            Call::SetConfig(args) => self.configure(args),
            Call::SetOperator(id) => Ok(self.set_operators(vec![id.clone()])),
            Call::AddOperator(id) if self.operators.contains(id) => Err("is an operator already"),
            Call::AddOperator(id) => Ok(self.set_operators([self.operators.clone(), vec![id.clone()]].concat())),
            Call::RemoveOperator(id) if !self.operators.contains(id) => Err("is no operator"),
            Call::RemoveOperator(id) => {
                Ok(self.set_operators(self.operators.iter().filter(|operator| *operator != id).cloned().collect()))
            }
            Call::ProposeOwner(id) => {
                self.proposed_owner_id.clone_from(id);
                Ok(Effect::event(Event::OwnerProposed(vec![OwnerProposed { proposed_owner_id: id.clone() }])))
            }
            Call::WithdrawFees(args) => self.withdraw(args),
            Call::Upgrade(Code::Nothing) => Err("The call's input must be the new code"),
            Call::Upgrade(code) => {
                self.upgrading.push_back(*code);
                Ok(Effect { events: vec![], returned: Returned::Promise })
            }
            other => panic!("{other:?} is no lever"),
        }
    }

    fn set_operators(&mut self, operators: Vec<AccountId>) -> Effect {
        self.operators.clone_from(&operators);
        Effect::event(Event::OperatorsChanged(vec![OperatorsChanged { operators }]))
    }

    /// A history of another length begins empty; a longer one only when there is room for all of it.
    fn configure(&mut self, args: &SetConfigArgs) -> Verdict {
        let deadline_seconds = args.deadline_seconds.unwrap_or(self.deadline_seconds);
        let max_result_bytes = args.max_result_bytes.unwrap_or(self.max_result_bytes);
        let receipt_history = args.receipt_history.unwrap_or(self.receipt_history);
        let in_range = (1..=604_800).contains(&deadline_seconds)
            && (1..=131_072).contains(&max_result_bytes)
            && receipt_history <= 1_000;
        if !in_range {
            return Err(OUT_OF_RANGE);
        }
        if receipt_history != self.receipt_history {
            let former = std::mem::take(&mut self.receipts);
            let needed = u128::from(receipt_history) * RECEIPT_BYTES * BYTE;
            let is_longer = receipt_history > self.receipt_history;
            if is_longer && self.room().is_none_or(|room| room < needed) {
                self.receipts = former;
                return Err("lacks");
            }
        }
        (self.deadline_seconds, self.max_result_bytes, self.receipt_history) =
            (deadline_seconds, max_result_bytes, receipt_history);
        Ok(Effect::event(Event::ConfigChanged(vec![ConfigChanged {
            deadline_seconds,
            max_result_bytes,
            receipt_history,
        }])))
    }

    pub(crate) fn accept_owner(&mut self, from: &AccountId, deposit: u128) -> Verdict {
        if deposit != 1 {
            return Err("Attach exactly 1 yoctoNEAR");
        }
        if self.proposed_owner_id.as_ref() != Some(from) {
            return Err("Only who was proposed as owner may accept");
        }
        self.proposed_owner_id = None;
        let former_owner_id = std::mem::replace(&mut self.owner_id, from.clone());
        Ok(Effect::event(Event::OwnerChanged(vec![OwnerChanged { owner_id: from.clone(), former_owner_id }])))
    }

    /// Fees leave only while everybody else's money is there.
    fn withdraw(&mut self, args: &WithdrawFeesArgs) -> Verdict {
        let amount = args.amount.map_or(self.fees, |amount| amount.as_yoctonear());
        let left = self.fees.checked_sub(amount).ok_or("yoctoNEAR of fees, and")?;
        if self.room().is_none() {
            return Err("lacks");
        }
        self.fees = left;
        let to = args.receiver_id.clone().unwrap_or_else(|| self.owner_id.clone());
        self.pay(&to, amount, "on_withdrawal", &to);
        Ok(Effect::event(Event::FeesWithdrawn(vec![payment(&to, amount)])))
    }

    pub(crate) fn claim(&mut self, from: &AccountId, deposit: u128, to: Option<&AccountId>) -> Verdict {
        if deposit > 0 {
            return Err("doesn't accept deposit");
        }
        let amount = self.credits.remove(from).ok_or("has no credit")?;
        self.pay(to.unwrap_or(from), amount, "on_refund", from);
        Ok(Effect::event(Event::CreditClaimed(vec![payment(from, amount)])))
    }

    /// The code's receipt ran: the new code is there, and has found the state; or nothing has changed.
    pub fn replaced(&mut self, code: Code) -> Verdict {
        match code {
            Code::Same => {
                self.upgrades += 1;
                let entry = ContractUpgraded { from_version: STATE_VERSION, to_version: STATE_VERSION };
                Ok(Effect::event(Event::ContractUpgraded(vec![entry])))
            }
            Code::Nothing | Code::NoProgram => Err("CompilationError"),
        }
    }

    /// A payment that did not arrive is its owner's credit; a withdrawal is fees again.
    pub(crate) fn came_back(&mut self, failed: Payment) -> Effect {
        let entry = vec![payment(&failed.account_id, failed.amount)];
        if failed.heard_by == "on_withdrawal" {
            self.fees += failed.amount;
            return Effect::event(Event::WithdrawalFailed(entry));
        }
        *self.credits.entry(failed.account_id).or_default() += failed.amount;
        Effect::event(Event::RefundCredited(entry))
    }
}

fn payment(account_id: &AccountId, amount: u128) -> events::Payment {
    events::Payment { account_id: account_id.clone(), amount: NearToken::from_yoctonear(amount) }
}
