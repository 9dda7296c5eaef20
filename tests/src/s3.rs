//! An S3 server over a temporary folder, in this process: it checks signatures as Amazon's does.

use crate::gate::Place;
use anyhow::{Context, Result};
use axum::{
    Router,
    error_handling::HandleError,
    extract::Request,
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use s3s::{HttpError, auth::SimpleAuth, service::S3ServiceBuilder};
use std::{fs, net::SocketAddr, path::PathBuf};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// The name of the bucket that is there.
pub const BUCKET: &str = "programs";
/// Who may ask.
pub const ACCESS_KEY_ID: &str = "AKIDEXAMPLE";
/// The secret with which who may ask signs.
pub const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// A running server with one empty bucket. It ends when dropped.
#[derive(Debug)]
pub struct S3 {
    folder: TempDir,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl S3 {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// There is no folder or no port to be had.
    pub fn start() -> Result<Self> {
        Self::start_at(Place::take()?)
    }

    /// Starts it at a place that was taken before.
    ///
    /// # Errors
    /// There is no folder to be had.
    pub fn start_at(place: Place) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("offchainvm-s3-").tempdir()?;
        fs::create_dir(folder.path().join(BUCKET))?;
        let files = s3s_fs::FileSystem::new(folder.path()).ok().context("an S3 server over a folder")?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, SECRET_ACCESS_KEY));
        let router = Router::new().fallback_service(HandleError::new(service.build(), async |error: HttpError| {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:?}"))
        }));
        let router = router.layer(middleware::from_fn(only_the_bucket));
        let listener = place.listen()?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { folder, address, server })
    }

    /// Where it answers.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The file of an object.
    #[must_use]
    pub fn object(&self, name: &str) -> PathBuf {
        self.folder.path().join(BUCKET).join(name)
    }
}

/// Amazon's knows no other bucket. The server here would make one.
async fn only_the_bucket(request: Request, next: Next) -> Response {
    let bucket = request.uri().path().split('/').nth(1);
    if bucket == Some(BUCKET) {
        return next.run(request).await;
    }
    let said = "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>";
    (StatusCode::NOT_FOUND, said).into_response()
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.server.abort();
    }
}
