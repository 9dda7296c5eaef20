//! A receipt runs: its actions in order, all or none; then refunds, reward, results and new receipts.
use super::outgoing::unnamed;
use super::refund::Settlement;
use super::{Applier, ApplyError};
use crate::door::storage_debt;
use crate::fees;
use crate::state::{StateError, StateRead};
use crate::vm::Returned;
use near_account_id::AccountId;
use near_parameters::ActionCosts;
use near_primitives::account::{Account, AccountContract};
use near_primitives::errors::{ActionError, ActionErrorKind, TxExecutionError};
use near_primitives::profile_data_v3::ProfileDataV3;
use near_primitives::receipt::{
    DataReceipt, DataReceiver, Receipt, ReceiptEnum, VersionedActionReceipt, VersionedReceiptEnum,
};
use near_primitives::transaction::{
    ExecutionMetadata, ExecutionMetadataV4, ExecutionOutcome, ExecutionOutcomeWithId, ExecutionStatus,
};
use near_primitives::types::{Balance, Gas, StateChangeCause};
use near_primitives::utils::create_receipt_id_from_receipt_id;
use near_primitives::version::ProtocolFeature;

/// A receipt that runs, and what its actions have made of the account so far.
pub(super) struct Running<'r> {
    pub receipt: &'r Receipt,
    pub action_receipt: VersionedActionReceipt<'r>,
    pub account: Option<Account>,
    /// Who acts: the sender, or the account itself once it has been created here.
    pub actor_id: AccountId,
    /// The data this receipt has waited for; `None` for a failure.
    pub promise_results: Vec<Option<Vec<u8>>>,
    /// Storage proof when the receipt began.
    pub proof_size_before: usize,
}

impl Running<'_> {
    pub(super) fn account_id(&self) -> &AccountId {
        self.receipt.receiver_id()
    }
}

/// What one action, or all of them, came to.
pub(super) struct ActionResult {
    pub gas_burnt: Gas,
    pub gas_burnt_for_call: Gas,
    /// Burnt gas, and what went to new promises.
    pub gas_used: Gas,
    pub compute: u64,
    pub result: Result<Returned, ActionError>,
    pub logs: Vec<String>,
    pub new_receipts: Vec<Receipt>,
    pub profile: ProfileDataV3,
    pub subsidized: Balance,
}

impl ActionResult {
    /// Nothing has happened yet, but for this fee.
    pub(super) fn costing(fee: near_parameters::ParameterCost) -> ActionResult {
        ActionResult {
            gas_burnt: fee.gas,
            gas_burnt_for_call: Gas::ZERO,
            gas_used: fee.gas,
            compute: fee.compute,
            result: Ok(Returned::Nothing),
            logs: Vec::new(),
            new_receipts: Vec::new(),
            profile: ProfileDataV3::default(),
            subsidized: Balance::ZERO,
        }
    }

    pub(super) fn fail(&mut self, kind: ActionErrorKind) {
        self.result = Err(kind.into());
    }

    /// Adds the next action. Its failure undoes what the earlier ones have sent, not what they have burnt.
    fn merge(&mut self, next: ActionResult) -> Result<(), ApplyError> {
        self.gas_burnt = self.gas_burnt.checked_add_result(next.gas_burnt)?;
        self.gas_burnt_for_call = self.gas_burnt_for_call.checked_add_result(next.gas_burnt_for_call)?;
        self.gas_used = self.gas_used.checked_add_result(next.gas_used)?;
        self.compute = self.compute.saturating_add(next.compute);
        self.profile.merge(&next.profile);
        self.logs.extend(next.logs);
        self.subsidized = self.subsidized.checked_add(next.subsidized).ok_or(ApplyError::Overflow)?;
        self.result = next.result;
        if let Ok(Returned::Receipt(index)) = &mut self.result {
            *index += self.new_receipts.len();
        }
        self.new_receipts.extend(next.new_receipts);
        self.drop_if_failed();
        Ok(())
    }

    fn drop_if_failed(&mut self) {
        if self.result.is_err() {
            self.new_receipts.clear();
            self.subsidized = Balance::ZERO;
        }
    }
}

impl Applier<'_> {
    /// Runs a receipt for which nothing is missing.
    pub(super) fn execute(&mut self, receipt: &Receipt) -> Result<(), ApplyError> {
        let (VersionedReceiptEnum::Action(action_receipt) | VersionedReceiptEnum::PromiseYield(action_receipt)) =
            receipt.versioned_receipt()
        else {
            return Err(StateError::Missing("the actions of a receipt").into());
        };
        let receiver_id = receipt.receiver_id();
        let receipt_hash = *receipt.receipt_id();
        let proof_size_before = self.update.proof_size();
        let promise_results = action_receipt
            .input_data_ids()
            .iter()
            .map(|data_id| self.take_received(receiver_id, *data_id))
            .collect::<Result<_, _>>()?;
        self.update.commit(StateChangeCause::ActionReceiptProcessingStarted { receipt_hash });

        let account = self.update.account(receiver_id)?;
        let existed = account.is_some();
        let actor_id = receipt.predecessor_id().clone();
        let mut running = Running { receipt, action_receipt, account, actor_id, promise_results, proof_size_before };
        let (mut result, contracts) = self.run_actions(&mut running)?;
        self.settle_storage(&running, &mut result)?;
        let created = !existed && running.account.is_some() && result.result.is_ok();
        let settlement = self.refund(&running, &mut result, created)?;

        if result.result.is_ok() {
            self.update.commit(StateChangeCause::ReceiptProcessing { receipt_hash });
        } else {
            self.update.rollback();
        }
        self.pay(&running, &result, &settlement)?;
        deliver(&running, &mut result);
        self.conclude(&running, result, settlement.tokens_burnt, contracts)
    }

    fn run_actions(&mut self, running: &mut Running<'_>) -> Result<(ActionResult, Vec<AccountContract>), ApplyError> {
        let base = self.block.config.fees.fee(ActionCosts::new_action_receipt).exec_fee();
        let mut result = ActionResult::costing(base);
        let actions = running.action_receipt.actions().to_vec();
        let mut contracts = vec![AccountContract::None; actions.len()];
        for (index, (action, contract)) in actions.iter().zip(&mut contracts).enumerate() {
            if let Some(account) = &running.account {
                *contract = account.contract().into_owned();
            }
            let mut next = self.act(running, action, index)?;
            if next.result.is_ok()
                && let Err(error) = next.new_receipts.iter().try_for_each(|new| self.rules().check_receipt(new))
            {
                next.fail(ActionErrorKind::NewReceiptValidationError(error));
            }
            result.merge(next)?;
            if let Err(error) = &mut result.result {
                error.index = Some(index as u64);
                break;
            }
        }
        Ok((result, contracts))
    }

    /// The account must own enough for the storage it now uses.
    fn settle_storage(&mut self, running: &Running<'_>, result: &mut ActionResult) -> Result<(), ApplyError> {
        let (Ok(_), Some(account)) = (&result.result, &running.account) else { return Ok(()) };
        let account_id = running.account_id();
        match storage_debt(account, self.block.config) {
            None => self.update.set_account(account_id, account)?,
            Some(amount) => {
                result.fail(ActionErrorKind::LackBalanceForState { account_id: account_id.clone(), amount });
                result.drop_if_failed();
            }
        }
        Ok(())
    }

    /// Burns what the receipt has cost, but for the contract's reward.
    fn pay(&mut self, running: &Running<'_>, result: &ActionResult, settlement: &Settlement) -> Result<(), ApplyError> {
        let mut burnt = settlement.tokens_burnt;
        let share = self.block.config.fees.burnt_gas_reward;
        let (numer, denom) = (u64::from(share.numer().unsigned_abs()), u64::from(share.denom().unsigned_abs()));
        let gas = result.gas_burnt_for_call.checked_mul(numer).and_then(|gas| gas.checked_div(denom));
        let reward = fees::price(gas.ok_or(ApplyError::Overflow)?, settlement.burn_price)?;
        let account_id = running.account_id();
        if !reward.is_zero()
            && let Some(mut account) = self.update.account(account_id)?
        {
            burnt = burnt.checked_sub(reward).ok_or(ApplyError::Overflow)?;
            account.set_amount(account.amount().checked_add(reward).ok_or(ApplyError::Overflow)?);
            self.update.set_account(account_id, &account)?;
            let receipt_hash = *running.receipt.receipt_id();
            self.update.commit(StateChangeCause::ActionReceiptGasReward { receipt_hash });
        }
        self.burn(burnt)?;
        if result.result.is_err() && running.receipt.predecessor_id().is_system() {
            // A refund that nobody can receive is lost.
            self.burn(fees::total_deposit(running.action_receipt.actions())?)?;
        }
        self.subsidized = self.subsidized.checked_add(result.subsidized).ok_or(ApplyError::Overflow)?;
        Ok(())
    }

    /// Names and sends the new receipts, and writes the outcome down.
    fn conclude(
        &mut self,
        running: &Running<'_>,
        result: ActionResult,
        tokens_burnt: Balance,
        contracts: Vec<AccountContract>,
    ) -> Result<(), ApplyError> {
        let parent = running.receipt.receipt_id();
        let height = self.block.height;
        let name = |index| create_receipt_id_from_receipt_id(parent, height, index);
        let mut receipt_ids = Vec::new();
        for (index, mut new) in result.new_receipts.into_iter().enumerate() {
            let receipt_id = name(index);
            new.set_receipt_id(receipt_id);
            if matches!(
                new.versioned_receipt(),
                VersionedReceiptEnum::Action(_) | VersionedReceiptEnum::PromiseYield(_)
            ) {
                receipt_ids.push(receipt_id);
            }
            self.send(new);
        }
        let status = match result.result {
            Ok(Returned::Receipt(index)) => ExecutionStatus::SuccessReceiptId(name(index)),
            Ok(Returned::Value(value)) => ExecutionStatus::SuccessValue(value),
            Ok(Returned::Nothing) => ExecutionStatus::SuccessValue(Vec::new()),
            Err(error) => ExecutionStatus::Failure(TxExecutionError::ActionError(error)),
        };
        let profile = result.profile;
        let metadata = if ProtocolFeature::ExecutionMetadataV4.enabled(self.block.protocol_version) {
            ExecutionMetadata::V4(Box::new(ExecutionMetadataV4 { profile, contracts }))
        } else {
            ExecutionMetadata::V3(Box::new(profile))
        };
        self.note(ExecutionOutcomeWithId {
            id: *parent,
            outcome: ExecutionOutcome {
                status,
                logs: result.logs,
                receipt_ids,
                gas_burnt: result.gas_burnt,
                compute_usage: Some(result.compute),
                tokens_burnt,
                executor_id: running.account_id().clone(),
                metadata,
            },
        })
    }
}

/// Sends the result to the receipts that wait for it, or has the promise that stands for it do so.
fn deliver(running: &Running<'_>, result: &mut ActionResult) {
    let receivers = running.action_receipt.output_data_receivers();
    if receivers.is_empty() {
        return;
    }
    let data = match &result.result {
        Ok(Returned::Receipt(index)) => {
            if let Some(new) = result.new_receipts.get_mut(*index) {
                add_receivers(new, receivers);
            }
            return;
        }
        Ok(Returned::Value(value)) => Some(value.clone()),
        Ok(Returned::Nothing) => Some(Vec::new()),
        Err(_) => None,
    };
    result.new_receipts.extend(receivers.iter().map(|receiver| {
        let data = DataReceipt { data_id: receiver.data_id, data: data.clone() };
        unnamed(running.account_id(), receiver.receiver_id.clone(), ReceiptEnum::Data(data))
    }));
}

fn add_receivers(receipt: &mut Receipt, receivers: &[DataReceiver]) {
    match receipt.receipt_mut() {
        ReceiptEnum::Action(action) | ReceiptEnum::PromiseYield(action) => {
            action.output_data_receivers.extend_from_slice(receivers);
        }
        ReceiptEnum::ActionV2(action) | ReceiptEnum::PromiseYieldV2(action) => {
            action.output_data_receivers.extend_from_slice(receivers);
        }
        ReceiptEnum::Data(_) | ReceiptEnum::PromiseResume(_) | ReceiptEnum::GlobalContractDistribution(_) => {}
    }
}
