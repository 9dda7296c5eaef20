//! Requests that wait on chain although the store holds them as over.

use super::support::*;

on_both_databases!(
    a_dead_letter_that_waits_on_chain_begins_again_after_a_rest_and_later_each_time,
    a_cancelled_job_is_never_run_again_but_its_refusal_is_said_again,
    what_is_too_late_or_may_be_settled_elsewhere_is_left_alone,
    of_several_workers_that_compare_at_once_one_takes_a_job_up_again,
);

/// Takes what waits to be published and fails with it until it is given up, at `now`.
async fn give_up(store: &Store, now: Moment) {
    while !look(store, 1).await.status.is_dead_letter() {
        let job = take(store, Stage::Publish, now).await;
        record(store, &job, fault(FailureCode::OperatorError, "refused", Duration::ZERO), now).await;
    }
}

/// Compares the store with a chain on which request 1 waits.
async fn compare(store: &Store, now: Moment) -> Vec<Reopened> {
    store.reconcile(waiting(vec![new_job(1)], at(9), false), now).await.unwrap().reopened
}

async fn bring_to_publish(store: &Store, now: Moment) {
    for stage in [Stage::Build, Stage::Execute] {
        let job = take(store, stage, now).await;
        record(store, &job, success(stage), now).await;
    }
}

async fn a_dead_letter_that_waits_on_chain_begins_again_after_a_rest_and_later_each_time(fixture: Fixture) {
    let store = with_answer(&fixture).await;
    let mut now = NOW;
    for (times, rest) in [(1, PERIOD), (2, PERIOD * 2), (3, PERIOD * 4)] {
        give_up(&store, now).await;
        let almost = now.after(rest).before(Duration::from_millis(1));
        assert_eq!(compare(&store, almost).await, [], "it rests");
        now = now.after(rest);
        assert_eq!(compare(&store, now).await, [Reopened { id: id(1), ending: Ending::Undelivered, times }]);
        assert_eq!(compare(&store, now).await, [], "it is not over any more");
        bring_to_publish(&store, now).await;
    }
    let job = take(&store, Stage::Publish, now).await;
    assert_eq!((job.request.clone(), job.answer.clone().unwrap().response), (request(1), answer()));
    assert_eq!(record(&store, &job, Effect::Delivered, now).await, Status::Completed(Ending::Answered));
}

async fn a_cancelled_job_is_never_run_again_but_its_refusal_is_said_again(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    store.cancel(id(1), NOW).await.unwrap();
    give_up(&store, NOW).await;
    assert_eq!(compare(&store, NOW.after(PERIOD)).await.len(), 1);
    for stage in [Stage::Build, Stage::Execute] {
        assert!(next(&store, stage, later(100)).await.is_none(), "{stage}");
    }
    let refusal = take(&store, Stage::Publish, later(100)).await.answer.unwrap().response;
    assert_eq!(refusal.failure(), Some(FailureCode::OperatorError));
    assert_eq!(refusal.error.as_deref(), Some("cancelled by the operator"));

    // An operator who wants it tried again means just that.
    let other = fixture.open("b").await;
    other.take_back(later(1_000)).await.unwrap();
    give_up(&other, later(1_000)).await;
    other.retry(&request(1), later(1_000)).await.unwrap();
    bring_to_publish(&other, later(1_000)).await;
    give_up(&other, later(1_000)).await;
    assert_eq!(compare(&other, later(2_000)).await.len(), 1);
    take(&other, Stage::Build, later(2_000)).await;
}

async fn what_is_too_late_or_may_be_settled_elsewhere_is_left_alone(fixture: Fixture) {
    let store = with_answer(&fixture).await;
    give_up(&store, NOW).await;
    let too_late = Comparison { chain_time: later(600), ..waiting(vec![new_job(1)], at(9), false) };
    assert_eq!(store.reconcile(too_late, later(500)).await.unwrap().reopened, []);

    // A node that is behind still shows what was settled a moment ago.
    store.take_block(block(10, vec![new_job(2)], vec![settled(2)]), NOW).await.unwrap();
    let both = || waiting(vec![new_job(1), new_job(2)], at(9), false);
    let ids = |reopened: Vec<Reopened>| reopened.iter().map(|one| one.id).collect::<Vec<_>>();
    assert_eq!(ids(store.reconcile(both(), later(59)).await.unwrap().reopened), [id(1)]);
    assert_eq!(ids(store.reconcile(both(), later(60)).await.unwrap().reopened), [id(2)]);
    assert_eq!(look(&store, 2).await.status, Status::Pending);
}

async fn of_several_workers_that_compare_at_once_one_takes_a_job_up_again(fixture: Fixture) {
    let store = with_answer(&fixture).await;
    give_up(&store, NOW).await;
    let stores = fixture.open_many(4).await;
    let mut comparing = tokio::task::JoinSet::new();
    for store in stores {
        comparing.spawn(async move { compare(&store, NOW.after(PERIOD)).await.len() });
    }
    assert_eq!(comparing.join_all().await.iter().sum::<usize>(), 1);
    assert_eq!(take(&store, Stage::Build, NOW.after(PERIOD)).await.attempts, 1);
}
