//! What a run would have cost on chain, and what to ask for the next time.

use crate::{
    chain::Contract,
    execute::{End, Outcome},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use near_token::NearToken;
use offchainvm_interface::{
    FailureCode, MaxLimits, Owner, Pricing, ResourceLimits, ResourcesUsed, limits::BYTES_PER_MB,
};
use serde::Serialize;

/// What a contract asks for.
pub(super) struct Terms {
    /// The contract; [`None`] when none was named and these are the defaults.
    pub(super) contract: Option<Contract>,
    pub(super) pricing: Pricing,
    pub(super) max_limits: MaxLimits,
    /// The largest result that it takes.
    pub(super) max_result_bytes: Option<u32>,
}

/// What a run gave and what the contract would charge for it.
#[derive(Debug, Serialize)]
pub(super) struct Quote {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<FailureCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Absent when the output is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    output_base64: String,
    resources_used: ResourcesUsed,
    resource_limits: ResourceLimits,
    /// What is charged, in yoctoNEAR.
    cost: NearToken,
    /// What the limits can cost at most, in yoctoNEAR: with the request's storage, the deposit.
    worst_case: NearToken,
    /// Limits with room for a run like this one, and not much more; absent after a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    suggested: Option<Suggestion>,
    pricing: Pricing,
    /// Whose prices those are; null for the defaults.
    priced_by: Option<String>,
}

#[derive(Debug, Serialize)]
struct Suggestion {
    resource_limits: ResourceLimits,
    worst_case: NearToken,
}

impl Quote {
    pub(super) fn new(outcome: &Outcome, limits: ResourceLimits, terms: &Terms) -> anyhow::Result<Self> {
        let pricing = terms.pricing;
        let (error_code, error) = match &outcome.end {
            End::Success => (None, None),
            End::Failed { code, message } => (Some(*code), Some(message.clone())),
        };
        let suggested = match error_code {
            None => {
                let resource_limits = suggest(&outcome.used, &terms.max_limits);
                Some(Suggestion { worst_case: pricing.worst_case(&resource_limits)?, resource_limits })
            }
            Some(_) => None,
        };
        Ok(Self {
            success: error_code.is_none(),
            error_code,
            error,
            output: String::from_utf8(outcome.output.clone()).ok(),
            output_base64: BASE64_STANDARD.encode(&outcome.output),
            resources_used: outcome.used,
            resource_limits: limits,
            cost: match error_code.map(FailureCode::owner) {
                // As the contract charges: the source's fault the base fee, the program's what it used.
                Some(Owner::Source) => pricing.base_fee,
                _ => pricing.cost(&outcome.used)?,
            },
            worst_case: pricing.worst_case(&limits)?,
            suggested,
            pricing,
            priced_by: terms.contract.as_ref().map(|contract| contract.id().to_string()),
        })
    }

    pub(super) fn success(&self) -> bool {
        self.success
    }

    /// Tells a person, on standard error.
    pub(super) fn explain(&self, stderr: &str) {
        if let (Some(code), Some(error)) = (self.error_code, &self.error) {
            eprintln!("failed: {code}: {error}");
        } else if !stderr.is_empty() {
            eprint!("{stderr}");
        }
        let ResourcesUsed { instructions, memory_bytes, time_seconds } = self.resources_used;
        eprintln!("used: {instructions} instructions, {memory_bytes} bytes of memory, {time_seconds} s");
        let prices = match &self.priced_by {
            Some(contract) => format!("the prices of {contract}"),
            None => "the default prices (name a contract for its own)".to_owned(),
        };
        eprintln!("cost at {prices}: {}", self.cost.exact_amount_display());
        eprintln!("deposit for these limits: {} and the request's storage", self.worst_case.exact_amount_display());
        if let Some(Suggestion { resource_limits, worst_case }) = &self.suggested {
            let ResourceLimits { max_instructions, max_memory_mb, max_execution_seconds } = resource_limits;
            eprintln!(
                "enough: --max-instructions {max_instructions} --max-memory-mb {max_memory_mb} \
                 --max-seconds {max_execution_seconds}, with a deposit of {} and the request's storage",
                worst_case.exact_amount_display()
            );
        }
    }
}

/// Limits for a run that uses a quarter more, and that an operator's machine takes twice as long for: inputs differ,
/// and so do machines.
fn suggest(used: &ResourcesUsed, caps: &MaxLimits) -> ResourceLimits {
    let more = |value: u64| value.saturating_add(value / 4);
    let max_memory_mb = u32::try_from(more(used.memory_bytes).div_ceil(BYTES_PER_MB)).unwrap_or(u32::MAX);
    let seconds = u32::try_from(used.time_seconds.saturating_mul(2)).unwrap_or(u32::MAX);
    ResourceLimits {
        max_instructions: round_up(more(used.instructions)).clamp(1, caps.max_instructions),
        max_memory_mb: max_memory_mb.clamp(1, caps.max_memory_mb),
        max_execution_seconds: seconds.clamp(1, caps.max_execution_seconds),
    }
}

/// To two digits, upwards: a limit is a round number.
fn round_up(value: u64) -> u64 {
    let digits = value.checked_ilog10().unwrap_or(0);
    let unit = 10u64.pow(digits.saturating_sub(1));
    value.div_ceil(unit).saturating_mul(unit)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    const USED: ResourcesUsed = ResourcesUsed { instructions: 10_000_000, memory_bytes: 64 << 20, time_seconds: 5 };

    fn quote(end: End, used: ResourcesUsed) -> serde_json::Value {
        let terms = Terms {
            contract: None,
            pricing: Pricing::default(),
            max_limits: MaxLimits::default(),
            max_result_bytes: None,
        };
        let outcome = Outcome { end, output: b"\xff".to_vec(), stderr: String::new(), used };
        serde_json::to_value(Quote::new(&outcome, ResourceLimits::default(), &terms).unwrap()).unwrap()
    }

    #[test]
    fn a_quote_names_cost_worst_case_and_limits_that_are_enough() {
        let json = quote(End::Success, USED);
        assert_eq!(json["cost"], "21410000000000000000000");
        assert_eq!(json["worst_case"], "83800000000000000000000");
        assert_eq!(json["output_base64"], "/w==");
        assert_eq!(json.get("output"), None);
        let limits = &json["suggested"]["resource_limits"];
        let enough =
            serde_json::json!({"max_instructions": 13_000_000, "max_memory_mb": 80, "max_execution_seconds": 10});
        assert_eq!(limits, &enough);
        assert_eq!(json["priced_by"], serde_json::Value::Null);
    }

    #[test]
    fn a_failure_costs_by_who_is_answerable_and_suggests_nothing() {
        let failed = |code| quote(End::Failed { code, message: String::new() }, USED);
        let program = failed(FailureCode::Trap);
        assert_eq!((&program["cost"], program.get("suggested")), (&"21410000000000000000000".into(), None));
        assert_eq!(failed(FailureCode::NotWasm)["cost"], "10000000000000000000000");
    }

    #[test]
    fn limits_are_round_never_below_the_usage_and_never_above_the_caps() {
        assert_eq!([0, 9, 10, 99, 101, 12_345, 100_000].map(round_up), [0, 9, 10, 99, 110, 13_000, 100_000]);
        let caps = MaxLimits::default();
        let most = ResourcesUsed { instructions: u64::MAX, memory_bytes: u64::MAX, time_seconds: u64::MAX };
        for used in [ResourcesUsed::default(), most] {
            assert_eq!(suggest(&used, &caps).check(&caps), Ok(()));
        }
    }
}
