//! Jobs that end from outside: cancelled, late, settled, at the same time.

use offchainvm_tests::{network::eventually, postgres::Postgres};
use sqlx::Executor;
use tokio::task::JoinSet;

use super::support::*;

on_both_databases!(
    a_late_job_is_answered_while_there_is_time_for_that_and_ends_silently_after,
    however_many_find_a_job_late_it_is_ended_once,
    a_cancelled_job_is_answered_and_taken_from_whoever_works_on_it,
);

async fn a_cancelled_job_is_answered_and_taken_from_whoever_works_on_it(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    let job = take(&store, Stage::Build, NOW).await;
    store.cancel(id(1), NOW).await.unwrap();
    let late = store.record(&job.lease, &Effect::Built(artifact()), &retry(), NOW).await;
    assert!(matches!(late, Err(StoreError::LeaseLost(_))));
    let answer = take(&store, Stage::Publish, NOW).await.answer.unwrap().response;
    assert_eq!(answer.failure(), Some(FailureCode::OperatorError));
    assert_eq!(store.cancel(id(9), NOW).await.unwrap(), None);
}

/// How long publishing takes.
const RESERVE: Duration = Duration::from_secs(20);

async fn a_late_job_is_answered_while_there_is_time_for_that_and_ends_silently_after(fixture: Fixture) {
    let store = fixture.open("a").await;
    let due = |number, seconds| NewJob { deadline: later(seconds), ..new_job(number) };
    store.take_block(block(1, vec![due(1, 100), due(2, 100), due(3, 110), due(4, 500)], vec![]), NOW).await.unwrap();
    let at_work = take(&store, Stage::Build, NOW).await;
    assert_eq!(at_work.lease.id(), id(1));
    assert!(store.renew(&at_work.lease, LEASE, later(100)).await.unwrap());

    assert_eq!(store.end_late(RESERVE, later(79)).await.unwrap(), []);
    let late = store.end_late(RESERVE, later(80)).await.unwrap();
    assert_eq!(late, [Late { id: id(2), closed: None }], "not the one that somebody works on");
    let answer = take(&store, Stage::Publish, later(80)).await.answer.unwrap().response;
    assert_eq!(answer.failure(), Some(FailureCode::DeadlineMissed));

    let late = store.end_late(RESERVE, later(110)).await.unwrap();
    let ends: Vec<_> = late.iter().map(|late| (late.id, late.closed.map(|closed| closed.ending))).collect();
    assert_eq!(ends, [(id(3), Some(Ending::Expired))]);
    assert_eq!(look(&store, 3).await.status, Status::Failed { retry_count: 0, ending: Ending::Expired });
    assert_eq!(look(&store, 4).await.status, Status::Pending);
}

async fn however_many_find_a_job_late_it_is_ended_once(fixture: Fixture) {
    const JOBS: u64 = 60;
    let stores = fixture.open_many(4).await;
    stores[0].take_block(block(1, (1..=JOBS).map(new_job).collect(), vec![]), NOW).await.unwrap();
    let mut tending = JoinSet::new();
    for store in stores.clone() {
        tending.spawn(async move { store.end_late(RESERVE, later(590)).await.unwrap() });
    }
    let mut ended: Vec<JobId> = tending.join_all().await.concat().iter().map(|late| late.id).collect();
    ended.sort_unstable();
    assert_eq!(ended, (1..=JOBS).map(id).collect::<Vec<JobId>>());
    assert_eq!(stores[0].counts().await.unwrap().publish, JOBS);
}

/// On PostgreSQL one process may settle a job between the moment in which another finds it late and the one in which
/// it writes that down. A third connection that holds the row brings both to that point.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_job_that_is_settled_while_somebody_finds_it_late_stays_settled() {
    let postgres = Postgres::start().unwrap();
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    let wait_for = async |count: &str, done: &dyn Fn() -> bool| {
        let look = async || Ok((postgres.sql(waiting)?.trim() == count || done()).then_some(()));
        eventually("the processes to wait for the row", look).await.unwrap();
    };
    let open = async |worker| Store::open(Database::Postgres(postgres.url().parse().unwrap()), worker).await.unwrap();
    let (settling, tending) = (open("settling").await, open("tending").await);
    settling.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();

    let mut holder = <sqlx::AnyConnection as sqlx::Connection>::connect(&postgres.url()).await.unwrap();
    holder.execute("BEGIN").await.unwrap();
    holder.execute("SELECT 1 FROM jobs FOR UPDATE").await.unwrap();
    let settle = settling.clone();
    let settle = tokio::spawn(async move { settle.take_block(block(2, vec![], vec![settled(1)]), later(590)).await });
    wait_for("1", &|| settle.is_finished()).await;
    let tend = tending.clone();
    let tend = tokio::spawn(async move { tend.end_late(RESERVE, later(590)).await });
    wait_for("2", &|| tend.is_finished()).await;
    holder.execute("COMMIT").await.unwrap();

    settle.await.unwrap().unwrap();
    tend.await.unwrap().unwrap();
    let job = look(&settling, 1).await;
    assert_eq!((job.status, job.has_payload), (Status::Completed(Ending::Settled), false));
    assert!(next(&tending, Stage::Publish, later(590)).await.is_none());
}
