//! What the words of a path mean.

use offchainvm_interface::{RequestId, Sha256};

use super::{Problem, View};
use crate::{
    job::{JobId, WasmDigest},
    store::JobView,
};

/// How much of an unknown name is repeated.
const NAME_CHARS: usize = 80;

/// The job of a request's number, or of the job's whole name for one that was submitted without a chain.
pub(super) async fn find(view: &View, id: &str) -> Result<JobView, Problem> {
    let unknown = || Problem::NoSuchRequest(id.chars().take(NAME_CHARS).collect());
    let job = match (id.parse::<RequestId>(), id.parse::<JobId>()) {
        (Ok(number), _) => view.store.job(number).await,
        (_, Ok(name)) => view.store.job_named(name).await,
        _ => return Err(unknown()),
    };
    job.map_err(|error| Problem::Internal(error.to_string()))?.ok_or_else(unknown)
}

/// A digest in hexadecimal.
pub(super) fn digest(text: &str) -> Option<Sha256> {
    text.parse::<WasmDigest>().ok().map(|digest| Sha256(digest.0))
}
