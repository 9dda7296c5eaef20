//! Every gas figure and every default of the contract, with its reason. The figures' measurements: `docs/GAS.md`.

use near_sdk::Gas;

/// Gas that the callback is promised when the request is made: enough to settle any answer, as below.
pub(crate) const MIN_RESPONSE_GAS: Gas = Gas::from_tgas(50);

/// Gas that `request_execution` itself burns at most before it suspends, with an input that fits the event; a larger
/// input needs more, and its sender is told by the host.
pub(crate) const REQUEST_OVERHEAD_GAS: Gas = Gas::from_tgas(15);

/// Gas that a callback must have left to open another window: what opening it burns, and what settling in it needs.
pub(crate) const RENEWAL_GAS: Gas = Gas::from_tgas(50);

/// Gas that the callback of a renewed window is promised at least: settling the dearest answer, 128 KiB of characters
/// that JSON writes in six bytes each, burns 35 Tgas, and hearing of the refund is given 5.
pub(crate) const SETTLE_GAS: Gas = Gas::from_tgas(45);

/// Gas for the receipt that fails the caller: it only panics with a message of at most 4 KiB.
pub(crate) const FAIL_GAS: Gas = Gas::from_tgas(5);

/// Gas for the receipt that hears how a payment went: it writes one credit at most.
pub(crate) const PAID_GAS: Gas = Gas::from_tgas(5);

/// Gas for `migrate`: all that an upgrade can have left, less what deploying took.
pub(crate) const MIGRATE_GAS: Gas = Gas::from_tgas(30);

/// The register in which the host leaves the handle of a new yield; the number is free, the seed fixed it.
pub(crate) const DATA_ID_REGISTER: u64 = 37;

/// Nanoseconds in a second: block time is counted in the former, whatever people set in the latter.
pub(crate) const NANOSECONDS: u64 = 1_000_000_000;

/// Seconds from a request to its deadline: until then its window is renewed, from then on its sender may cancel it.
pub(crate) const DEADLINE_SECONDS: u64 = 600;

/// The longest deadline that can be set: a week. A request keeps its deposit for so long.
pub(crate) const MAX_DEADLINE_SECONDS: u64 = 7 * 24 * 3_600;

/// The largest result that is returned through the chain, by default. While an answer waits one block for its callback
/// it occupies storage at 1e19 yoctoNEAR a byte, so this is 0.66 NEAR that must be in the contract's balance beside
/// what it owes.
pub(crate) const MAX_RESULT_BYTES: u32 = 65_536;

/// The largest result that can be set: what the gas for settling is enough for, whatever is in it.
pub(crate) const MAX_MAX_RESULT_BYTES: u32 = 131_072;

/// How many settled requests are remembered, by default.
pub(crate) const RECEIPT_HISTORY: u32 = 100;

/// The longest history that can be set: all of it is cleared in one call.
pub(crate) const MAX_RECEIPT_HISTORY: u32 = 1_000;

/// The most operators there can be: all of them are read by every call.
pub(crate) const MAX_OPERATORS: usize = 20;

/// The largest log that a call may write (protocol limit). The event carries the input, escaped twice.
pub(crate) const MAX_EVENT_BYTES: usize = 16_384;

/// Bytes of storage that a request is charged for beside its input, whatever it holds: the longest record of all.
/// A test fills every field to its cap. The deposit covers them and gets them back.
pub(crate) const REQUEST_STORAGE_BYTES: u64 = 1_500;

/// Bytes of storage that one remembered receipt takes at most, with its key.
pub(crate) const RECEIPT_STORAGE_BYTES: u64 = 250;

/// How many requests a page of `list_pending` holds at most, so that a view never runs out of gas.
pub(crate) const MAX_PAGE: u32 = 100;
