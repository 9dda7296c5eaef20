//! What a run costs: pure arithmetic, checked for overflow.

use crate::{limits::BYTES_PER_MB, limits::ResourceLimits, usage::ResourcesUsed};
use borsh::{BorshDeserialize, BorshSerialize};
use near_token::NearToken;
use serde::{Deserialize, Serialize};

/// A price list. Amounts are yoctoNEAR; JSON shows them as decimal strings.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "abi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Pricing {
    /// Per request, whatever it uses.
    pub base_fee: NearToken,
    /// Per single instruction.
    pub per_instruction_fee: NearToken,
    /// Per MiB of peak memory; a started one counts whole.
    pub per_mb_fee: NearToken,
    /// Per second; a started one counts whole.
    pub per_second_fee: NearToken,
}

/// 0.01 NEAR a request, 0.000001 NEAR a million instructions, 0.0001 NEAR a MiB, 0.001 NEAR a second.
impl Default for Pricing {
    fn default() -> Self {
        Self {
            base_fee: NearToken::from_yoctonear(10u128.pow(22)),
            per_instruction_fee: NearToken::from_yoctonear(10u128.pow(12)),
            per_mb_fee: NearToken::from_yoctonear(10u128.pow(20)),
            per_second_fee: NearToken::from_yoctonear(10u128.pow(21)),
        }
    }
}

/// The cost does not fit 128 bits: no deposit could cover it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the cost exceeds the largest amount that can be expressed; lower the limits or the fees")]
pub struct CostOverflow;

impl Pricing {
    /// The cost of `used`, without regard to limits or deposit.
    ///
    /// # Errors
    /// [`CostOverflow`] when the sum does not fit 128 bits.
    pub fn cost(&self, used: &ResourcesUsed) -> Result<NearToken, CostOverflow> {
        let times = |fee: NearToken, units: u64| fee.checked_mul(units.into());
        times(self.per_instruction_fee, used.instructions)
            .and_then(|sum| sum.checked_add(times(self.per_mb_fee, used.memory_bytes.div_ceil(BYTES_PER_MB))?))
            .and_then(|sum| sum.checked_add(times(self.per_second_fee, used.time_seconds)?))
            .and_then(|sum| sum.checked_add(self.base_fee))
            .ok_or(CostOverflow)
    }

    /// The most that a run under `limits` can cost.
    ///
    /// # Errors
    /// [`CostOverflow`] when the sum does not fit 128 bits.
    pub fn worst_case(&self, limits: &ResourceLimits) -> Result<NearToken, CostOverflow> {
        self.cost(&ResourcesUsed::all_of(limits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yocto(text: &str) -> NearToken {
        NearToken::from_yoctonear(text.parse().unwrap())
    }

    #[test]
    fn the_worked_example_costs_exactly_0_02141_near() {
        let used = ResourcesUsed { instructions: 10_000_000, memory_bytes: 64 * BYTES_PER_MB, time_seconds: 5 };
        assert_eq!(Pricing::default().cost(&used), Ok(yocto("21410000000000000000000")));
    }

    #[test]
    fn a_started_mebibyte_counts_whole() {
        let pricing = Pricing::default();
        let with = |memory_bytes| pricing.cost(&ResourcesUsed { memory_bytes, ..ResourcesUsed::default() }).unwrap();
        assert_eq!(with(0), pricing.base_fee);
        assert_eq!(with(1), with(BYTES_PER_MB));
        assert_eq!(with(BYTES_PER_MB + 1), with(2 * BYTES_PER_MB));
    }

    #[test]
    fn overflow_is_an_error_and_zero_fees_cost_nothing() {
        let most = NearToken::from_yoctonear(u128::MAX);
        let zero = NearToken::from_yoctonear(0);
        let free = Pricing { base_fee: zero, per_instruction_fee: zero, per_mb_fee: zero, per_second_fee: zero };
        let all = ResourcesUsed { instructions: u64::MAX, memory_bytes: u64::MAX, time_seconds: u64::MAX };
        assert_eq!(free.cost(&all), Ok(zero));
        assert_eq!(Pricing { base_fee: most, ..free }.cost(&all), Ok(most));
        assert_eq!(Pricing { per_instruction_fee: most, ..free }.cost(&all), Err(CostOverflow));
        assert_eq!(
            Pricing { base_fee: most, per_second_fee: NearToken::from_yoctonear(1), ..free }.cost(&all),
            Err(CostOverflow)
        );
    }

    #[test]
    fn amounts_are_decimal_strings_in_json() {
        let json = serde_json::to_value(Pricing::default()).unwrap();
        assert_eq!(json["base_fee"], "10000000000000000000000");
        assert_eq!(serde_json::from_value::<Pricing>(json).unwrap(), Pricing::default());
    }
}
