//! `/v1/requests/{id}/receipt`: what the operator signed for a request, for whoever wants to check it.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use offchainvm_interface::{RequestId, receipt::SignedReceipt};

use super::{Problem, View};
use crate::store::StoreError;

/// The receipt as it was signed. It is there from the moment its digest leaves for the chain, and stays.
pub(super) async fn receipt(
    State(view): State<Arc<View>>,
    Path(id): Path<String>,
) -> Result<Json<SignedReceipt>, Problem> {
    let unknown = || Problem::NoSuchRequest(id.clone());
    let internal = |error: StoreError| Problem::Internal(error.to_string());
    let request_id: RequestId = id.parse().map_err(|_| unknown())?;
    let job = view.store.job(request_id).await.map_err(internal)?.ok_or_else(unknown)?;
    let receipt = view.store.receipt(job.id).await.map_err(internal)?;
    receipt.map(Json).ok_or(Problem::NoReceipt(id))
}
