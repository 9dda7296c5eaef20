//! `/healthz`: should the process be restarted? `/readyz`: does it do what it is for?

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;
use tokio::time::timeout;

use super::{Problem, STORE_PATIENCE, View};
use crate::telemetry::{Check, Health, Loop};

#[derive(Serialize)]
pub(super) struct Alive {
    status: &'static str,
    loops: Vec<Loop>,
}

#[derive(Serialize)]
pub(super) struct Ready {
    status: &'static str,
    checks: Vec<Check>,
}

pub(super) async fn healthz(State(view): State<Arc<View>>) -> Result<Json<Alive>, Problem> {
    alive(&view.health)
}

/// A loop that fails again and again is started again and again; a new process would do no better. Only one that nobody
/// starts again makes the worker unhealthy.
pub(super) fn alive(health: &Health) -> Result<Json<Alive>, Problem> {
    let loops = health.loops();
    if !health.is_alive() {
        return Err(Problem::NotAlive(loops));
    }
    Ok(Json(Alive { status: "alive", loops }))
}

pub(super) async fn readyz(State(view): State<Arc<View>>) -> Result<Json<Ready>, Problem> {
    let mut checks = view.health.checks(&view.expected);
    checks.push(store(&view).await);
    if checks.iter().any(|check| !check.ok) {
        return Err(Problem::NotReady(checks));
    }
    Ok(Json(Ready { status: "ready", checks }))
}

async fn store(view: &View) -> Check {
    match timeout(STORE_PATIENCE, view.store.cursor()).await {
        Ok(Ok(_)) => Check::met("store", "the store answers"),
        Ok(Err(error)) => Check::unmet("store", error.to_string()),
        Err(_) => Check::unmet("store", format!("the store did not answer in {} ms", STORE_PATIENCE.as_millis())),
    }
}
