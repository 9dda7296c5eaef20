//! `/v1/requests/{id}/input`: what a program read, where the request's event has only its digest. It is there from the
//! run on; with it, whoever has the receipt can run the program again after the contract has forgotten the request.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    response::{IntoResponse, Response},
};

use super::{Problem, View, jobs};

/// A stranger's bytes: nothing that a browser should make sense of.
const HEADERS: [(axum::http::HeaderName, &str); 2] =
    [(CONTENT_TYPE, "application/octet-stream"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];

/// The bytes whose digest is `input.sha256` in the receipt.
pub(super) async fn input(State(view): State<Arc<View>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let job = jobs::find(&view, &id).await?;
    let failed = |error: &dyn std::fmt::Display| Problem::Internal(error.to_string());
    let signed = view.store.receipt(job.id, None).await.map_err(|error| failed(&error))?;
    let named = signed.ok_or_else(|| Problem::NoReceipt(id.clone()))?.receipt.input;
    let input = view.inputs.get(named).await.map_err(|error| failed(&error))?;
    Ok((HEADERS, input.ok_or(Problem::NoInput(id))?).into_response())
}
