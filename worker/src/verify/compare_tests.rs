//! Each claim of a receipt is compared with something.
#![allow(clippy::unwrap_used, reason = "tests")]

use offchainvm_interface::{receipt::VERSION, views};
use serde_json::{Value, json};

use super::*;

const USED: ResourcesUsed = ResourcesUsed { instructions: 5, memory_bytes: 65_537, time_seconds: 1 };

fn request() -> ExecutionRequest {
    serde_json::from_value(json!({
        "request_id": 1, "data_id": vec![7; 32], "sender_id": "user.near", "input_data": "in",
        "code_source": {"repo": "https://h/p", "commit": "abcdef", "build_target": "wasm32-wasip1"},
        "resource_limits": {}, "response_format": "text", "deposit": "1", "timestamp": 1, "deadline": 2,
        "pricing": {"base_fee": "1", "per_instruction_fee": "1", "per_mb_fee": "1", "per_second_fee": "1"},
    }))
    .unwrap()
}

fn receipt() -> Value {
    let request = request();
    json!({
        "version": VERSION, "chain_id": "c", "contract_id": "vm.near", "request_id": 1, "data_id": request.data_id,
        "requested_at": 1, "code_source": request.code_source, "input": data_ref(b"in"),
        "resource_limits": request.resource_limits, "response_format": "text", "compile_only": false,
        "max_result_bytes": 9, "output": data_ref(b"out"), "resources_used": USED, "operator_id": "op.near",
        "public_key": "ed25519:k",
    })
}

fn settlement() -> Settlement {
    let receipt = json!({
        "request_id": 1, "resources_used": USED, "cost": "1", "refund": "1", "block_height": 1,
        "output_sha256": data_ref(b"out").sha256,
    });
    serde_json::from_value::<views::Receipt>(receipt).unwrap().into()
}

/// The names of all that differs once `change` was made to the receipt.
fn differs(change: impl FnOnce(&mut Value)) -> [Vec<&'static str>; 3] {
    let mut json = receipt();
    change(&mut json);
    let receipt: ReceiptBody = serde_json::from_value(json).unwrap();
    let ran = ExecutionResponse::succeeded(b"out".to_vec(), ResourcesUsed { time_seconds: 9, ..USED });
    let names = |all: Vec<Difference>| all.into_iter().map(|it| it.field).collect();
    [
        names(with_request(&receipt, &request())),
        names(with_settlement(&receipt, &settlement())),
        names(with_run(&receipt, &ran)),
    ]
}

#[test]
fn a_true_receipt_differs_from_nothing_whatever_time_another_run_takes() {
    assert_eq!(differs(|_| {}), [const { Vec::<&str>::new() }; 3]);
}

#[test]
fn a_changed_field_is_named_by_whatever_knows_better() {
    let other = json!("11".repeat(32));
    for (pointer, value, field, known_to) in [
        ("/request_id", json!(2), "request_id", [true, false, false]),
        ("/data_id/0", json!(8), "data_id", [true, false, false]),
        ("/requested_at", json!(2), "requested_at", [true, false, false]),
        ("/code_source/commit", json!("abcde0"), "code_source", [true, false, false]),
        ("/input/sha256", other.clone(), "input.sha256", [true, false, false]),
        ("/input/size", json!(3), "input.size", [true, false, false]),
        ("/resource_limits/max_instructions", json!(7), "resource_limits.max_instructions", [true, false, false]),
        ("/resource_limits/max_memory_mb", json!(7), "resource_limits.max_memory_mb", [true, false, false]),
        (
            "/resource_limits/max_execution_seconds",
            json!(7),
            "resource_limits.max_execution_seconds",
            [true, false, false],
        ),
        ("/response_format", json!("json"), "response_format", [true, false, false]),
        ("/compile_only", json!(true), "compile_only", [true, false, false]),
        ("/output/sha256", other, "output.sha256", [false, true, true]),
        ("/output/size", json!(4), "output.size", [false, false, true]),
        ("/resources_used/instructions", json!(6), "resources_used.instructions", [false, true, true]),
        ("/resources_used/memory_bytes", json!(65_536), "resources_used.memory_bytes", [false, true, true]),
        ("/resources_used/time_seconds", json!(2), "resources_used.time_seconds", [false, true, false]),
    ] {
        let named = differs(|json| *json.pointer_mut(pointer).unwrap() = value);
        assert_eq!(named, known_to.map(|known| if known { vec![field] } else { vec![] }), "{pointer}");
    }
    let failed = differs(|json| json["error_code"] = json!("trap"));
    assert_eq!(failed, [vec![], vec!["error_code"], vec!["error_code"]]);
}
