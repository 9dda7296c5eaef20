//! The scratch directory, as programs of the standard library see it.

use crate::support::{Fixture, message, program, repeatable, text};
use offchainvm_interface::{FailureCode, ResourceLimits, limits::BYTES_PER_MB};
use offchainvm_worker::execute::Outcome;

const LIMITS: ResourceLimits =
    ResourceLimits { max_instructions: 10_000_000_000, max_memory_mb: 16, max_execution_seconds: 60 };

async fn scratch(fixture: &Fixture, input: &str) -> Outcome {
    fixture.run(&program("scratch"), input, LIMITS).await
}

#[tokio::test]
async fn files_can_be_made_written_read_renamed_listed_and_removed() {
    let fixture = Fixture::new();
    let outcome = scratch(&fixture, "everything").await;
    let told = text(&outcome);
    let lines = told.lines().collect::<Vec<_>>();
    assert_eq!(lines[0].split(' ').count(), 101, "a hundred files and a folder: {}", lines[0]);
    assert_eq!(lines[1].split(' ').count(), 200, "{}", lines[1]);
    assert!(lines[..2].iter().all(|line| line.split(' ').is_sorted()), "{told}");
    assert!(lines[2].starts_with("100000 bytes"), "{told}");
    assert!(lines[3].starts_with("true 100000 SystemTime"), "{told}");
    let kinds = ["Some(55)", "AlreadyExists", "IsADirectory", "NotADirectory"];
    assert_eq!(lines[4..8], kinds.map(|kind| format!("Err({kind})")));
    assert_eq!(lines[8], "[]");
    assert_eq!(repeatable(&outcome), repeatable(&scratch(&fixture, "everything").await));
}

#[tokio::test]
async fn files_share_the_programs_memory_and_a_full_one_is_told_and_not_the_end() {
    let fixture = Fixture::new();
    let outcome = scratch(&fixture, "fill 100").await;
    let told = text(&outcome);
    assert!(told.starts_with("StorageFull after 1"), "between 10 and 15 MiB are left for files: {told}");
    assert!(told.ends_with("and room again for 1048576 bytes\n"), "{told}");
    let peak = outcome.used.memory_bytes;
    assert!((15 * BYTES_PER_MB..=16 * BYTES_PER_MB).contains(&peak), "{peak}");

    let little = scratch(&fixture, "fill 2").await.used.memory_bytes;
    let more = scratch(&fixture, "fill 5").await.used.memory_bytes;
    assert!((3 * BYTES_PER_MB..3 * BYTES_PER_MB + 10_000).contains(&(more - little)), "{little} and {more}");
}

#[tokio::test]
async fn a_flood_of_empty_files_meets_the_limit_on_memory_too() {
    let limits = ResourceLimits { max_memory_mb: 4, ..LIMITS };
    let outcome = Fixture::new().run(&program("scratch"), "flood 10000", limits).await;
    assert!(text(&outcome).starts_with("StorageFull after 60"), "6 thousand of 512 bytes: {}", text(&outcome));
    assert!(outcome.used.memory_bytes > 4 * BYTES_PER_MB - 512, "{:?}", outcome.used);
}

#[tokio::test]
async fn nothing_but_the_scratch_directory_is_there() {
    let outcome = scratch(&Fixture::new(), "outside").await;
    let told = text(&outcome);
    assert_eq!(told.lines().count(), 18);
    assert!(told.lines().all(|line| line.ends_with(": Err(NotFound)")), "{told}");
}

#[tokio::test]
async fn a_byte_far_out_costs_what_a_byte_costs() {
    let outcome = scratch(&Fixture::new(), "far").await;
    assert_eq!(text(&outcome), "1152921504606846977 bytes\nErr(InvalidInput)\nErr(FileTooLarge)\n");
    assert!(outcome.used.memory_bytes < 2 * BYTES_PER_MB, "{:?}", outcome.used);
    assert!(outcome.used.instructions < 1_000_000, "{:?}", outcome.used);
}

#[tokio::test]
async fn so_many_files_can_be_open_and_no_more() {
    let outcome = scratch(&Fixture::new(), "descriptors").await;
    assert_eq!(text(&outcome), "1023 open, then 33\ntrue\n", "the directory itself is the 1024th");
}

#[tokio::test]
async fn the_next_run_finds_nothing_of_the_last() {
    let fixture = Fixture::new();
    for _ in 0..3 {
        assert_eq!(text(&scratch(&fixture, "leave").await), "[]\n");
    }
}

#[tokio::test]
async fn work_on_files_is_paid_for_with_instructions() {
    let limits = ResourceLimits { max_instructions: 20_000_000, max_memory_mb: 128, ..LIMITS };
    let outcome = Fixture::new().run(&program("scratch"), "flood 65000", limits).await;
    message(&outcome, FailureCode::OutOfInstructions);
}
