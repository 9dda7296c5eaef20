//! Receipts as they are signed and handed out.

use super::*;
use crate::code_source::{BuildTarget, GitSource, RepoUrl};
use std::fmt::Write;

fn run() -> ReceiptBody {
    ReceiptBody {
        version: VERSION,
        chain_id: "testnet".to_owned(),
        contract_id: "vm.testnet".parse().unwrap(),
        request_id: 7,
        data_id: DataId([1; 32]),
        requested_at: 1_700_000_000_123_456_789,
        code_source: CodeSource::Git(GitSource {
            repo: RepoUrl::new("https://h/p").unwrap(),
            commit: CommitId::new("abcdef").unwrap(),
            build_target: BuildTarget::Wasm32Wasip1,
            path: None,
        }),
        program: Some(Program {
            wasm_sha256: Sha256([2; 32]),
            commit: Some(CommitId::new(&"abcdef".repeat(7)[..40]).unwrap()),
            toolchain: Some("rustc 1.95.0".to_owned()),
            provenance_sha256: Some(Sha256([3; 32])),
        }),
        input: DataRef { sha256: Sha256([4; 32]), size: 5 },
        resource_limits: ResourceLimits::default(),
        response_format: ResponseFormat::Json,
        compile_only: false,
        max_result_bytes: 7,
        run: Some(Run { engine: "an engine".to_owned(), max_output_bytes: 6 }),
        error_code: None,
        output: Some(DataRef { sha256: Sha256([8; 32]), size: 9 }),
        resources_used: ResourcesUsed { instructions: 10, memory_bytes: 11, time_seconds: 12 },
        operator_id: "operator.testnet".parse().unwrap(),
        public_key: "ed25519:key".to_owned(),
    }
}

/// A source that did not build: nothing of a program, a run or an output.
fn refusal() -> ReceiptBody {
    ReceiptBody {
        program: None,
        run: None,
        error_code: Some(FailureCode::BuildFailed),
        output: None,
        resources_used: ResourcesUsed::default(),
        ..run()
    }
}

/// Sixteen bytes a line, so that a change shows where it is.
fn lines(bytes: &[u8]) -> String {
    bytes.chunks(16).fold(String::new(), |mut lines, chunk| {
        chunk.iter().for_each(|byte| write!(lines, "{byte:02x} ").unwrap());
        lines.push('\n');
        lines
    })
}

#[test]
fn receipts_keep_their_signed_bytes_and_their_json() {
    for (name, receipt) in [("run", run()), ("refusal", refusal())] {
        let bytes = receipt.signed_bytes().unwrap();
        assert_eq!(borsh::from_slice::<ReceiptBody>(bytes.strip_prefix(DOMAIN).unwrap()).unwrap(), receipt);
        insta::assert_snapshot!(format!("receipt_{name}_bytes"), lines(&bytes));
        let signed = SignedReceipt { receipt, signature: "ed25519:signature".to_owned() };
        insta::assert_json_snapshot!(format!("receipt_{name}"), &signed);
        let json = serde_json::to_string(&signed).unwrap();
        assert_eq!(serde_json::from_str::<SignedReceipt>(&json).unwrap(), signed);
    }
}

/// What is not signed has no place in a receipt.
#[test]
fn a_receipt_with_a_field_more_is_none() {
    let signed = SignedReceipt { receipt: run(), signature: String::new() };
    for pointer in ["", "/receipt", "/receipt/program", "/receipt/run", "/receipt/input"] {
        let mut json = serde_json::to_value(&signed).unwrap();
        json.pointer_mut(pointer).unwrap()["note"] = "trust me".into();
        let error = serde_json::from_value::<SignedReceipt>(json).unwrap_err().to_string();
        assert!(error.contains("unknown field `note`"), "{pointer}: {error}");
    }
}

/// The first four bytes of a transaction are the length of its signer's name, of at most 64.
#[test]
fn no_transaction_begins_as_a_receipt_does() {
    let length = u32::from_le_bytes(DOMAIN[..4].try_into().unwrap());
    assert!(length > 64, "{length}");
}
