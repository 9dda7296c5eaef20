//! How much a program may use, and how much anyone may ask for.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Bytes in the unit that `max_memory_mb` and `per_mb_fee` count: a mebibyte.
pub const BYTES_PER_MB: u64 = 1 << 20;

/// What one run may use at most. A missing field has its default.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "abi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ResourceLimits {
    /// WebAssembly instructions, as wasmtime's fuel counts them.
    pub max_instructions: u64,
    /// Peak linear memory and tables together, in MiB.
    pub max_memory_mb: u32,
    /// Wall-clock seconds.
    pub max_execution_seconds: u32,
}

impl Default for ResourceLimits {
    fn default() -> Self {
        Self { max_instructions: 1_000_000_000, max_memory_mb: 128, max_execution_seconds: 60 }
    }
}

impl ResourceLimits {
    /// [`Self::max_memory_mb`] in bytes.
    #[must_use]
    pub fn max_memory_bytes(&self) -> u64 {
        u64::from(self.max_memory_mb) * BYTES_PER_MB
    }

    /// Checks that each limit is at least one and at most the cap.
    ///
    /// # Errors
    /// Names the first field that is out of range, its value and the range.
    pub fn check(&self, caps: &MaxLimits) -> Result<(), LimitsError> {
        let fields = [
            ("max_instructions", self.max_instructions, caps.max_instructions),
            ("max_memory_mb", self.max_memory_mb.into(), caps.max_memory_mb.into()),
            ("max_execution_seconds", self.max_execution_seconds.into(), caps.max_execution_seconds.into()),
        ];
        match fields.into_iter().find(|(_, value, cap)| !(1..=*cap).contains(value)) {
            Some((field, value, cap)) => Err(LimitsError { field, value, cap }),
            None => Ok(()),
        }
    }
}

/// A limit outside what the contract allows.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{field} is {value}, but must be between 1 and {cap}")]
pub struct LimitsError {
    field: &'static str,
    value: u64,
    cap: u64,
}

/// The most that any request may ask for: contract configuration, readable by everyone.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "abi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MaxLimits {
    /// WebAssembly instructions.
    pub max_instructions: u64,
    /// MiB.
    pub max_memory_mb: u32,
    /// Seconds; must leave time to build and to publish within the window of a yield.
    pub max_execution_seconds: u32,
}

impl Default for MaxLimits {
    fn default() -> Self {
        Self { max_instructions: 100_000_000_000, max_memory_mb: 1_024, max_execution_seconds: 90 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_fields_have_their_defaults_and_unknown_ones_are_refused() {
        let limits: ResourceLimits = serde_json::from_str(r#"{"max_memory_mb": 1}"#).unwrap();
        assert_eq!(limits, ResourceLimits { max_memory_mb: 1, ..ResourceLimits::default() });
        let error = serde_json::from_str::<ResourceLimits>(r#"{"max_memory": 1}"#).unwrap_err().to_string();
        assert!(error.contains("unknown field `max_memory`"), "{error}");
    }

    #[test]
    fn zero_and_over_the_cap_are_refused_by_name() {
        let caps = MaxLimits::default();
        let ok = ResourceLimits::default();
        assert_eq!(ok.check(&caps), Ok(()));
        let zero = ResourceLimits { max_memory_mb: 0, ..ok };
        assert_eq!(zero.check(&caps).unwrap_err().to_string(), "max_memory_mb is 0, but must be between 1 and 1024");
        let over = ResourceLimits { max_execution_seconds: 91, ..ok };
        assert_eq!(
            over.check(&caps).unwrap_err().to_string(),
            "max_execution_seconds is 91, but must be between 1 and 90"
        );
        let at_cap = ResourceLimits { max_instructions: caps.max_instructions, ..ok };
        assert_eq!(at_cap.check(&caps), Ok(()));
    }
}
