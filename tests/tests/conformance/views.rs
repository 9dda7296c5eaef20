//! Views, queries and their errors, and the shape of what a node says about itself.

use anyhow::Result;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use near_account_id::AccountId;
use near_primitives::action::{Action, DeleteAccountAction};
use near_primitives::hash::CryptoHash;
use serde_json::{Value, json};

use crate::actors::{Cast, random_key};
use crate::recorder::Recorder;

pub async fn run(r: &mut Recorder, cast: &Cast) -> Result<()> {
    calls(r, cast).await?;
    records(r, cast).await?;
    other_methods(r, cast).await?;
    shapes(r, cast).await
}

/// The end of an account: last, because nothing can be asked of Alice afterwards.
pub async fn farewell(r: &mut Recorder, cast: &Cast) -> Result<()> {
    let Cast { alice, bob, .. } = cast;
    r.watch(&[bob, alice]);
    let delete = Action::DeleteAccount(DeleteAccountAction { beneficiary_id: bob.id.clone() });
    r.transaction("delete an account, the rest goes to the beneficiary", alice, &alice.id, vec![delete]).await
}

async fn calls(r: &mut Recorder, cast: &Cast) -> Result<()> {
    let Cast { bob, probe, nobody, .. } = cast;
    let view = |account: &AccountId, method: &str, args: &str| {
        json!({
            "request_type": "call_function",
            "finality": "final",
            "account_id": account,
            "method_name": method,
            "args_base64": BASE64_STANDARD.encode(args),
        })
    };
    r.query("rpc: view", "query", view(&probe.id, "calls", "{}")).await?;
    r.query("rpc: view that panics", "query", view(&probe.id, "fail", r#"{"text":"view"}"#)).await?;
    r.query("rpc: view that writes", "query", view(&probe.id, "store", r#"{"key":"a","size":1}"#)).await?;
    r.query("rpc: view of an unknown method", "query", view(&probe.id, "nope", "{}")).await?;
    r.query("rpc: view of an account without code", "query", view(&bob.id, "nope", "{}")).await?;
    r.query("rpc: view of an unknown account", "query", view(nobody, "nope", "{}")).await
}

async fn records(r: &mut Recorder, cast: &Cast) -> Result<()> {
    let Cast { bob, other, nobody, .. } = cast;
    let final_ = |request_type: &str, account: Value| json!({ "request_type": request_type, "finality": "final", "account_id": account });
    r.query("rpc: view_account of nobody", "query", final_("view_account", json!(nobody))).await?;
    let malformed = final_("view_account", json!("Not A Name"));
    r.query("rpc: view_account with a malformed name", "query", malformed).await?;
    let mut key = final_("view_access_key", json!(bob.id));
    key["public_key"] = json!(random_key().public_key());
    r.query("rpc: view_access_key unknown", "query", key).await?;
    r.query("rpc: view_access_key_list", "query", final_("view_access_key_list", json!(bob.id))).await?;
    let code = final_("view_code", json!(bob.id));
    r.query("rpc: view_code of an account without code", "query", code).await?;
    let mut state = final_("view_state", json!(other.id));
    state["prefix_base64"] = json!("");
    r.query("rpc: view_state", "query", state).await
}

async fn other_methods(r: &mut Recorder, cast: &Cast) -> Result<()> {
    r.query("rpc: block of an unknown height", "block", json!({ "block_id": 999_999_999_999_u64 })).await?;
    let unknown = json!({
        "tx_hash": CryptoHash::hash_bytes(b"x"),
        "sender_account_id": cast.alice.id,
        "wait_until": "NONE",
    });
    r.query("rpc: tx unknown", "tx", unknown).await?;
    r.query("rpc: unknown method", "no_such_method", json!({})).await?;
    r.query("rpc: missing parameters", "query", json!({})).await?;
    r.query("rpc: gas_price", "gas_price", json!([null])).await
}

async fn shapes(r: &mut Recorder, cast: &Cast) -> Result<()> {
    let last_final = || json!({ "finality": "final" });
    r.shape("rpc shape: status", "status", json!([]), 3).await?;
    r.shape("rpc shape: block", "block", last_final(), 3).await?;
    r.shape("rpc shape: network_info", "network_info", json!([]), 3).await?;
    r.shape("rpc shape: validators", "validators", json!([null]), 3).await?;
    let config = "EXPERIMENTAL_protocol_config";
    r.shape(&format!("rpc shape: {config}"), config, last_final(), 3).await?;
    let block = r.rpc.ask("block", last_final()).await?;
    let chunk = json!({ "chunk_id": block["result"]["chunks"][0]["chunk_hash"] });
    r.shape("rpc shape: chunk", "chunk", chunk, 3).await?;
    for method in ["calls", "whoami"] {
        let view = json!({
            "request_type": "call_function",
            "finality": "optimistic",
            "account_id": cast.probe.id,
            "method_name": method,
            "args_base64": "e30=",
        });
        r.shape(&format!("rpc shape: call_function {method}"), "query", view, 2).await?;
    }
    Ok(())
}
