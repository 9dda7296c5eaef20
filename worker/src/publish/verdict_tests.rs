//! Outcomes as nodes show them.
#![allow(clippy::unwrap_used, reason = "tests")]

use base64::{Engine, prelude::BASE64_STANDARD};
use near_primitives::hash::CryptoHash;
use serde_json::{Value, json};

use super::*;

fn id(byte: u8) -> DataId {
    DataId([byte; 32])
}

/// A call of the method with these arguments that ended so.
fn outcome(method: &str, args: &Value, status: Value) -> FinalExecutionOutcomeView {
    outcome_of(
        &json!([{"FunctionCall": {
            "method_name": method, "args": BASE64_STANDARD.encode(args.to_string()), "gas": 1, "deposit": "0",
        }}]),
        status,
    )
}

fn outcome_of(actions: &Value, status: Value) -> FinalExecutionOutcomeView {
    let hash = CryptoHash::default().to_string();
    serde_json::from_value(json!({
        "status": status,
        "transaction": {
            "signer_id": "op.near", "public_key": "ed25519:3ThNatHmFR6gtMEFMEBPw6M1PGH6FVbGMzwBd4JqHTFT", "nonce": 1,
            "receiver_id": "vm.near", "actions": actions, "hash": hash,
            "signature": "ed25519:5LTFNHfWa5QiQ8qBcpgUcLjHq7pvZ3PcNL5VfP5TvsmwkWYcRkgSMDNhFi8L2VYSGQJSkrVP6X9fFw6WN4Ev6UMJ",
        },
        "transaction_outcome": {
            "proof": [], "block_hash": hash, "id": hash,
            "outcome": {
                "logs": [], "receipt_ids": [], "gas_burnt": 1, "tokens_burnt": "0", "executor_id": "op.near",
                "status": "Unknown",
            },
        },
        "receipts_outcome": [],
    }))
    .unwrap()
}

fn value(value: &Value) -> Value {
    json!({"SuccessValue": BASE64_STANDARD.encode(value.to_string())})
}

fn batch(ids: &[u8]) -> Value {
    json!({"responses": ids.iter().map(|byte| json!({"data_id": id(*byte), "response": "whatever"})).collect::<Vec<_>>()})
}

#[test]
fn each_answer_of_a_batch_has_its_own_verdict() {
    let told = json!([{"accepted": true}, {"accepted": false, "error": "late"}, {"accepted": true}]);
    let verdicts = Verdicts::read(&outcome(method::RESOLVE_EXECUTIONS, &batch(&[1, 2, 3]), value(&told))).unwrap();
    assert_eq!(verdicts.of(id(1)), Some(&Verdict::Accepted));
    assert_eq!(verdicts.of(id(2)), Some(&Verdict::Refused("late".to_owned())));
    assert_eq!(verdicts.of(id(3)), Some(&Verdict::Accepted));
    assert_eq!(verdicts.of(id(4)), None);
    assert_eq!(verdicts.accepted(), 2);
}

#[test]
fn a_single_answer_is_accepted_when_its_call_went_through() {
    let args = json!({"data_id": id(1), "response": {}});
    let verdicts = Verdicts::read(&outcome(method::RESOLVE_EXECUTION, &args, json!({"SuccessValue": ""}))).unwrap();
    assert_eq!(verdicts.of(id(1)), Some(&Verdict::Accepted));
}

#[test]
fn a_call_that_fails_fails_for_all_it_carried() {
    let failure = json!({"Failure": {"ActionError": {"index": 0, "kind": {
        "FunctionCallError": {"ExecutionError": "Exceeded the prepaid gas."}
    }}}});
    let verdicts = Verdicts::read(&outcome(method::RESOLVE_EXECUTIONS, &batch(&[1, 2]), failure)).unwrap();
    for byte in [1, 2] {
        let Some(Verdict::Failed { reason, carried: 2 }) = verdicts.of(id(byte)) else {
            unreachable!("{verdicts:?}");
        };
        assert!(reason.contains("Exceeded the prepaid gas"), "{reason}");
    }
}

#[test]
fn what_has_not_been_executed_has_no_verdicts() {
    for status in ["NotStarted", "Started"] {
        assert_eq!(Verdicts::read(&outcome(method::RESOLVE_EXECUTIONS, &batch(&[1]), json!(status))), None);
    }
}

#[test]
fn nothing_is_guessed_from_what_does_not_read() {
    let nothing = Some(Verdicts::default());
    let one = json!([{"accepted": true}]);
    let cases = [
        // Another length than was asked about, no list at all, arguments without handles, another method.
        outcome(method::RESOLVE_EXECUTIONS, &batch(&[1, 2]), value(&one)),
        outcome(method::RESOLVE_EXECUTIONS, &batch(&[1]), value(&json!("ok"))),
        outcome(method::RESOLVE_EXECUTIONS, &json!({"responses": [{}]}), value(&one)),
        outcome(method::RESOLVE_EXECUTION, &json!([1]), value(&one)),
        outcome("transfer", &batch(&[1]), value(&one)),
        outcome_of(&json!(["CreateAccount"]), value(&one)),
        outcome_of(&json!([]), value(&one)),
    ];
    for outcome in cases {
        assert_eq!(Verdicts::read(&outcome), nothing, "{:?}", outcome.transaction.actions);
    }
}
