//! What a run used.

use crate::limits::ResourceLimits;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What a run used, measured by the worker; the contract clamps it to the limits before it charges.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "abi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ResourcesUsed {
    /// WebAssembly instructions, as wasmtime's fuel counts them.
    pub instructions: u64,
    /// Peak linear memory and tables together, in bytes.
    pub memory_bytes: u64,
    /// Wall-clock seconds, rounded up.
    pub time_seconds: u64,
}

impl ResourcesUsed {
    /// This usage, but nowhere above `limits`: a bill never exceeds what was agreed.
    #[must_use]
    pub fn clamped_to(self, limits: &ResourceLimits) -> Self {
        Self {
            instructions: self.instructions.min(limits.max_instructions),
            memory_bytes: self.memory_bytes.min(limits.max_memory_bytes()),
            time_seconds: self.time_seconds.min(limits.max_execution_seconds.into()),
        }
    }

    /// All of `limits`: the usage that a deposit must cover.
    #[must_use]
    pub fn all_of(limits: &ResourceLimits) -> Self {
        Self {
            instructions: limits.max_instructions,
            memory_bytes: limits.max_memory_bytes(),
            time_seconds: limits.max_execution_seconds.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_usage_is_clamped_to_the_limits() {
        let limits = ResourceLimits::default();
        let absurd = ResourcesUsed { instructions: u64::MAX, memory_bytes: u64::MAX, time_seconds: u64::MAX };
        assert_eq!(absurd.clamped_to(&limits), ResourcesUsed::all_of(&limits));
        let honest = ResourcesUsed { instructions: 5, memory_bytes: 6, time_seconds: 7 };
        assert_eq!(honest.clamped_to(&limits), honest);
    }
}
