//! The worker's window: HTTP for whoever watches it. `/healthz`, `/readyz`, `/metrics` and the receipts of requests,
//! without authentication, so it listens on the loopback interface unless the configuration says otherwise.
//!
//! `door` is its address. `front` answers there while the worker starts, and then: `probes` the first two paths, `scrape`
//! the third, `receipts` what was signed, `inputs` what was read and `builds` how programs were built; `problem` says what went wrong, in one form
//! everywhere.

mod builds;
mod config;
mod door;
mod front;
mod inputs;
mod jobs;
mod probes;
mod problem;
mod receipts;
mod scrape;

use std::{future::IntoFuture, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header::CACHE_CONTROL},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    stages::{BuildReports, KeptInputs},
    store::Store,
    telemetry::{Expectations, Health, Metrics},
};

pub use config::ApiConfig;
pub use door::Door;
pub use front::{Front, Porter};
pub use problem::Problem;

/// How long open requests may take when the worker stops. The answers here take milliseconds.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// How long the store may take to answer before it counts as unreachable: a probe itself is given up after a second or
/// a few, so this must be less.
const STORE_PATIENCE: Duration = Duration::from_millis(900);

/// Nobody is answered.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The address cannot be listened on; most often because another worker on this machine does.
    #[error(
        "api.listen: cannot listen on {address}: {source}; stop the program that does, or set another address (port 0 \
         takes a free one, an empty string serves nobody)"
    )]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No more connections are taken.
    #[error("the API: {0}")]
    Serve(#[from] io::Error),
}

/// The window.
#[derive(Clone, Debug)]
pub struct Api {
    /// Where it is.
    pub door: Door,
    /// What can be seen.
    pub view: View,
}

/// What can be seen through the window.
#[derive(Clone, Debug)]
pub struct View {
    /// The jobs.
    pub store: Store,
    /// How the worker stands.
    pub health: Health,
    /// What it has counted.
    pub metrics: Metrics,
    /// What it must have in order to be ready.
    pub expected: Expectations,
    /// What builds reported, on whatever machine.
    pub reports: BuildReports,
    /// The inputs of programs that their requests' events do not hold.
    pub inputs: KeptInputs,
}

impl Api {
    /// Answers until `stop` fires, then finishes what it has begun.
    ///
    /// # Errors
    /// [`ApiError::Serve`]; may be called again then.
    pub async fn serve(self, stop: CancellationToken) -> Result<(), ApiError> {
        Ok(answer(self.door.listener()?, router(self.view), stop).await?)
    }
}

async fn answer(listener: TcpListener, routes: Router, stop: CancellationToken) -> io::Result<()> {
    let server = axum::serve(listener, routes).with_graceful_shutdown(stop.clone().cancelled_owned());
    let mut server = Box::pin(server.into_future());
    tokio::select! {
        result = &mut server => return result,
        () = stop.cancelled() => {}
    }
    // A client that does not read its answer does not keep the worker.
    timeout(STOP_GRACE, server).await.unwrap_or(Ok(()))
}

fn router(view: View) -> Router {
    let routes = Router::new()
        .route("/healthz", get(probes::healthz))
        .route("/readyz", get(probes::readyz))
        .route("/metrics", get(scrape::metrics))
        .route("/v1/requests/{id}/build-log", get(builds::log))
        .route("/v1/requests/{id}/input", get(inputs::input))
        .route("/v1/requests/{id}/provenance", get(builds::provenance))
        .route("/v1/requests/{id}/receipt", get(receipts::receipt))
        .route("/v1/requests/{id}/receipt/{sha256}", get(receipts::with_digest))
        .fallback(problem::no_such_path);
    dressed(routes).with_state(Arc::new(view))
}

/// What all answers have in common, whoever gives them.
fn dressed<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.method_not_allowed_fallback(problem::wrong_method).layer(middleware::from_fn(never_kept))
}

/// Every answer is about this moment.
async fn never_kept(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
