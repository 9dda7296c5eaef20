//! The loop that every stage runs, with a store on disk and work that does as it is told.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod hands;

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tempfile::TempDir;
use tokio::sync::{Semaphore, mpsc};

use super::*;
use crate::{
    job::{Status, Turn},
    store::{BlockEvents, BuiltArtifact, Closing, Cursor, NewJob},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// What the test's work does with a job.
#[derive(Clone, Copy)]
enum Behaviour {
    /// Waits for a permit, then has built.
    Build,
    /// Panics.
    Panic,
    /// Waits until it is cancelled, then gives up.
    Hang,
}

struct TestWork {
    behaviour: fn(u64) -> Behaviour,
    permits: Semaphore,
    begun: mpsc::UnboundedSender<u64>,
    running: AtomicUsize,
    most: AtomicUsize,
}

impl Handler for TestWork {
    fn handle<'a>(&'a self, job: &'a Claimed, cancel: CancellationToken) -> Handling<'a> {
        Box::pin(self.run(job, cancel))
    }
}

impl TestWork {
    async fn run(&self, job: &Claimed, cancel: CancellationToken) -> Effect {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        let request_id = job.request.request_id;
        self.begun.send(request_id).unwrap();
        let effect = match (self.behaviour)(request_id) {
            Behaviour::Build => {
                self.permits.acquire().await.unwrap().forget();
                built()
            }
            Behaviour::Panic => panic!("as told"),
            Behaviour::Hang => {
                cancel.cancelled().await;
                Effect::NotYet { wait: Duration::ZERO }
            }
        };
        self.running.fetch_sub(1, Ordering::SeqCst);
        effect
    }
}

fn built() -> Effect {
    let (path, commit, toolchain) = ("x".into(), "c".into(), "t".into());
    let digest = crate::job::WasmDigest([0; 32]);
    Effect::Built(BuiltArtifact { digest, path, commit, toolchain, provenance: None })
}

struct Fixture {
    _dir: TempDir,
    store: Store,
    work: Arc<TestWork>,
    begun: mpsc::UnboundedReceiver<u64>,
    pace: Pace,
    stop: Stop,
}

impl Fixture {
    async fn new(behaviour: fn(u64) -> Behaviour, permits: usize) -> Self {
        let dir = TempDir::new().unwrap();
        let store = Store::open(dir.path().join("s").as_path(), "test").await.unwrap();
        let (sender, begun) = mpsc::unbounded_channel();
        let work = TestWork {
            behaviour,
            permits: Semaphore::new(permits),
            begun: sender,
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        };
        let retry = RetryPolicy { max_retries: 1, base: Duration::ZERO, ..RetryPolicy::default() };
        let pace = Pace {
            concurrency: 2,
            lease: Duration::from_secs(30),
            poll: Duration::from_secs(3_600),
            reserve: Duration::from_secs(10),
            retry,
            clock: ChainClock::default(),
        };
        Self { _dir: dir, store, work: Arc::new(work), begun, pace, stop: Stop::default() }
    }

    fn start(&self) -> tokio::task::JoinHandle<Result<(), StoreError>> {
        let (handler, store, pace) = (self.work.clone(), self.store.clone(), self.pace.clone());
        tokio::spawn(run(Pool::new(Stage::Build, handler, store, pace), self.stop.clone()))
    }

    async fn request(&self, request_ids: impl IntoIterator<Item = u64>, deadline: Moment) {
        let requested = request_ids.into_iter().map(|request_id| NewJob { request: request(request_id), deadline });
        self.block(requested.collect(), vec![]).await;
    }

    async fn block(&self, requested: Vec<NewJob>, settled: Vec<Closing>) {
        let block = Cursor { height: 1, hash: "H".into() };
        self.store.take_block(BlockEvents { block, requested, settled }, Moment::now()).await.unwrap();
    }

    async fn next_begun(&mut self) -> u64 {
        time::timeout(PATIENCE, self.begun.recv()).await.unwrap().unwrap()
    }

    async fn status(&self, request_id: u64) -> Status {
        self.store.job(request_id).await.unwrap().unwrap().status
    }

    async fn until(&self, request_id: u64, wanted: impl Fn(Status) -> bool) {
        let reached = async {
            while !wanted(self.status(request_id).await) {
                time::sleep(Duration::from_millis(5)).await;
            }
        };
        time::timeout(PATIENCE, reached).await.unwrap();
    }
}

fn request(request_id: u64) -> offchainvm_interface::ExecutionRequest {
    serde_json::from_value(json!({
        "request_id": request_id, "data_id": vec![request_id; 32], "sender_id": "user.near",
        "code_source": {"repo": "https://h/p", "commit": "abcdef", "build_target": "wasm32-wasip1"},
        "resource_limits": {}, "input_data": "", "response_format": "text", "deposit": "1",
        "pricing": {"base_fee": "1", "per_instruction_fee": "1", "per_mb_fee": "1", "per_second_fee": "1"},
        "timestamp": 1, "deadline": 2,
    }))
    .unwrap()
}

fn soon() -> Moment {
    Moment::now().after(Duration::from_secs(600))
}

fn is_at(status: Status, wanted: Stage) -> bool {
    matches!(status, Status::InProgress { stage, turn: Turn::Waiting, .. } if stage == wanted)
}

#[tokio::test]
async fn work_begins_when_it_comes_and_never_more_of_it_at_once_than_allowed() {
    let mut fixture = Fixture::new(|_| Behaviour::Build, 0).await;
    let stage = fixture.start();
    // The poll is an hour: only the wake-up can have told.
    fixture.request(1..=5, soon()).await;
    fixture.next_begun().await;
    fixture.next_begun().await;
    assert!(fixture.begun.try_recv().is_err(), "two at a time");
    fixture.work.permits.add_permits(5);
    for request_id in 1..=5 {
        fixture.until(request_id, |status| is_at(status, Stage::Execute)).await;
    }
    assert_eq!(fixture.work.most.load(Ordering::SeqCst), 2);
    fixture.stop.drain.cancel();
    stage.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_panic_fails_its_own_job_and_no_other() {
    let fixture = Fixture::new(|id| if id == 1 { Behaviour::Panic } else { Behaviour::Build }, 1).await;
    let stage = fixture.start();
    fixture.request(1..=2, soon()).await;
    fixture.until(2, |status| is_at(status, Stage::Execute)).await;
    fixture.until(1, |status| is_at(status, Stage::Publish)).await;
    let job = fixture.store.job(1).await.unwrap().unwrap();
    assert_eq!(job.code.as_deref(), Some("operator_error"));
    fixture.stop.drain.cancel();
    stage.await.unwrap().unwrap();
}

#[tokio::test]
async fn draining_finishes_what_is_at_work_and_takes_nothing_new() {
    let mut fixture = Fixture::new(|_| Behaviour::Build, 0).await;
    let stage = fixture.start();
    fixture.request([1], soon()).await;
    fixture.next_begun().await;
    fixture.stop.drain.cancel();
    fixture.request([2], soon()).await;
    fixture.work.permits.add_permits(2);
    stage.await.unwrap().unwrap();
    assert!(is_at(fixture.status(1).await, Stage::Execute));
    assert!(fixture.begun.try_recv().is_err());
    let untouched = matches!(fixture.status(2).await, Status::Pending | Status::InProgress { attempts: 0, .. });
    assert!(untouched, "it waits for the next run");
}

#[tokio::test]
async fn stopping_at_once_puts_the_work_back_without_counting_it() {
    let mut fixture = Fixture::new(|_| Behaviour::Hang, 0).await;
    let stage = fixture.start();
    fixture.request([1], soon()).await;
    fixture.next_begun().await;
    fixture.stop.drain.cancel();
    fixture.stop.now.cancel();
    stage.await.unwrap().unwrap();
    let waiting = Status::InProgress { stage: Stage::Build, turn: Turn::Waiting, attempts: 0 };
    assert_eq!(fixture.status(1).await, waiting);
}

#[tokio::test]
async fn work_on_a_job_that_the_chain_closed_is_cancelled() {
    let mut fixture = Fixture::new(|_| Behaviour::Hang, 0).await;
    fixture.pace.lease = Duration::from_millis(300);
    let stage = fixture.start();
    fixture.request([1], soon()).await;
    fixture.next_begun().await;
    let id = crate::job::JobId::from(&request(1));
    fixture.block(vec![], vec![Closing { id, answered: false, receipt: None }]).await;
    let idle = async {
        while fixture.work.running.load(Ordering::SeqCst) > 0 {
            time::sleep(Duration::from_millis(5)).await;
        }
    };
    time::timeout(PATIENCE, idle).await.unwrap();
    fixture.stop.drain.cancel();
    stage.await.unwrap().unwrap();
    assert!(matches!(fixture.status(1).await, Status::Failed { ending: Ending::Withdrawn, .. }));
}

#[tokio::test]
async fn a_job_past_its_deadline_ends_without_being_begun() {
    let mut fixture = Fixture::new(|_| Behaviour::Build, 9).await;
    let stage = fixture.start();
    fixture.request([1], Moment(1)).await;
    fixture.until(1, |status| matches!(status, Status::Failed { ending: Ending::Expired, .. })).await;
    assert!(fixture.begun.try_recv().is_err());
    fixture.stop.drain.cancel();
    stage.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_job_that_killed_its_worker_too_often_is_answered_and_not_begun_again() {
    let mut fixture = Fixture::new(|_| Behaviour::Build, 9).await;
    fixture.request([1], soon()).await;
    for attempt in 1..=2 {
        let jobs = fixture.store.claim(Stage::Build, 1, Duration::ZERO, Moment::now()).await.unwrap();
        assert_eq!(jobs[0].attempts, attempt);
        fixture.store.expire_leases(|_| true).await.unwrap();
    }
    let stage = fixture.start();
    fixture.until(1, |status| is_at(status, Stage::Publish)).await;
    assert!(fixture.begun.try_recv().is_err());
    let job = fixture.store.job(1).await.unwrap().unwrap();
    assert!(job.note.unwrap().contains("2 times"), "it says why");
    fixture.stop.drain.cancel();
    stage.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_job_that_cannot_be_published_in_time_any_more_is_answered_honestly() {
    let mut fixture = Fixture::new(|_| Behaviour::Build, 9).await;
    let stage = fixture.start();
    fixture.request([1], Moment::now().after(Duration::from_secs(8))).await;
    fixture.until(1, |status| is_at(status, Stage::Publish)).await;
    assert!(fixture.begun.try_recv().is_err(), "there are ten seconds in reserve for publishing");
    assert_eq!(fixture.store.job(1).await.unwrap().unwrap().code.as_deref(), Some("deadline_missed"));
    fixture.stop.drain.cancel();
    stage.await.unwrap().unwrap();
}

#[tokio::test]
async fn work_that_takes_too_long_is_interrupted_while_there_is_time_to_say_so() {
    let mut fixture = Fixture::new(|_| Behaviour::Hang, 9).await;
    let stage = fixture.start();
    fixture.request([1], Moment::now().after(Duration::from_millis(10_500))).await;
    fixture.next_begun().await;
    fixture.until(1, |status| is_at(status, Stage::Publish)).await;
    assert_eq!(fixture.store.job(1).await.unwrap().unwrap().code.as_deref(), Some("deadline_missed"));
    fixture.stop.drain.cancel();
    stage.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_handler_can_be_put_around_another() {
    struct Count(Arc<dyn Handler>, AtomicUsize);
    impl Handler for Count {
        fn handle<'a>(&'a self, job: &'a Claimed, cancel: CancellationToken) -> Handling<'a> {
            self.1.fetch_add(1, Ordering::SeqCst);
            self.0.handle(job, cancel)
        }
    }
    let fixture = Fixture::new(|_| Behaviour::Build, 9).await;
    let counted = Arc::new(Count(fixture.work.clone(), AtomicUsize::new(0)));
    let (handler, store, pace) = (counted.clone(), fixture.store.clone(), fixture.pace.clone());
    let stage = tokio::spawn(run(Pool::new(Stage::Build, handler, store, pace), fixture.stop.clone()));
    fixture.request(1..=3, soon()).await;
    for request_id in 1..=3 {
        fixture.until(request_id, |status| is_at(status, Stage::Execute)).await;
    }
    assert_eq!(counted.1.load(Ordering::SeqCst), 3);
    fixture.stop.drain.cancel();
    stage.await.unwrap().unwrap();
}
