//! Blocks that were recorded once, served from memory as a block source serves them, as late and as large as wanted.

use anyhow::{Context, Result, ensure};
use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, net::Ipv4Addr, ops::RangeInclusive, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinHandle, time::sleep};

/// How long a question for a block that is not there waits, so that whoever asks again and again is no load.
const NOT_YET: Duration = Duration::from_secs(1);

/// Blocks by height: the JSON that a source answered, `null` for heights that the chain passed over.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    blocks: BTreeMap<u64, Bytes>,
}

impl Recording {
    /// Asks the source at `url` for every height.
    pub(super) async fn of(url: &str, heights: RangeInclusive<u64>) -> Result<Self> {
        let http = reqwest::Client::new();
        let mut blocks = BTreeMap::new();
        for height in heights {
            let answer = http.get(format!("{url}/v0/block/{height}")).send().await?.error_for_status()?;
            blocks.insert(height, answer.bytes().await?);
        }
        Ok(Self { blocks })
    }

    /// The first so many of the blocks, each made as large as a busy chain's by what other contracts did.
    pub(super) fn busy(&self, count: usize, bytes: usize) -> Result<Self> {
        let enlarge = |(height, block): (&u64, &Bytes)| Ok((*height, enlarged(block, bytes)?));
        Ok(Self { blocks: self.blocks.iter().take(count).map(enlarge).collect::<Result<_>>()? })
    }

    /// The first so many of the blocks.
    pub(super) fn first(&self, count: usize) -> Self {
        Self { blocks: self.blocks.iter().take(count).map(|(height, block)| (*height, block.clone())).collect() }
    }

    pub(super) fn heights(&self) -> Result<RangeInclusive<u64>> {
        let (first, last) = (self.blocks.keys().next(), self.blocks.keys().next_back());
        Ok(*first.context("no blocks")?..=*last.context("no blocks")?)
    }

    pub(super) fn bytes(&self) -> usize {
        self.blocks.values().map(Bytes::len).sum()
    }
}

/// A block with further receipts of an account that nobody serves.
fn enlarged(block: &Bytes, bytes: usize) -> Result<Bytes> {
    let mut block: Value = serde_json::from_slice(block)?;
    let Some(outcomes) = block.pointer_mut("/shards/0/receipt_execution_outcomes").and_then(Value::as_array_mut) else {
        ensure!(block.is_null(), "a block without a shard");
        return Ok(Bytes::from_static(b"null"));
    };
    let hash = "B8mfKm3vxBRfNNmKEgZUvyC5K2DZmX3kWgrGmeGE1Ajz";
    let stranger = json!({
        "execution_outcome": {"block_hash": hash, "id": hash, "proof": [{"hash": hash, "direction": "Left"}], "outcome": {
            "executor_id": "market.near", "status": {"SuccessValue": ""}, "gas_burnt": 2_428_012_302_642u64,
            "logs": ["EVENT_JSON:{\"standard\":\"nep141\",\"event\":\"ft_transfer\",\"data\":[{\"amount\":\"1\"}]}"],
            "receipt_ids": [hash, hash], "tokens_burnt": "242801230264200000000",
            "metadata": {"version": 3, "gas_profile": [{"cost": "WASM_INSTRUCTION", "gas_used": "21204"}]},
        }},
        "receipt": {"predecessor_id": "user.near", "receiver_id": "market.near", "receipt_id": hash, "receipt": {"Action": {
            "actions": [{"FunctionCall": {"method_name": "ft_transfer", "args": "e30=".repeat(100), "gas": 1u64,
                "deposit": "1"}}], "signer_id": "user.near", "gas_price": "103000000",
        }}},
        "tx_hash": hash,
    });
    let count = bytes / stranger.to_string().len();
    outcomes.extend(std::iter::repeat_n(stranger, count));
    Ok(serde_json::to_vec(&block)?.into())
}

/// A running block source. It ends with the value.
pub(super) struct Shelf {
    pub(super) url: String,
    task: JoinHandle<std::io::Result<()>>,
}

impl Shelf {
    /// Serves the blocks, each so long after it was asked for.
    pub(super) async fn serve(recording: Recording, delay: Duration) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().route("/v0/block/{height}", get(block)).with_state(Arc::new((recording, delay)));
        let task = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, task })
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn block(State(shelf): State<Arc<(Recording, Duration)>>, Path(height): Path<u64>) -> Response {
    let (recording, delay) = &*shelf;
    if let Some(block) = recording.blocks.get(&height) {
        sleep(*delay).await;
        return block.clone().into_response();
    }
    sleep(NOT_YET).await;
    let refusal = json!({"error": "there is no such block here", "type": "BLOCK_HEIGHT_TOO_HIGH"});
    (StatusCode::NOT_FOUND, axum::Json(refusal)).into_response()
}
