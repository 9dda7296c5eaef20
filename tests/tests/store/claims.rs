//! Who gets which job: never two the same, in a fair order.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};

use super::support::*;

on_both_databases!(
    sixteen_claimers_at_once_never_get_the_same_job,
    of_several_callers_the_earliest_deadline_goes_first,
    callers_take_turns,
    while_paused_nothing_is_built_or_run_but_answers_leave,
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
