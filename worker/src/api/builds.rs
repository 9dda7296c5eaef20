//! `/v1/requests/{id}/build-log`: what the last build of a request's program reported, as text. The id is the request's
//! number, or the job's whole name for one that was submitted without a chain.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use offchainvm_interface::CodeSource;

use super::{Problem, View, jobs};

pub(super) async fn log(State(view): State<Arc<View>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let job = jobs::find(&view, &id).await?;
    let none = || Problem::NoBuildLog(id.clone());
    let source = match job.source {
        CodeSource::Git(source) => source,
        CodeSource::Wasm(_) => return Err(none()),
    };
    let logs = view.build_logs.clone();
    let read = tokio::task::spawn_blocking(move || logs.of(&source)).await;
    let read = read.map_err(|error| Problem::Internal(error.to_string()))?;
    let text = read.map_err(|error| Problem::Internal(error.to_string()))?.ok_or_else(none)?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}
