//! Promises: money sent on, calls to others and what their callers hear of them, joins, and roll-back.

use anyhow::Result;
use near_account_id::AccountId;
use serde_json::{Value, json};

use crate::actors::{Cast, NEAR, call};
use crate::recorder::Recorder;

pub async fn run(r: &mut Recorder, cast: &Cast) -> Result<()> {
    let Cast { bob, probe, other, nobody, .. } = cast;
    let pay = |to: &AccountId, yocto: u128| json!({ "to": to, "yocto": yocto.to_string() });
    on_probe(r, cast, "pay out", "pay", pay(&bob.id, 1_000_000), 30).await?;
    on_probe(r, cast, "pay out more than there is", "pay", pay(&bob.id, 5000 * NEAR), 30).await?;
    on_probe(r, cast, "pay out to nobody", "pay", pay(nobody, 1_000_000), 30).await?;

    let over_there = r#"{"text":"over there"}"#;
    let then = |to: &AccountId, method: &str, args: &str| json!({ "to": to, "method": method, "args": args });
    let success = then(&other.id, "echo", over_there);
    on_probe(r, cast, "call another, then report success", "call_then", success, 100).await?;
    let failure = then(&other.id, "fail", over_there);
    on_probe(r, cast, "call another, then report failure", "call_then", failure, 100).await?;
    let missing = then(nobody, "echo", "{}");
    on_probe(r, cast, "call nobody, then report failure", "call_then", missing, 100).await?;
    let both = json!({ "a": other.id, "b": other.id });
    on_probe(r, cast, "join a success and a failure", "join_then", both, 100).await?;

    on_probe(r, cast, "a failing call starts nothing", "start_and_fail", json!({ "to": bob.id }), 100).await?;
    let calls = json!({
        "request_type": "call_function",
        "finality": "optimistic",
        "account_id": probe.id,
        "method_name": "calls",
        "args_base64": "e30=",
    });
    r.query("the failed call changed nothing", "query", calls).await
}

async fn on_probe(r: &mut Recorder, cast: &Cast, scenario: &str, method: &str, args: Value, tgas: u64) -> Result<()> {
    r.transaction(scenario, &cast.alice, &cast.probe.id, vec![call(method, args, tgas, 0)]).await
}
