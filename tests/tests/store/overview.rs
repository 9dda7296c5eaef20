//! What the store tells somebody who looks: lists by state and code, a job's timeline, queues, ends.

use offchainvm_worker::store::{JobFilter, JobState};

use super::support::*;

on_both_databases!(
    jobs_are_listed_by_state_and_code_the_newest_first,
    a_timeline_says_when_each_stage_was_ready_begun_and_done,
    a_build_that_fails_ends_where_its_answer_begins_and_nothing_was_run,
);

const ALL: JobFilter = JobFilter { state: None, code: None, dead_letters: false, limit: 100 };

/// A request that comes at a time, with ten minutes to go.
async fn come(store: &Store, request_id: u64, now: Moment) {
    let job = NewJob { deadline: now.after(Duration::from_secs(600)), ..new_job(request_id) };
    store.take_block(block(request_id, vec![job], vec![]), now).await.unwrap();
}

async fn claim(store: &Store, stage: Stage, now: Moment) -> Claimed {
    store.claim(stage, 1, LEASE, now).await.unwrap().pop().unwrap()
}

/// Records what came of the work; nothing is tried twice.
async fn end(store: &Store, job: &Claimed, effect: Effect, now: Moment) {
    let once = RetryPolicy { max_retries: 0, ..RetryPolicy::default() };
    store.record(&job.lease, &effect, &once, now).await.unwrap();
}

async fn list(store: &Store, filter: JobFilter) -> Vec<u64> {
    store.jobs(&filter).await.unwrap().into_iter().map(|job| job.id.request_id).collect()
}

async fn jobs_are_listed_by_state_and_code_the_newest_first(fixture: Fixture) {
    let store = &fixture.open("host/1").await;
    // The first ends as a dead letter, the second fails to build, the third is at work, the fourth waits.
    come(store, 1, later(1)).await;
    let job = claim(store, Stage::Build, later(1)).await;
    end(store, &job, success(Stage::Build), later(2)).await;
    let job = claim(store, Stage::Execute, later(2)).await;
    end(store, &job, success(Stage::Execute), later(3)).await;
    let job = claim(store, Stage::Publish, later(3)).await;
    end(store, &job, fault(FailureCode::OperatorError, "refused", Duration::ZERO), later(4)).await;
    come(store, 2, later(5)).await;
    let job = claim(store, Stage::Build, later(5)).await;
    end(store, &job, fault(FailureCode::BuildFailed, "broken", Duration::ZERO), later(6)).await;
    let job = claim(store, Stage::Publish, later(7)).await;
    end(store, &job, Effect::Delivered, later(8)).await;
    come(store, 3, later(9)).await;
    let third = claim(store, Stage::Build, later(9)).await;
    come(store, 4, later(10)).await;

    assert_eq!(list(store, ALL).await, [4, 3, 2, 1]);
    assert_eq!(list(store, JobFilter { limit: 2, ..ALL }).await, [4, 3]);
    for (state, expected) in
        [(JobState::Pending, 4), (JobState::InProgress, 3), (JobState::Completed, 2), (JobState::Failed, 1)]
    {
        assert_eq!(list(store, JobFilter { state: Some(state), ..ALL }).await, [expected], "{state:?}");
    }
    assert_eq!(list(store, JobFilter { code: Some(FailureCode::BuildFailed), ..ALL }).await, [2]);
    assert_eq!(list(store, JobFilter { code: Some(FailureCode::Trap), ..ALL }).await, [0; 0]);
    assert_eq!(list(store, JobFilter { dead_letters: true, ..ALL }).await, [1]);

    let dead = store.job(1).await.unwrap().unwrap();
    assert!(dead.status.is_dead_letter());
    assert_eq!((dead.stage, dead.attempts, dead.note.as_deref()), (Stage::Publish, 1, Some("refused")));
    let third = store.job_named(third.lease.id()).await.unwrap().unwrap();
    assert_eq!(third.worker.as_deref(), Some("host/1"));

    let queues = store.queues().await.unwrap();
    assert_eq!((queues[0].waiting, queues[0].running, queues[0].oldest), (1, 1, Some(later(9))));
    assert_eq!((queues[2].waiting, queues[2].running, queues[2].oldest), (0, 0, None));
    assert_eq!(store.endings().await.unwrap(), [(Ending::Answered, 1), (Ending::Undelivered, 1)]);
}

async fn a_timeline_says_when_each_stage_was_ready_begun_and_done(fixture: Fixture) {
    let store = &fixture.open("host/1").await;
    come(store, 1, later(0)).await;
    let job = claim(store, Stage::Build, later(1)).await;
    end(store, &job, success(Stage::Build), later(3)).await;
    let job = claim(store, Stage::Execute, later(6)).await;
    end(store, &job, success(Stage::Execute), later(10)).await;

    let job = store.job(1).await.unwrap().unwrap();
    let times = job.timeline().map(|turn| (turn.ready, turn.begun, turn.ended));
    assert_eq!(
        times,
        [
            (Some(later(0)), Some(later(1)), Some(later(3))),
            (Some(later(3)), Some(later(6)), Some(later(10))),
            (Some(later(10)), None, None),
        ]
    );
}

async fn a_build_that_fails_ends_where_its_answer_begins_and_nothing_was_run(fixture: Fixture) {
    let store = &fixture.open("host/1").await;
    come(store, 1, later(0)).await;
    let job = claim(store, Stage::Build, later(1)).await;
    end(store, &job, fault(FailureCode::BuildFailed, "broken", Duration::ZERO), later(4)).await;

    let job = store.job(1).await.unwrap().unwrap();
    let [build, execute, publish] = job.timeline();
    assert_eq!((build.begun, build.ended), (Some(later(1)), Some(later(4))));
    assert_eq!((execute.ready, execute.begun), (None, None));
    assert_eq!(publish.ready, Some(later(4)));
}
