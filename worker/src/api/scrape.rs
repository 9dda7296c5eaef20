//! `/metrics`: what was counted, and what the store and the board say at this moment.

use std::sync::Arc;

use axum::{
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use tokio::time::timeout;

use super::{Problem, STORE_PATIENCE, View};
use crate::{
    store::{Moment, QueueView, Store, StoreError},
    telemetry::{CONTENT_TYPE as METRICS_TYPE, Queue},
};

async fn ask(store: &Store) -> Result<(Vec<QueueView>, bool), StoreError> {
    Ok((store.queues().await?, store.paused_since().await?.is_some()))
}

/// What the store cannot say in time is left out: the rest is still worth having.
pub(super) async fn metrics(State(view): State<Arc<View>>) -> Result<Response, Problem> {
    let now = Moment::now();
    view.health.export(&view.metrics, now);
    match timeout(STORE_PATIENCE, ask(&view.store)).await {
        Ok(Ok((queues, paused))) => {
            for queue in queues {
                let oldest = queue.oldest.map(|since| now.since(since));
                view.metrics.queue(queue.stage, Queue { waiting: queue.waiting, running: queue.running, oldest });
            }
            view.metrics.paused(paused);
        }
        Ok(Err(_)) | Err(_) => view.metrics.store_unknown(),
    }
    let text = view.metrics.encode().map_err(|error| Problem::Internal(error.to_string()))?;
    Ok(([(CONTENT_TYPE, METRICS_TYPE)], text).into_response())
}
