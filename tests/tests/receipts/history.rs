//! A request is found by the time of its block, whatever the chain's pace was and however far the source goes back.

use anyhow::Result;
use axum::{Router, extract::Path, http::StatusCode, routing::get};
use offchainvm_interface::{
    EventLog, ExecutionRequest,
    events::{Event, ExecutionCompleted, ExecutionRequested, RequestData},
};
use offchainvm_worker::ingest::{BlockSources, History};
use serde_json::{Value, json};
use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};
use tokio::net::TcpListener;

const CONTRACT: &str = "vm.near";
const SECOND: u64 = 1_000_000_000;
/// The first height that the source has, and the last.
const SERVED: std::ops::RangeInclusive<u64> = 9_000_000..=9_050_000;

/// When the block at a height was made: slowly at first, then fast, with a long stop in between.
fn time_of(height: u64) -> u64 {
    let age = height - 8_000_000;
    let stop = if height > 9_030_000 { 86_400 * SECOND } else { 0 };
    1_700_000_000 * SECOND + age.min(1_020_000) * 2 * SECOND + age.saturating_sub(1_020_000) * SECOND / 5 + stop
}

/// The chain passes over some heights, one after the other.
fn is_skipped(height: u64) -> bool {
    matches!(height % 100, 40..=47)
}

/// Serves the chain, with these logs in its blocks.
async fn serve(logs: BTreeMap<u64, String>) -> Result<History> {
    let logs = Arc::new(logs);
    let answer = move |Path(height): Path<u64>| {
        let body = body(height, &logs);
        async move { body }
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?).parse()?;
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/v0/block/{height}", get(answer))).await });
    Ok(History { sources: BlockSources::new(&[url])?, contract: CONTRACT.parse()? })
}

fn body(height: u64, logs: &BTreeMap<u64, String>) -> (StatusCode, String) {
    let refused = |kind: &str| (StatusCode::BAD_REQUEST, json!({"error": kind, "type": kind}).to_string());
    if height < *SERVED.start() {
        return refused("BLOCK_HEIGHT_TOO_LOW");
    }
    if height > *SERVED.end() {
        return refused("BLOCK_HEIGHT_TOO_HIGH");
    }
    if is_skipped(height) {
        return (StatusCode::OK, Value::Null.to_string());
    }
    let logs: Vec<_> = logs.get(&height).into_iter().collect();
    let outcome = json!({"executor_id": CONTRACT, "status": {"SuccessValue": ""}, "logs": logs});
    let header = json!({"height": height, "hash": height.to_string(), "prev_hash": "", "timestamp": time_of(height)});
    let outcomes = [json!({"execution_outcome": {"outcome": outcome}})];
    let block = json!({"block": {"header": header}, "shards": [{"receipt_execution_outcomes": outcomes}]});
    (StatusCode::OK, block.to_string())
}

fn request(height: u64) -> ExecutionRequest {
    serde_json::from_value(json!({
        "request_id": height, "data_id": vec![7; 32], "sender_id": "user.near", "input_data": "in",
        "code_source": {"repo": "https://h/p", "commit": "abcdef", "build_target": "wasm32-wasip1"},
        "resource_limits": {}, "response_format": "text", "deposit": "1", "timestamp": time_of(height), "deadline": 2,
        "pricing": {"base_fee": "1", "per_instruction_fee": "1", "per_mb_fee": "1", "per_second_fee": "1"},
    }))
    .unwrap()
}

fn requested(height: u64) -> String {
    let request = request(height);
    let entry = ExecutionRequested {
        request_id: request.request_id,
        request_data: serde_json::to_string(&RequestData::of(&request)).unwrap(),
        data_id: request.data_id,
        timestamp: request.timestamp,
    };
    EventLog::new(Event::ExecutionRequested(vec![entry])).to_log().unwrap()
}

fn completed(height: u64) -> String {
    let request = request(height);
    let entry: ExecutionCompleted = serde_json::from_value(json!({
        "request_id": height, "data_id": request.data_id, "sender_id": request.sender_id, "cost": "1", "refund": "1",
        "code_source": request.code_source, "success": true, "timestamp": 1,
        "resources_used": {"instructions": 1, "memory_bytes": 1, "time_seconds": 1},
    }))
    .unwrap();
    EventLog::new(Event::ExecutionCompleted(vec![entry])).to_log().unwrap()
}

#[tokio::test]
async fn a_request_is_found_by_its_time_and_its_end_after_it() -> Result<()> {
    let newest = *SERVED.end();
    // At both ends, beside skipped heights, around the change of pace and the stop.
    let heights = [9_000_000, 9_000_048, 9_019_999, 9_020_001, 9_030_000, 9_030_001, 9_030_039, newest - 61, newest];
    let mut logs: BTreeMap<u64, String> = heights.iter().map(|height| (*height, requested(*height))).collect();
    logs.insert(9_000_060, completed(9_000_048));
    let history = serve(logs).await?;
    for height in heights {
        let found = history.request(height, time_of(height), newest).await?;
        let found = found.unwrap_or_else(|| panic!("the request at {height}"));
        assert_eq!((found.request, found.height), (request(height), height));
        let other = history.request(height, time_of(height) + 1, newest).await?;
        assert!(other.is_none(), "no block has that time");
    }
    assert!(history.request(1, time_of(9_000_000), newest).await?.is_none(), "the block names another request");
    assert!(history.request(1, time_of(8_500_000), newest).await?.is_none(), "the source does not go back so far");

    let end = history.settlement(9_000_048, 9_000_048, newest).await?;
    assert_eq!(end.map(|end| end.request_id), Some(9_000_048));
    assert!(history.settlement(9_000_048, 9_000_061, newest).await?.is_none());
    Ok(())
}
