//! Who may resolve requests.

use crate::{
    error::or_panic,
    events,
    state::{Contract, ContractExt},
};
use near_sdk::{AccountId, near};
use offchainvm_interface::{Event, events::OperatorsChanged};

#[near]
impl Contract {
    /// Makes `new_operator_id` the only operator.
    ///
    /// Caller: the owner. Emits `operators_changed`.
    pub fn set_operator(&mut self, new_operator_id: AccountId) {
        or_panic(self.check_owner());
        self.operators = vec![new_operator_id];
        events::emit(Event::OperatorsChanged(vec![OperatorsChanged { operators: self.operators.clone() }]));
    }
}
