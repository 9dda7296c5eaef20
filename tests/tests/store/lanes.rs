//! Access keys: one process at a time, and nonces that only rise.

use offchainvm_worker::store::LaneHold::{Ours, Owed, Theirs};
use tokio::task::JoinSet;

use super::support::*;

on_both_databases!(
    no_nonce_is_given_out_twice_however_many_ask_at_once,
    nonces_rise_and_are_not_given_out_again_after_a_crash,
    a_key_is_one_processs_at_a_time,
    a_key_of_a_process_that_is_gone_is_free_at_once,
    a_key_that_is_kept_for_a_process_that_is_gone_is_free_at_once,
    a_free_key_stays_kept_for_who_has_waited_though_others_come,
    keys_are_owed_to_a_process_that_waits_for_them_until_both_have_as_many,
    of_several_that_wait_for_a_key_the_one_with_the_fewest_gets_it,
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
    assert_eq!(a.take_lane("k", LEASE, NOW).await.unwrap(), Ours);
    assert_eq!(b.take_lane("k", LEASE, later(29)).await.unwrap(), Theirs);
    assert_eq!(a.take_lane("k", LEASE, later(29)).await.unwrap(), Ours, "its own it may keep");
    assert_eq!(b.take_lane("k", LEASE, later(60)).await.unwrap(), Ours, "the lease has run out");
    b.leave_lane("k").await.unwrap();
    assert_eq!(a.take_lane("k", LEASE, later(60)).await.unwrap(), Ours);
}

async fn a_key_of_a_process_that_is_gone_is_free_at_once(fixture: Fixture) {
    let (dead, living, next) = (fixture.open("dead").await, fixture.open("living").await, fixture.open("next").await);
    assert_eq!(dead.take_lane("a", LEASE, NOW).await.unwrap(), Ours);
    assert_eq!(living.take_lane("b", LEASE, NOW).await.unwrap(), Ours);
    next.expire_leases(|worker| worker == "dead").await.unwrap();
    assert_eq!(next.take_lane("a", LEASE, NOW).await.unwrap(), Ours);
    assert_eq!(next.take_lane("b", LEASE, NOW).await.unwrap(), Theirs);
}

async fn a_key_that_is_kept_for_a_process_that_is_gone_is_free_at_once(fixture: Fixture) {
    let (first, dead, next) = (fixture.open("first").await, fixture.open("dead").await, fixture.open("next").await);
    assert_eq!(first.take_lane("a", LEASE, NOW).await.unwrap(), Ours);
    assert_eq!(dead.take_lane("a", LEASE, NOW).await.unwrap(), Theirs);
    first.leave_lane("a").await.unwrap();
    assert_eq!(next.take_lane("a", LEASE, NOW).await.unwrap(), Theirs, "it is kept for who has waited");
    next.expire_leases(|worker| worker == "dead").await.unwrap();
    assert_eq!(next.take_lane("a", LEASE, NOW).await.unwrap(), Ours);
}

async fn a_free_key_stays_kept_for_who_has_waited_though_others_come(fixture: Fixture) {
    let (first, waits, next) = (fixture.open("first").await, fixture.open("waits").await, fixture.open("next").await);
    assert_eq!(first.take_lane("a", LEASE, NOW).await.unwrap(), Ours);
    assert_eq!(waits.take_lane("a", LEASE, NOW).await.unwrap(), Theirs);
    first.leave_lane("a").await.unwrap();
    for _ in 0..2 {
        assert_eq!(next.take_lane("a", LEASE, NOW).await.unwrap(), Theirs);
    }
    assert_eq!(waits.take_lane("a", LEASE, NOW).await.unwrap(), Ours);
}

async fn keys_are_owed_to_a_process_that_waits_for_them_until_both_have_as_many(fixture: Fixture) {
    let (rich, poor) = (fixture.open("rich").await, fixture.open("poor").await);
    let keys = ["k0", "k1", "k2", "k3", "k4"];
    for key in keys {
        assert_eq!(rich.take_lane(key, LEASE, NOW).await.unwrap(), Ours);
    }
    for key in keys {
        assert_eq!(poor.take_lane(key, LEASE, later(1)).await.unwrap(), Theirs);
    }
    let mut given = Vec::new();
    for key in keys {
        if rich.take_lane(key, LEASE, later(2)).await.unwrap() == Owed {
            rich.leave_lane(key).await.unwrap();
            given.push(key);
            assert_eq!(rich.take_lane(key, LEASE, later(2)).await.unwrap(), Theirs, "it is kept for who wants it");
        }
    }
    assert_eq!(given, ["k0", "k1"], "three and two: nobody owes anybody");
    for key in &given {
        assert_eq!(poor.take_lane(key, LEASE, later(3)).await.unwrap(), Ours);
    }
    for key in keys {
        assert_ne!(rich.take_lane(key, LEASE, later(4)).await.unwrap(), Owed, "{key}");
        assert_ne!(poor.take_lane(key, LEASE, later(4)).await.unwrap(), Owed, "{key}");
    }
    // Nobody waits for ever for one who wanted a key and is gone.
    poor.leave_lane("k0").await.unwrap();
    assert_eq!(rich.take_lane("k0", LEASE, later(40)).await.unwrap(), Ours);
}

async fn of_several_that_wait_for_a_key_the_one_with_the_fewest_gets_it(fixture: Fixture) {
    let (holder, some, none) = (fixture.open("holder").await, fixture.open("some").await, fixture.open("none").await);
    for key in ["k0", "k1", "k2"] {
        assert_eq!(holder.take_lane(key, LEASE, NOW).await.unwrap(), Ours);
    }
    assert_eq!(some.take_lane("own", LEASE, NOW).await.unwrap(), Ours);
    for waiting in [&some, &none, &some] {
        assert_eq!(waiting.take_lane("k0", LEASE, later(1)).await.unwrap(), Theirs);
    }
    assert_eq!(holder.take_lane("k0", LEASE, later(2)).await.unwrap(), Owed);
    holder.leave_lane("k0").await.unwrap();
    assert_eq!(some.take_lane("k0", LEASE, later(2)).await.unwrap(), Theirs);
    assert_eq!(none.take_lane("k0", LEASE, later(2)).await.unwrap(), Ours);
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
