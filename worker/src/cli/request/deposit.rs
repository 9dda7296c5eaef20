//! What to attach to a request: the worst case under its limits, and the storage it occupies while it waits.

use near_account_id::AccountId;
use near_token::NearToken;
use offchainvm_interface::{CodeSource, CostOverflow, Pricing, RequestArgs, ResourceLimits};

/// The price of a byte of state, fixed by the protocol.
const PER_BYTE: NearToken = NearToken::from_yoctonear(10u128.pow(19));
/// Bytes that any request occupies besides its texts: numbers, handles, price list, and the records and indices that
/// hold them. More than it is, because what is not used comes back and what lacks is refused.
const FIXED_BYTES: u64 = 1_000;

/// The smallest deposit that is certain to be taken.
///
/// # Errors
/// [`CostOverflow`] when no deposit could cover the limits.
pub(super) fn required(
    request: &RequestArgs,
    limits: &ResourceLimits,
    pricing: &Pricing,
    sender: &AccountId,
) -> Result<NearToken, CostOverflow> {
    let CodeSource::Git(source) = &request.code_source;
    let texts = [
        source.repo.as_str(),
        source.commit.as_str(),
        source.path.as_ref().map_or("", |path| path.as_str()),
        request.input_data.as_deref().unwrap_or_default(),
        sender.as_str(),
    ];
    let bytes = texts.iter().fold(FIXED_BYTES, |sum, text| sum.saturating_add(text.len() as u64));
    let storage = PER_BYTE.checked_mul(bytes.into()).ok_or(CostOverflow)?;
    pricing.worst_case(limits)?.checked_add(storage).ok_or(CostOverflow)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn a_longer_input_needs_a_larger_deposit() {
        let with = |input: &str| {
            let source = r#"{"repo": "https://h/p", "commit": "abcdef", "build_target": "wasm32-wasip1"}"#;
            let request = RequestArgs {
                code_source: serde_json::from_str(source).unwrap(),
                resource_limits: None,
                input_data: Some(input.to_owned()),
                response_format: None,
            };
            let sender = "a.near".parse().unwrap();
            required(&request, &ResourceLimits::default(), &Pricing::default(), &sender).unwrap()
        };
        let empty = with("");
        assert!(empty > Pricing::default().worst_case(&ResourceLimits::default()).unwrap());
        assert_eq!(with(&"x".repeat(100)), empty.checked_add(NearToken::from_millinear(1)).unwrap());
    }
}
