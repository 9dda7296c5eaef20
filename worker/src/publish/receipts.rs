//! The receipt that goes with an answer: made once, kept with the transaction, and sent again with every further one.

use std::sync::Arc;

use offchainvm_interface::{calls::ResolveArgs, receipt::SignedReceipt};
use tracing::warn;

use crate::{
    receipt::{Facts, Letterhead, ReceiptFault, digest},
    store::{Answer, Claimed},
};

/// The answer with the digest of its receipt, and the receipt as JSON. An answer is worth more than its receipt: one
/// without is sent all the same.
pub(super) fn attach(
    letterhead: &Letterhead,
    job: &Claimed,
    answer: &Answer,
    mut args: ResolveArgs,
) -> (ResolveArgs, Option<Arc<str>>) {
    let receipt = match &answer.receipt {
        // A transaction with its digest may be executed yet, so it stays this one, even if the key is another by now.
        Some(made) if made.receipt.error_code == args.response.failure() => {
            digest(&made.receipt).map(|digest| (made.clone(), digest))
        }
        _ => letterhead.sign(Facts {
            request: &job.request,
            artifact: job.artifact.as_ref(),
            run: answer.run.as_ref(),
            response: &args.response,
        }),
    };
    match receipt.and_then(|(receipt, digest)| Ok((json(&receipt)?, digest))) {
        Ok((json, digest)) => {
            args.response.receipt_sha256 = Some(digest);
            (args, Some(json))
        }
        Err(error) => {
            let request_id = job.request.request_id;
            warn!(event = "publish.no_receipt", request_id, %error, "the answer goes without a receipt");
            (args, None)
        }
    }
}

fn json(receipt: &SignedReceipt) -> Result<Arc<str>, ReceiptFault> {
    Ok(serde_json::to_string(receipt).map_err(std::io::Error::from)?.into())
}
