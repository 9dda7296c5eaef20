//! Every gas figure and every default of the contract, with its reason.

use near_sdk::Gas;

/// Gas that the callback is promised when the request is made. Settling takes about 8 Tgas; reading and returning a
/// stashed result of the largest size about 15 more (both measured by the end-to-end tests). The rest is reserve for
/// the renewals of the window.
pub(crate) const MIN_RESPONSE_GAS: Gas = Gas::from_tgas(50);

/// Gas that `request_execution` itself burns at most before it suspends, with the largest input.
pub(crate) const REQUEST_OVERHEAD_GAS: Gas = Gas::from_tgas(15);

/// Gas for the receipt that fails the caller: it only panics with a message of at most 4 KiB.
pub(crate) const FAIL_GAS: Gas = Gas::from_tgas(5);

/// The register in which the host leaves the handle of a new yield; the number is free, the seed fixed it.
pub(crate) const DATA_ID_REGISTER: u64 = 37;

/// Seconds after which the sender may cancel an unanswered request.
pub(crate) const STALE_AFTER_SECONDS: u64 = 600;

/// The largest result that is returned through the chain. While an answer waits one block for its callback it
/// occupies storage at 1e19 yoctoNEAR a byte, so this is 0.66 NEAR that the contract's balance must cover.
pub(crate) const MAX_RESULT_BYTES: u32 = 65_536;

/// The largest log that a call may write (protocol limit). The event carries the input, escaped twice.
pub(crate) const MAX_EVENT_BYTES: usize = 16_384;

/// How many requests a page of `list_pending` holds at most, so that a view never runs out of gas.
pub(crate) const MAX_PAGE: u64 = 100;
