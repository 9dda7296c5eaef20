//! How a request's program was built, wherever that was: `/v1/requests/{id}/build-log`, what its last build reported, as
//! text, and `/v1/requests/{id}/provenance`, the statement whose digest the receipt names. The id is the request's number,
//! or the job's whole name for one that was submitted without a chain.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use offchainvm_interface::CodeSource;

use super::{Problem, View, jobs};
use crate::stages::ReportError;

pub(super) async fn log(State(view): State<Arc<View>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let job = jobs::find(&view, &id).await?;
    let none = || Problem::NoBuildLog(id.clone());
    let CodeSource::Git(source) = &job.source else { return Err(none()) };
    let text = view.reports.log(source, job.commit.as_deref()).await?.ok_or_else(none)?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// The statement's canonical bytes: their SHA-256 is `provenance_sha256`.
pub(super) async fn provenance(State(view): State<Arc<View>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let job = jobs::find(&view, &id).await?;
    let none = || Problem::NoProvenance(id.clone());
    let digest = job.provenance.as_deref().and_then(jobs::digest).ok_or_else(none)?;
    let bytes = view.reports.statement(digest).await?.ok_or_else(none)?;
    Ok(([(CONTENT_TYPE, "application/vnd.in-toto+json")], bytes).into_response())
}

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Self {
        Self::Internal(error.to_string())
    }
}
