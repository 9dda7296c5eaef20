//! Reading blocks, from JSON as the service writes it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use offchainvm_interface::{
    DataId,
    events::{ExecutionRequested, RequestData},
};
use serde_json::{Value, json};

use super::*;
use crate::store::Cursor;

const CONTRACT: &str = "vm.near";

fn request(request_id: u64) -> ExecutionRequest {
    serde_json::from_value(json!({
        "request_id": request_id, "data_id": vec![7; 32], "sender_id": "user.near",
        "code_source": {"repo": "https://h/p", "commit": "abcdef", "build_target": "wasm32-wasip1"},
        "resource_limits": {}, "input_data": "né", "response_format": "text", "deposit": "1",
        "pricing": {"base_fee": "1", "per_instruction_fee": "1", "per_mb_fee": "1", "per_second_fee": "1"},
        "timestamp": 1_700_000_000_000_000_000u64, "deadline": 1_700_000_600_000_000_000u64,
    }))
    .unwrap()
}

fn requested(request_id: u64) -> String {
    let event = Event::ExecutionRequested(vec![ExecutionRequested {
        request_id,
        request_data: serde_json::to_string(&RequestData::of(&request(request_id))).unwrap(),
        data_id: DataId([7; 32]),
        timestamp: 1_700_000_000_000_000_000,
    }]);
    EventLog::new(event).to_log().unwrap()
}

fn outcome(executor: &str, status: Value, logs: &[String]) -> Value {
    json!({"execution_outcome": {"id": "x", "outcome": {"executor_id": executor, "status": status, "logs": logs,
        "gas_burnt": 1}}, "receipt": null, "tx_hash": "y"})
}

fn block(outcomes: Vec<Value>) -> Block {
    let json = json!({
        "block": {"author": "a.near", "header": {"height": 12, "prev_height": 10, "hash": "H12", "prev_hash": "H10",
            "timestamp": 1_700_000_000_000_000_000u64},
                  "chunks": []},
        "shards": [{"shard_id": 0, "chunk": null, "receipt_execution_outcomes": outcomes, "state_changes": []}],
    });
    Block::read(json.to_string().as_bytes()).unwrap().unwrap()
}

fn read(outcomes: Vec<Value>) -> BlockEvents {
    events_of(&block(outcomes), &CONTRACT.parse().unwrap())
}

#[test]
fn a_request_becomes_a_job_with_a_deadline() {
    let events = read(vec![outcome(CONTRACT, json!({"SuccessReceiptId": "z"}), &["hello".into(), requested(3)])]);
    assert_eq!(events.requested.len(), 1);
    assert_eq!(events.requested[0].request, request(3));
    assert_eq!(events.requested[0].deadline, Moment(1_700_000_600_000));
    assert_eq!(events.block, Cursor { height: 12, hash: "H12".into() });
}

#[test]
fn logs_of_failed_receipts_and_of_other_contracts_count_for_nothing() {
    let failure = json!({"Failure": {"ActionError": {"index": 0, "kind": {}}}});
    let events = read(vec![
        outcome(CONTRACT, failure, &[requested(1)]),
        outcome(CONTRACT, json!("Unknown"), &[requested(2)]),
        outcome("evil.near", json!({"SuccessValue": ""}), &[requested(3)]),
    ]);
    assert!(events.requested.is_empty());
}

#[test]
fn a_settlement_is_read_with_how_it_came() {
    let completed = |request_id: u64, extra: Value| {
        let mut data = json!({
            "request_id": request_id, "data_id": vec![7; 32], "sender_id": "user.near",
            "code_source": {"repo": "https://h/p", "commit": "abcdef", "build_target": "wasm32-wasip1"},
            "resources_used": {"instructions": 0, "memory_bytes": 0, "time_seconds": 0},
            "success": false, "cost": "0", "refund": "1", "timestamp": 1,
        });
        data.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        format!(
            "EVENT_JSON:{}",
            json!({"standard": "near-offshore", "version": "1.0.0", "event": "execution_completed", "data": [data]})
        )
    };
    let logs = [
        completed(1, json!({"success": true})),
        completed(2, json!({"error_code": "trap"})),
        completed(3, json!({"error_code": "timed_out"})),
        completed(4, json!({"error_code": "cancelled"})),
    ];
    let events = read(vec![outcome(CONTRACT, json!({"SuccessValue": ""}), &logs)]);
    let answered: Vec<(u64, bool)> =
        events.settled.iter().map(|closing| (closing.id.request_id, closing.answered)).collect();
    assert_eq!(answered, [(1, true), (2, true), (3, false), (4, false)]);
}

#[test]
fn a_block_follows_only_its_parent() {
    let cursor = |height, hash: &str| Cursor { height, hash: hash.into() };
    let block = block(vec![]);
    assert!(block.follows(&cursor(10, "H10")));
    assert!(!block.follows(&cursor(11, "H11")));
    assert!(!block.follows(&cursor(10, "another chain's")));
}

#[test]
fn null_is_a_skipped_height_and_anything_else_is_a_fault() {
    assert!(Block::read(b"null").unwrap().is_none());
    for text in ["", "{}", "[]", "<html>", r#"{"block": {"header": {"height": -1}}}"#] {
        assert!(Block::read(text.as_bytes()).is_err(), "{text}");
    }
}
