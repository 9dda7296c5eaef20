#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use super::*;
use offchainvm_interface::DataId;
use serde_json::json;

const HASH: &str = "11111111111111111111111111111111";

/// What the contract logs when it takes request 7, and when it settles it.
fn logs(code: Option<FailureCode>) -> (String, String) {
    let requested = json!({"standard": "near-offshore", "version": "1.0.0", "event": "execution_requested",
        "data": [{"request_id": 7, "request_data": "{}", "data_id": DataId([0; 32]), "timestamp": 1}]});
    let mut completed = json!({"standard": "near-offshore", "version": "1.0.0", "event": "execution_completed",
        "data": [{"request_id": 7, "data_id": DataId([0; 32]), "sender_id": "user.near",
            "code_source": {"repo": "https://h/p", "commit": "abcdef", "build_target": "wasm32-wasip1"},
            "resources_used": {"instructions": 10, "memory_bytes": 20, "time_seconds": 1},
            "success": code.is_none(), "cost": "30", "refund": "70", "timestamp": 2}]});
    if let Some(code) = code {
        completed["data"][0]["error_code"] = json!(code);
    }
    (format!("EVENT_JSON:{requested}"), format!("EVENT_JSON:{completed}"))
}

/// The outcome of a transaction of `user.near` with the given status and `vm.near`'s receipts, one for each log.
fn outcome(status: Value, logs: &[&str]) -> FinalExecutionOutcomeView {
    let receipt = |executor: &str, logs: Value| {
        json!({"proof": [], "block_hash": HASH, "id": HASH, "outcome": {
            "logs": logs, "receipt_ids": [], "gas_burnt": 1_000_000_000_000u64, "tokens_burnt": "5",
            "executor_id": executor, "status": {"SuccessValue": ""}}})
    };
    let json = json!({
        "status": status,
        "transaction": {"signer_id": "user.near", "public_key": "ed25519:11111111111111111111111111111111",
            "nonce": 1, "receiver_id": "vm.near", "actions": [], "priority_fee": 0, "hash": HASH,
            "signature": format!("ed25519:{}", "1".repeat(64))},
        "transaction_outcome": receipt("user.near", json!([])),
        "receipts_outcome": logs.iter().map(|log| receipt("vm.near", json!([log]))).collect::<Vec<_>>(),
    });
    serde_json::from_value(json).unwrap()
}

fn read(outcome: &FinalExecutionOutcomeView, format: ResponseFormat) -> Story {
    Story::read(outcome, &"vm.near".parse().unwrap(), NearToken::from_yoctonear(100), format)
}

fn value(json: &str) -> Value {
    json!({"SuccessValue": BASE64_STANDARD.encode(json)})
}

fn failure(text: &str) -> Value {
    json!({"Failure": {"ActionError": {"index": 0, "kind": {"FunctionCallError": {"ExecutionError": text}}}}})
}

#[test]
fn a_result_comes_with_its_bill() {
    let (requested, completed) = logs(None);
    let story = read(&outcome(value(r#""h\u00e9""#), &[&requested, &completed]), ResponseFormat::Text);
    assert!(story.succeeded());
    assert_eq!(story.request_id, Some(7));
    assert_eq!(story.bytes, "hé".as_bytes());
    assert_eq!(story.result, Some(json!("hé")));
    assert_eq!((story.cost.as_yoctonear(), story.refund.as_yoctonear()), (30, 70));
    assert_eq!((story.gas_burnt, story.tokens_burnt.as_yoctonear()), (3_000_000_000_000, 15));
    assert_eq!(story.resources_used.unwrap().instructions, 10);
}

#[test]
fn each_format_gives_the_programs_own_bytes() {
    let (requested, completed) = logs(None);
    let bytes = |json, format| read(&outcome(value(json), &[&requested, &completed]), format).bytes;
    assert_eq!(bytes(r#"{"a": 1}"#, ResponseFormat::Json), br#"{"a": 1}"#);
    assert_eq!(bytes(r#""AP8=""#, ResponseFormat::Bytes), [0, 255]);
    assert!(!read(&outcome(value("1"), &[&requested, &completed]), ResponseFormat::Text).succeeded());
    // The contract's own words: what `--compile-only` returns, and an output that is only named.
    let named = r#"{"wasm_sha256":"00"}"#;
    assert_eq!(bytes(named, ResponseFormat::Text), named.as_bytes());
    assert_eq!(bytes(named, ResponseFormat::Bytes), named.as_bytes());
}

#[test]
fn a_failed_program_shows_its_code_and_its_bill() {
    let (requested, completed) = logs(Some(FailureCode::Trap));
    let status = failure("Smart contract panicked: trap: the program trapped");
    let story = read(&outcome(status, &[&requested, &completed]), ResponseFormat::Text);
    assert!(!story.succeeded());
    assert_eq!(story.error_code, Some(FailureCode::Trap));
    assert_eq!(story.error.as_deref(), Some("trap: the program trapped"));
    assert_eq!(story.cost.as_yoctonear(), 30);
    let json = serde_json::to_value(&story).unwrap();
    assert_eq!(json["error_code"], "trap");
    assert_eq!(json.get("result"), None);
}

#[test]
fn a_request_that_was_not_taken_costs_nothing_but_gas() {
    let story = read(&outcome(failure("Smart contract panicked: The contract is paused"), &[]), ResponseFormat::Text);
    assert_eq!(story.request_id, None);
    assert_eq!(story.error_code, None);
    assert_eq!((story.cost.as_yoctonear(), story.refund.as_yoctonear()), (0, 100));
}

#[test]
fn another_accounts_events_say_nothing_about_this_request() {
    let (requested, completed) = logs(None);
    let outcome = outcome(value(r#""x""#), &[&requested, &completed]);
    let story = Story::read(&outcome, &"other.near".parse().unwrap(), NearToken::from_near(1), ResponseFormat::Text);
    assert_eq!((story.request_id, story.resources_used), (None, None));
}
