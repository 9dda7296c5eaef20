//! What went wrong, as RFC 9457 has it: one envelope for every error of the API.

use axum::{
    Json,
    http::{HeaderValue, Method, StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::telemetry::{Check, Loop};

/// The media type of the envelope.
const MEDIA_TYPE: &str = "application/problem+json";

/// Why a question was not answered as it was asked. Its stable name is the end of the envelope's `type`.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A loop of the worker is gone; only a restart helps.
    #[error("a loop of the worker is gone: {}", names(.0))]
    NotAlive(Vec<Loop>),
    /// The worker does not do all that it is for.
    #[error("{}", reasons(.0))]
    NotReady(Vec<Check>),
    /// The worker has nothing to show yet.
    #[error("the worker is starting: ask for {0} again when /readyz says that it is ready")]
    Starting(String),
    /// There is nothing under this path.
    #[error(
        "there is nothing at {0}; there are /healthz, /readyz, /metrics, and /v1/requests/{{id}}/ with receipt, \
         receipt/{{sha256}}, input, build-log and provenance"
    )]
    NoSuchPath(String),
    /// No job of this store is for that request.
    #[error("no request {0} is known here")]
    NoSuchRequest(String),
    /// No receipt was sent for this request.
    #[error("there is no receipt of request {0}; one is made when its answer leaves")]
    NoReceipt(String),
    /// The input is in the request's event, or was kept so long ago that it is gone.
    #[error(
        "there is no input of request {0} here: it is in the request's event, or the program was not run by these \
         workers, or too long ago"
    )]
    NoInput(String),
    /// The program was not built, or so long ago that the log is gone.
    #[error("there is no log of building request {0}: its program was not built by these workers, or too long ago")]
    NoBuildLog(String),
    /// The program was not built, or so long ago that its statement is gone.
    #[error(
        "there is no provenance statement of request {0}: its program was not built by these workers, or too long ago"
    )]
    NoProvenance(String),
    /// The path takes other methods.
    #[error("{1} does not take {0}")]
    WrongMethod(Method, String),
    /// A fault of the worker itself.
    #[error("{0}")]
    Internal(String),
}

fn names(loops: &[Loop]) -> String {
    loops.iter().map(|one| one.name).collect::<Vec<_>>().join(", ")
}

fn reasons(checks: &[Check]) -> String {
    let unmet = checks.iter().filter(|check| !check.ok);
    unmet.map(|check| format!("{}: {}", check.name, check.detail)).collect::<Vec<_>>().join("; ")
}

/// The envelope.
#[derive(Serialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<&'a [Check]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loops: Option<&'a [Loop]>,
}

impl Problem {
    /// Stable name, title and status.
    fn kind(&self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Self::NotAlive(_) => ("not_alive", "The worker is not alive", StatusCode::SERVICE_UNAVAILABLE),
            Self::NotReady(_) => ("not_ready", "The worker is not ready", StatusCode::SERVICE_UNAVAILABLE),
            Self::Starting(_) => ("starting", "The worker is starting", StatusCode::SERVICE_UNAVAILABLE),
            Self::NoSuchPath(_) => ("no_such_path", "There is no such path", StatusCode::NOT_FOUND),
            Self::NoSuchRequest(_) => ("no_such_request", "There is no such request", StatusCode::NOT_FOUND),
            Self::NoInput(_) => ("no_input", "There is no such input", StatusCode::NOT_FOUND),
            Self::NoBuildLog(_) => ("no_build_log", "There is no such log", StatusCode::NOT_FOUND),
            Self::NoProvenance(_) => ("no_provenance", "There is no such statement", StatusCode::NOT_FOUND),
            Self::NoReceipt(_) => ("no_receipt", "There is no such receipt", StatusCode::NOT_FOUND),
            Self::WrongMethod(..) => ("wrong_method", "The method is not allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::Internal(_) => ("internal", "The worker failed", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (name, title, status) = self.kind();
        let envelope = Envelope {
            kind: format!("urn:offchainvm:problem:{name}"),
            title,
            status: status.as_u16(),
            detail: self.to_string(),
            checks: if let Self::NotReady(checks) = &self { Some(checks) } else { None },
            loops: if let Self::NotAlive(loops) = &self { Some(loops) } else { None },
        };
        let mut response = (status, Json(envelope)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response
    }
}

pub(super) async fn no_such_path(uri: Uri) -> Problem {
    Problem::NoSuchPath(uri.path().to_owned())
}

pub(super) async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::WrongMethod(method, uri.path().to_owned())
}
