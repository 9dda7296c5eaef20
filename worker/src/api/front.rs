//! The window of a worker that is still starting: it lives, is not ready, and says what it waits for.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{ApiError, Door, Problem, answer, dressed, probes};
use crate::{
    store::Moment,
    telemetry::{CONTENT_TYPE as METRICS_TYPE, Check, Expectations, Health, Metrics},
};

/// What a worker shows before its store is open.
#[derive(Clone, Debug)]
pub struct Front {
    /// How its start goes.
    pub health: Health,
    /// What it has counted.
    pub metrics: Metrics,
    /// What it must have in order to be ready.
    pub expected: Expectations,
}

/// Somebody who answers at the door meanwhile; leaves when this is dropped.
#[derive(Debug)]
pub struct Porter {
    answering: JoinHandle<std::io::Result<()>>,
    leave: DropGuard,
}

impl Front {
    /// Answers at the door from now on.
    ///
    /// # Errors
    /// [`ApiError::Serve`].
    pub fn answer_at(self, door: &Door) -> Result<Porter, ApiError> {
        let (listener, stop) = (door.listener()?, CancellationToken::new());
        let routes = Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .fallback(later);
        let answering = tokio::spawn(answer(listener, dressed(routes).with_state(Arc::new(self)), stop.clone()));
        Ok(Porter { answering, leave: stop.drop_guard() })
    }
}

impl Porter {
    /// Finishes what was asked already; whoever asks from now on waits at the door.
    pub async fn leave(self) {
        drop(self.leave);
        // However it ended: the next one has the same door.
        let _ = self.answering.await;
    }
}

async fn healthz(State(front): State<Arc<Front>>) -> Result<Json<probes::Alive>, Problem> {
    probes::alive(&front.health)
}

async fn readyz(State(front): State<Arc<Front>>) -> Problem {
    let mut checks = front.health.checks(&front.expected);
    checks.push(Check::unmet("store", "the store is not open yet"));
    Problem::NotReady(checks)
}

async fn metrics(State(front): State<Arc<Front>>) -> Result<Response, Problem> {
    front.health.export(&front.metrics, Moment::now());
    front.metrics.store_unknown();
    let text = front.metrics.encode().map_err(|error| Problem::Internal(error.to_string()))?;
    Ok(([(CONTENT_TYPE, METRICS_TYPE)], text).into_response())
}

async fn later(uri: Uri) -> Problem {
    Problem::Starting(uri.path().to_owned())
}
