//! What comes back when a receipt has run: gas that nobody used, and the deposits of a failure.
use super::execute::{ActionResult, Running};
use super::{Applier, ApplyError};
use crate::fees;
use near_parameters::ActionCosts;
use near_primitives::receipt::Receipt;
use near_primitives::types::{Balance, Gas};
use near_primitives::version::ProtocolFeature;

/// The price of what was burnt.
#[derive(Clone, Copy)]
pub(super) struct Settlement {
    /// Tokens for a unit of gas.
    pub burn_price: Balance,
    /// Tokens that the outcome shows as burnt, the contract's reward included.
    pub tokens_burnt: Balance,
}

impl Applier<'_> {
    /// Makes the refund receipts: first the deposits, then the gas. `created`: the receipt has made its account.
    pub(super) fn refund(
        &self,
        running: &Running<'_>,
        result: &mut ActionResult,
        created: bool,
    ) -> Result<Settlement, ApplyError> {
        let config = self.block.config;
        let action_receipt = &running.action_receipt;
        let purchase_price = action_receipt.gas_price();
        // Since accounts cost more, gas is bought above the block's price and burnt at it; before, the price it was
        // bought at was also the price it was burnt at.
        let costs_more = ProtocolFeature::AccountCostIncrease.enabled(self.block.protocol_version);
        let burn_price = if costs_more { purchase_price.min(self.block.gas_price) } else { purchase_price };
        if running.receipt.predecessor_id().is_system() {
            return Ok(Settlement { burn_price, tokens_burnt: Balance::ZERO });
        }

        let failed = result.result.is_err();
        let spent = if failed { result.gas_burnt } else { result.gas_used };
        let left = fees::bought_gas(config, action_receipt, running.receipt.receiver_id())?
            .checked_sub(spent)
            .ok_or(ApplyError::Overflow)?;
        let penalty = config.fees.gas_penalty_for_gas_refund(left);
        let unused = fees::price(left.saturating_sub(penalty), purchase_price)?;
        let mut surplus = fees::price(result.gas_burnt, purchase_price.saturating_sub(burn_price))?;
        let mut tokens_burnt = sum(fees::price(result.gas_burnt, burn_price)?, fees::price(penalty, purchase_price)?)?;
        if created && costs_more {
            let charge = self.creation_charge(burn_price)?.min(surplus);
            surplus = surplus.saturating_sub(charge);
            tokens_burnt = sum(tokens_burnt, charge)?;
        }

        let deposits = fees::total_deposit(action_receipt.actions())?;
        if failed && !deposits.is_zero() {
            result.new_receipts.push(Receipt::new_balance_refund(running.receipt.balance_refund_receiver(), deposits));
        }
        let gas_refund = sum(unused, surplus)?;
        if !gas_refund.is_zero() {
            result.new_receipts.push(Receipt::new_gas_refund(
                action_receipt.signer_id(),
                gas_refund,
                action_receipt.signer_public_key().clone(),
            ));
        }
        Ok(Settlement { burn_price, tokens_burnt })
    }

    /// What a new account costs beyond the gas burnt for it.
    fn creation_charge(&self, burn_price: Balance) -> Result<Balance, ApplyError> {
        let config = self.block.config;
        let gas: Gas = config.fees.fee(ActionCosts::create_account).exec_fee().gas;
        Ok(config.account_creation_charge.saturating_sub(fees::price(gas, burn_price)?))
    }
}

fn sum(a: Balance, b: Balance) -> Result<Balance, ApplyError> {
    a.checked_add(b).ok_or(ApplyError::Overflow)
}
