//! How long a job is somebody's, and what becomes of it when that somebody is gone.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};

use super::support::*;

on_both_databases!(
    a_lease_that_ran_out_is_taken_over_once,
    whoever_renews_in_time_keeps_the_job_and_whoever_does_not_has_lost_it,
    a_lease_that_runs_out_is_taken_over_and_the_late_result_is_refused,
    after_a_crash_leases_of_the_dead_are_free_at_once,
);

async fn a_lease_that_runs_out_is_taken_over_and_the_late_result_is_refused(fixture: Fixture) {
    let (a, b) = (fixture.open("a").await, fixture.open("b").await);
    a.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    let first = take(&a, Stage::Build, NOW).await;
    assert!(next(&b, Stage::Build, later(29)).await.is_none(), "the lease holds");
    assert!(a.renew(&first.lease, LEASE, later(29)).await.unwrap());
    assert!(next(&b, Stage::Build, later(58)).await.is_none(), "the renewed lease holds");
    let second = take(&b, Stage::Build, later(60)).await;
    assert_eq!(second.attempts, 2, "the attempt that did not come back counts");
    assert!(!a.renew(&first.lease, LEASE, later(60)).await.unwrap());
    let late = a.record(&first.lease, &Effect::Built(artifact()), &retry(), later(61)).await;
    assert!(matches!(late, Err(StoreError::LeaseLost(job)) if job == id(1)));
    let status = record(&b, &second, Effect::Built(artifact()), later(61)).await;
    assert_eq!(status, Status::InProgress { stage: Stage::Execute, turn: Turn::Waiting, attempts: 0 });
}

async fn after_a_crash_leases_of_the_dead_are_free_at_once(fixture: Fixture) {
    let (dead, alive) = (fixture.open("dead").await, fixture.open("alive").await);
    dead.take_block(block(1, vec![new_job(1), new_job(2)], vec![]), NOW).await.unwrap();
    take(&dead, Stage::Build, NOW).await;
    take(&alive, Stage::Build, NOW).await;
    assert_eq!(fixture.open("next").await.expire_leases(|worker| worker == "dead").await.unwrap(), 1);
    let again = take(&alive, Stage::Build, NOW).await;
    assert_eq!((again.request.request_id, again.attempts), (1, 2));
}

async fn a_lease_that_ran_out_is_taken_over_once(fixture: Fixture) {
    let stores = fixture.open_many(4).await;
    stores[0].take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    for round in 1..=5u32 {
        // Each round the one who has the job goes silent, and sixteen notice it at the same time.
        let now = later(31 * u64::from(round));
        let start = Arc::new(Barrier::new(16));
        let mut others = JoinSet::new();
        for number in 0..16 {
            let (store, start) = (stores[number % stores.len()].clone(), start.clone());
            others.spawn(async move {
                start.wait().await;
                next(&store, Stage::Build, now).await
            });
        }
        let mut taken: Vec<Claimed> = others.join_all().await.into_iter().flatten().collect();
        // A claim passes over a row that somebody else has just in hand, so all of them may have; the next one does not.
        taken.extend(next(&stores[0], Stage::Build, now).await);
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].attempts, round);
    }
}

/// The holder's sign of life and another's look at the clock come at the same time: only one of them can be right.
async fn whoever_renews_in_time_keeps_the_job_and_whoever_does_not_has_lost_it(fixture: Fixture) {
    let (holder, other) = (fixture.open("holder").await, fixture.open("other").await);
    for number in 1..=20 {
        holder.take_block(block(number, vec![new_job(number)], vec![]), NOW).await.unwrap();
        let job = take(&holder, Stage::Build, NOW).await;
        let (renewed, taken) =
            tokio::join!(holder.renew(&job.lease, LEASE, later(31)), next(&other, Stage::Build, later(31)));
        // A claim passes over a row that somebody else has just in hand; the next one does not.
        let taken = if taken.is_some() { taken } else { next(&other, Stage::Build, later(31)).await };
        assert_ne!(renewed.unwrap(), taken.is_some(), "round {number}");
        let last = taken.map_or((&holder, job.lease), |taken| (&other, taken.lease));
        last.0.record(&last.1, &Effect::Built(artifact()), &retry(), later(31)).await.unwrap();
    }
}
