//! The receipt: what an operator signs for, so that anyone can check it and hold the operator to it.
//!
//! Its digest, SHA-256 of [`ReceiptBody::signed_bytes`], goes onto the chain with the answer; the receipt itself stays
//! with the operator, who hands it out. `docs/RECEIPTS.md` has the byte layout, and what a receipt does not prove.

use crate::{
    code_source::{CodeSource, CommitId},
    data_id::DataId,
    failure::FailureCode,
    limits::ResourceLimits,
    request::{RequestId, ResponseFormat},
    sha256::{DataRef, Sha256},
    usage::ResourcesUsed,
};
use borsh::{BorshDeserialize, BorshSerialize};
use near_account_id::AccountId;
use serde::{Deserialize, Serialize};

/// The version that this code writes and reads.
pub const VERSION: u16 = 1;

/// What the signed bytes begin with. It keeps the signature from meaning anything else: an operator signs its
/// transactions with the same key, and none of those begins so, because its first four bytes are a length.
pub const DOMAIN: &[u8] = b"offchainvm receipt v1";

/// What an operator says about one request: what it was, how it ended, and all that another needs to do it again.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptBody {
    /// [`VERSION`].
    pub version: u16,
    /// The chain, by the name that its nodes give it.
    pub chain_id: String,
    /// The contract that was asked.
    pub contract_id: AccountId,
    /// The request's number there.
    pub request_id: RequestId,
    /// The request's handle, which random numbers are made from.
    pub data_id: DataId,
    /// Block time of the request, in nanoseconds since 1970: in that block's events the request can be found.
    pub requested_at: u64,
    /// The program, as the request names it.
    pub code_source: CodeSource,
    /// The program that this became; absent when it became none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Program>,
    /// What the program read on standard input.
    pub input: DataRef,
    /// What it might use.
    pub resource_limits: ResourceLimits,
    /// What the caller's transaction was to return.
    pub response_format: ResponseFormat,
    /// Whether only building was asked for.
    pub compile_only: bool,
    /// The largest result that the contract took, in bytes: a larger output became a failure.
    pub max_result_bytes: u64,
    /// How the program was run; absent when it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// Why it failed; absent with success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<FailureCode>,
    /// What it wrote to standard output; only with success, and only of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<DataRef>,
    /// What the run used: instructions and bytes exactly, seconds rounded up. Zero without a run.
    pub resources_used: ResourcesUsed,
    /// Who answered.
    pub operator_id: AccountId,
    /// The key that signed, as NEAR writes keys: `ed25519:` and base 58.
    pub public_key: String,
}

/// A program, as it was built or found.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The digest of its bytes.
    pub wasm_sha256: Sha256,
    /// The full name of the commit it was built from; absent when the request named a digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// The compiler that built it, as `rustc --version` says; absent likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toolchain: Option<String>,
    /// The digest of the record of how it was built; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance_sha256: Option<Sha256>,
}

/// How a program was run: what decides, beside the request, how it ends.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// What ran it: two engines of the same text give the same output, count and peak.
    pub engine: String,
    /// The bytes of standard output after which the operator ends a program.
    pub max_output_bytes: u64,
}

/// A receipt and its signature: what is stored, handed out and verified.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SignedReceipt {
    /// What is signed.
    pub receipt: ReceiptBody,
    /// Ed25519, by [`ReceiptBody::public_key`], of the 32 bytes of the digest: `ed25519:` and base 58.
    pub signature: String,
}

impl ReceiptBody {
    /// [`DOMAIN`], and then this in borsh: the bytes whose SHA-256 is the receipt's digest. There is no hash function
    /// in this crate, because a contract has the host's.
    ///
    /// # Errors
    /// Never for values that fit memory; the signature is borsh's.
    pub fn signed_bytes(&self) -> Result<Vec<u8>, std::io::Error> {
        let mut bytes = DOMAIN.to_vec();
        borsh::to_writer(&mut bytes, self)?;
        Ok(bytes)
    }
}

#[cfg(test)]
#[path = "receipt_tests.rs"]
mod tests;
