//! Components and bare functions: the same limits, the same determinism, the same ways to end as a command.

use crate::{
    guests::guest_for,
    support::{Fixture, component, message, repeatable, task, text, wat_program},
};
use offchainvm_interface::{FailureCode, ResourceLimits, limits::BYTES_PER_MB};
use offchainvm_worker::execute::{Outcome, Program};
use std::{
    fs,
    io::ErrorKind,
    net::TcpListener,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

const LIMITS: ResourceLimits =
    ResourceLimits { max_instructions: 1_000_000_000, max_memory_mb: 128, max_execution_seconds: 60 };
/// More instructions than any machine executes in the seconds that a test allows.
const ENDLESS: u64 = 1_000_000_000_000;

fn shout() -> Program {
    Program::bytes(fs::read(guest_for("shout", "wasm32-unknown-unknown")).unwrap())
}

#[tokio::test]
async fn a_component_reads_its_input_and_answers_what_it_wrote() {
    let fixture = Fixture::new();
    let outcome = fixture.run(&component("echo"), "grüße, 世界", LIMITS).await;
    assert_eq!(text(&outcome), "grüße, 世界");
    assert!(outcome.used.instructions > 100 && outcome.used.memory_bytes >= BYTES_PER_MB, "{:?}", outcome.used);
    assert_eq!(text(&fixture.run(&component("compute"), "1000", LIMITS).await), "7919\n");
    let long = "x".repeat(60_000);
    assert_eq!(text(&fixture.run(&component("echo"), &long, LIMITS).await), long);
}

#[tokio::test]
async fn a_component_ends_in_the_same_ways_as_a_command() {
    let fixture = Fixture::new();
    let outcome = fixture.run(&component("exit3"), "no such record", LIMITS).await;
    assert!(message(&outcome, FailureCode::ExitNonzero).ends_with("it said last:\nno such record"));
    let outcome = fixture.run(&component("trap"), "", LIMITS).await;
    assert!(message(&outcome, FailureCode::Trap).contains("unreachable"));
    let outcome = fixture.run(&component("panic"), "", LIMITS).await;
    assert!(message(&outcome, FailureCode::Trap).contains("the guest gave up on purpose"));
    let outcome = fixture.run(&component("huge_output"), "", LIMITS).await;
    message(&outcome, FailureCode::OutputTooLarge);
    let few = ResourceLimits { max_instructions: 5_000_000, ..LIMITS };
    let outcome = fixture.run(&component("spin"), "", few).await;
    message(&outcome, FailureCode::OutOfInstructions);
    assert_eq!(outcome.used.instructions, 5_000_000);
    let small = ResourceLimits { max_memory_mb: 16, ..LIMITS };
    let outcome = fixture.run(&component("grow"), "", small).await;
    message(&outcome, FailureCode::OutOfMemory);
    assert!((8 * BYTES_PER_MB..=16 * BYTES_PER_MB).contains(&outcome.used.memory_bytes), "{:?}", outcome.used);
    let endless = ResourceLimits { max_instructions: ENDLESS, ..LIMITS };
    let outcome = fixture.run(&component("recurse"), "", endless).await;
    message(&outcome, FailureCode::Trap);
}

#[tokio::test]
async fn a_component_that_sleeps_or_spins_too_long_is_stopped() {
    let fixture = Fixture::new();
    let limits = ResourceLimits { max_execution_seconds: 30, ..LIMITS };
    let started = Instant::now();
    let outcome = fixture.run(&component("sleep"), "3600", limits).await;
    message(&outcome, FailureCode::OutOfTime);
    assert_eq!(outcome.used.time_seconds, 30);
    assert!(started.elapsed() < Duration::from_secs(30), "the sleep was waited for");
    let outcome = fixture.run(&component("sleep"), "20", limits).await;
    assert_eq!(text(&outcome), "awake\n");
    assert!(outcome.used.time_seconds > 20, "what is slept is used");

    let limits = ResourceLimits { max_instructions: ENDLESS, max_execution_seconds: 1, ..LIMITS };
    message(&fixture.run(&component("spin"), "", limits).await, FailureCode::OutOfTime);
}

#[tokio::test]
async fn a_component_repeats_itself_with_the_same_seed_only() {
    let (here, elsewhere) = (Fixture::new(), Fixture::new());
    let program = component("chance_and_time");
    let mut outcomes = Vec::new();
    for (fixture, seed) in [(&here, 1), (&here, 1), (&elsewhere, 1), (&here, 2)] {
        let task = task("", LIMITS, [seed; 32]);
        outcomes.push(fixture.executor.run(&program, task, CancellationToken::new()).await.unwrap());
    }
    let [first, again, elsewhere, other_seed]: [Outcome; 4] = outcomes.try_into().unwrap();
    assert!(text(&first).starts_with("time: 1767225600.000"), "{}", text(&first));
    assert!(text(&first).ends_with("slept: 2 s\n"), "{}", text(&first));
    assert_eq!(repeatable(&first), repeatable(&again));
    assert_eq!(repeatable(&first), repeatable(&elsewhere));
    assert_ne!(first.output, other_seed.output);
}

#[tokio::test]
async fn a_component_sees_nothing_and_reaches_nobody() {
    let fixture = Fixture::new();
    let outcome = fixture.run(&component("read_env"), "", LIMITS).await;
    let seen = text(&outcome);
    assert!(seen.contains("arguments: []") && seen.contains("environment: []"), "{seen}");
    let denied = |line: &str| line.ends_with(": denied") || line == "/tmp: 0 entries";
    assert!(seen.lines().skip(2).all(denied), "{seen}");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let outcome = fixture.run(&component("dial_out"), &listener.local_addr().unwrap().to_string(), LIMITS).await;
    message(&outcome, FailureCode::ExitNonzero);
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_component_that_is_no_command_or_wants_more_is_refused() {
    let fixture = Fixture::new();
    let outcome = fixture.wat("(component)").await;
    message(&outcome, FailureCode::NotWasm);
    let outcome =
        fixture.wat(r#"(component (import "wasi:http/outgoing-handler@0.2.0" (instance (export "h" (func)))))"#);
    assert!(message(&outcome.await, FailureCode::ImportNotAllowed).contains("wasi:http/outgoing-handler"));
}

#[tokio::test]
async fn a_function_is_given_bytes_and_gives_bytes() {
    let fixture = Fixture::new();
    let shout = shout();
    assert_eq!(text(&fixture.run(&shout, "quietly", LIMITS).await), "QUIETLY");
    assert_eq!(text(&fixture.run(&shout, "", LIMITS).await), "");
    let (short, long) =
        (fixture.run(&shout, "x", LIMITS).await, fixture.run(&shout, &"x".repeat(60_000), LIMITS).await);
    assert_eq!(long.output.len(), 60_000);
    assert!(long.used.instructions >= short.used.instructions + 2 * 59_999, "bytes are paid for on both ways");
}

#[tokio::test]
async fn a_function_ends_in_the_same_ways_as_a_command() {
    let fixture = Fixture::new();
    let shout = shout();
    let few = ResourceLimits { max_instructions: 5_000_000, ..LIMITS };
    message(&fixture.run(&shout, "spin", few).await, FailureCode::OutOfInstructions);
    message(&fixture.run(&shout, "trap", LIMITS).await, FailureCode::Trap);
    let outcome = fixture.run(&shout, "lie", LIMITS).await;
    message(&outcome, FailureCode::OutOfInstructions);
    let outcome = fixture.run(&shout, "lie", ResourceLimits { max_instructions: 100_000_000_000, ..LIMITS }).await;
    assert!(message(&outcome, FailureCode::Trap).contains("4294967295 bytes at 4294967295"));
    let outcome = fixture.run(&shout, &"x".repeat(70_000), LIMITS).await;
    message(&outcome, FailureCode::OutputTooLarge);
}

#[tokio::test]
async fn a_function_that_breaks_the_interface_is_told_how() {
    let fixture = Fixture::new();
    let module = |import: &str, alloc: &str| {
        wat_program(&format!(
            r#"(module {import} (memory (export "memory") 1)
                (func (export "offchainvm_alloc") (param i32) (result i32) {alloc})
                (func (export "offchainvm_run") (param i32 i32) (result i64) (i64.const 0)))"#
        ))
    };
    assert_eq!(text(&fixture.run(&module("", "(i32.const 65535)"), "x", LIMITS).await), "");
    let outcome = fixture.run(&module("", "(i32.const 65535)"), "xx", LIMITS).await;
    assert!(message(&outcome, FailureCode::Trap).contains("offchainvm_alloc gave 65535, where 2 bytes do not fit"));
    let import = r#"(import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))"#;
    let outcome = fixture.run(&module(import, "(i32.const 0)"), "", LIMITS).await;
    assert!(message(&outcome, FailureCode::ImportNotAllowed).contains("sched_yield"));
    assert_eq!(fixture.wat("(module)").await.end.failure(), Some(FailureCode::NotWasm));
}
