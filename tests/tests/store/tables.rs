//! The tables: made, taken back, refused.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};

use super::support::*;

on_both_databases!(
    a_store_belongs_to_one_contract,
    the_migrations_go_down_and_up_again_step_by_step,
    jobs_keep_what_they_need_and_what_was_cleared_when_their_tables_are_made_anew,
    tables_of_a_newer_version_are_refused,
    workers_that_start_at_the_same_time_make_the_tables_once,
);

async fn a_store_belongs_to_one_contract(fixture: Fixture) {
    fixture.open("a").await.belongs_to("testnet", "vm.testnet").await.unwrap();
    let store = fixture.open("b").await;
    store.belongs_to("testnet", "vm.testnet").await.unwrap();
    let error = store.belongs_to("mainnet", "vm.near").await.unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }) && error.to_string().contains("vm.testnet"), "{error}");
}

async fn the_migrations_go_down_and_up_again_step_by_step(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    store.roll_back(1).await.unwrap();
    assert!(store.paused_since().await.is_err(), "what the second migration made is gone");
    assert_eq!(store.cursor().await.unwrap(), Some(at(1)), "what the first made is not");
    drop(store);

    let store = fixture.open("b").await;
    assert_eq!(store.paused_since().await.unwrap(), None);
    assert_eq!(look(&store, 1).await.status, Status::Pending);
    store.roll_back(0).await.unwrap();
    assert!(store.cursor().await.is_err(), "all tables are gone");
    drop(store);

    let store = fixture.open("c").await;
    assert_eq!(store.cursor().await.unwrap(), None);
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
}

async fn jobs_keep_what_they_need_and_what_was_cleared_when_their_tables_are_made_anew(fixture: Fixture) {
    let store = with_answer(&fixture).await;
    store.take_block(block(2, vec![new_job(2), new_job(3)], vec![settled(3)]), NOW).await.unwrap();
    let before = (look(&store, 1).await, look(&store, 3).await);
    store.roll_back(6).await.unwrap();
    drop(store);

    let store = fixture.open("b").await;
    assert_eq!((look(&store, 1).await, look(&store, 3).await), before);
    assert!(!before.1.has_payload);
    assert_eq!(take(&store, Stage::Publish, NOW).await.answer.unwrap().response, answer());
    let job = take(&store, Stage::Build, NOW).await;
    assert_eq!(job.request, request(2));
    record(&store, &job.built(artifact(), LEASE, NOW), success(Stage::Execute), NOW).await;
}

async fn tables_of_a_newer_version_are_refused(fixture: Fixture) {
    fixture.open("a").await.close().await;
    fixture
        .sql(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             SELECT 999, 'of a later release', success, checksum, execution_time FROM _sqlx_migrations
             WHERE version = 1",
        )
        .await;
    let error = Store::open(fixture.database(), "b").await.unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 999, .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("999") && text.contains(&fixture.database().to_string()), "{text}");
}

async fn workers_that_start_at_the_same_time_make_the_tables_once(fixture: Fixture) {
    let start = Arc::new(Barrier::new(8));
    let mut workers = JoinSet::new();
    for number in 0..8 {
        let (start, database) = (start.clone(), fixture.database());
        workers.spawn(async move {
            start.wait().await;
            Store::open(database, &format!("worker{number}")).await
        });
    }
    for opened in workers.join_all().await {
        assert_eq!(opened.unwrap().counts().await.unwrap().open(), 0);
    }
}
