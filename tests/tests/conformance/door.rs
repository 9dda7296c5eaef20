//! What a node refuses before it takes a transaction in.

use anyhow::Result;
use near_primitives::hash::CryptoHash;
use serde_json::json;

use crate::actors::{Cast, transfer};
use crate::recorder::Recorder;

pub async fn run(r: &mut Recorder, cast: &Cast) -> Result<()> {
    let Cast { alice, bob, .. } = cast;
    let head = r.rpc.head().await?.hash;
    let nonce = r.rpc.nonce(&alice.id, &alice.public_key()).await?;
    let nowhere = CryptoHash::hash_bytes(b"nowhere");
    let sign = |nonce, block| alice.sign(&bob.id, nonce, block, vec![transfer(1)]);

    r.signed("nonce used before", sign(nonce, head)).await?;
    r.signed("nonce far too large", sign(u64::MAX / 2, head)).await?;
    r.signed("unknown block hash", sign(nonce + 1, nowhere)).await?;
    let mut forged = sign(nonce + 1, head);
    forged.signature = bob.key.sign(b"something else");
    r.signed("wrong signature", forged).await?;
    let bytes = json!({ "signed_tx_base64": "AAAA", "wait_until": "FINAL" });
    r.query("send_tx with bytes that are no transaction", "send_tx", bytes).await
}
