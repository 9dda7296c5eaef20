//! The scratch directory, as programs of the standard library see it: the same ones for preview 1 and as components.

use crate::support::{Fixture, component, message, program, repeatable, text};
use offchainvm_interface::{FailureCode, ResourceLimits, limits::BYTES_PER_MB};
use offchainvm_worker::execute::{Outcome, Program};

const LIMITS: ResourceLimits =
    ResourceLimits { max_instructions: 10_000_000_000, max_memory_mb: 16, max_execution_seconds: 60 };

/// A kind of program, and what its standard library makes of some errors.
struct Kind {
    program: Program,
    /// A write that fails: for components each is an input or output error, whatever the stream says.
    full: &'static str,
    too_large: &'static str,
    /// The error number of one open file too many: `mfile`, which components do not have, and `quota`.
    too_many: i32,
}

fn kinds() -> [Kind; 2] {
    [
        Kind { program: program("scratch"), full: "StorageFull", too_large: "FileTooLarge", too_many: 33 },
        Kind { program: component("scratch"), full: "Uncategorized", too_large: "Uncategorized", too_many: 19 },
    ]
}

async fn scratch(fixture: &Fixture, kind: &Kind, input: &str) -> Outcome {
    fixture.run(&kind.program, input, LIMITS).await
}

#[tokio::test]
async fn files_can_be_made_written_read_renamed_listed_and_removed() {
    let fixture = Fixture::new();
    let mut sums = Vec::new();
    for kind in kinds() {
        let outcome = scratch(&fixture, &kind, "everything").await;
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
        assert_eq!(repeatable(&outcome), repeatable(&scratch(&fixture, &kind, "everything").await));
        sums.push(lines[2].to_owned());
    }
    assert_eq!(sums[0], sums[1], "both kinds read the same bytes");
}

#[tokio::test]
async fn files_share_the_programs_memory_and_a_full_one_is_told_and_not_the_end() {
    let fixture = Fixture::new();
    for kind in kinds() {
        let outcome = scratch(&fixture, &kind, "fill 100").await;
        let told = text(&outcome);
        let full = format!("{} after 1", kind.full);
        assert!(told.starts_with(&full), "between 10 and 15 MiB are left for files: {told}");
        assert!(told.ends_with("and room again for 1048576 bytes\n"), "{told}");
        let peak = outcome.used.memory_bytes;
        assert!((15 * BYTES_PER_MB..=16 * BYTES_PER_MB).contains(&peak), "{peak}");

        let little = scratch(&fixture, &kind, "fill 2").await.used.memory_bytes;
        let more = scratch(&fixture, &kind, "fill 5").await.used.memory_bytes;
        let three = 3 * BYTES_PER_MB..3 * BYTES_PER_MB + 10_000;
        assert!(three.contains(&(more - little)), "{little} and {more}");
    }
}

#[tokio::test]
async fn a_flood_of_empty_files_meets_the_limit_on_memory_too() {
    let fixture = Fixture::new();
    let limits = ResourceLimits { max_memory_mb: 4, ..LIMITS };
    for kind in kinds() {
        let outcome = fixture.run(&kind.program, "flood 10000", limits).await;
        assert!(text(&outcome).starts_with("StorageFull after 60"), "6 thousand of 512 bytes: {}", text(&outcome));
        assert!(outcome.used.memory_bytes > 4 * BYTES_PER_MB - 512, "{:?}", outcome.used);
    }
}

#[tokio::test]
async fn nothing_but_the_scratch_directory_is_there() {
    let fixture = Fixture::new();
    for kind in kinds() {
        let outcome = scratch(&fixture, &kind, "outside").await;
        let told = text(&outcome);
        assert_eq!(told.lines().count(), 18);
        assert!(told.lines().all(|line| line.ends_with(": Err(NotFound)")), "{told}");
    }
}

#[tokio::test]
async fn a_byte_far_out_costs_what_a_byte_costs() {
    let fixture = Fixture::new();
    for kind in kinds() {
        let outcome = scratch(&fixture, &kind, "far").await;
        let refused = format!("Err(InvalidInput)\nErr({})\n", kind.too_large);
        assert_eq!(text(&outcome), format!("1152921504606846977 bytes\n{refused}"));
        assert!(outcome.used.memory_bytes < 2 * BYTES_PER_MB, "{:?}", outcome.used);
        assert!(outcome.used.instructions < 1_000_000, "{:?}", outcome.used);
    }
}

#[tokio::test]
async fn so_many_files_can_be_open_and_no_more() {
    let fixture = Fixture::new();
    for kind in kinds() {
        let outcome = scratch(&fixture, &kind, "descriptors").await;
        let told = format!("1023 open, then {}\ntrue\n", kind.too_many);
        assert_eq!(text(&outcome), told, "the directory itself is the 1024th");
    }
}

#[tokio::test]
async fn the_next_run_finds_nothing_of_the_last() {
    let fixture = Fixture::new();
    for kind in kinds() {
        for _ in 0..3 {
            assert_eq!(text(&scratch(&fixture, &kind, "leave").await), "[]\n");
        }
    }
}

#[tokio::test]
async fn work_on_files_is_paid_for_with_instructions() {
    let fixture = Fixture::new();
    let limits = ResourceLimits { max_instructions: 20_000_000, max_memory_mb: 128, ..LIMITS };
    for kind in kinds() {
        let outcome = fixture.run(&kind.program, "flood 65000", limits).await;
        message(&outcome, FailureCode::OutOfInstructions);
    }
}
