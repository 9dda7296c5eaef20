//! What is tried again, how often and when; dead letters.

use super::support::*;

on_both_databases!(
    retries_wait_and_stop_exactly_at_the_limit,
    the_programs_own_fault_is_said_at_once_and_never_tried_again,
    a_fault_whose_words_hold_a_nul_is_kept_with_the_others_of_its_group,
    work_that_is_put_back_does_not_count,
    a_lost_artifact_is_built_again,
    a_failed_job_begins_again_with_its_request_from_the_chain_and_others_do_not,
    a_clock_that_is_set_back_makes_no_job_wait_longer,
);

async fn a_clock_that_is_set_back_makes_no_job_wait_longer(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    let hour = |seconds: u64| later(3_600 + seconds);
    let job = take(&store, Stage::Build, hour(0)).await;
    record(&store, &job, fault(FailureCode::OperatorError, "disk full", Duration::from_secs(30)), hour(0)).await;
    let is_due = async |now| {
        let due = store.has_due(Stage::Build, now).await.unwrap();
        (due, next(&store, Stage::Build, now).await)
    };
    assert!(matches!(is_due(hour(29)).await, (false, None)), "it waits");
    let another_workers_clock = NOW.after(Duration::from_millis(3_598_000));
    assert!(matches!(is_due(another_workers_clock).await, (false, None)), "clocks differ a little");
    assert!(matches!(is_due(NOW).await, (true, Some(_))), "set back by an hour, its wait has no meaning");
}

async fn retries_wait_and_stop_exactly_at_the_limit(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    let accident = || fault(FailureCode::OperatorError, "disk full", Duration::from_secs(5));
    for attempt in 1..=2u32 {
        let now = later(10 * u64::from(attempt));
        let job = take(&store, Stage::Build, now).await;
        assert_eq!(job.attempts, attempt);
        record(&store, &job, accident(), now).await;
        let early = now.after(Duration::from_secs(4));
        assert!(next(&store, Stage::Build, early).await.is_none(), "it waits");
        assert_eq!(store.next_due(Stage::Build).await.unwrap(), Some(now.after(Duration::from_secs(5))));
    }
    let job = take(&store, Stage::Build, later(100)).await;
    assert_eq!(job.attempts, 3);
    record(&store, &job, accident(), later(100)).await;
    assert!(next(&store, Stage::Build, later(500)).await.is_none());
    // What could not be done is said, and without a wait.
    let job = take(&store, Stage::Publish, later(100)).await;
    assert_eq!(job.answer.unwrap().response.failure(), Some(FailureCode::OperatorError));
    assert_eq!(look(&store, 1).await.note.as_deref(), Some("disk full"));
}

async fn the_programs_own_fault_is_said_at_once_and_never_tried_again(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    let job = take(&store, Stage::Build, NOW).await;
    record(&store, &job, fault(FailureCode::BuildFailed, "error[E0308]", Duration::from_secs(5)), NOW).await;
    assert!(next(&store, Stage::Build, later(500)).await.is_none());
    let job = take(&store, Stage::Publish, NOW).await;
    let response = job.answer.unwrap().response;
    assert_eq!((response.failure(), response.error.as_deref()), (Some(FailureCode::BuildFailed), Some("error[E0308]")));
}

async fn a_fault_whose_words_hold_a_nul_is_kept_with_the_others_of_its_group(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(1, (1..=3).map(new_job).collect(), vec![]), NOW).await.unwrap();
    let jobs = store.claim(Stage::Build, 3, LEASE, NOW).await.unwrap();
    let words = "no import \"a\0b\"";
    let failed = || fault(FailureCode::BuildFailed, words, Duration::ZERO);
    let [one, two, three] = [0, 1, 2].map(|number| record(&store, &jobs[number], failed(), NOW));
    tokio::join!(one, two, three);
    for id in 1..=3 {
        assert_eq!(look(&store, id).await.note.as_deref(), Some("no import \"a\u{fffd}b\""));
        let job = take(&store, Stage::Publish, NOW).await;
        assert_eq!(
            job.answer.unwrap().response.error.as_deref(),
            Some(words),
            "the caller is told the words themselves"
        );
    }
}

async fn work_that_is_put_back_does_not_count(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    for _ in 0..10 {
        let job = take(&store, Stage::Build, NOW).await;
        assert_eq!(job.attempts, 1);
        record(&store, &job, Effect::NotYet { wait: Duration::ZERO }, NOW).await;
    }
}

async fn a_lost_artifact_is_built_again(fixture: Fixture) {
    let store = fixture.open("a").await;
    store.take_block(block(1, vec![new_job(1)], vec![]), NOW).await.unwrap();
    let job = take(&store, Stage::Build, NOW).await;
    assert!(store.programs_needed().await.unwrap().is_empty());
    record(&store, &job, Effect::Built(artifact()), NOW).await;
    assert_eq!(store.programs_needed().await.unwrap(), [artifact().digest].into());
    let job = take(&store, Stage::Execute, NOW).await;
    assert_eq!(job.artifact, Some(artifact()));
    record(&store, &job, Effect::ArtifactLost, NOW).await;
    take(&store, Stage::Build, NOW).await;
}

async fn a_failed_job_begins_again_with_its_request_from_the_chain_and_others_do_not(fixture: Fixture) {
    let store = with_answer(&fixture).await;
    assert!(matches!(store.retry(&request(1), NOW).await, Err(StoreError::IllegalStep(_))), "it has not failed");
    assert_eq!(store.retry(&request(9), NOW).await.unwrap(), None);
    for _ in 1..=3 {
        let job = take(&store, Stage::Publish, NOW).await;
        record(&store, &job, fault(FailureCode::OperatorError, "no", Duration::ZERO), NOW).await;
    }
    assert!(look(&store, 1).await.status.is_over());
    store.retry(&request(1), NOW).await.unwrap();
    assert_eq!(take(&store, Stage::Build, NOW).await.request, request(1));
}
