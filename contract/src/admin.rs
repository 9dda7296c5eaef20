//! The owner's levers: prices, bounds, the pause, and the handover of all of them.

use crate::{
    config::{MAX_DEADLINE_SECONDS, MAX_MAX_RESULT_BYTES, MAX_RECEIPT_HISTORY, RECEIPT_STORAGE_BYTES},
    error::{ContractError, or_panic},
    events, receipts,
    state::{Contract, ContractExt},
};
use near_sdk::{AccountId, NearToken, env, near};
use offchainvm_interface::{
    Event, MaxLimits, Pricing,
    events::{ConfigChanged, OwnerChanged, OwnerProposed, PausedChanged},
};

#[near]
impl Contract {
    /// Replaces the price list for new requests; a pending one keeps the list under which it was made.
    ///
    /// Caller: the owner, with 1 yoctoNEAR. Fees are yoctoNEAR: per request, per single instruction, per MiB, per
    /// second. Emits `pricing_changed`.
    #[payable]
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

    /// Stops new requests, or allows them again; everything else goes on.
    ///
    /// Caller: the owner, with 1 yoctoNEAR. Emits `paused_changed`.
    #[payable]
    pub fn set_paused(&mut self, paused: bool) {
        or_panic(self.check_owner());
        self.paused = paused;
        events::emit(Event::PausedChanged(vec![PausedChanged { paused }]));
    }

    /// Replaces the most that a new request may ask for.
    ///
    /// Caller: the owner, with 1 yoctoNEAR. Emits `limits_changed`. Fails when a limit is zero: pausing is for that.
    #[payable]
    pub fn set_limits(&mut self, max_instructions: u64, max_memory_mb: u32, max_execution_seconds: u32) {
        or_panic(self.check_owner());
        if max_instructions == 0 || max_memory_mb == 0 || max_execution_seconds == 0 {
            or_panic::<()>(Err(ContractError::ZeroLimit));
        }
        self.max_limits = MaxLimits { max_instructions, max_memory_mb, max_execution_seconds };
        events::emit(Event::LimitsChanged(vec![self.max_limits]));
    }

    /// Replaces the deadline of new requests, in seconds; the largest result, in bytes; and how many settled requests
    /// are remembered, which forgets those that are. What is absent stays. Gas: 100 Tgas with a history of 1,000.
    ///
    /// Caller: the owner, with 1 yoctoNEAR. Emits `config_changed`.
    /// Fails when a value is out of range, or when the balance has no room for the history.
    #[payable]
    #[deny_unknown_arguments]
    pub fn set_config(
        &mut self,
        deadline_seconds: Option<u64>,
        max_result_bytes: Option<u32>,
        receipt_history: Option<u32>,
    ) {
        or_panic(self.check_owner());
        or_panic(self.configure(ConfigChanged {
            deadline_seconds: deadline_seconds.unwrap_or(self.deadline_seconds),
            max_result_bytes: max_result_bytes.unwrap_or(self.max_result_bytes),
            receipt_history: receipt_history.unwrap_or(self.receipt_history),
        }));
    }

    /// Offers the contract to `new_owner_id`, who must accept; null withdraws the offer.
    ///
    /// Caller: the owner, with 1 yoctoNEAR. Emits `owner_proposed`.
    #[payable]
    pub fn propose_owner(&mut self, new_owner_id: Option<AccountId>) {
        or_panic(self.check_owner());
        self.proposed_owner_id = new_owner_id;
        let proposed_owner_id = self.proposed_owner_id.clone();
        events::emit(Event::OwnerProposed(vec![OwnerProposed { proposed_owner_id }]));
    }

    /// Takes the contract over.
    ///
    /// Caller: who was proposed, with 1 yoctoNEAR. Emits `owner_changed`.
    #[payable]
    pub fn accept_owner(&mut self) {
        or_panic(check_one_yocto());
        let owner_id = env::predecessor_account_id();
        if self.proposed_owner_id.as_ref() != Some(&owner_id) {
            or_panic::<()>(Err(ContractError::NotProposed(owner_id.clone())));
        }
        self.proposed_owner_id = None;
        let former_owner_id = std::mem::replace(&mut self.owner_id, owner_id.clone());
        events::emit(Event::OwnerChanged(vec![OwnerChanged { owner_id, former_owner_id }]));
    }
}

impl Contract {
    /// The caller is the owner and has attached exactly 1 yoctoNEAR, which no function-call access key can.
    pub(crate) fn check_owner(&self) -> Result<(), ContractError> {
        let caller = env::predecessor_account_id();
        if caller != self.owner_id {
            return Err(ContractError::NotOwner(caller));
        }
        check_one_yocto()
    }

    fn configure(&mut self, config: ConfigChanged) -> Result<(), ContractError> {
        let ConfigChanged { deadline_seconds, max_result_bytes, receipt_history } = config;
        in_range("deadline_seconds", deadline_seconds, 1, MAX_DEADLINE_SECONDS)?;
        in_range("max_result_bytes", max_result_bytes.into(), 1, MAX_MAX_RESULT_BYTES.into())?;
        in_range("receipt_history", receipt_history.into(), 0, MAX_RECEIPT_HISTORY.into())?;
        if receipt_history > self.receipt_history {
            self.check_room_for_receipts(receipt_history)?;
        }
        if receipt_history != self.receipt_history {
            receipts::clear(self.receipt_history);
        }
        self.deadline_seconds = deadline_seconds;
        self.max_result_bytes = max_result_bytes;
        self.receipt_history = receipt_history;
        events::emit(Event::ConfigChanged(vec![config]));
        Ok(())
    }

    /// A longer history is promised only when the balance has room for all of it.
    fn check_room_for_receipts(&self, receipt_history: u32) -> Result<(), ContractError> {
        let bytes = RECEIPT_STORAGE_BYTES.saturating_mul(receipt_history.into());
        let needed = self.owed().saturating_add(env::storage_byte_cost().saturating_mul(bytes.into()));
        let missing = needed.saturating_sub(env::account_balance());
        if missing > NearToken::from_yoctonear(0) {
            return Err(ContractError::Locked { missing: missing.as_yoctonear() });
        }
        Ok(())
    }
}

fn check_one_yocto() -> Result<(), ContractError> {
    if env::attached_deposit() == NearToken::from_yoctonear(1) { Ok(()) } else { Err(ContractError::OneYocto) }
}

fn in_range(field: &'static str, value: u64, least: u64, most: u64) -> Result<(), ContractError> {
    if (least..=most).contains(&value) { Ok(()) } else { Err(ContractError::OutOfRange { field, value, least, most }) }
}
