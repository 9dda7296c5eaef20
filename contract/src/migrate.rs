//! `upgrade` and `migrate`: new code, and the state in the form it expects.
//!
//! To change the state's form: raise [`STATE_VERSION`], keep today's types in a module of their version here, convert in
//! [`Contract::migrate`], and let a test upgrade a contract with requests pending.

pub(crate) mod v1;

use crate::{
    error::{ContractError, or_panic},
    events, promise,
    state::{Contract, ContractExt, STATE_VERSION},
    storage,
};
use near_sdk::{env, near};
use offchainvm_interface::{Event, events::ContractUpgraded};

#[near]
impl Contract {
    /// Deploys the code that the call's input holds, and nothing else, here, and converts the state for it: both
    /// happen, or neither.
    ///
    /// Caller: the owner, with 1 yoctoNEAR. Gas: 300 Tgas.
    #[payable]
    pub fn upgrade(&mut self) {
        or_panic(self.check_owner());
        match env::input() {
            Some(code) if !code.is_empty() => promise::replace_code(&code),
            _ => or_panic(Err(ContractError::NoCode)),
        }
    }

    /// Converts the state of an earlier version; changes nothing when that was done already.
    ///
    /// Caller: the contract itself. Emits `contract_upgraded`. Fails, with the upgrade, for a state it does not know.
    #[private]
    #[init(ignore_state)]
    #[must_use]
    pub fn migrate() -> Self {
        let from_version = storage::version().unwrap_or(1);
        let contract = or_panic(match from_version {
            1 => env::state_read::<v1::Contract>()
                .map(v1::Contract::convert)
                .ok_or(ContractError::UnknownStateVersion(from_version)),
            STATE_VERSION => env::state_read::<Self>().ok_or(ContractError::UnknownStateVersion(from_version)),
            newer => Err(ContractError::UnknownStateVersion(newer)),
        });
        storage::set_version(STATE_VERSION);
        events::emit(Event::ContractUpgraded(vec![ContractUpgraded { from_version, to_version: STATE_VERSION }]));
        contract
    }
}
