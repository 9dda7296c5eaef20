//! The store on a real SQLite file: claims, leases, atomicity, retries, ends.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::{path::PathBuf, time::Duration};

use offchainvm_interface::{DataId, ExecutionRequest, ExecutionResponse, FailureCode, ResourcesUsed};
use offchainvm_worker::{
    job::{Ending, JobId, RetryPolicy, Stage, Status, Turn, WasmDigest},
    stage::fault,
    store::{BlockEvents, BuiltArtifact, Claimed, Closing, Cursor, Effect, JobView, Moment, NewJob, Store, StoreError},
};
use serde_json::json;
use tempfile::TempDir;

const NOW: Moment = Moment(1_000_000);
const LEASE: Duration = Duration::from_secs(30);
const USED: ResourcesUsed = ResourcesUsed { instructions: 1, memory_bytes: 2, time_seconds: 3 };

fn retry() -> RetryPolicy {
    RetryPolicy { max_retries: 2, ..RetryPolicy::default() }
}

fn later(seconds: u64) -> Moment {
    NOW.after(Duration::from_secs(seconds))
}

fn request(request_id: u64) -> ExecutionRequest {
    serde_json::from_value(json!({
        "request_id": request_id, "data_id": vec![request_id % 251; 32], "sender_id": "user.near",
        "code_source": {"repo": "https://h/p", "commit": "abcdef", "build_target": "wasm32-wasip1"},
        "resource_limits": {}, "input_data": "né", "response_format": "text", "deposit": "1",
        "pricing": {"base_fee": "1", "per_instruction_fee": "1", "per_mb_fee": "1", "per_second_fee": "1"},
        "timestamp": 1, "deadline": 2,
    }))
    .unwrap()
}

fn id(request_id: u64) -> JobId {
    JobId::from(&request(request_id))
}

fn new_job(request_id: u64) -> NewJob {
    NewJob { request: request(request_id), deadline: later(600) }
}

fn from(request_id: u64, sender: &str) -> NewJob {
    let mut job = new_job(request_id);
    job.request.sender_id = sender.parse().unwrap();
    job
}

fn at(height: u64) -> Cursor {
    Cursor { height, hash: format!("H{height}") }
}

fn block(height: u64, requested: Vec<NewJob>, settled: Vec<Closing>) -> BlockEvents {
    BlockEvents { block: at(height), requested, settled }
}

fn artifact() -> BuiltArtifact {
    BuiltArtifact {
        digest: WasmDigest([5; 32]),
        path: PathBuf::from("/artifacts/x.wasm"),
        commit: "abcdef".into(),
        toolchain: "rustc 1".into(),
    }
}

fn answer() -> ExecutionResponse {
    ExecutionResponse::succeeded("né\u{0}\n".into(), USED)
}

/// A folder with one store file, opened as often as there are workers.
struct Fixture {
    dir: TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    async fn open(&self, worker: &str) -> Store {
        Store::open(self.dir.path().join("worker.sqlite").as_path(), worker).await.unwrap()
    }
}

async fn take(store: &Store, stage: Stage, now: Moment) -> Claimed {
    next(store, stage, now).await.unwrap_or_else(|| panic!("nothing to {stage}"))
}

/// The next job, also one whose lease has run out.
async fn next(store: &Store, stage: Stage, now: Moment) -> Option<Claimed> {
    store.take_back(now).await.unwrap();
    store.claim(stage, 1, LEASE, now).await.unwrap().pop()
}

async fn record(store: &Store, job: &Claimed, effect: Effect, now: Moment) -> Status {
    store.record(&job.lease, effect, &retry(), now).await.unwrap()
}

async fn look(store: &Store, request_id: u64) -> JobView {
    store.job(request_id).await.unwrap().unwrap()
}

/// A store with one job that is about to be published.
async fn with_answer(fixture: &Fixture) -> Store {
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    let job = take(&store, Stage::Build, NOW).await;
    record(&store, &job, Effect::Built(artifact()), NOW).await;
    let job = take(&store, Stage::Execute, NOW).await;
    assert_eq!(job.artifact, Some(artifact()));
    record(&store, &job, Effect::Ran(Box::new(answer())), NOW).await;
    store
}

#[tokio::test]
async fn a_block_and_the_cursor_move_together_and_a_request_is_taken_once() {
    let fixture = Fixture::new();
    let store = fixture.open("a").await;
    assert_eq!(store.cursor().await.unwrap(), None);
    let events = block(7, vec![new_job(1), new_job(2)], vec![]);
    assert_eq!(store.take_block(events.clone(), NOW).await.unwrap().inserted, [id(1), id(2)]);
    assert_eq!(store.cursor().await.unwrap(), Some(at(7)));
    assert_eq!(store.take_block(events.clone(), NOW).await.unwrap().inserted, []);
    drop(store);
    assert_eq!(fixture.open("b").await.cursor().await.unwrap(), Some(at(7)));
}

#[tokio::test]
async fn a_block_that_cannot_be_stored_moves_nothing() {
    let fixture = Fixture::new();
    let store = fixture.open("a").await;
    store.take_block(block(7, vec![], vec![]), NOW).await.unwrap();
    let mut impossible = new_job(2);
    impossible.request.request_id = u64::MAX;
    let error = store.take_block(block(8, vec![new_job(1), impossible], vec![]), NOW).await.unwrap_err();
    assert!(matches!(error, StoreError::TooLarge(u64::MAX)), "{error}");
    assert_eq!(store.cursor().await.unwrap(), Some(at(7)));
    assert_eq!(store.job(1).await.unwrap(), None);
}

#[tokio::test]
async fn workers_that_race_for_claims_never_get_the_same_job() {
    let fixture = Fixture::new();
    let (a, b) = (fixture.open("a").await, fixture.open("b").await);
    let jobs: Vec<NewJob> = (1..=40).map(new_job).collect();
    a.take_block(block(1, jobs, vec![]), NOW).await.unwrap();
    let mut racers = tokio::task::JoinSet::new();
    for store in [&a, &b, &a, &b] {
        let store = store.clone();
        racers.spawn(async move {
            let mut mine = Vec::new();
            while let Some(job) = next(&store, Stage::Build, NOW).await {
                mine.push(job.request.request_id);
            }
            mine
        });
    }
    let mut claimed = racers.join_all().await.concat();
    claimed.sort_unstable();
    assert_eq!(claimed, (1..=40).collect::<Vec<u64>>());
}

#[tokio::test]
async fn of_several_callers_the_earliest_deadline_goes_first() {
    let fixture = Fixture::new();
    let store = fixture.open("a").await;
    let jobs = [(1, 300), (2, 100), (3, 200)].map(|(request_id, seconds)| NewJob {
        deadline: later(seconds),
        ..from(request_id, &format!("c{request_id}.near"))
    });
    store.take_block(block(1, jobs.to_vec(), vec![]), NOW).await.unwrap();
    let mut order = Vec::new();
    while let Some(job) = next(&store, Stage::Build, NOW).await {
        order.push(job.request.request_id);
    }
    assert_eq!(order, [2, 3, 1]);
}

#[tokio::test]
async fn a_lease_that_runs_out_is_taken_over_and_the_late_result_is_refused() {
    let fixture = Fixture::new();
    let (a, b) = (fixture.open("a").await, fixture.open("b").await);
    a.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    let first = take(&a, Stage::Build, NOW).await;
    assert!(next(&b, Stage::Build, later(29)).await.is_none(), "the lease holds");
    assert!(a.renew(&first.lease, LEASE, later(29)).await.unwrap());
    assert!(next(&b, Stage::Build, later(58)).await.is_none(), "the renewed lease holds");
    let second = take(&b, Stage::Build, later(60)).await;
    assert_eq!(second.attempts, 2, "the attempt that did not come back counts");
    assert!(!a.renew(&first.lease, LEASE, later(60)).await.unwrap());
    let late = a.record(&first.lease, Effect::Built(artifact()), &retry(), later(61)).await;
    assert!(matches!(late, Err(StoreError::LeaseLost(job)) if job == id(1)));
    let status = record(&b, &second, Effect::Built(artifact()), later(61)).await;
    assert_eq!(status, Status::InProgress { stage: Stage::Execute, turn: Turn::Waiting, attempts: 0 });
}

#[tokio::test]
async fn after_a_crash_leases_of_the_dead_are_free_at_once() {
    let fixture = Fixture::new();
    let (dead, alive) = (fixture.open("dead").await, fixture.open("alive").await);
    dead.take_block(block(1, vec![new_job(1), new_job(2)], vec![]), NOW).await.unwrap();
    take(&dead, Stage::Build, NOW).await;
    take(&alive, Stage::Build, NOW).await;
    assert_eq!(fixture.open("next").await.expire_leases(|worker| worker == "dead").await.unwrap(), 1);
    let again = take(&alive, Stage::Build, NOW).await;
    assert_eq!((again.request.request_id, again.attempts), (1, 2));
}

#[tokio::test]
async fn outcome_and_outbox_are_one_and_survive_a_crash() {
    let fixture = Fixture::new();
    drop(with_answer(&fixture).await);
    let store = fixture.open("b").await;
    assert!(next(&store, Stage::Execute, later(3_600)).await.is_none(), "it never runs again");
    let job = take(&store, Stage::Publish, NOW).await;
    assert_eq!(job.answer.as_ref().unwrap().response, answer());
    assert_eq!(job.answer.unwrap().sent, None);
}

#[tokio::test]
async fn an_outcome_without_its_lease_leaves_no_trace_in_the_outbox() {
    let fixture = Fixture::new();
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    let job = take(&store, Stage::Build, NOW).await;
    record(&store, &job, Effect::Built(artifact()), NOW).await;
    let job = take(&store, Stage::Execute, NOW).await;
    store.take_block(block(2, vec![], vec![Closing { id: id(1), answered: false }]), NOW).await.unwrap();
    assert!(store.record(&job.lease, Effect::Ran(Box::new(answer())), &retry(), NOW).await.is_err());
    let job = look(&store, 1).await;
    assert_eq!((job.code, job.has_payload), (None, false));
    assert_eq!(job.status, Status::Failed { retry_count: 0, ending: Ending::Withdrawn });
}

#[tokio::test]
async fn a_transaction_is_noted_before_it_is_sent_and_known_after_a_crash() {
    let fixture = Fixture::new();
    let store = with_answer(&fixture).await;
    let job = take(&store, Stage::Publish, NOW).await;
    assert_eq!(store.about_to_send(vec![job.lease.clone()], "TX1", NOW).await.unwrap(), []);
    drop(store);
    let store = fixture.open("b").await;
    let again = take(&store, Stage::Publish, later(60)).await;
    assert_eq!(again.answer.unwrap().sent.as_deref(), Some("TX1"));
    assert_eq!(store.about_to_send(vec![job.lease], "TX2", NOW).await.unwrap(), [id(1)]);
}

#[tokio::test]
async fn payloads_are_cleared_at_both_ends() {
    let fixture = Fixture::new();
    let store = with_answer(&fixture).await;
    assert!(look(&store, 1).await.has_payload);
    let job = take(&store, Stage::Publish, NOW).await;
    assert_eq!(record(&store, &job, Effect::Delivered, NOW).await, Status::Completed(Ending::Answered));
    let done = look(&store, 1).await;
    assert_eq!((done.has_payload, done.closed_at), (false, Some(NOW)));

    let fixture = Fixture::new();
    let store = with_answer(&fixture).await;
    let mut status = Status::Pending;
    while !status.is_over() {
        let job = take(&store, Stage::Publish, NOW).await;
        assert_eq!(job.answer.as_ref().unwrap().response, answer(), "the last attempt still has its payload");
        status = record(&store, &job, fault(FailureCode::OperatorError, "no", Duration::ZERO), NOW).await;
    }
    assert_eq!(status, Status::Failed { retry_count: 2, ending: Ending::Undelivered });
    assert!(!look(&store, 1).await.has_payload);
}

#[tokio::test]
async fn retries_wait_and_stop_exactly_at_the_limit() {
    let fixture = Fixture::new();
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    let accident = || fault(FailureCode::OperatorError, "disk full", Duration::from_secs(5));
    for attempt in 1..=2u32 {
        let now = later(10 * u64::from(attempt));
        let job = take(&store, Stage::Build, now).await;
        assert_eq!(job.attempts, attempt);
        record(&store, &job, accident(), now).await;
        let early = now.after(Duration::from_secs(4));
        assert!(next(&store, Stage::Build, early).await.is_none(), "it waits");
        assert_eq!(store.next_due(Stage::Build).await.unwrap(), Some(now.after(Duration::from_secs(5))));
    }
    let job = take(&store, Stage::Build, later(100)).await;
    assert_eq!(job.attempts, 3);
    record(&store, &job, accident(), later(100)).await;
    assert!(next(&store, Stage::Build, later(500)).await.is_none());
    // What could not be done is said, and without a wait.
    let job = take(&store, Stage::Publish, later(100)).await;
    assert_eq!(job.answer.unwrap().response.failure(), Some(FailureCode::OperatorError));
    assert_eq!(look(&store, 1).await.note.as_deref(), Some("disk full"));
}

#[tokio::test]
async fn the_programs_own_fault_is_said_at_once_and_never_tried_again() {
    let fixture = Fixture::new();
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    let job = take(&store, Stage::Build, NOW).await;
    record(&store, &job, fault(FailureCode::BuildFailed, "error[E0308]", Duration::from_secs(5)), NOW).await;
    assert!(next(&store, Stage::Build, later(500)).await.is_none());
    let job = take(&store, Stage::Publish, NOW).await;
    let response = job.answer.unwrap().response;
    assert_eq!((response.failure(), response.error.as_deref()), (Some(FailureCode::BuildFailed), Some("error[E0308]")));
}

#[tokio::test]
async fn work_that_is_put_back_does_not_count() {
    let fixture = Fixture::new();
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    for _ in 0..10 {
        let job = take(&store, Stage::Build, NOW).await;
        assert_eq!(job.attempts, 1);
        record(&store, &job, Effect::NotYet { wait: Duration::ZERO }, NOW).await;
    }
}

#[tokio::test]
async fn a_lost_artifact_is_built_again() {
    let fixture = Fixture::new();
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    let job = take(&store, Stage::Build, NOW).await;
    record(&store, &job, Effect::Built(artifact()), NOW).await;
    let job = take(&store, Stage::Execute, NOW).await;
    record(&store, &job, Effect::ArtifactLost, NOW).await;
    take(&store, Stage::Build, NOW).await;
}

#[tokio::test]
async fn reconciling_finds_what_was_missed_and_closes_what_is_gone_but_not_what_is_newer() {
    let fixture = Fixture::new();
    let store = fixture.open("a").await;
    store.take_block(block(5, vec![new_job(1), new_job(2)], vec![]), NOW).await.unwrap();
    store.take_block(block(9, vec![new_job(4)], vec![]), NOW).await.unwrap();
    let taken = store.reconcile(vec![new_job(2), new_job(3)], at(7), false, NOW).await.unwrap();
    assert_eq!(taken.inserted, [id(3)]);
    assert_eq!(taken.closed, [(id(1), Ending::Settled)]);
    assert_eq!(store.cursor().await.unwrap(), Some(at(9)), "the cursor only moves when blocks are skipped");
    assert_eq!(look(&store, 4).await.status, Status::Pending);
    store.reconcile(vec![new_job(2), new_job(3), new_job(4)], at(20), true, NOW).await.unwrap();
    assert_eq!(store.cursor().await.unwrap(), Some(at(20)));
}

#[tokio::test]
async fn a_settlement_tells_our_answer_from_anothers_and_closes_once() {
    let fixture = Fixture::new();
    let store = with_answer(&fixture).await;
    store.take_block(block(2, vec![new_job(2)], vec![]), NOW).await.unwrap();
    let job = take(&store, Stage::Publish, NOW).await;
    store.about_to_send(vec![job.lease.clone()], "TX", NOW).await.unwrap();
    let settled = [1, 2, 99].map(|request_id| Closing { id: id(request_id), answered: true });
    let taken = store.take_block(block(3, vec![], settled.to_vec()), NOW).await.unwrap();
    assert_eq!(taken.closed, [(id(1), Ending::Answered), (id(2), Ending::Settled)]);
    assert!(matches!(store.record(&job.lease, Effect::Delivered, &retry(), NOW).await, Err(StoreError::LeaseLost(_))));
    assert_eq!(store.take_block(block(4, vec![], settled.to_vec()), NOW).await.unwrap().closed, []);
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.open(), counts.completed, counts.failed), (0, 2, 0));
}

#[tokio::test]
async fn nonces_rise_and_are_not_given_out_again_after_a_crash() {
    let fixture = Fixture::new();
    let store = fixture.open("a").await;
    assert_eq!(store.next_nonce("k", 100).await.unwrap(), 100);
    assert_eq!(store.next_nonce("k", 100).await.unwrap(), 101);
    assert_eq!(store.next_nonce("k", 7).await.unwrap(), 102);
    assert_eq!(store.next_nonce("other", 7).await.unwrap(), 7);
    drop(store);
    let store = fixture.open("b").await;
    assert_eq!(store.next_nonce("k", 100).await.unwrap(), 103);
    assert_eq!(store.next_nonce("k", 500).await.unwrap(), 500);
}

#[tokio::test]
async fn a_store_belongs_to_one_contract() {
    let fixture = Fixture::new();
    fixture.open("a").await.belongs_to("testnet", "vm.testnet").await.unwrap();
    let store = fixture.open("b").await;
    store.belongs_to("testnet", "vm.testnet").await.unwrap();
    let error = store.belongs_to("mainnet", "vm.near").await.unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }) && error.to_string().contains("vm.testnet"), "{error}");
}

#[tokio::test]
async fn the_migrations_go_down_and_up_again() {
    let fixture = Fixture::new();
    let store = fixture.open("a").await;
    store.roll_back(0).await.unwrap();
    assert!(store.cursor().await.is_err(), "the tables are gone");
    drop(store);
    fixture.open("b").await.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
}

#[tokio::test]
async fn a_wake_up_between_listening_and_waiting_is_heard() {
    let fixture = Fixture::new();
    let store = fixture.open("a").await;
    let mut wake = store.wake_up(Stage::Build);
    wake.listen();
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), wake.heard()).await.unwrap();
}

#[tokio::test]
async fn data_ids_tell_requests_of_the_same_number_apart() {
    let fixture = Fixture::new();
    let store = fixture.open("a").await;
    let mut other = new_job(1);
    other.request.data_id = DataId([9; 32]);
    store.take_block(block(1, vec![new_job(1), other], vec![]), NOW).await.unwrap();
    assert_eq!(store.counts().await.unwrap().open(), 2);
}

#[tokio::test]
async fn callers_take_turns() {
    let fixture = Fixture::new();
    let store = fixture.open("a").await;
    let flood: Vec<NewJob> = (1..=50).map(|request_id| from(request_id, "flood.near")).collect();
    store.take_block(block(1, flood, vec![]), NOW).await.unwrap();
    for request_id in 1..=10 {
        assert_eq!(take(&store, Stage::Build, NOW).await.request.request_id, request_id);
    }
    store.take_block(block(2, vec![from(51, "late.near"), from(52, "late.near")], vec![]), NOW).await.unwrap();
    let mut order = Vec::new();
    for _ in 0..4 {
        order.push(take(&store, Stage::Build, NOW).await.request.request_id);
    }
    assert!(order.contains(&51), "one that comes late does not wait for another's fifty: {order:?}");
}

#[tokio::test]
async fn while_paused_nothing_is_built_or_run_but_answers_leave() {
    let fixture = Fixture::new();
    let store = with_answer(&fixture).await;
    store.take_block(block(2, vec![new_job(2)], vec![]), NOW).await.unwrap();
    store.set_paused(true, NOW).await.unwrap();
    assert_eq!(fixture.open("b").await.paused_since().await.unwrap(), Some(NOW), "every process sees it");
    assert!(next(&store, Stage::Build, NOW).await.is_none());
    take(&store, Stage::Publish, NOW).await;
    store.set_paused(false, NOW).await.unwrap();
    take(&store, Stage::Build, NOW).await;
}

#[tokio::test]
async fn a_failed_job_begins_again_with_its_request_from_the_chain_and_others_do_not() {
    let fixture = Fixture::new();
    let store = with_answer(&fixture).await;
    assert!(matches!(store.retry(&request(1), NOW).await, Err(StoreError::IllegalStep(_))), "it has not failed");
    assert_eq!(store.retry(&request(9), NOW).await.unwrap(), None);
    for _ in 1..=3 {
        let job = take(&store, Stage::Publish, NOW).await;
        record(&store, &job, fault(FailureCode::OperatorError, "no", Duration::ZERO), NOW).await;
    }
    assert!(look(&store, 1).await.status.is_over());
    store.retry(&request(1), NOW).await.unwrap();
    assert_eq!(take(&store, Stage::Build, NOW).await.request, request(1));
}

#[tokio::test]
async fn a_cancelled_job_is_answered_and_taken_from_whoever_works_on_it() {
    let fixture = Fixture::new();
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    let job = take(&store, Stage::Build, NOW).await;
    store.cancel(id(1), NOW).await.unwrap();
    let late = store.record(&job.lease, Effect::Built(artifact()), &retry(), NOW).await;
    assert!(matches!(late, Err(StoreError::LeaseLost(_))));
    let answer = take(&store, Stage::Publish, NOW).await.answer.unwrap().response;
    assert_eq!(answer.failure(), Some(FailureCode::OperatorError));
    assert_eq!(store.cancel(id(9), NOW).await.unwrap(), None);
}

#[tokio::test]
async fn a_key_is_one_processs_at_a_time() {
    let fixture = Fixture::new();
    let (a, b) = (fixture.open("a").await, fixture.open("b").await);
    assert!(a.take_lane("k", LEASE, NOW).await.unwrap());
    assert!(!b.take_lane("k", LEASE, later(29)).await.unwrap());
    assert!(a.take_lane("k", LEASE, later(29)).await.unwrap(), "its own it may keep");
    assert!(b.take_lane("k", LEASE, later(60)).await.unwrap(), "the lease has run out");
    b.leave_lane("k").await.unwrap();
    assert!(a.take_lane("k", LEASE, later(60)).await.unwrap());
}
