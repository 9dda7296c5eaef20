//! Signing: what a signature covers, and what it does not pass for.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use offchainvm_interface::{FailureCode, ResourcesUsed, receipt::DOMAIN};
use serde_json::{Value, json};

use super::*;
use crate::{
    chain::{KeySource, Secret},
    job::WasmDigest,
};

const USED: ResourcesUsed = ResourcesUsed { instructions: 5, memory_bytes: 65_537, time_seconds: 1 };
const KEYS: [&str; 2] = [
    "ed25519:3D4YudUahN1nawWogh8pAKSj92sUNMdbZGjn7kERKzYoTy8tnFQuwoGUC51DowKqorvkr2pytJSnwuSbsNVfqygr",
    "ed25519:3KyUuch8pYP47krBq4DosFEVBMR5wDTMQ8AThzM8kAEcBQEpsPdYTZ2FPX5ZnSoLrerjwg66hwwJaW1wHzprd5k3",
];

fn letterhead(key: &str) -> Letterhead {
    let private_key: Secret = key.parse().unwrap();
    let signer = OperatorSigner::load(&KeySource::Given { account_id: "op.near".parse().unwrap(), private_key });
    Letterhead {
        chain_id: "testnet".to_owned(),
        contract_id: "vm.near".parse().unwrap(),
        max_result_bytes: 8,
        signer: signer.unwrap(),
    }
}

fn request() -> ExecutionRequest {
    serde_json::from_value(json!({
        "request_id": 1, "data_id": vec![7; 32], "sender_id": "user.near",
        "code_source": {"repo": "https://h/p", "commit": "abcdef", "build_target": "wasm32-wasip1"},
        "resource_limits": {}, "input_data": "in", "response_format": "text", "deposit": "1",
        "pricing": {"base_fee": "1", "per_instruction_fee": "1", "per_mb_fee": "1", "per_second_fee": "1"},
        "timestamp": 1, "deadline": 2,
    }))
    .unwrap()
}

fn signed() -> SignedReceipt {
    let artifact = BuiltArtifact {
        digest: WasmDigest([5; 32]),
        path: "x.wasm".into(),
        commit: "abcdef0123".into(),
        toolchain: "rustc 1".into(),
        provenance: Some(Sha256([6; 32])),
    };
    let run = Run { engine: "an engine".to_owned(), max_output_bytes: 9 };
    let response = ExecutionResponse::succeeded(b"out".to_vec(), USED);
    let request = request();
    let facts = Facts { request: &request, artifact: Some(&artifact), run: Some(&run), response: &response };
    let (signed, digest) = letterhead(KEYS[0]).sign(facts).unwrap();
    assert_eq!(check(&signed).unwrap(), digest);
    signed
}

/// Every place in a JSON value that holds no other one.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, field)| leaves(field, &format!("{at}/{name}"), found)),
        Value::Array(items) => leaves(&items[0], &format!("{at}/0"), found),
        _ => found.push(at.to_owned()),
    }
}

#[test]
fn a_receipt_says_what_was_asked_done_and_used() {
    let receipt = signed().receipt;
    assert_eq!(receipt.input, data_ref(b"in"));
    assert_eq!(receipt.output, Some(data_ref(b"out")));
    assert_eq!(receipt.resources_used, USED);
    let program = receipt.program.unwrap();
    assert_eq!((program.wasm_sha256, program.commit.unwrap().as_str()), (Sha256([5; 32]), "abcdef0123"));
    assert_eq!((receipt.operator_id.as_str(), receipt.error_code), ("op.near", None));
}

#[test]
fn a_source_that_became_no_program_has_a_receipt_that_claims_none() {
    let request = request();
    let response = ExecutionResponse::failed(FailureCode::BuildFailed, "no", ResourcesUsed::default());
    let facts = Facts { request: &request, artifact: None, run: None, response: &response };
    let (signed, _) = letterhead(KEYS[0]).sign(facts).unwrap();
    check(&signed).unwrap();
    let receipt = signed.receipt;
    assert_eq!((receipt.program, receipt.run, receipt.output), (None, None, None));
    assert_eq!(receipt.error_code, Some(FailureCode::BuildFailed));
}

#[test]
fn no_field_can_be_changed_without_breaking_the_signature() {
    let good = serde_json::to_value(signed()).unwrap();
    let mut places = vec![];
    leaves(&good, "", &mut places);
    assert!(places.len() > 25, "{places:?}");
    for place in places {
        let mut bad = good.clone();
        let field = bad.pointer_mut(&place).unwrap();
        *field = match &*field {
            Value::Bool(value) => json!(!value),
            Value::Number(value) => json!(value.as_u64().unwrap() + 1),
            Value::String(text) => json!(other(text)),
            _ => continue,
        };
        // Some texts have a form of their own, so that the changed receipt does not even read.
        let Ok(bad) = serde_json::from_value::<SignedReceipt>(bad) else { continue };
        assert!(check(&bad).is_err(), "{place} can be changed");
    }
}

/// A text of the same form where that is easy: another digit at the end, another word where there are few.
fn other(text: &str) -> String {
    match text {
        "text" => "json".to_owned(),
        _ => {
            let (rest, last) = text.split_at(text.len() - 1);
            format!("{rest}{}", if last == "1" { "2" } else { "1" })
        }
    }
}

#[test]
fn another_keys_signature_is_refused() {
    let mut forged = signed();
    let digest = digest(&forged.receipt).unwrap();
    forged.signature = letterhead(KEYS[1]).signer.sign_digest(digest.0).to_string();
    assert!(matches!(check(&forged), Err(ReceiptFault::NotSigned)));
    forged.receipt.public_key = letterhead(KEYS[1]).signer.public_key().to_string();
    assert!(matches!(check(&forged), Err(ReceiptFault::NotSigned)), "its digest names the key");
}

#[test]
fn a_signature_over_the_same_fields_in_another_domain_is_refused() {
    let mut forged = signed();
    let bytes = forged.receipt.signed_bytes().unwrap();
    let fields = bytes.strip_prefix(DOMAIN).unwrap();
    for domain in [&b""[..], b"offchainvm receipt v2"] {
        let digest: [u8; 32] = sha2::Sha256::digest([domain, fields].concat()).into();
        forged.signature = letterhead(KEYS[0]).signer.sign_digest(digest).to_string();
        assert!(matches!(check(&forged), Err(ReceiptFault::NotSigned)));
    }
}

#[test]
fn what_is_no_key_no_signature_or_another_version_is_named() {
    let (mut version, mut key, mut signature) = (signed(), signed(), signed());
    version.receipt.version = 2;
    key.receipt.public_key = "ed25519:0".to_owned();
    signature.signature = "ed25519:".to_owned();
    assert!(matches!(check(&version), Err(ReceiptFault::Version(2))));
    assert!(matches!(check(&key), Err(ReceiptFault::Key(_))));
    assert!(matches!(check(&signature), Err(ReceiptFault::Signature(_))));
}
