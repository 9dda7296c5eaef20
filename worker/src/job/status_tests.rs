//! Every step from every status.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

const RETRY: fn() -> RetryPolicy = || RetryPolicy { max_retries: 2, ..RetryPolicy::default() };

fn walk(steps: &[Step]) -> Result<Status, IllegalStep> {
    steps.iter().try_fold(Status::Pending, |status, step| status.step(*step, &RETRY()))
}

fn waiting(stage: Stage, attempts: u32) -> Status {
    Status::InProgress { stage, turn: Turn::Waiting, attempts }
}

fn running(stage: Stage, attempts: u32) -> Status {
    Status::InProgress { stage, turn: Turn::Running, attempts }
}

#[test]
fn a_job_that_goes_well_passes_every_stage_once() {
    use Step::{Begin, Finish};
    assert_eq!(walk(&[Begin]), Ok(running(Stage::Build, 1)));
    assert_eq!(walk(&[Begin, Finish]), Ok(waiting(Stage::Execute, 0)));
    assert_eq!(walk(&[Begin, Finish, Begin, Finish, Begin, Finish]), Ok(Status::Completed(Ending::Answered)));
}

#[test]
fn a_verdict_on_source_or_program_is_an_answer_and_never_tried_again() {
    for code in FailureCode::ALL.iter().filter(|code| matches!(code.owner(), Owner::Source | Owner::Program)) {
        for stage in [Stage::Build, Stage::Execute] {
            assert_eq!(running(stage, 1).step(Step::Fail(*code), &RETRY()), Ok(waiting(Stage::Publish, 0)), "{code}");
        }
    }
}

#[test]
fn an_accident_of_ours_is_tried_again_exactly_as_often_as_it_may_and_then_said() {
    let fail = Step::Fail(FailureCode::OperatorError);
    for stage in [Stage::Build, Stage::Execute] {
        assert_eq!(running(stage, 1).step(fail, &RETRY()), Ok(waiting(stage, 1)));
        assert_eq!(running(stage, 2).step(fail, &RETRY()), Ok(waiting(stage, 2)));
        assert_eq!(running(stage, 3).step(fail, &RETRY()), Ok(waiting(Stage::Publish, 0)));
    }
    assert_eq!(running(Stage::Publish, 2).step(fail, &RETRY()), Ok(waiting(Stage::Publish, 2)));
    assert_eq!(
        running(Stage::Publish, 3).step(fail, &RETRY()),
        Ok(Status::Failed { retry_count: 2, ending: Ending::Undelivered })
    );
}

#[test]
fn publishing_that_fails_never_leads_back_to_the_program() {
    let mut status = running(Stage::Publish, 1);
    while !status.is_over() {
        let failed = status.step(Step::Fail(FailureCode::OperatorError), &RETRY()).unwrap();
        assert!(matches!(failed, Status::InProgress { stage: Stage::Publish, .. } | Status::Failed { .. }));
        status = if failed.is_over() { failed } else { failed.step(Step::Begin, &RETRY()).unwrap() };
    }
}

#[test]
fn a_crash_while_running_counts_as_an_attempt_and_not_yet_does_not() {
    assert_eq!(running(Stage::Execute, 1).step(Step::Begin, &RETRY()), Ok(running(Stage::Execute, 2)));
    assert_eq!(running(Stage::Execute, 2).step(Step::NotYet, &RETRY()), Ok(waiting(Stage::Execute, 1)));
}

#[test]
fn the_chain_or_the_clock_may_end_a_job_anywhere() {
    for from in [Status::Pending, waiting(Stage::Execute, 2), running(Stage::Publish, 2)] {
        assert_eq!(from.step(Step::Close(Ending::Settled), &RETRY()), Ok(Status::Completed(Ending::Settled)));
        let expired = from.step(Step::Close(Ending::Expired), &RETRY()).unwrap();
        assert!(matches!(expired, Status::Failed { ending: Ending::Expired, .. }));
    }
}

#[test]
fn nothing_leaves_an_end_and_nothing_finishes_that_was_not_begun() {
    let steps = [
        Step::Begin,
        Step::Finish,
        Step::Fail(FailureCode::Trap),
        Step::NotYet,
        Step::Rebuild,
        Step::Close(Ending::Settled),
    ];
    let ends = [Status::Completed(Ending::Answered), Status::Failed { retry_count: 1, ending: Ending::Expired }];
    for (from, step) in ends.into_iter().flat_map(|end| steps.map(|step| (end, step))) {
        assert_eq!(from.step(step, &RETRY()), Err(IllegalStep { from, step }));
    }
    for from in [Status::Pending, waiting(Stage::Build, 0), waiting(Stage::Publish, 1)] {
        for step in [Step::Finish, Step::Fail(FailureCode::Trap), Step::NotYet, Step::Rebuild] {
            assert_eq!(from.step(step, &RETRY()), Err(IllegalStep { from, step }));
        }
    }
    assert!(running(Stage::Build, 1).step(Step::Rebuild, &RETRY()).is_err());
}

#[test]
fn what_is_over_begins_again_when_the_operator_or_the_chain_says_so_but_not_what_is_kept_here() {
    let failed = Status::Failed { retry_count: 3, ending: Ending::Undelivered };
    let again = Ok(waiting(Stage::Build, 0));
    assert_eq!((failed.step(Step::Retry, &RETRY()), failed.step(Step::Reopen, &RETRY())), (again, again));
    for ending in [Ending::Answered, Ending::Settled] {
        assert_eq!(Status::Completed(ending).step(Step::Reopen, &RETRY()), again);
        assert!(Status::Completed(ending).step(Step::Retry, &RETRY()).is_err());
    }
    for status in [Status::Completed(Ending::Kept), Status::Pending, running(Stage::Publish, 1)] {
        assert!(status.step(Step::Reopen, &RETRY()).is_err(), "{status:?}");
    }
}

#[test]
fn the_outside_names_are_these() {
    assert_eq!(Status::Pending.to_string(), "Pending");
    assert_eq!(running(Stage::Build, 1).to_string(), "InProgress(build)");
    assert_eq!(Status::Completed(Ending::Answered).to_string(), "Completed");
    assert_eq!(Status::Failed { retry_count: 2, ending: Ending::Undelivered }.to_string(), "Failed(2)");
}

#[test]
fn a_missed_deadline_is_said_at_once() {
    for stage in [Stage::Build, Stage::Execute] {
        assert_eq!(
            running(stage, 1).step(Step::Fail(FailureCode::DeadlineMissed), &RETRY()),
            Ok(waiting(Stage::Publish, 0))
        );
    }
}

#[test]
fn what_is_given_up_is_published_but_never_what_is_being_published() {
    for status in [Status::Pending, waiting(Stage::Build, 2), running(Stage::Execute, 1)] {
        assert_eq!(status.step(Step::GiveUp, &RETRY()), Ok(waiting(Stage::Publish, 0)));
    }
    for status in [waiting(Stage::Publish, 0), running(Stage::Publish, 1), Status::Completed(Ending::Kept)] {
        assert!(status.step(Step::GiveUp, &RETRY()).is_err());
    }
}
