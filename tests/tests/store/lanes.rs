//! Access keys: one process at a time, and nonces that only rise.

use tokio::task::JoinSet;

use super::support::*;

on_both_databases!(
    no_nonce_is_given_out_twice_however_many_ask_at_once,
    nonces_rise_and_are_not_given_out_again_after_a_crash,
    a_key_is_one_processs_at_a_time,
    a_key_of_a_process_that_is_gone_is_free_at_once,
);

async fn nonces_rise_and_are_not_given_out_again_after_a_crash(fixture: Fixture) {
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

async fn a_key_is_one_processs_at_a_time(fixture: Fixture) {
    let (a, b) = (fixture.open("a").await, fixture.open("b").await);
    assert!(a.take_lane("k", LEASE, NOW).await.unwrap());
    assert!(!b.take_lane("k", LEASE, later(29)).await.unwrap());
    assert!(a.take_lane("k", LEASE, later(29)).await.unwrap(), "its own it may keep");
    assert!(b.take_lane("k", LEASE, later(60)).await.unwrap(), "the lease has run out");
    b.leave_lane("k").await.unwrap();
    assert!(a.take_lane("k", LEASE, later(60)).await.unwrap());
}

async fn a_key_of_a_process_that_is_gone_is_free_at_once(fixture: Fixture) {
    let (dead, living, next) = (fixture.open("dead").await, fixture.open("living").await, fixture.open("next").await);
    assert!(dead.take_lane("a", LEASE, NOW).await.unwrap());
    assert!(living.take_lane("b", LEASE, NOW).await.unwrap());
    next.expire_leases(|worker| worker == "dead").await.unwrap();
    assert!(next.take_lane("a", LEASE, NOW).await.unwrap());
    assert!(!next.take_lane("b", LEASE, NOW).await.unwrap());
}

async fn no_nonce_is_given_out_twice_however_many_ask_at_once(fixture: Fixture) {
    let stores = fixture.open_many(4).await;
    let mut askers = JoinSet::new();
    for number in 0..64 {
        let store = stores[number % stores.len()].clone();
        askers.spawn(async move { store.next_nonce("k", 1_000).await.unwrap() });
    }
    let mut nonces = askers.join_all().await;
    nonces.sort_unstable();
    assert_eq!(nonces, (1_000..1_064).collect::<Vec<u64>>());
}
