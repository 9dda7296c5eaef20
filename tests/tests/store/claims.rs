//! Who gets which job: never two the same, in a fair order.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};

use super::support::*;

on_both_databases!(
    sixteen_claimers_at_once_never_get_the_same_job,
    of_several_callers_the_earliest_deadline_goes_first,
    callers_take_turns,
    while_paused_nothing_is_built_or_run_but_answers_leave,
    a_job_that_is_handed_over_is_claimed_as_if_it_had_waited,
    what_is_not_ones_own_or_paused_is_not_handed_over,
    a_wake_up_between_listening_and_waiting_is_heard,
);

async fn of_several_callers_the_earliest_deadline_goes_first(fixture: Fixture) {
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

async fn callers_take_turns(fixture: Fixture) {
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

async fn while_paused_nothing_is_built_or_run_but_answers_leave(fixture: Fixture) {
    let store = with_answer(&fixture).await;
    store.take_block(block(2, vec![new_job(2)], vec![]), NOW).await.unwrap();
    store.set_paused(true, NOW).await.unwrap();
    assert_eq!(fixture.open("b").await.paused_since().await.unwrap(), Some(NOW), "every process sees it");
    assert!(next(&store, Stage::Build, NOW).await.is_none());
    take(&store, Stage::Publish, NOW).await;
    store.set_paused(false, NOW).await.unwrap();
    take(&store, Stage::Build, NOW).await;
}

async fn a_job_that_is_handed_over_is_claimed_as_if_it_had_waited(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1), new_job(2)], vec![]), NOW).await.unwrap();
    let mut handed = take(&store, Stage::Build, NOW).await;
    assert!(store.hand_over(&mut handed, &artifact(), LEASE, later(1)).await.unwrap());
    let waited = take(&store, Stage::Build, NOW).await;
    record(&store, &waited, success(Stage::Build), later(1)).await;
    let waited = take(&store, Stage::Execute, later(1)).await;

    let seen = |job: &Claimed| (job.artifact.clone(), job.attempts, job.ready_at, job.deadline, job.created_at);
    assert_eq!(seen(&handed), seen(&waited));
    assert_eq!(handed.request, request(1));
    for (request_id, job) in [(1, &handed), (2, &waited)] {
        let row = look(&store, request_id).await;
        assert_eq!(row.status, Status::InProgress { stage: Stage::Execute, turn: Turn::Running, attempts: 1 });
        assert_eq!((row.times.built, row.times.execute), (Some(later(1)), Some(later(1))));
        record(&store, job, success(Stage::Execute), later(2)).await;
    }

    // Its lease is one like any other.
    store.take_block(block(2, vec![new_job(3)], vec![]), NOW).await.unwrap();
    let mut left = take(&store, Stage::Build, NOW).await;
    store.hand_over(&mut left, &artifact(), LEASE, NOW).await.unwrap();
    assert_eq!(take(&store, Stage::Execute, later(31)).await.attempts, 2);
    let late = store.record(&left.lease, &success(Stage::Execute), &retry(), later(31)).await;
    assert!(matches!(late, Err(StoreError::LeaseLost(_))), "{late:?}");
}

async fn what_is_not_ones_own_or_paused_is_not_handed_over(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1), new_job(2)], vec![]), NOW).await.unwrap();
    let mut job = take(&store, Stage::Build, NOW).await;
    let before = job.lease.clone();
    store.set_paused(true, NOW).await.unwrap();
    assert!(!store.hand_over(&mut job, &artifact(), LEASE, NOW).await.unwrap(), "it is paused");
    assert_eq!((&job.lease, &job.artifact), (&before, &None));
    store.set_paused(false, NOW).await.unwrap();

    take(&store, Stage::Build, NOW).await;
    let other = next(&store, Stage::Build, later(31)).await.unwrap();
    assert_eq!(other.request.request_id, 1, "its lease ran out");
    assert!(!store.hand_over(&mut job, &artifact(), LEASE, later(31)).await.unwrap(), "somebody else has it");

    // Of several at once, those whose lease holds go on.
    let closing = Closing { id: id(1), answered: false, receipt: None };
    store.take_block(block(2, (3..=6).map(new_job).collect(), vec![closing]), NOW).await.unwrap();
    let jobs = store.claim(Stage::Build, 9, LEASE, later(31)).await.unwrap();
    let closed = jobs[0].lease.id();
    let closing = Closing { id: closed, answered: false, receipt: None };
    store.take_block(block(3, vec![], vec![closing]), NOW).await.unwrap();
    let mut handing = JoinSet::new();
    for mut job in jobs {
        let store = store.clone();
        handing.spawn(async move {
            let handed = store.hand_over(&mut job, &artifact(), LEASE, later(32)).await.unwrap();
            (!handed).then_some(job.lease.id())
        });
    }
    let refused: Vec<JobId> = handing.join_all().await.into_iter().flatten().collect();
    assert_eq!(refused, [closed]);
}

async fn a_wake_up_between_listening_and_waiting_is_heard(fixture: Fixture) {
    let store = fixture.open("a").await;
    let mut wake = store.wake_up(Stage::Build);
    wake.listen();
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), wake.heard()).await.unwrap();
}

async fn sixteen_claimers_at_once_never_get_the_same_job(fixture: Fixture) {
    const JOBS: u64 = 200;
    let stores = fixture.open_many(4).await;
    stores[0].take_block(block(1, (1..=JOBS).map(new_job).collect(), vec![]), NOW).await.unwrap();
    let start = Arc::new(Barrier::new(16));
    let mut claimers = JoinSet::new();
    for number in 0..16 {
        let (store, start) = (stores[number % stores.len()].clone(), start.clone());
        claimers.spawn(async move {
            start.wait().await;
            let mut mine = Vec::new();
            loop {
                // Some take one, some several at a time.
                let claimed = store.claim(Stage::Build, 1 + number % 5, LEASE, NOW).await.unwrap();
                if claimed.is_empty() {
                    return mine;
                }
                assert!(claimed.iter().all(|job| job.attempts == 1));
                mine.extend(claimed.into_iter().map(|job| job.request.request_id));
            }
        });
    }
    let mut claimed = claimers.join_all().await.concat();
    claimed.sort_unstable();
    assert_eq!(claimed, (1..=JOBS).collect::<Vec<u64>>());
}
