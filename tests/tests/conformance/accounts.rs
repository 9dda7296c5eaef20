//! Creating accounts, moving money, adding and deleting keys, and what each kind of key may do.

use anyhow::Result;
use near_primitives::account::AccessKeyPermission;
use serde_json::json;

use crate::actors::{Cast, NEAR, add_key, call, create, create_and_deploy, delete_key, one_method, transfer};
use crate::recorder::Recorder;

pub async fn run(r: &mut Recorder, cast: &Cast) -> Result<()> {
    creation(r, cast).await?;
    money(r, cast).await?;
    keys(r, cast).await
}

async fn creation(r: &mut Recorder, cast: &Cast) -> Result<()> {
    let Cast { root, alice, bob, probe, other, wasm, .. } = cast;
    r.watch(&[alice]);
    let scenario = "create an account, fund it, add its key, in one batch";
    r.transaction(scenario, root, &alice.id, create(alice, 100)).await?;
    r.transaction("create an account that exists", root, &alice.id, create(alice, 1)).await?;
    r.watch(&[]);
    r.transaction("create the others (bob)", root, &bob.id, create(bob, 100)).await?;
    r.transaction("create and deploy in one batch", root, &probe.id, create_and_deploy(probe, 100, wasm)).await?;
    r.transaction("create and deploy another", root, &other.id, create_and_deploy(other, 100, wasm)).await
}

async fn money(r: &mut Recorder, cast: &Cast) -> Result<()> {
    let Cast { root, alice, bob, nobody, .. } = cast;
    r.watch(&[bob]);
    r.transaction("transfer", alice, &bob.id, vec![transfer(NEAR)]).await?;
    r.transaction("transfer to oneself", alice, &alice.id, vec![transfer(NEAR)]).await?;
    r.transaction("transfer to an account that does not exist", alice, nobody, vec![transfer(NEAR)]).await?;
    r.transaction("transfer more than one has", alice, &bob.id, vec![transfer(1000 * NEAR)]).await?;
    let mine = format!("mine.{}", root.id).parse()?;
    r.transaction("stranger creates a sub-account of another", alice, &mine, create(alice, 1)).await
}

async fn keys(r: &mut Recorder, cast: &Cast) -> Result<()> {
    let Cast { alice, bob, probe, other, .. } = cast;
    let full = add_key(alice.public_key(), AccessKeyPermission::FullAccess);
    r.transaction("add a key that exists", alice, &alice.id, vec![full]).await?;

    let limited = alice.with_new_key();
    let key = limited.public_key();
    let add = add_key(key.clone(), one_method(&probe.id, "echo"));
    r.transaction("add a function-call key", alice, &alice.id, vec![add]).await?;
    let echo = || call("echo", json!({ "text": "x" }), 30, 0);
    let allowed = call("echo", json!({ "text": "limited" }), 30, 0);
    r.transaction("function-call key: allowed call", &limited, &probe.id, vec![allowed]).await?;
    let method = call("calls", json!({}), 30, 0);
    r.transaction("function-call key: other method", &limited, &probe.id, vec![method]).await?;
    r.transaction("function-call key: other receiver", &limited, &other.id, vec![echo()]).await?;
    let deposit = call("echo", json!({ "text": "x" }), 30, 1);
    r.transaction("function-call key: with a deposit", &limited, &probe.id, vec![deposit]).await?;
    r.transaction("function-call key: a transfer", &limited, &bob.id, vec![transfer(1)]).await?;
    let view = json!({
        "request_type": "view_access_key",
        "finality": "optimistic",
        "account_id": alice.id,
        "public_key": key,
    });
    r.query("view a function-call key", "query", view).await?;

    r.transaction("delete a key", alice, &alice.id, vec![delete_key(key)]).await?;
    let head = r.rpc.head().await?;
    let late = limited.sign(&probe.id, 1, head.hash, vec![echo()]);
    r.signed("use a deleted key", late).await
}
