//! A function call runs in the VM, and its promises become receipts.
use super::actions::present;
use super::execute::{ActionResult, Running};
use super::{Applier, ApplyError, yields};
use crate::state::StateError;
use crate::vm;
use near_primitives::errors::ActionErrorKind;
use near_primitives::transaction::FunctionCallAction;
use near_primitives::utils::create_action_hash_from_receipt_id;
use near_primitives::version::ProtocolFeature;

impl Applier<'_> {
    /// Runs the call at `index` of the running receipt, on top of the fee that `result` already holds.
    pub(super) fn call(
        &mut self,
        running: &mut Running<'_>,
        action: &FunctionCallAction,
        index: usize,
        mut result: ActionResult,
    ) -> Result<ActionResult, ApplyError> {
        let account = present(&mut running.account)?.clone();
        account.amount().checked_add(action.deposit).ok_or(ApplyError::Overflow)?;
        let parent = &running.action_receipt;
        let account_id = running.receipt.receiver_id();
        let is_last = index + 1 == parent.actions().len();
        let receivers = if is_last { parent.output_data_receivers() } else { &[] };
        let per_receipt = ProtocolFeature::EnforcePerReceiptStorageProofLimit.enabled(self.block.protocol_version);
        let outcome = vm::run(
            vm::Call {
                config: self.block.config,
                account_id,
                account: &account,
                method_name: &action.method_name,
                args: &action.args,
                gas: action.gas,
                deposit: action.deposit,
                signer_id: parent.signer_id(),
                signer_public_key: borsh::to_vec(parent.signer_public_key())
                    .map_err(|_| StateError::Encoding("public key"))?,
                predecessor_id: running.receipt.predecessor_id(),
                refund_to: running.receipt.balance_refund_receiver(),
                promise_results: &running.promise_results,
                output_data_receivers: receivers.iter().map(|receiver| receiver.receiver_id.clone()).collect(),
                action_hash: create_action_hash_from_receipt_id(running.receipt.receipt_id(), self.block.height, index),
                block: self.block.facts,
                view: false,
                proof_size_before: if per_receipt { running.proof_size_before } else { self.update.proof_size() },
            },
            &mut self.update,
        )?;

        result.gas_burnt = result.gas_burnt.checked_add_result(outcome.burnt_gas)?;
        result.gas_burnt_for_call = outcome.burnt_gas;
        result.gas_used = result.gas_used.checked_add_result(outcome.used_gas)?;
        result.compute = result.compute.saturating_add(outcome.compute);
        result.logs = outcome.logs;
        result.profile = outcome.profile;
        match outcome.result {
            Err(failure) => result.fail(ActionErrorKind::FunctionCallError(failure.error)),
            Ok(success) => {
                let receipts = success.outgoing.into_receipts(account_id, parent);
                let window = self.block.config.wasm_config.limit_config.yield_timeout_length_in_blocks;
                let expires_at = self.block.height.saturating_add(window);
                yields::queue_timeouts(&mut self.update, account_id, &receipts, expires_at)?;
                let account = present(&mut running.account)?;
                account.set_amount(success.balance);
                account.set_storage_usage(success.storage_usage);
                result.result = Ok(success.returned);
                result.subsidized = success.subsidized;
                result.new_receipts = receipts;
            }
        }
        Ok(result)
    }
}
