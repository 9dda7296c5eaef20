//! How the last requests ended: a ring that never grows beyond its length.

use crate::{
    config::RECEIPT_STORAGE_BYTES,
    state::Contract,
    storage::{Prefix, Table},
};
use near_sdk::env;
use offchainvm_interface::{RequestId, views::Receipt};

/// By the request's number modulo the ring's length.
const RECEIPTS: Table<u32, Receipt> = Table::new(Prefix::Receipts);

/// Keeps `receipt` in the place of an older one. It is left out when the contract's balance has no room for it beside
/// what it owes: remembering is a courtesy, money is not.
pub(crate) fn remember(contract: &Contract, receipt: &Receipt) {
    let Some(slot) = slot(contract, receipt.request_id) else { return };
    let storage = env::storage_byte_cost().saturating_mul(RECEIPT_STORAGE_BYTES.into());
    if contract.owed().saturating_add(storage) <= env::account_balance() {
        RECEIPTS.put(&slot, receipt);
    }
}

/// How the request ended, as long as no later one took its place.
pub(crate) fn find(contract: &Contract, request_id: RequestId) -> Option<Receipt> {
    RECEIPTS.get(&slot(contract, request_id)?).filter(|receipt| receipt.request_id == request_id)
}

/// Forgets all, because their places depend on the ring's length.
pub(crate) fn clear(length: u32) {
    for slot in 0..length {
        RECEIPTS.remove(&slot);
    }
}

fn slot(contract: &Contract, request_id: RequestId) -> Option<u32> {
    let slot = request_id.checked_rem(contract.receipt_history.into())?;
    u32::try_from(slot).ok()
}
