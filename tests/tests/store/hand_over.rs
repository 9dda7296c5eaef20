//! Jobs that are run by whoever has built them: recorded with less, and as if they had waited.

use tokio::task::JoinSet;

use super::support::*;

on_both_databases!(
    a_job_that_is_handed_over_is_claimed_as_if_it_had_waited,
    a_build_that_is_held_back_is_recorded_with_its_run,
    what_is_no_outcome_is_recorded_after_the_build_that_was_held_back,
    what_is_not_ones_own_or_paused_is_not_handed_over,
    with_a_build_that_is_held_back_a_lease_is_one_like_any_other,
);

/// Claims the next job for building and holds the build back.
async fn build(store: &Store, now: Moment) -> Claimed {
    take(store, Stage::Build, now).await.built(artifact(), LEASE, now)
}

async fn a_job_that_is_handed_over_is_claimed_as_if_it_had_waited(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1), new_job(2)], vec![]), NOW).await.unwrap();
    let mut handed = build(&store, NOW).await;
    assert!(store.hand_over(&mut handed.lease, later(1)).await.unwrap());
    assert!(!handed.lease.holds_a_build_back() && !store.hand_over(&mut handed.lease, later(1)).await.unwrap());
    let waited = take(&store, Stage::Build, NOW).await;
    record(&store, &waited, success(Stage::Build), NOW).await;
    let waited = take(&store, Stage::Execute, NOW).await;

    let seen = |job: &Claimed| (job.artifact.clone(), job.attempts, job.ready_at, job.deadline, job.created_at);
    assert_eq!(seen(&handed), seen(&waited));
    assert_eq!(handed.request, request(1));
    for (request_id, job) in [(1, &handed), (2, &waited)] {
        let row = look(&store, request_id).await;
        assert_eq!(row.status, Status::InProgress { stage: Stage::Execute, turn: Turn::Running, attempts: 1 });
        assert_eq!((row.times.built, row.times.execute), (Some(NOW), Some(NOW)));
        record(&store, job, success(Stage::Execute), later(2)).await;
    }

    // Its lease is one like any other.
    store.take_block(block(2, vec![new_job(3)], vec![]), NOW).await.unwrap();
    let mut left = build(&store, NOW).await;
    assert!(store.hand_over(&mut left.lease, NOW).await.unwrap());
    assert_eq!(take(&store, Stage::Execute, later(31)).await.attempts, 2);
    let late = store.record(&left.lease, &success(Stage::Execute), &retry(), later(31)).await;
    assert!(matches!(late, Err(StoreError::LeaseLost(_))), "{late:?}");
}

async fn a_build_that_is_held_back_is_recorded_with_its_run(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1), new_job(2)], vec![]), NOW).await.unwrap();
    let at_once = build(&store, NOW).await;
    let building = Status::InProgress { stage: Stage::Build, turn: Turn::Running, attempts: 1 };
    assert_eq!(look(&store, 1).await.status, building, "nobody else knows");
    let waited = take(&store, Stage::Build, NOW).await;
    record(&store, &waited, success(Stage::Build), NOW).await;
    let waited = take(&store, Stage::Execute, NOW).await;
    for job in [&at_once, &waited] {
        record(&store, job, success(Stage::Execute), later(1)).await;
    }

    let [at_once, waited] = [look(&store, 1).await, look(&store, 2).await];
    assert_eq!(at_once.times, waited.times);
    assert_eq!(at_once.status, Status::InProgress { stage: Stage::Publish, turn: Turn::Waiting, attempts: 0 });
    assert_eq!((at_once.status, at_once.wasm_sha256.clone()), (waited.status, waited.wasm_sha256));
    assert_eq!((at_once.commit, at_once.provenance), (waited.commit, waited.provenance));
    assert!(at_once.wasm_sha256.is_some() && at_once.worker.is_none());
    for _ in 0..2 {
        assert_eq!(take(&store, Stage::Publish, later(1)).await.answer.unwrap().response, answer());
    }
}

async fn what_is_no_outcome_is_recorded_after_the_build_that_was_held_back(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(1, (1..=4).map(new_job).collect(), vec![]), NOW).await.unwrap();
    let (failed, not_yet) = (build(&store, NOW).await, build(&store, NOW).await);
    let (lost, paused) = (build(&store, NOW).await, build(&store, NOW).await);
    let fault = fault(FailureCode::OperatorError, "a disk is full", Duration::from_secs(7));
    let waiting = |stage, attempts| Status::InProgress { stage, turn: Turn::Waiting, attempts };

    assert_eq!(record(&store, &failed, fault.clone(), NOW).await, waiting(Stage::Execute, 1));
    let wait = Duration::from_secs(7);
    assert_eq!(record(&store, &not_yet, Effect::NotYet { wait }, NOW).await, waiting(Stage::Execute, 0));
    assert_eq!(record(&store, &lost, Effect::ArtifactLost, NOW).await, waiting(Stage::Build, 0));
    // It was built: that is all that counts while nothing is to be run.
    store.set_paused(true, NOW).await.unwrap();
    assert_eq!(record(&store, &paused, fault, NOW).await, waiting(Stage::Execute, 0));
    store.set_paused(false, NOW).await.unwrap();

    assert_eq!(take(&store, Stage::Execute, NOW).await.lease.id(), id(4));
    assert!(next(&store, Stage::Execute, later(6)).await.is_none(), "they wait");
    for (request_id, attempts) in [(1, 2), (2, 1)] {
        let job = take(&store, Stage::Execute, later(8)).await;
        assert_eq!((job.lease.id(), job.attempts), (id(request_id), attempts));
        assert_eq!(job.artifact, Some(artifact()));
    }
}

async fn what_is_not_ones_own_or_paused_is_not_handed_over(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1), new_job(2)], vec![]), NOW).await.unwrap();
    let mut job = build(&store, NOW).await;
    let before = job.lease.clone();
    store.set_paused(true, NOW).await.unwrap();
    assert!(!store.hand_over(&mut job.lease, NOW).await.unwrap(), "it is paused");
    assert_eq!(job.lease, before);
    store.set_paused(false, NOW).await.unwrap();

    take(&store, Stage::Build, NOW).await;
    let other = next(&store, Stage::Build, later(31)).await.unwrap();
    assert_eq!(other.request.request_id, 1, "its lease ran out");
    assert!(!store.hand_over(&mut job.lease, later(31)).await.unwrap(), "somebody else has it");

    // Of several at once, those whose lease holds go on.
    let closing = Closing { id: id(1), answered: false, receipt: None };
    store.take_block(block(2, (3..=6).map(new_job).collect(), vec![closing]), NOW).await.unwrap();
    let jobs = store.claim(Stage::Build, 9, LEASE, later(31)).await.unwrap();
    let closed = jobs[0].lease.id();
    let closing = Closing { id: closed, answered: false, receipt: None };
    store.take_block(block(3, vec![], vec![closing]), NOW).await.unwrap();
    let mut handing = JoinSet::new();
    for job in jobs {
        let (store, mut job) = (store.clone(), job.built(artifact(), LEASE, later(32)));
        handing.spawn(async move {
            let handed = store.hand_over(&mut job.lease, later(32)).await.unwrap();
            (!handed).then_some(job.lease.id())
        });
    }
    let refused: Vec<JobId> = handing.join_all().await.into_iter().flatten().collect();
    assert_eq!(refused, [closed]);
}

async fn with_a_build_that_is_held_back_a_lease_is_one_like_any_other(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1), new_job(2)], vec![]), NOW).await.unwrap();
    let (kept, lost) = (build(&store, NOW).await, build(&store, NOW).await);
    assert!(store.renew(&kept.lease, LEASE, later(29)).await.unwrap());
    // Whoever takes it over builds it again.
    let again = take(&store, Stage::Build, later(31)).await;
    assert_eq!((again.lease.id(), again.attempts, again.artifact), (lost.lease.id(), 2, None));
    for effect in [success(Stage::Execute), Effect::NotYet { wait: Duration::ZERO }] {
        let late = store.record(&lost.lease, &effect, &retry(), later(31)).await;
        assert!(matches!(late, Err(StoreError::LeaseLost(_))), "{late:?}");
    }
    record(&store, &kept, success(Stage::Execute), later(31)).await;
}
