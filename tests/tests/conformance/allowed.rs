//! Where the local chain may differ from the recording, and why. Anything not listed here must agree exactly.

use serde_json::Value;

/// How a scenario's answer may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// Refused, for whatever reason, and nothing paid.
    AnyRefusal,
    /// Settled up to the last refund, or already with it.
    Settling,
    /// All recorded fields, of the recorded kinds; perhaps more.
    MoreFields,
}

/// What is allowed of one scenario.
pub fn allowance(scenario: &str) -> Option<Allowance> {
    match scenario {
        // The recorded node let the transaction wait until the request timed out; the reason is the honest answer.
        "nonce far too large" => Some(Allowance::AnyRefusal),
        // Asked for the moment the wake call is final, when the waiting call's last refund is one block behind it: a
        // faster block comes in between or not.
        "yield woken at once" | "yield payload of 1,024 bytes" | "yield renewed twice, then woken" => {
            Some(Allowance::Settling)
        }
        // Contents are the node's own affair, and newer nodes say more.
        shape if shape.starts_with("rpc shape: ") => Some(Allowance::MoreFields),
        _ => None,
    }
}

/// Switches that the recorded node's build had, under `wasm_config`; the published near-parameters 0.38 shows none of
/// them.
const UNPUBLISHED: &[&str] =
    &["deterministic_account_ids", "ed25519_verify_available", "eth_implicit_global_contract", "pqc_host_fns"];

/// True for a recorded field that the published crates' views do not have.
pub fn is_unpublished(path: &str) -> bool {
    path.strip_prefix(".runtime_config.wasm_config.").is_some_and(|field| UNPUBLISHED.contains(&field))
}

/// What the published near-vm-runner 0.38 charges for one `memory.grow`, as for any operation on a range of memory:
/// this, and `PAGE_GAS` a page. The recorded node charged `PAGE_GAS` once, as for an ordinary instruction, though it
/// charged `memory.copy` and `memory.fill` as 0.38 does: with `linear_op_base_cost` set to zero, the 37 scenarios are
/// cheaper than the recording by whole multiples of it. So it is the VM's version, and no parameter.
const GROW_GAS: i128 = 26_328_192;
const PAGE_GAS: i128 = 822_756;
/// The most growths in one receipt: some hold two calls.
const MOST_IN_A_RECEIPT: i128 = 2;
/// More than an account's calls hold in all scenarios: deleting it sums up what they cost.
const MOST_OF_AN_ACCOUNT: i128 = 100;
/// The most pages beyond the first that one scenario's growths add.
const MOST_PAGES: i128 = 4;
/// The recorded gas price, in yoctoNEAR.
const GAS_PRICE: i128 = 100_000_000;
/// The contract's share of the gas that is burnt by it, in tenths, rounded down to whole gas at every call.
const REWARD_TENTHS: i128 = 3;

/// True if a figure differs by nothing but the dearer `memory.grow`: more gas and tokens burnt, less left to who pays,
/// more earned by the contract. The local chain is never the cheaper one.
pub fn is_memory_growth(path: &str, recorded: &Value, seen: &Value) -> bool {
    let (Some(recorded), Some(seen)) = (figure(recorded), figure(seen)) else { return false };
    let more = seen - recorded;
    if path.ends_with(".gas_burnt") {
        return is_growth(more, MOST_IN_A_RECEIPT);
    }
    let gas = more / GAS_PRICE;
    if more % GAS_PRICE != 0 {
        return false;
    }
    if path.ends_with(".tokens_burnt") {
        is_growth(gas, MOST_IN_A_RECEIPT)
    } else if path.ends_with(".allowance") {
        is_growth(-gas, MOST_IN_A_RECEIPT)
    } else if path.contains(".balance_changes.") {
        is_growth(-gas, MOST_OF_AN_ACCOUNT) || is_reward_of_growth(gas)
    } else {
        false
    }
}

fn is_growth(gas: i128, most: i128) -> bool {
    growths(most).any(|(_, growth)| gas == growth)
}

fn is_reward_of_growth(gas: i128) -> bool {
    growths(MOST_OF_AN_ACCOUNT).any(|(calls, growth)| (gas * 10 - growth * REWARD_TENTHS).abs() < 10 * calls)
}

/// How many growths there may be, and what they cost together.
fn growths(most: i128) -> impl Iterator<Item = (i128, i128)> {
    (1..=most).flat_map(|count| (0..=MOST_PAGES).map(move |pages| (count, count * GROW_GAS + pages * PAGE_GAS)))
}

fn figure(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => number.as_i64().map(i128::from),
        Value::String(digits) => digits.parse().ok(),
        _ => None,
    }
}
