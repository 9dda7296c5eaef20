//! Receipts, signed and checked: what an operator says about a request, under its key.

use near_account_id::AccountId;
use near_crypto::{PublicKey, Signature};
use offchainvm_interface::{
    CommitId, DataRef, ExecutionRequest, ExecutionResponse, Sha256,
    receipt::{Program, ReceiptBody, Run, SignedReceipt, VERSION},
};
use sha2::Digest;

use crate::{chain::OperatorSigner, store::BuiltArtifact};

/// What belongs into every receipt of one operator at one contract.
#[derive(Clone, Debug)]
pub struct Letterhead {
    /// The chain's name.
    pub chain_id: String,
    /// The contract.
    pub contract_id: AccountId,
    /// The largest result that it takes, in bytes.
    pub max_result_bytes: u64,
    /// Who signs.
    pub signer: OperatorSigner,
}

/// What is known of a request when its answer is about to leave.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The request.
    pub request: &'a ExecutionRequest,
    /// The program that its source became, if it became one.
    pub artifact: Option<&'a BuiltArtifact>,
    /// How the program was run, if it was.
    pub run: Option<&'a Run>,
    /// What the chain is told.
    pub response: &'a ExecutionResponse,
}

/// A receipt is not what its operator signed.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptFault {
    /// Written by another version of this program.
    #[error("version is {0}, but this program reads version {VERSION}")]
    Version(u16),
    /// The key is none.
    #[error("public_key {0:?} is not a public key")]
    Key(String),
    /// The signature is none.
    #[error("signature {0:?} is not a signature")]
    Signature(String),
    /// Another key's signature, or another receipt's.
    #[error("the signature is not that of public_key over these fields")]
    NotSigned,
    /// It cannot be written down.
    #[error("the receipt cannot be encoded: {0}")]
    Encode(#[from] std::io::Error),
}

impl Letterhead {
    /// Makes the receipt of an answer, signs it, and names it by its digest.
    ///
    /// # Errors
    /// [`ReceiptFault::Encode`].
    pub fn sign(&self, facts: Facts<'_>) -> Result<(SignedReceipt, Sha256), ReceiptFault> {
        let receipt = self.body(facts);
        let digest = digest(&receipt)?;
        let signature = self.signer.sign_digest(digest.0).to_string();
        Ok((SignedReceipt { receipt, signature }, digest))
    }

    fn body(&self, Facts { request, artifact, run, response }: Facts<'_>) -> ReceiptBody {
        let output = response.return_value.as_deref().filter(|_| run.is_some()).map(data_ref);
        ReceiptBody {
            version: VERSION,
            chain_id: self.chain_id.clone(),
            contract_id: self.contract_id.clone(),
            request_id: request.request_id,
            data_id: request.data_id,
            requested_at: request.timestamp,
            code_source: request.code_source.clone(),
            program: artifact.map(program),
            input: request.input_ref.unwrap_or_else(|| data_ref(request.input_data.as_bytes())),
            resource_limits: request.resource_limits,
            response_format: request.response_format,
            compile_only: request.compile_only,
            max_result_bytes: self.max_result_bytes,
            run: run.cloned(),
            error_code: response.failure(),
            output: output.or(response.output_ref).filter(|_| response.success),
            resources_used: response.resources_used,
            operator_id: self.signer.account_id().clone(),
            public_key: self.signer.public_key().to_string(),
        }
    }
}

/// What is known of a program; an empty text says nothing.
fn program(artifact: &BuiltArtifact) -> Program {
    Program {
        wasm_sha256: Sha256(artifact.digest.0),
        commit: CommitId::new(&artifact.commit).ok(),
        toolchain: Some(artifact.toolchain.clone()).filter(|toolchain| !toolchain.is_empty()),
        provenance_sha256: artifact.provenance,
    }
}

/// Names bytes by their digest.
#[must_use]
pub fn data_ref(bytes: &[u8]) -> DataRef {
    DataRef { sha256: Sha256(sha2::Sha256::digest(bytes).into()), size: bytes.len() as u64 }
}

/// The digest that stands for a receipt: what is signed, and what goes on chain.
///
/// # Errors
/// [`ReceiptFault::Encode`].
pub fn digest(receipt: &ReceiptBody) -> Result<Sha256, ReceiptFault> {
    Ok(Sha256(sha2::Sha256::digest(receipt.signed_bytes()?).into()))
}

/// Checks that the key which a receipt names has signed it; whose key that is, only the chain knows.
///
/// # Errors
/// [`ReceiptFault`] says what is wrong.
pub fn check(signed: &SignedReceipt) -> Result<Sha256, ReceiptFault> {
    let SignedReceipt { receipt, signature } = signed;
    if receipt.version != VERSION {
        return Err(ReceiptFault::Version(receipt.version));
    }
    let key: PublicKey = receipt.public_key.parse().map_err(|_| ReceiptFault::Key(receipt.public_key.clone()))?;
    let signature: Signature = signature.parse().map_err(|_| ReceiptFault::Signature(signature.clone()))?;
    let digest = digest(receipt)?;
    if signature.verify(&digest.0, &key) { Ok(digest) } else { Err(ReceiptFault::NotSigned) }
}

#[cfg(test)]
#[path = "receipt_tests.rs"]
mod tests;
