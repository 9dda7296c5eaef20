//! What the store's tests stand on: a database of either kind, and jobs.

pub use std::time::Duration;

pub use offchainvm_interface::{
    DataId, ExecutionRequest, ExecutionResponse, FailureCode, ResourcesUsed,
    receipt::{Run, SignedReceipt},
};
use offchainvm_tests::postgres::Postgres;
pub use offchainvm_worker::{
    job::{Ending, JobId, RetryPolicy, Stage, Status, Turn, WasmDigest},
    stage::fault,
    store::{
        BlockEvents, BuiltArtifact, Claimed, Closing, Comparison, Cursor, Database, Effect, JobView, Late, Lease,
        Leaving, Moment, NewJob, Ran, Reopened, Store, StoreError, Taken,
    },
};
use serde_json::json;
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;

/// Makes two tests of each body, `async fn name(fixture: Fixture)`.
macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use super::super::support::Fixture;

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn on_sqlite() {
                super::$name(Fixture::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn on_postgres() {
                super::$name(Fixture::postgres()).await;
            }
        }
    )*};
}

/// When the tests begin.
pub const NOW: Moment = Moment(1_000_000);
/// How long a job belongs to whoever took it.
pub const LEASE: Duration = Duration::from_secs(30);
const USED: ResourcesUsed = ResourcesUsed { instructions: 1, memory_bytes: 2, time_seconds: 3 };

/// A database of the test's own, opened as often as there are workers.
pub enum Fixture {
    Sqlite(TempDir),
    Postgres(Postgres),
}

impl Fixture {
    pub fn sqlite() -> Self {
        Self::Sqlite(TempDir::new().unwrap())
    }

    pub fn postgres() -> Self {
        Self::Postgres(Postgres::start().unwrap())
    }

    pub fn database(&self) -> Database {
        match self {
            Self::Sqlite(folder) => Database::Sqlite(folder.path().join("worker.sqlite")),
            Self::Postgres(postgres) => Database::Postgres(postgres.url().parse().unwrap()),
        }
    }

    pub async fn open(&self, worker: &str) -> Store {
        Store::open(self.database(), worker).await.unwrap()
    }

    pub async fn open_many(&self, count: usize) -> Vec<Store> {
        let mut stores = Vec::new();
        for number in 0..count {
            stores.push(self.open(&format!("worker{number}")).await);
        }
        stores
    }

    /// A connection past the store.
    pub async fn connect(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        let url = match self {
            Self::Sqlite(folder) => format!("sqlite://{}/worker.sqlite", folder.path().display()),
            Self::Postgres(postgres) => postgres.url(),
        };
        AnyConnection::connect(&url).await.unwrap()
    }

    pub async fn sql(&self, statement: &'static str) {
        sqlx::query(statement).execute(&mut self.connect().await).await.unwrap();
    }
}

pub fn retry() -> RetryPolicy {
    RetryPolicy { max_retries: 2, ..RetryPolicy::default() }
}

pub fn later(seconds: u64) -> Moment {
    NOW.after(Duration::from_secs(seconds))
}

pub fn request(request_id: u64) -> ExecutionRequest {
    serde_json::from_value(json!({
        "request_id": request_id, "data_id": vec![request_id % 251; 32], "sender_id": "user.near",
        "code_source": {"repo": "https://h/p", "commit": "abcdef", "build_target": "wasm32-wasip1"},
        "resource_limits": {}, "input_data": "né", "response_format": "text", "deposit": "1",
        "pricing": {"base_fee": "1", "per_instruction_fee": "1", "per_mb_fee": "1", "per_second_fee": "1"},
        "timestamp": 1, "deadline": 2,
    }))
    .unwrap()
}

pub fn id(request_id: u64) -> JobId {
    JobId::from(&request(request_id))
}

pub fn new_job(request_id: u64) -> NewJob {
    NewJob { request: request(request_id), deadline: later(600) }
}

pub fn from(request_id: u64, sender: &str) -> NewJob {
    let mut job = new_job(request_id);
    job.request.sender_id = sender.parse().unwrap();
    job
}

pub fn at(height: u64) -> Cursor {
    Cursor { height, hash: format!("H{height}") }
}

pub fn block(height: u64, requested: Vec<NewJob>, settled: Vec<Closing>) -> BlockEvents {
    BlockEvents { block: at(height), requested, settled }
}

/// How often the store is compared with the chain.
pub const PERIOD: Duration = Duration::from_secs(30);

/// What waits on chain after a block.
pub fn waiting(waiting: Vec<NewJob>, at: Cursor, skip: bool) -> Comparison {
    Comparison { waiting, at, skip, chain_time: NOW, period: PERIOD }
}

pub fn settled(request_id: u64) -> Closing {
    Closing { id: id(request_id), answered: true, receipt: None }
}

pub fn artifact() -> BuiltArtifact {
    BuiltArtifact {
        digest: WasmDigest([5; 32]),
        path: "/artifacts/x.wasm".into(),
        commit: "abcdef".into(),
        toolchain: "rustc 1".into(),
        provenance: Some(offchainvm_interface::Sha256([6; 32])),
    }
}

pub fn answer() -> ExecutionResponse {
    ExecutionResponse::succeeded("né\u{0}\n".into(), USED)
}

pub fn ran() -> Ran {
    Ran { answer: answer(), run: Some(Run { engine: "an engine".to_owned(), max_output_bytes: 1 }) }
}

/// A lease about to send, without a receipt.
pub fn leaving(lease: &Lease) -> Vec<Leaving> {
    vec![Leaving { lease: lease.clone(), receipt: None }]
}

/// What a stage says when all goes well.
pub fn success(stage: Stage) -> Effect {
    match stage {
        Stage::Build => Effect::Built(artifact()),
        Stage::Execute => Effect::Ran(Box::new(ran())),
        Stage::Publish => Effect::Delivered,
    }
}

pub async fn take(store: &Store, stage: Stage, now: Moment) -> Claimed {
    next(store, stage, now).await.unwrap_or_else(|| panic!("nothing to {stage}"))
}

/// The next job, also one whose lease has run out.
pub async fn next(store: &Store, stage: Stage, now: Moment) -> Option<Claimed> {
    store.take_back(now).await.unwrap();
    store.claim(stage, 1, LEASE, now).await.unwrap().pop()
}

pub async fn record(store: &Store, job: &Claimed, effect: Effect, now: Moment) -> Status {
    store.record(&job.lease, &effect, &retry(), now).await.unwrap()
}

pub async fn look(store: &Store, request_id: u64) -> JobView {
    store.job(request_id).await.unwrap().unwrap()
}

/// A store with one job that is about to be published.
pub async fn with_answer(fixture: &Fixture) -> Store {
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    let job = take(&store, Stage::Build, NOW).await;
    record(&store, &job, Effect::Built(artifact()), NOW).await;
    let job = take(&store, Stage::Execute, NOW).await;
    assert_eq!(job.artifact, Some(artifact()));
    record(&store, &job, Effect::Ran(Box::new(ran())), NOW).await;
    store
}
