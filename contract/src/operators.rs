//! Who may resolve requests.

use crate::{
    config::MAX_OPERATORS,
    error::{ContractError, or_panic},
    events,
    state::{Contract, ContractExt},
};
use near_sdk::{AccountId, near};
use offchainvm_interface::{Event, events::OperatorsChanged};

#[near]
impl Contract {
    /// Makes `new_operator_id` the only operator.
    ///
    /// Caller: the owner, with 1 yoctoNEAR. Emits `operators_changed`.
    #[payable]
    pub fn set_operator(&mut self, new_operator_id: AccountId) {
        or_panic(self.check_owner());
        self.change_operators(vec![new_operator_id]);
    }

    /// Makes `operator_id` an operator beside the others.
    ///
    /// Caller: the owner, with 1 yoctoNEAR. Emits `operators_changed`.
    /// Fails when it is one already, or when there are twenty.
    #[payable]
    pub fn add_operator(&mut self, operator_id: AccountId) {
        or_panic(self.check_owner());
        or_panic(self.check_new_operator(&operator_id));
        let others = self.operators.iter().cloned();
        self.change_operators(others.chain([operator_id]).collect());
    }

    /// Takes the right to resolve from `operator_id`. Without any operator, requests time out and are refunded.
    ///
    /// Caller: the owner, with 1 yoctoNEAR. Emits `operators_changed`. Fails when it is no operator.
    #[payable]
    pub fn remove_operator(&mut self, operator_id: AccountId) {
        or_panic(self.check_owner());
        if !self.operators.contains(&operator_id) {
            or_panic::<()>(Err(ContractError::UnknownOperator(operator_id.clone())));
        }
        self.change_operators(self.operators.iter().filter(|id| **id != operator_id).cloned().collect());
    }
}

impl Contract {
    fn check_new_operator(&self, operator_id: &AccountId) -> Result<(), ContractError> {
        if self.operators.contains(operator_id) {
            return Err(ContractError::OperatorAlready(operator_id.clone()));
        }
        if self.operators.len() >= MAX_OPERATORS {
            return Err(ContractError::TooManyOperators(MAX_OPERATORS));
        }
        Ok(())
    }

    fn change_operators(&mut self, operators: Vec<AccountId>) {
        self.operators = operators;
        events::emit(Event::OperatorsChanged(vec![OperatorsChanged { operators: self.operators.clone() }]));
    }
}
