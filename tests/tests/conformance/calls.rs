//! Function calls: gas and its refund, deposits, failures, batches, storage.

use anyhow::Result;
use near_account_id::AccountId;
use near_primitives::action::Action;
use serde_json::{Value, json};

use crate::actors::{Cast, NEAR, call, create_and_deploy};
use crate::recorder::Recorder;

pub async fn run(r: &mut Recorder, cast: &Cast) -> Result<()> {
    r.watch(&[&cast.probe, &cast.bob]);
    gas(r, cast).await?;
    failures(r, cast).await?;
    batches(r, cast).await?;
    storage(r, cast).await
}

fn echo(text: &str) -> Value {
    json!({ "text": text })
}

/// Alice calls.
async fn by_alice(r: &mut Recorder, cast: &Cast, scenario: &str, to: &AccountId, actions: Vec<Action>) -> Result<()> {
    r.transaction(scenario, &cast.alice, to, actions).await
}

async fn gas(r: &mut Recorder, cast: &Cast) -> Result<()> {
    let probe = &cast.probe.id;
    by_alice(r, cast, "call", probe, vec![call("echo", echo("hello"), 30, 0)]).await?;
    let generous = vec![call("echo", echo("hello"), 300, 0)];
    by_alice(r, cast, "call with 300 Tgas: unused gas comes back", probe, generous).await?;
    by_alice(r, cast, "call with too little gas", probe, vec![call("echo", echo("hello"), 1, 0)]).await?;
    by_alice(r, cast, "call that burns all its gas", probe, vec![call("burn", json!({}), 20, 0)]).await
}

async fn failures(r: &mut Recorder, cast: &Cast) -> Result<()> {
    let probe = &cast.probe.id;
    let fail = vec![call("fail", echo("no"), 30, NEAR)];
    by_alice(r, cast, "call that panics, with a deposit that comes back", probe, fail).await?;
    by_alice(r, cast, "deposit to a payable method", probe, vec![call("keep", json!({}), 30, NEAR)]).await?;
    by_alice(r, cast, "deposit to a method that takes none", probe, vec![call("echo", echo("x"), 30, NEAR)]).await?;
    by_alice(r, cast, "unknown method", probe, vec![call("nope", json!({}), 30, 0)]).await?;
    by_alice(r, cast, "bad arguments", probe, vec![call("echo", json!({ "wrong": 1 }), 30, 0)]).await?;
    by_alice(r, cast, "call an account without code", &cast.bob.id, vec![call("echo", echo("x"), 30, 0)]).await?;
    let nobody = vec![call("echo", echo("x"), 30, NEAR)];
    by_alice(r, cast, "call an account that does not exist", &cast.nobody, nobody).await
}

async fn batches(r: &mut Recorder, cast: &Cast) -> Result<()> {
    let probe = &cast.probe.id;
    let two = vec![call("echo", echo("1"), 30, 0), call("echo", echo("2"), 30, 0)];
    by_alice(r, cast, "two calls in one transaction", probe, two).await?;
    let half = vec![call("echo", echo("1"), 30, 0), call("fail", echo("2"), 30, 0)];
    by_alice(r, cast, "two calls, the second fails, both are undone", probe, half).await?;
    by_alice(r, cast, "more gas than a call may take", probe, vec![call("echo", echo("x"), 1001, 0)]).await?;
    by_alice(r, cast, "private method from outside", probe, vec![call("report", json!({}), 30, 0)]).await
}

async fn storage(r: &mut Recorder, cast: &Cast) -> Result<()> {
    let Cast { root, probe, poor, wasm, .. } = cast;
    let store = |size: u32, tgas| vec![call("store", json!({ "key": "k", "size": size }), tgas, 0)];
    by_alice(r, cast, "store 1,000 bytes", &probe.id, store(1000, 100)).await?;
    by_alice(r, cast, "overwrite with 10 bytes", &probe.id, store(10, 100)).await?;
    by_alice(r, cast, "remove", &probe.id, vec![call("remove", json!({ "key": "k" }), 100, 0)]).await?;
    r.transaction("an account with little to spare", root, &poor.id, create_and_deploy(poor, 2, wasm)).await?;
    by_alice(r, cast, "store more than the balance covers", &poor.id, store(100_000, 300)).await
}
