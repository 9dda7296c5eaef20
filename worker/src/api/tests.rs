//! The window as a client sees it: over HTTP, with a real store behind it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::path::Path;

use offchainvm_interface::{CodeSource, DataId, ResourceLimits};
use reqwest::{Method, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::{
    build::BuildLogs,
    store::{Blobs, BlobsConfig, Moment, Submission},
    telemetry::LoopState,
};

struct Window {
    base: String,
    health: Health,
    store: Store,
    stop: CancellationToken,
    server: JoinHandle<Result<(), ApiError>>,
    _folder: TempDir,
}

fn blobs(folder: &Path) -> Blobs {
    Blobs::open(&BlobsConfig::default(), &folder.join("blobs")).unwrap()
}

fn reports(folder: &Path) -> BuildReports {
    BuildReports::new(blobs(folder), BuildLogs::under(folder))
}

impl Window {
    async fn open() -> Self {
        let folder = TempDir::new().unwrap();
        let store = Store::open(folder.path().join("worker.sqlite").as_path(), "test").await.unwrap();
        let (health, stop) = (Health::new(), CancellationToken::new());
        let expected = Expectations { max_lag_blocks: 10, max_silence: Duration::from_secs(3600) };
        let (inputs, reports) = (KeptInputs::new(blobs(folder.path())), reports(folder.path()));
        let (view_store, view_health) = (store.clone(), health.clone());
        let view = View { store: view_store, health: view_health, metrics: Metrics::new(), expected, reports, inputs };
        let door = Door::open("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let base = base(&door);
        let server = tokio::spawn(Api { door, view }.serve(stop.clone()));
        Self { base, health, store, stop, server, _folder: folder }
    }

    async fn ask(&self, method: Method, path: &str) -> Response {
        reqwest::Client::new().request(method, format!("{}{path}", self.base)).send().await.unwrap()
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        get_json(&format!("{}{path}", self.base)).await
    }
}

fn base(door: &Door) -> String {
    format!("http://{}", door.address().unwrap())
}

async fn get_json(url: &str) -> (u16, Value) {
    let response = reqwest::get(url).await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn unmet(problem: &Value) -> Vec<&str> {
    let checks = problem["checks"].as_array().unwrap().iter();
    checks.filter(|check| check["ok"] == false).map(|check| check["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn health_is_about_loops_and_readiness_about_everything() {
    let window = Window::open().await;
    window.health.needs_chain();
    window.health.reads_chain();
    window.health.loop_is("ingest", LoopState::Running);
    let (status, problem) = window.get("/readyz").await;
    assert_eq!((status, unmet(&problem)), (503, vec!["chain", "ingest"]), "{problem}");
    assert_eq!(problem["type"], "urn:offchainvm:problem:not_ready");
    assert_eq!((&problem["status"], problem["title"].is_string()), (&Value::from(503), true));
    assert!(problem["detail"].as_str().unwrap().contains("ingest: no block has been read yet"), "{problem}");

    window.health.chain_answered(7);
    window.health.block_read(7, Moment::now());
    assert_eq!(window.get("/readyz").await.0, 200);

    window.health.loop_is("ingest", LoopState::Restarting { reason: "broken".to_owned(), failures: 2 });
    let (status, problem) = window.get("/readyz").await;
    assert_eq!((status, unmet(&problem)), (503, vec!["loops"]));
    let (status, alive) = window.get("/healthz").await;
    assert_eq!((status, &alive["status"]), (200, &Value::from("alive")));
    assert_eq!(
        alive["loops"],
        serde_json::json!([{"name": "ingest", "state": "restarting", "reason": "broken", "failures": 2}])
    );

    window.health.loop_is("ingest", LoopState::Lost);
    let (status, problem) = window.get("/healthz").await;
    assert_eq!((status, &problem["type"]), (503, &Value::from("urn:offchainvm:problem:not_alive")));
}

#[tokio::test]
async fn a_store_that_does_not_answer_makes_a_worker_unready() {
    let window = Window::open().await;
    window.health.chain_answered(7);
    assert_eq!(window.get("/readyz").await.0, 200);
    window.store.close().await;
    let (status, problem) = window.get("/readyz").await;
    assert_eq!((status, unmet(&problem)), (503, vec!["store"]), "{problem}");
    assert_eq!(window.get("/healthz").await.0, 200, "a restart would not help");
    assert_eq!(window.ask(Method::GET, "/metrics").await.status(), 200);
}

#[tokio::test]
async fn metrics_are_open_metrics_text_of_this_moment() {
    let window = Window::open().await;
    window.health.chain_answered(20);
    window.health.block_read(15, Moment::now());
    let response = window.ask(Method::GET, "/metrics").await;
    assert_eq!(response.headers()["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let text = response.text().await.unwrap();
    assert!(text.contains("offchainvm_block_lag_blocks 5\n"), "{text}");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_document_too() {
    let window = Window::open().await;
    for (method, path, status, kind) in
        [(Method::GET, "/", 404, "no_such_path"), (Method::POST, "/readyz", 405, "wrong_method")]
    {
        let response = window.ask(method, path).await;
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["type"], format!("urn:offchainvm:problem:{kind}"));
    }
}

#[tokio::test]
async fn a_build_log_that_is_not_there_is_told_from_a_request_that_is_not() {
    let window = Window::open().await;
    for id in ["7", "x", "-1"] {
        let (status, problem) = window.get(&format!("/v1/requests/{id}/build-log")).await;
        assert_eq!((status, &problem["type"]), (404, &Value::from("urn:offchainvm:problem:no_such_request")));
    }
    let source = serde_json::json!({"repo": "https://h/p", "commit": "abcdef", "build_target": "wasm32-wasip1"});
    let source: CodeSource = serde_json::from_value(source).unwrap();
    let submission = Submission {
        caller: "caller.near".parse().unwrap(),
        code_source: source,
        limits: ResourceLimits::default(),
        input: String::new(),
        compile_only: false,
        deadline: Moment::now().after(Duration::from_secs(60)),
    };
    let id = window.store.submit(DataId([1; 32]), submission, Moment::now()).await.unwrap();
    let (status, problem) = window.get(&format!("/v1/requests/{id}/build-log")).await;
    assert_eq!((status, &problem["type"]), (404, &Value::from("urn:offchainvm:problem:no_build_log")));
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_with_its_setting() {
    let window = Window::open().await;
    let address: SocketAddr = window.base.trim_start_matches("http://").parse().unwrap();
    let error = Door::open(address).await.unwrap_err().to_string();
    assert!(error.starts_with("api.listen: cannot listen on 127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn while_the_worker_starts_somebody_says_what_it_waits_for_and_then_the_window_answers_at_the_same_address() {
    let door = Door::open("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let base = base(&door);
    let health = Health::new();
    health.starting();
    health.waits_for("database", "connection refused".to_owned());
    let expected = Expectations { max_lag_blocks: 0, max_silence: Duration::from_secs(3600) };
    let front = Front { health: health.clone(), metrics: Metrics::new(), expected };
    let porter = front.answer_at(&door).unwrap();
    assert_eq!(get_json(&format!("{base}/healthz")).await.0, 200);
    let (status, problem) = get_json(&format!("{base}/readyz")).await;
    assert_eq!((status, unmet(&problem)), (503, vec!["start", "store"]), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("database: connection refused"), "{problem}");
    let (status, problem) = get_json(&format!("{base}/v1/requests/1/receipt")).await;
    assert_eq!((status, &problem["type"]), (503, &Value::from("urn:offchainvm:problem:starting")));

    porter.leave().await;
    let early = tokio::spawn(async move { get_json(&format!("{base}/readyz")).await });
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path().join("worker.sqlite").as_path(), "test").await.unwrap();
    health.started();
    let (inputs, reports) = (KeptInputs::new(blobs(folder.path())), reports(folder.path()));
    let view = View { store, health, metrics: Metrics::new(), expected, reports, inputs };
    let stop = CancellationToken::new();
    let server = tokio::spawn(Api { door, view }.serve(stop.clone()));
    assert_eq!(early.await.unwrap().0, 200, "who came too early was kept waiting, not sent away");
    stop.cancel();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn told_to_stop_it_ends_although_a_client_is_connected() {
    let window = Window::open().await;
    let client = reqwest::Client::new();
    client.get(format!("{}/healthz", window.base)).send().await.unwrap();
    window.stop.cancel();
    window.server.await.unwrap().unwrap();
    assert!(client.get(format!("{}/healthz", window.base)).send().await.is_err());
}
