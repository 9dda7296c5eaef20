//! What a request costs: the deposit it needs, and what a settled one is charged. Pure.

use crate::config::REQUEST_STORAGE_BYTES;
use near_sdk::{NearToken, env};
use offchainvm_interface::{
    CostOverflow, ExecutionRequest, FailureCode, Owner, Pricing, ResourceLimits, ResourcesUsed,
};

/// The deposit that a request demands, to the yocto, and what it is made of.
pub(crate) struct RequiredDeposit {
    /// Both of the following.
    pub(crate) total: NearToken,
    /// The most that a run under the request's limits can cost.
    pub(crate) worst_case: NearToken,
    /// What it locks up for storage while it waits. Not what this very one occupies, so that it can be known beforehand.
    pub(crate) storage: NearToken,
}

/// The deposit for a request with these limits and `input_len` bytes of input.
pub(crate) fn required_deposit(
    pricing: &Pricing,
    limits: &ResourceLimits,
    input_len: u64,
) -> Result<RequiredDeposit, CostOverflow> {
    let worst_case = pricing.worst_case(limits)?;
    let storage = env::storage_byte_cost().saturating_mul(REQUEST_STORAGE_BYTES.saturating_add(input_len).into());
    let total = worst_case.checked_add(storage).ok_or(CostOverflow)?;
    Ok(RequiredDeposit { total, worst_case, storage })
}

/// What is charged for a request that used `used`: the price list is the request's own, `used` is clamped to its
/// limits, and the cost never exceeds its deposit.
///
/// The program's own end, good or bad, costs what was used; a source that does not build costs the base fee; what is
/// the operator's fault, or nobody's, costs nothing.
pub(crate) fn charge(request: &ExecutionRequest, failure: Option<FailureCode>, used: ResourcesUsed) -> NearToken {
    let cost = match failure.map(FailureCode::owner) {
        None | Some(Owner::Program) => {
            // Cannot overflow: the request was only accepted because its worst case under this list did not.
            request.pricing.cost(&used.clamped_to(&request.resource_limits)).unwrap_or(request.deposit)
        }
        Some(Owner::Source) => request.pricing.base_fee,
        Some(Owner::Operator | Owner::Chain) => NearToken::from_yoctonear(0),
    };
    cost.min(request.deposit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use offchainvm_interface::{BuildTarget, CodeSource, CommitId, DataId, GitSource, RepoUrl, ResponseFormat};

    fn request(deposit: NearToken) -> ExecutionRequest {
        ExecutionRequest {
            request_id: 1,
            data_id: DataId([0; 32]),
            sender_id: "user.testnet".parse().unwrap(),
            code_source: CodeSource::Git(GitSource {
                repo: RepoUrl::new("https://h/p").unwrap(),
                commit: CommitId::new("abcdef").unwrap(),
                build_target: BuildTarget::Wasm32Wasip1,
                path: None,
            }),
            resource_limits: ResourceLimits::default(),
            input_data: String::new(),
            response_format: ResponseFormat::Text,
            refund_to: None,
            compile_only: false,
            input_ref: None,
            deposit,
            pricing: Pricing::default(),
            timestamp: 0,
            deadline: 0,
        }
    }

    #[test]
    fn who_is_answerable_decides_the_charge() {
        let request = request(NearToken::from_near(1));
        let used = ResourcesUsed { instructions: 10_000_000, memory_bytes: 64 << 20, time_seconds: 5 };
        let full = NearToken::from_yoctonear(21_410_000_000_000_000_000_000);
        assert_eq!(charge(&request, None, used), full);
        for code in FailureCode::ALL {
            let expected = match code.owner() {
                Owner::Program => full,
                Owner::Source => Pricing::default().base_fee,
                Owner::Operator | Owner::Chain => NearToken::from_yoctonear(0),
            };
            assert_eq!(charge(&request, Some(*code), used), expected, "{code}");
        }
    }

    #[test]
    fn no_usage_costs_more_than_limits_and_deposit() {
        let absurd = ResourcesUsed { instructions: u64::MAX, memory_bytes: u64::MAX, time_seconds: u64::MAX };
        let rich = request(NearToken::from_near(1_000));
        assert_eq!(charge(&rich, None, absurd), rich.pricing.worst_case(&rich.resource_limits).unwrap());
        let poor = request(NearToken::from_yoctonear(5));
        assert_eq!(charge(&poor, None, absurd), poor.deposit);
        assert_eq!(charge(&poor, Some(FailureCode::BuildFailed), absurd), poor.deposit);
    }
}
