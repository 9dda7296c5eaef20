//! A service held by a program: jobs go in through its handle, outcomes come out, no chain is needed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use offchainvm_interface::{CodeSource, FailureCode, ResourceLimits, Sha256, WasmSource};
use offchainvm_worker::{
    config::Config,
    execute::Compiler,
    job::{Ending, JobId, SUBMITTED, Stage, Status, WasmDigest},
    service::{CommandError, Handle, Role, Service},
    stage::{Handler, Handling},
    store::{Claimed, Moment, Store, Submission},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Writes "hi" to standard output.
const GREETS: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\08\00\00\00\02\00\00\00hi")
    (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#;
const TRAPS: &str = r#"(module (memory (export "memory") 1) (func (export "_start") unreachable))"#;

struct Fixture(TempDir);

impl Fixture {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn service(&self) -> offchainvm_worker::service::Builder {
        let mut config = Config::read(None).unwrap();
        config.store.path = self.0.path().to_owned();
        config.execute.compiler = Compiler::Program(env!("CARGO_BIN_EXE_offchainvm").into());
        Service::builder(config).roles([Role::Build, Role::Execute].into_iter().collect())
    }

    async fn store(&self) -> Store {
        Store::open(self.0.path().join("worker.sqlite").as_path(), "test").await.unwrap()
    }
}

fn job(digest: WasmDigest) -> Submission {
    Submission {
        caller: "me.near".parse().unwrap(),
        code_source: CodeSource::Wasm(WasmSource { wasm_sha256: Sha256(digest.0), url: None, build_target: None }),
        limits: ResourceLimits::default(),
        input: String::new(),
        compile_only: false,
        deadline: Moment::now().after(Duration::from_secs(600)),
    }
}

async fn program(service: &Handle, text: &str) -> WasmDigest {
    service.add_program(wat::parse_str(text).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_submitted_job_runs_and_its_outcome_is_kept() {
    let fixture = Fixture::new();
    let service = fixture.service().launch().await.unwrap();
    let greets = program(&service, GREETS).await;
    let response = service.submit_and_wait(job(greets)).await.unwrap();
    assert_eq!(response.return_value.as_deref(), Some(b"hi".as_slice()));
    assert!(response.resources_used.instructions > 0);

    let traps = program(&service, TRAPS).await;
    let id = service.submit(job(traps)).await.unwrap();
    let response = service.outcome(id).await.unwrap();
    assert_eq!(response.failure(), Some(FailureCode::Trap), "a program's failure is an outcome, too");
    assert_eq!(service.status(id).await.unwrap(), Some(Status::Completed(Ending::Kept)));
    let counts = service.summary().await.unwrap();
    assert_eq!((counts.open(), counts.completed, counts.failed), (0, 2, 0));
    service.shutdown().await;
}

#[tokio::test]
async fn a_handler_put_around_a_stage_sees_every_job_of_it() {
    struct Counting(Arc<dyn Handler>, Arc<AtomicUsize>);
    impl Handler for Counting {
        fn handle<'a>(&'a self, job: &'a Claimed, cancel: CancellationToken) -> Handling<'a> {
            self.1.fetch_add(1, Ordering::SeqCst);
            self.0.handle(job, cancel)
        }
    }
    let fixture = Fixture::new();
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = seen.clone();
    let service = fixture.service().wrap(Stage::Execute, |inner| Arc::new(Counting(inner, counter)));
    let service = service.launch().await.unwrap();
    let greets = program(&service, GREETS).await;
    for _ in 0..3 {
        service.submit_and_wait(job(greets)).await.unwrap();
    }
    assert_eq!(seen.load(Ordering::SeqCst), 3);
    service.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_said_by_name() {
    let fixture = Fixture::new();
    let service = fixture.service().launch().await.unwrap();
    let nobody = JobId { request_id: SUBMITTED, data_id: offchainvm_interface::DataId([1; 32]) };
    assert_eq!(service.status(nobody).await.unwrap(), None);
    assert!(matches!(service.outcome(nobody).await, Err(CommandError::Unknown(id)) if id == nobody));
    assert!(matches!(service.retry(nobody).await, Err(CommandError::Unknown(_))));
    assert!(matches!(service.cancel(nobody).await, Err(CommandError::Unknown(_))));
    let error = service.add_program(b"not wasm".to_vec()).await.unwrap_err();
    assert!(matches!(error, CommandError::Program(_)), "{error}");

    // A paused store keeps the job waiting, so that it can be cancelled.
    fixture.store().await.set_paused(true, Moment::now()).await.unwrap();
    let greets = program(&service, GREETS).await;
    let id = service.submit(job(greets)).await.unwrap();
    assert!(matches!(service.retry(id).await, Err(CommandError::NotFailed { .. })));
    let cancelled = service.cancel(id).await.unwrap();
    assert_eq!(cancelled, Status::Failed { retry_count: 0, ending: Ending::Withdrawn });
    assert!(matches!(service.outcome(id).await, Err(CommandError::NoOutcome { .. })));
    assert!(matches!(service.retry(id).await, Err(CommandError::NotKept(_))));

    service.shutdown().await;
    assert!(matches!(service.summary().await, Err(CommandError::Stopped)));
}

#[tokio::test]
async fn what_one_service_leaves_the_next_one_does() {
    let fixture = Fixture::new();
    let service = fixture.service().launch().await.unwrap();
    let greets = program(&service, GREETS).await;
    fixture.store().await.set_paused(true, Moment::now()).await.unwrap();
    let id = service.submit(job(greets)).await.unwrap();
    service.shutdown().await;
    fixture.store().await.set_paused(false, Moment::now()).await.unwrap();

    let service = fixture.service().launch().await.unwrap();
    let response = service.outcome(id).await.unwrap();
    assert_eq!(response.return_value.as_deref(), Some(b"hi".as_slice()));
    service.shutdown().await;
}
