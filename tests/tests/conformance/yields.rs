//! Yields: woken, woken with the largest payload and one byte more, timed out, and renewed in the callback.

use anyhow::{Result, ensure};
use near_primitives::action::Action;
use serde_json::{Value, json};

use crate::actors::{Cast, call};
use crate::recorder::Recorder;

/// One block more than a yield lives.
const PAST_TIMEOUT: u64 = 201;
/// Blocks until a call that was included has run and its refund is through.
const CALL_SETTLED: u64 = 4;

/// One yield's life.
struct Life {
    name: &'static str,
    /// How often the callback renews the yield when it times out.
    renewals: u32,
    /// How often it is left to time out before the wake call.
    timeouts_before: u32,
    /// The call that resumes it.
    wake: Option<Action>,
    /// How often it is left to time out after the wake call.
    timeouts_after: u32,
}

pub async fn run(r: &mut Recorder, cast: &Cast) -> Result<()> {
    let wake = |text: &str| call("wake", json!({ "text": text }), 30, 0);
    let payload = |bytes: u32| call("wake_big", json!({ "size": bytes }), 30, 0);
    let lives = [
        Life { name: "woken at once", renewals: 0, timeouts_before: 0, wake: Some(wake("bob")), timeouts_after: 0 },
        Life {
            name: "payload of 1,024 bytes",
            renewals: 0,
            timeouts_before: 0,
            wake: Some(payload(1024)),
            timeouts_after: 0,
        },
        Life {
            name: "payload of 1,025 bytes",
            renewals: 0,
            timeouts_before: 0,
            wake: Some(payload(1025)),
            timeouts_after: 1,
        },
        Life { name: "timed out", renewals: 0, timeouts_before: 1, wake: None, timeouts_after: 0 },
        Life {
            name: "renewed twice, then woken",
            renewals: 2,
            timeouts_before: 2,
            wake: Some(wake("bob")),
            timeouts_after: 0,
        },
    ];
    for life in lives {
        live(r, cast, life).await?;
    }
    r.transaction("wake with nothing waiting", &cast.bob, &cast.probe.id, vec![wake("again")]).await
}

async fn live(r: &mut Recorder, cast: &Cast, life: Life) -> Result<()> {
    let Cast { alice, bob, probe, .. } = cast;
    let wait = call("wait", json!({ "renew": life.renewals }), 100, 0);
    let transaction = r.sign(alice, &probe.id, vec![wait]).await?;
    let hash = transaction.get_hash();
    let sent = r.rpc.send(&transaction, "INCLUDED").await?;
    ensure!(sent.get("error").is_none(), "the waiting call was refused: {sent}");
    let included = r.rpc.head().await?.height;
    r.rpc.until_height(included + CALL_SETTLED).await?;

    for _ in 0..life.timeouts_before {
        r.rpc.fast_forward(PAST_TIMEOUT).await?;
    }
    if let Some(wake) = life.wake {
        let scenario = format!("yield {}: the wake call", life.name);
        r.transaction(&scenario, bob, &probe.id, vec![wake]).await?;
    }
    for _ in 0..life.timeouts_after {
        r.rpc.fast_forward(PAST_TIMEOUT).await?;
    }

    let question = json!({
        "tx_hash": hash,
        "sender_account_id": alice.id,
        "wait_until": "EXECUTED_OPTIMISTIC",
    });
    let answer = r.rpc.ask("EXPERIMENTAL_tx_status", question).await?;
    let mut outcome = r.outcome(&answer).await?;
    // How many blocks a fast-forward takes differs from node to node.
    for receipt in outcome["receipts"].as_array_mut().into_iter().flatten() {
        receipt["blocks_later"] = Value::from("<n>");
    }
    r.note(&format!("yield {}", life.name), outcome);
    Ok(())
}
