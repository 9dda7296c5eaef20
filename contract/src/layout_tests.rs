//! The bytes of the state. A snapshot that changes is a migration that is missing: see `migrate.rs`.

use crate::{
    answer::{Answer, Outcome, Resume},
    migrate::v1,
    pending::Handle,
    state::{Contract, Outcomes},
};
use borsh::BorshSerialize;
use near_sdk::{AccountId, NearToken};
use offchainvm_interface::{
    BuildTarget, CodeSource, CommitId, DataId, DataRef, ExecutionRequest, FailureCode, GitSource, MaxLimits, Pricing,
    RepoUrl, ResourceLimits, ResourcesUsed, ResponseFormat, Sha256, SourcePath, WasmSource, views::Receipt,
};
use std::fmt::Write;

fn account(name: &str) -> AccountId {
    name.parse().unwrap()
}

fn yocto(amount: u128) -> NearToken {
    NearToken::from_yoctonear(amount)
}

/// Sixteen bytes a line, so that a change shows where it is.
fn bytes<T: BorshSerialize>(value: &T) -> String {
    borsh::to_vec(value).unwrap().chunks(16).fold(String::new(), |mut lines, chunk| {
        chunk.iter().for_each(|byte| write!(lines, "{byte:02x} ").unwrap());
        lines.push('\n');
        lines
    })
}

const USED: ResourcesUsed = ResourcesUsed { instructions: 1, memory_bytes: 2, time_seconds: 3 };

fn request(code_source: CodeSource) -> ExecutionRequest {
    ExecutionRequest {
        request_id: 7,
        data_id: DataId([1; 32]),
        sender_id: account("user.testnet"),
        refund_to: Some(account("payer.testnet")),
        code_source,
        resource_limits: ResourceLimits::default(),
        compile_only: true,
        input_data: "input".to_owned(),
        input_ref: Some(DataRef { sha256: Sha256([2; 32]), size: 3 }),
        response_format: ResponseFormat::Json,
        deposit: yocto(4),
        pricing: Pricing::default(),
        timestamp: 5,
        deadline: 6,
    }
}

#[test]
fn the_root_record_keeps_its_layout() {
    insta::assert_snapshot!(bytes(&Contract {
        owner_id: account("owner.testnet"),
        proposed_owner_id: Some(account("next.testnet")),
        operators: vec![account("operator.testnet")],
        pricing: Pricing::default(),
        paused: true,
        max_limits: MaxLimits::default(),
        max_result_bytes: 1,
        deadline_seconds: 2,
        receipt_history: 3,
        total_requests: 4,
        waiting: 5,
        outcomes: Outcomes {
            succeeded: 6,
            failed_source: 7,
            failed_program: 8,
            failed_operator: 9,
            timed_out: 10,
            cancelled: 11,
        },
        escrow: yocto(12),
        requests_storage: 15,
        fees: yocto(13),
        credits: yocto(14),
    }));
}

#[test]
fn requests_keep_their_layout() {
    let git = CodeSource::Git(GitSource {
        repo: RepoUrl::new("https://h/p").unwrap(),
        commit: CommitId::new("abcdef").unwrap(),
        build_target: BuildTarget::Wasm32Wasip1,
        path: Some(SourcePath::new("a/b").unwrap()),
    });
    let wasm = CodeSource::Wasm(WasmSource {
        wasm_sha256: Sha256([8; 32]),
        url: None,
        build_target: Some(BuildTarget::Wasm32Wasip1),
    });
    insta::assert_snapshot!("request_of_a_commit", bytes(&request(git)));
    insta::assert_snapshot!("request_of_a_digest", bytes(&request(wasm)));
    let handle = Handle::sample();
    assert_eq!(borsh::object_length(&handle).unwrap(), 53, "pending.rs counts on it");
    insta::assert_snapshot!("handle", bytes(&handle));
}

#[test]
fn answers_keep_their_layout() {
    let answer = |outcome| Answer { outcome, used: USED, wasm_sha256: Some(Sha256([3; 32])), receipt_sha256: None };
    let reference = DataRef { sha256: Sha256([4; 32]), size: 5 };
    insta::assert_snapshot!("answer_output", bytes(&answer(Outcome::Output(b"42".to_vec()))));
    insta::assert_snapshot!("answer_reference", bytes(&answer(Outcome::OutputRef(reference))));
    insta::assert_snapshot!("answer_failure", bytes(&answer(Outcome::Failure(FailureCode::Trap, "why".to_owned()))));
    // Payloads on their way when the code changes: those of version 1 too.
    let old = v1::ExecutionResponse::sample();
    insta::assert_snapshot!("resume_inline_v1", bytes(&Resume::InlineV1(old)));
    insta::assert_snapshot!("resume_stashed", bytes(&Resume::Stashed));
    insta::assert_snapshot!("resume_cancelled", bytes(&Resume::Cancelled));
    insta::assert_snapshot!("resume_inline", bytes(&Resume::Inline(answer(Outcome::Output(b"42".to_vec())))));
}

#[test]
fn receipts_keep_their_layout() {
    insta::assert_snapshot!(bytes(&Receipt {
        request_id: 7,
        error_code: Some(FailureCode::Cancelled),
        resources_used: USED,
        cost: yocto(4),
        refund: yocto(5),
        wasm_sha256: Some(Sha256([6; 32])),
        output_sha256: None,
        block_height: 8,
        receipt_sha256: None,
    }));
}

/// The digest of an operator's receipt came later: it stands at the end, and records without it read as before.
#[test]
fn a_receipts_digest_only_adds_to_the_end() {
    let digest = Sha256([5; 32]);
    let answer = |receipt_sha256| Answer {
        outcome: Outcome::Output(b"42".to_vec()),
        used: USED,
        wasm_sha256: None,
        receipt_sha256,
    };
    let (without, with) = (answer(None), answer(Some(digest)));
    let (short, long) = (borsh::to_vec(&without).unwrap(), borsh::to_vec(&with).unwrap());
    assert_eq!(long, [short.as_slice(), &digest.0].concat());
    assert_eq!(borsh::from_slice::<Answer>(&short).unwrap().receipt_sha256, None);
    assert_eq!(borsh::from_slice::<Answer>(&long).unwrap().receipt_sha256, Some(digest));
    assert!(borsh::from_slice::<Answer>(&long[..long.len() - 1]).is_err());
    assert!(borsh::from_slice::<Answer>(&[long.as_slice(), &[0]].concat()).is_err());
    insta::assert_snapshot!("resume_inline_with_receipt", bytes(&Resume::Inline(with)));
}
