//! `/v1/requests/{id}/receipt`: what the operator signed for a request, for whoever wants to check it; and
//! `/v1/requests/{id}/receipt/{sha256}`, when there are several, the one that the chain names.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use offchainvm_interface::{Sha256, receipt::SignedReceipt};

use super::{Problem, View, jobs};

/// The receipt as it was signed: the one that the request was settled with, or the last that was sent. It is there from
/// the moment its digest leaves for the chain, and stays.
pub(super) async fn receipt(
    State(view): State<Arc<View>>,
    Path(id): Path<String>,
) -> Result<Json<SignedReceipt>, Problem> {
    find(&view, id, None).await
}

/// The receipt with a digest, of all that were sent for a request and may count.
pub(super) async fn with_digest(
    State(view): State<Arc<View>>,
    Path((id, sha256)): Path<(String, String)>,
) -> Result<Json<SignedReceipt>, Problem> {
    match jobs::digest(&sha256) {
        Some(sha256) => find(&view, id, Some(sha256)).await,
        None => Err(Problem::NoReceipt(id)),
    }
}

async fn find(view: &View, id: String, sha256: Option<Sha256>) -> Result<Json<SignedReceipt>, Problem> {
    let job = jobs::find(view, &id).await?;
    let receipt = view.store.receipt(job.id, sha256).await.map_err(|error| Problem::Internal(error.to_string()))?;
    receipt.map(Json).ok_or(Problem::NoReceipt(id))
}
