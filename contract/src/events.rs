//! Writes events to the log.

use crate::error::ContractError;
use near_sdk::env;
use offchainvm_interface::{Event, EventLog};

/// The log line of `event`.
pub(crate) fn line(event: Event) -> Result<String, ContractError> {
    EventLog::new(event).to_log().map_err(|error| ContractError::Encoding(error.to_string()))
}

/// Logs `event`. An event that cannot be written is passed over: no log may stop a settlement.
pub(crate) fn emit(event: Event) {
    if let Ok(line) = line(event) {
        env::log_str(&line);
    }
}
