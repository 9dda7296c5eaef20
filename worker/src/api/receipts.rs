//! `/v1/requests/{id}/receipt`: what the operator signed for a request, for whoever wants to check it.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use offchainvm_interface::receipt::SignedReceipt;

use super::{Problem, View, jobs};

/// The receipt as it was signed. It is there from the moment its digest leaves for the chain, and stays.
pub(super) async fn receipt(
    State(view): State<Arc<View>>,
    Path(id): Path<String>,
) -> Result<Json<SignedReceipt>, Problem> {
    let job = jobs::find(&view, &id).await?;
    let receipt = view.store.receipt(job.id).await.map_err(|error| Problem::Internal(error.to_string()))?;
    receipt.map(Json).ok_or(Problem::NoReceipt(id))
}
