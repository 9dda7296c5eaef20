//! Each way to end has its code and its usage.

use crate::support::{Fixture, message, program, text, wat_program};
use offchainvm_interface::{FailureCode, ResourceLimits, limits::BYTES_PER_MB};
use offchainvm_worker::execute::{End, ExecuteConfig};
use std::time::{Duration, Instant};

const LIMITS: ResourceLimits =
    ResourceLimits { max_instructions: 1_000_000_000, max_memory_mb: 128, max_execution_seconds: 60 };
/// More instructions than any machine executes in the seconds that a test allows.
const ENDLESS: u64 = 1_000_000_000_000;

#[tokio::test]
async fn a_program_answers_what_it_wrote_and_pays_for_what_it_used() {
    let fixture = Fixture::new();
    let outcome = fixture.guest("echo", "grüße, 世界").await;
    assert_eq!(text(&outcome), "grüße, 世界");
    assert!(outcome.used.instructions > 100, "{:?}", outcome.used);
    assert!(outcome.used.memory_bytes >= BYTES_PER_MB, "a Rust program's stack alone has a mebibyte");
    assert!(outcome.used.time_seconds >= 1, "a started second counts whole");

    assert_eq!(text(&fixture.guest("compute", "1000").await), "7919\n");
}

#[tokio::test]
async fn more_work_costs_more_instructions_and_more_memory_costs_more_memory() {
    let fixture = Fixture::new();
    let few = fixture.guest("compute", "10").await.used;
    let many = fixture.guest("compute", "1000").await.used;
    assert!(many.instructions > 10 * few.instructions, "{many:?} against {few:?}");

    let input = "x".repeat(60_000);
    let long = fixture.guest("echo", &input).await.used;
    let short = fixture.guest("echo", "x").await.used;
    assert!(long.instructions >= short.instructions + 2 * 59_999, "each byte is charged on its way in and out");
}

#[tokio::test]
async fn binary_output_of_every_size_up_to_the_limit_survives() {
    let fixture = Fixture::new();
    let limit = ExecuteConfig::default().max_output_bytes;
    for size in [0, 1, 255, 1_024, limit - 1, limit] {
        let outcome = fixture.guest("binary_output", &size.to_string()).await;
        assert_eq!(outcome.end, End::Success, "{size}");
        let expected: Vec<u8> = (0..size).map(|n| n as u8).collect();
        assert!(outcome.output == expected, "{size}");
    }
    let outcome = fixture.guest("binary_output", &(limit + 1).to_string()).await;
    message(&outcome, FailureCode::OutputTooLarge);
}

#[tokio::test]
async fn output_without_end_is_stopped_at_the_limit() {
    let outcome = Fixture::new().guest("huge_output", "").await;
    message(&outcome, FailureCode::OutputTooLarge);
    assert_eq!(outcome.output.len(), ExecuteConfig::default().max_output_bytes);
    assert!(outcome.used.instructions > 0);
}

#[tokio::test]
async fn a_trap_is_named_and_the_host_is_not() {
    let fixture = Fixture::new();
    let outcome = fixture.guest("trap", "").await;
    assert_eq!(
        message(&outcome, FailureCode::Trap),
        "the program trapped: wasm `unreachable` instruction executed, in trap::main"
    );
    assert!(outcome.used.instructions > 0 && outcome.used.memory_bytes > 0);

    let division = r#"(module (func (export "_start") (drop (i32.div_u (i32.const 1) (i32.const 0)))))"#;
    assert!(message(&fixture.wat(division).await, FailureCode::Trap).contains("divide by zero"));
}

#[tokio::test]
async fn a_loop_that_ends_in_a_trap_is_charged_although_it_never_calls() {
    let text = r#"(module (memory 1) (func (export "_start") (local $n i32)
        (loop $again
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 1000000))))
        (drop (i32.load (i32.const -1)))))"#;
    let outcome = Fixture::new().wat(text).await;
    assert!(message(&outcome, FailureCode::Trap).contains("out of bounds"));
    assert!(outcome.used.instructions > 6_900_000, "{:?}", outcome.used);
}

#[tokio::test]
async fn a_panic_is_told_in_the_programs_own_words() {
    let outcome = Fixture::new().guest("panic", "").await;
    let message = message(&outcome, FailureCode::Trap);
    assert!(message.contains("the guest gave up on purpose"), "{message}");
    assert!(message.contains("about to panic"), "{message}");
}

#[tokio::test]
async fn unbounded_recursion_is_a_trap_and_not_a_crash() {
    let limits = ResourceLimits { max_instructions: ENDLESS, ..LIMITS };
    let outcome = Fixture::new().run(&program("recurse"), "", limits).await;
    let message = message(&outcome, FailureCode::Trap);
    // The guest's own stack ends before or after the engine's, as the compiler lays it out; both are traps.
    assert!(message.contains("exhausted") || message.contains("out of bounds"), "{message}");
}

#[tokio::test]
async fn an_exit_code_is_reported_with_what_the_program_said() {
    let fixture = Fixture::new();
    let outcome = fixture.guest("exit3", "no such record").await;
    let message = message(&outcome, FailureCode::ExitNonzero);
    assert_eq!(message, "the program ended with exit code 3; it said last:\nno such record");
    assert_eq!(outcome.stderr, "no such record");
    assert!(outcome.output.is_empty());
}

#[tokio::test]
async fn every_exit_code_is_kept_and_zero_is_success() {
    let fixture = Fixture::new();
    let exit = |code: u32| {
        format!(
            r#"(module
                (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                (func (export "_start") (call $exit (i32.const {code}))))"#
        )
    };
    assert_eq!(fixture.wat(&exit(0)).await.end, End::Success);
    for code in [1, 101, 134, 255, 4_000_000_000] {
        let outcome = fixture.wat(&exit(code)).await;
        assert!(message(&outcome, FailureCode::ExitNonzero).ends_with(&format!("exit code {code}")));
    }
}

#[tokio::test]
async fn a_program_that_spins_is_stopped_by_its_instructions() {
    let limits = ResourceLimits { max_instructions: 5_000_000, ..LIMITS };
    let outcome = Fixture::new().run(&program("spin"), "", limits).await;
    message(&outcome, FailureCode::OutOfInstructions);
    assert_eq!(outcome.used.instructions, 5_000_000);
    assert!(outcome.used.memory_bytes > 0);
}

#[tokio::test]
async fn a_program_that_sleeps_beyond_its_time_is_stopped_without_holding_anyone_up() {
    let fixture = Fixture::new();
    let sleep = program("sleep");
    let limits = ResourceLimits { max_execution_seconds: 30, ..LIMITS };
    let started = Instant::now();
    let outcome = fixture.run(&sleep, "3600", limits).await;
    message(&outcome, FailureCode::OutOfTime);
    assert_eq!(outcome.used.time_seconds, 30);
    assert!(outcome.used.instructions > 0);
    assert!(started.elapsed() < Duration::from_secs(30), "the sleep was waited for");

    let outcome = fixture.run(&sleep, "20", limits).await;
    assert_eq!(text(&outcome), "awake\n");
    assert!(outcome.used.time_seconds > 20, "what is slept is used");
}

#[tokio::test]
async fn growth_beyond_the_limit_is_out_of_memory_and_the_peak_is_known() {
    let fixture = Fixture::new();
    let limits = ResourceLimits { max_memory_mb: 16, ..LIMITS };
    let outcome = fixture.run(&program("grow"), "", limits).await;
    let message = message(&outcome, FailureCode::OutOfMemory);
    assert!(message.contains("max_memory_mb = 16"), "{message}");
    let peak = outcome.used.memory_bytes;
    assert!((8 * BYTES_PER_MB..=16 * BYTES_PER_MB).contains(&peak), "{peak}");
}

#[tokio::test]
async fn a_limit_of_one_mebibyte_stops_a_program_that_takes_a_gibibyte() {
    let limits = ResourceLimits { max_memory_mb: 1, ..LIMITS };
    let outcome = Fixture::new().run(&program("grow"), "", limits).await;
    message(&outcome, FailureCode::OutOfMemory);
    assert!(outcome.used.time_seconds >= 1);
}

#[tokio::test]
async fn a_program_that_fits_into_one_mebibyte_is_stopped_when_it_grows_to_a_gibibyte() {
    let grow = wat_program(
        r#"(module (memory 1) (func (export "_start")
            (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const 16383))))))"#,
    );
    let fixture = Fixture::new();
    let outcome = fixture.run(&grow, "", ResourceLimits { max_memory_mb: 1, ..LIMITS }).await;
    message(&outcome, FailureCode::OutOfMemory);
    assert_eq!(outcome.used.memory_bytes, BYTES_PER_MB, "it had all it was allowed");

    let outcome = fixture.run(&grow, "", ResourceLimits { max_memory_mb: 1_024, ..LIMITS }).await;
    assert_eq!(outcome.end, End::Success);
}

#[tokio::test]
async fn a_gibibyte_can_be_had_by_who_asks_for_it() {
    let limits = ResourceLimits { max_memory_mb: 1_100, max_instructions: 100_000_000_000, ..LIMITS };
    let outcome = Fixture::new().run(&program("grow"), "", limits).await;
    assert_eq!(text(&outcome), "1024 MiB\n");
    assert!(outcome.used.memory_bytes >= 1_024 * BYTES_PER_MB, "{:?}", outcome.used);
}

#[tokio::test]
async fn a_table_counts_as_memory() {
    let grow = wat_program(
        r#"(module (table $t 0 funcref)
            (func (export "_start") (drop (table.grow $t (ref.null func) (i32.const 500000)))))"#,
    );
    let fixture = Fixture::new();
    let outcome = fixture.run(&grow, "", LIMITS).await;
    assert_eq!(outcome.end, End::Success);
    assert!(outcome.used.memory_bytes >= 500_000 * 8, "{:?}", outcome.used);

    let outcome = fixture.run(&grow, "", ResourceLimits { max_memory_mb: 1, ..LIMITS }).await;
    message(&outcome, FailureCode::OutOfMemory);
}
