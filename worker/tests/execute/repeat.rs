//! The same again gives the same again; many at once do not disturb each other; a run can be called off.

use crate::support::{Fixture, config, program, repeatable, task, text};
use offchainvm_interface::ResourceLimits;
use offchainvm_worker::execute::{End, ExecuteConfig, ExecuteError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn the_same_input_and_seed_give_the_same_output_and_the_same_count_of_instructions() {
    let (here, elsewhere) = (Fixture::new(), Fixture::new());
    let program = program("chance_and_time");
    let mut outcomes = Vec::new();
    for (fixture, seed) in [(&here, 1), (&here, 1), (&elsewhere, 1), (&here, 2)] {
        let task = task("", ResourceLimits::default(), [seed; 32]);
        outcomes.push(fixture.executor.run(&program, task, CancellationToken::new()).await.unwrap());
    }
    let [first, again, elsewhere, other_seed] = outcomes.as_slice() else { panic!("four runs") };
    assert_eq!(first.end, End::Success);
    assert_eq!(repeatable(first), repeatable(again));
    assert_eq!(repeatable(first), repeatable(elsewhere));
    assert_ne!(first.output, other_seed.output, "another seed gives other numbers");
}

#[tokio::test]
async fn time_starts_at_a_fixed_point_and_passes_with_instructions_and_sleep() {
    let outcome = Fixture::new().guest("chance_and_time", "").await;
    let told = text(&outcome);
    assert!(told.starts_with("time: 1767225600.000"), "2026-01-01T00:00:00Z and some instructions: {told}");
    assert!(told.ends_with("slept: 2 s\n"), "{told}");
    assert!(outcome.used.time_seconds > 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_parallel_runs_keep_to_themselves() {
    let fixture = Fixture::new();
    let (echo, compute) = (program("echo"), program("compute"));
    let mut runs = JoinSet::new();
    for n in 0..100usize {
        let executor = fixture.executor.clone();
        let (program, input) =
            if n % 2 == 0 { (echo.clone(), format!("run {n}")) } else { (compute.clone(), "100".into()) };
        runs.spawn(async move {
            let task = task(&input, ResourceLimits::default(), [0; 32]);
            let outcome = executor.run(&program, task, CancellationToken::new()).await.unwrap();
            (n, outcome)
        });
    }
    let mut counts = std::collections::HashSet::new();
    while let Some(run) = runs.join_next().await {
        let (n, outcome) = run.unwrap();
        let expected = if n % 2 == 0 { format!("run {n}") } else { "541\n".to_owned() };
        assert_eq!(text(&outcome), expected);
        if n % 2 == 1 {
            counts.insert(outcome.used.instructions);
        }
    }
    assert_eq!(counts.len(), 1, "fifty equal runs, one count of instructions: {counts:?}");
}

#[tokio::test]
async fn a_run_that_is_called_off_ends_at_once_and_gives_its_place_back() {
    let fixture = Fixture::with(&ExecuteConfig { parallel_runs: 1, ..config() });
    let (echo, spin) = (program("echo"), program("spin"));
    let limits =
        ResourceLimits { max_instructions: u64::MAX / 2, max_execution_seconds: 600, ..ResourceLimits::default() };
    // Compiled beforehand, so that the run itself is what is called off.
    let few = ResourceLimits { max_instructions: 1_000, ..limits };
    fixture.run(&spin, "", few).await;

    let cancel = CancellationToken::new();
    let running = fixture.try_run(&spin, "", limits, cancel.clone());
    let (outcome, ()) = tokio::join!(running, async { cancel.cancel() });
    assert!(matches!(outcome, Err(ExecuteError::Cancelled)), "{outcome:?}");
    assert_eq!(text(&fixture.run(&echo, "next", limits).await), "next");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_failing_programs_change_nothing_for_an_innocent_one() {
    let fixture = Fixture::new();
    let (innocent, input) = (program("compute"), "800");
    let alone = fixture.run(&innocent, input, ResourceLimits::default()).await;
    assert_eq!(alone.end, End::Success);

    let limits = ResourceLimits { max_instructions: 50_000_000, max_memory_mb: 32, ..ResourceLimits::default() };
    let mut failing = JoinSet::new();
    for name in ["spin", "grow", "trap", "huge_output", "recurse"].into_iter().cycle().take(20) {
        let (executor, program) = (fixture.executor.clone(), program(name));
        failing.spawn(async move {
            executor.run(&program, task("", limits, [0; 32]), CancellationToken::new()).await.unwrap()
        });
    }
    let mut failed = 0;
    while failed < 20 {
        let among_them = fixture.run(&innocent, input, ResourceLimits::default());
        let (among_them, other) = tokio::join!(among_them, failing.join_next());
        assert_eq!(repeatable(&among_them), repeatable(&alone));
        assert_ne!(other.unwrap().unwrap().end, End::Success);
        failed += 1;
    }
}
