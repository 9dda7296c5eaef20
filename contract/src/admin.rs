//! The owner's levers: prices and the pause.

use crate::{
    error::{ContractError, or_panic},
    events,
    state::{Contract, ContractExt},
};
use near_sdk::{NearToken, env, near};
use offchainvm_interface::{Event, Pricing, events::PausedChanged};

#[near]
impl Contract {
    /// Replaces the price list for new requests; a pending one keeps the list under which it was made.
    ///
    /// Caller: the owner. Fees are yoctoNEAR: per request, per single instruction, per MiB, per second.
    /// Emits `pricing_changed`.
    pub fn set_pricing(
        &mut self,
        base_fee: NearToken,
        per_instruction_fee: NearToken,
        per_mb_fee: NearToken,
        per_second_fee: NearToken,
    ) {
        or_panic(self.check_owner());
        self.pricing = Pricing { base_fee, per_instruction_fee, per_mb_fee, per_second_fee };
        events::emit(Event::PricingChanged(vec![self.pricing]));
    }

    /// Stops new requests, or allows them again; pending ones are settled as usual.
    ///
    /// Caller: the owner. Emits `paused_changed`.
    pub fn set_paused(&mut self, paused: bool) {
        or_panic(self.check_owner());
        self.paused = paused;
        events::emit(Event::PausedChanged(vec![PausedChanged { paused }]));
    }
}

impl Contract {
    pub(crate) fn check_owner(&self) -> Result<(), ContractError> {
        let caller = env::predecessor_account_id();
        if caller == self.owner_id { Ok(()) } else { Err(ContractError::NotOwner(caller)) }
    }
}
