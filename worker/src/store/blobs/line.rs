//! The line to an S3-compatible store. It tells a server that cannot answer now from one that refuses, which the library's
//! own errors do not show.

use std::{error::Error, future::Future, pin::Pin};

use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
    },
};

/// HTTP statuses below 500 that say "later": the server waited too long for us, or we ask too often.
const LATER: [u16; 2] = [408, 429];
/// The most that is repeated of what a failing server says, in characters.
const MAX_SAID: usize = 300;

/// Makes lines.
#[derive(Debug)]
pub(super) struct Lines;

#[derive(Debug)]
struct Line(HttpClient);

/// A server that has answered, but not what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("the server answers with {status}: {said}")]
struct Failing {
    status: u16,
    said: String,
}

impl HttpConnector for Lines {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Line(ReqwestConnector::default().connect(options)?)))
    }
}

impl HttpService for Line {
    // As `async_trait`, which the library uses, writes it.
    fn call<'line, 'call>(
        &'line self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'call>>
    where
        'line: 'call,
        Self: 'call,
    {
        Box::pin(async move {
            let response = self.0.execute(request).await?;
            let status = response.status();
            if !status.is_server_error() && !LATER.contains(&status.as_u16()) {
                return Ok(response);
            }
            let body = response.into_body().bytes().await?;
            let said = String::from_utf8_lossy(&body).chars().take(MAX_SAID).collect();
            // Of this kind the library tries all requests again, as it would have with the status.
            Err(HttpError::new(HttpErrorKind::Request, Failing { status: status.as_u16(), said }))
        })
    }
}

/// Whether an operation failed because the server cannot be reached, breaks off, or says that it cannot answer now.
pub(super) fn is_down(error: &object_store::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<HttpError>() {
            // The other kinds are not what S3 speaks.
            return matches!(
                error.kind(),
                HttpErrorKind::Connect | HttpErrorKind::Request | HttpErrorKind::Timeout | HttpErrorKind::Interrupted
            );
        }
        cause = error.source();
    }
    false
}
