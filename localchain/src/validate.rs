//! What a list of actions and a new receipt may hold, whoever made them.
use near_account_id::{AccountId, AccountType};
use near_parameters::vm::LimitConfig;
use near_primitives::account::AccessKeyPermission;
use near_primitives::errors::{ActionsValidationError, ReceiptValidationError};
use near_primitives::receipt::{Receipt, VersionedReceiptEnum};
use near_primitives::transaction::Action;
use near_primitives::types::{Gas, ProtocolVersion};
use near_primitives::version::ProtocolFeature;

/// The rules that apply: a version and its limits.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub limits: &'a LimitConfig,
    pub protocol_version: ProtocolVersion,
}

impl Rules<'_> {
    /// Checks a receipt that was just made.
    pub(crate) fn check_receipt(self, receipt: &Receipt) -> Result<(), ReceiptValidationError> {
        let size = borsh::object_length(receipt).map_or(u64::MAX, |size| size as u64);
        let limit = self.limits.max_receipt_size;
        if size > limit {
            return Err(ReceiptValidationError::ReceiptSizeExceeded { size, limit });
        }
        match receipt.versioned_receipt() {
            VersionedReceiptEnum::Action(action) | VersionedReceiptEnum::PromiseYield(action) => {
                let number_of_input_data_dependencies = action.input_data_ids().len() as u64;
                let limit = self.limits.max_number_input_data_dependencies;
                if number_of_input_data_dependencies > limit {
                    return Err(ReceiptValidationError::NumberInputDataDependenciesExceeded {
                        number_of_input_data_dependencies,
                        limit,
                    });
                }
                self.check_actions(action.actions(), receipt.receiver_id())
                    .map_err(ReceiptValidationError::ActionsValidation)
            }
            VersionedReceiptEnum::Data(data) | VersionedReceiptEnum::PromiseResume(data) => {
                let length = data.data.as_ref().map_or(0, |data| data.len() as u64);
                let limit = self.limits.max_length_returned_data;
                if length > limit {
                    return Err(ReceiptValidationError::ReturnedValueLengthExceeded { length, limit });
                }
                Ok(())
            }
            VersionedReceiptEnum::GlobalContractDistribution(_) => Ok(()),
        }
    }

    /// Checks the actions of a transaction or of a new receipt.
    pub(crate) fn check_actions(
        self,
        actions: &[Action],
        receiver_id: &AccountId,
    ) -> Result<(), ActionsValidationError> {
        let total_number_of_actions = actions.len() as u64;
        if total_number_of_actions > self.limits.max_actions_per_receipt {
            let limit = self.limits.max_actions_per_receipt;
            return Err(ActionsValidationError::TotalNumberOfActionsExceeded { total_number_of_actions, limit });
        }
        let deploys = actions.iter().filter(|action| matches!(action, Action::DeployContract(_))).count() as u64;
        if deploys > self.limits.max_deploy_actions_per_receipt {
            return Err(ActionsValidationError::TotalNumberOfDeployActionsExceeded {
                number_of_deploy_actions: deploys,
                limit: self.limits.max_deploy_actions_per_receipt,
            });
        }
        let mut gas = Gas::ZERO;
        for (index, action) in actions.iter().enumerate() {
            if matches!(action, Action::DeleteAccount(_)) && index + 1 != actions.len() {
                return Err(ActionsValidationError::DeleteActionMustBeFinal);
            }
            self.check_action(action, receiver_id)?;
            gas = gas.checked_add(action.get_prepaid_gas()).ok_or(ActionsValidationError::IntegerOverflow)?;
        }
        let limit = self.limits.max_total_prepaid_gas;
        if gas > limit {
            return Err(ActionsValidationError::TotalPrepaidGasExceeded { total_prepaid_gas: gas, limit });
        }
        Ok(())
    }

    fn check_action(self, action: &Action, receiver_id: &AccountId) -> Result<(), ActionsValidationError> {
        let limits = self.limits;
        match action {
            Action::CreateAccount(_) | Action::DeleteKey(_) | Action::DeleteAccount(_) => Ok(()),
            Action::Transfer(_) => {
                let universal = receiver_id.get_account_type() == AccountType::UniversalAccount;
                let rejected = ProtocolFeature::RejectUniversalAccountTransfers.enabled(self.protocol_version)
                    && !ProtocolFeature::UniversalAccounts.enabled(self.protocol_version);
                if universal && rejected {
                    let account_id = receiver_id.clone();
                    return Err(ActionsValidationError::TransferToUniversalAccountNotAllowed { account_id });
                }
                Ok(())
            }
            Action::DeployContract(deploy) => {
                let (size, limit) = (deploy.code.len() as u64, limits.max_contract_size);
                if size > limit {
                    return Err(ActionsValidationError::ContractSizeExceeded { size, limit });
                }
                Ok(())
            }
            Action::FunctionCall(call) => {
                if call.gas == Gas::ZERO {
                    return Err(ActionsValidationError::FunctionCallZeroAttachedGas);
                }
                let (length, limit) = (call.method_name.len() as u64, limits.max_length_method_name);
                if length > limit {
                    return Err(ActionsValidationError::FunctionCallMethodNameLengthExceeded { length, limit });
                }
                if length == 0 && ProtocolFeature::RejectEmptyMethodName.enabled(self.protocol_version) {
                    return Err(ActionsValidationError::FunctionCallEmptyMethodName);
                }
                let (length, limit) = (call.args.len() as u64, limits.max_arguments_length);
                if length > limit {
                    return Err(ActionsValidationError::FunctionCallArgumentsLengthExceeded { length, limit });
                }
                Ok(())
            }
            Action::AddKey(add) => self.check_permission(&add.access_key.permission),
            Action::Stake(_) => Err(self.unsupported("Stake")),
            Action::Delegate(_) | Action::DelegateV2(_) => Err(self.unsupported("Delegate")),
            Action::DeployGlobalContract(_) => Err(self.unsupported("DeployGlobalContract")),
            Action::UseGlobalContract(_) => Err(self.unsupported("UseGlobalContract")),
            Action::DeterministicStateInit(_) => Err(self.unsupported("DeterministicStateInit")),
            Action::UniversalStateInit(_) => Err(self.unsupported("UniversalStateInit")),
            Action::TransferToGasKey(_) => Err(self.unsupported("TransferToGasKey")),
            Action::WithdrawFromGasKey(_) => Err(self.unsupported("WithdrawFromGasKey")),
        }
    }

    fn check_permission(self, permission: &AccessKeyPermission) -> Result<(), ActionsValidationError> {
        let call = match permission {
            AccessKeyPermission::FullAccess => return Ok(()),
            AccessKeyPermission::FunctionCall(call) => call,
            AccessKeyPermission::GasKeyFunctionCall(..) | AccessKeyPermission::GasKeyFullAccess(_) => {
                return Err(self.unsupported("AddKey of a gas key"));
            }
        };
        if call.receiver_id.parse::<AccountId>().is_err() {
            let account_id = call.receiver_id.chars().take(AccountId::MAX_LEN * 2).collect();
            return Err(ActionsValidationError::InvalidAccountId { account_id });
        }
        let mut bytes = 0;
        for name in &call.method_names {
            let (length, limit) = (name.len() as u64, self.limits.max_length_method_name);
            if length > limit {
                return Err(ActionsValidationError::AddKeyMethodNameLengthExceeded { length, limit });
            }
            bytes += length + 1;
        }
        let limit = self.limits.max_number_bytes_method_names;
        if bytes > limit {
            let total_number_of_bytes = bytes;
            return Err(ActionsValidationError::AddKeyMethodNamesNumberOfBytesExceeded {
                total_number_of_bytes,
                limit,
            });
        }
        Ok(())
    }

    /// The protocol knows this action, but a local chain does not run it.
    fn unsupported(self, action: &str) -> ActionsValidationError {
        ActionsValidationError::UnsupportedProtocolFeature {
            protocol_feature: format!("{action} (not supported by the local chain)"),
            version: self.protocol_version,
        }
    }
}
