//! Administration: roles, prices, bounds, fees, code.

use super::{
    Row,
    bench::{Bench, account, function_call},
};
use crate::{
    artifacts::contract_wasm,
    network::{DEPOSIT, seed_request},
};
use anyhow::{Context, Result};
use near_primitives::types::Balance;
use offchainvm_interface::{
    ExecutionResponse, MaxLimits, Pricing, ResourcesUsed,
    calls::{OperatorArgs, ProposeOwnerArgs, SetConfigArgs, SetOperatorArgs, SetPausedArgs, method},
};
use serde_json::{Value, json};

const USED: ResourcesUsed = ResourcesUsed { instructions: 10_000_000, memory_bytes: 64 << 20, time_seconds: 5 };

pub(super) fn measure() -> Result<Vec<Row>> {
    let (mut bench, set_up) = Bench::new()?;
    let mut rows = vec![Row { what: method::NEW, case: "sets the contract up".to_owned(), gas: set_up.first()? }];
    earn(&mut bench)?;
    for (from, what, case, args) in calls() {
        let ended = bench.run(from, what, &args, 1)?;
        rows.push(Row { what, case: case.to_owned(), gas: ended.first()? });
        if what == method::WITHDRAW_FEES {
            let case = "the fees have arrived".to_owned();
            rows.push(Row { what: "on_withdrawal", case, gas: ended.gas("on_withdrawal")? });
        }
    }
    upgrade(&mut bench, &mut rows)?;
    Ok(rows)
}

/// One settled request, so that there are fees.
fn earn(bench: &mut Bench) -> Result<()> {
    let (hash, request) = bench.request("user", &seed_request(), DEPOSIT)?;
    bench.resolve(&request, ExecutionResponse::succeeded(b"42".to_vec(), USED))?;
    bench.ended(hash)?.succeeded().map(|_| ())
}

fn calls() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    let operator = |name| json!(OperatorArgs { operator_id: account(name) });
    let history = |length| json!(SetConfigArgs { receipt_history: Some(length), ..SetConfigArgs::default() });
    let deadline = SetConfigArgs { deadline_seconds: Some(601), ..SetConfigArgs::default() };
    vec![
        (
            "owner",
            method::SET_OPERATOR,
            "replaces all",
            json!(SetOperatorArgs { new_operator_id: account("operator") }),
        ),
        ("owner", method::ADD_OPERATOR, "a second one", operator("heir")),
        ("owner", method::REMOVE_OPERATOR, "one of two", operator("heir")),
        ("owner", method::SET_PRICING, "four fees", json!(Pricing::default())),
        ("owner", method::SET_LIMITS, "three limits", json!(MaxLimits::default())),
        ("owner", method::SET_PAUSED, "stops new requests", json!(SetPausedArgs { paused: true })),
        ("owner", method::SET_CONFIG, "the deadline", json!(deadline)),
        ("owner", method::SET_CONFIG, "the history, forgetting 100 places, all but one empty", history(1_000)),
        ("owner", method::SET_CONFIG, "the history, forgetting 1,000 empty places", history(100)),
        ("owner", method::WITHDRAW_FEES, "everything, to the owner", json!({})),
        ("owner", method::PROPOSE_OWNER, "offers", json!(ProposeOwnerArgs { new_owner_id: Some(account("heir")) })),
        ("heir", method::ACCEPT_OWNER, "takes over", json!({})),
    ]
}

/// To the same code, whose state needs no conversion.
fn upgrade(bench: &mut Bench, rows: &mut Vec<Row>) -> Result<()> {
    let call = function_call(method::UPGRADE, contract_wasm().to_vec(), Balance::from_yoctonear(1), 300);
    let hash = bench.submit("heir", "offchainvm", vec![call])?;
    bench.settle()?;
    let ended = bench.ended(hash)?.succeeded().context("upgrade")?;
    rows.push(Row { what: method::UPGRADE, case: "to the same code".to_owned(), gas: ended.first()? });
    let case = "deploys and finds nothing to convert".to_owned();
    rows.push(Row { what: method::MIGRATE, case, gas: ended.gas(method::MIGRATE)? });
    Ok(())
}
