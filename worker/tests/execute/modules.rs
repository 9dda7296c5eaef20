//! Modules that are odd, broken or hostile before they run, and host calls that ask for too much.

use crate::support::{Fixture, config, message, repeatable, wat_program};
use offchainvm_interface::{FailureCode, ResourceLimits, ResourcesUsed};
use offchainvm_worker::execute::{End, ExecuteConfig, MemorySource, Outcome, Program};

/// The functions a module of these tests may need, and a memory of one page.
fn module(body: &str) -> String {
    format!(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            {body})"#
    )
}

/// A module that exits with the number that `call` gives.
fn exits_with(pages: u32, call: &str) -> String {
    module(&format!(r#"(memory (export "memory") {pages}) (func (export "_start") (call $exit ({call})))"#))
}

fn exit_code(outcome: &Outcome) -> u32 {
    match outcome.end {
        End::Success => 0,
        _ => message(outcome, FailureCode::ExitNonzero).rsplit(' ').next().unwrap().parse().unwrap(),
    }
}

#[tokio::test]
async fn what_is_not_a_module_is_refused_and_costs_nothing() {
    let fixture = Fixture::new();
    for bytes in [b"".as_slice(), b"\0asm", b"#!/bin/sh\n", b"\0asm\x0d\0\x01\0", b"(module)"] {
        let outcome = fixture.run(&Program::bytes(bytes), "", ResourceLimits::default()).await;
        message(&outcome, FailureCode::NotWasm);
        assert_eq!(outcome.used, ResourcesUsed::default());
    }
}

#[tokio::test]
async fn a_module_that_is_not_a_command_is_refused() {
    let fixture = Fixture::new();
    for text in [
        "(module)",
        r#"(module (func (export "main")))"#,
        r#"(module (func (export "_start") (param i32)))"#,
        r#"(module (func (export "_start") (result i32) i32.const 0))"#,
        r#"(module (memory (export "_start") 1))"#,
    ] {
        let outcome = fixture.wat(text).await;
        assert!(message(&outcome, FailureCode::NotWasm).contains("_start"), "{text}");
    }
}

#[tokio::test]
async fn an_alien_import_is_refused_by_name() {
    let fixture = Fixture::new();
    for (import, name) in [
        (r#"(import "env" "open_door" (func))"#, "open_door"),
        (r#"(import "wasi_snapshot_preview1" "fork" (func))"#, "fork"),
        (r#"(import "wasi_snapshot_preview1" "fd_write" (func))"#, "fd_write"),
        (r#"(import "env" "memory" (memory 1))"#, "memory"),
    ] {
        let outcome = fixture.wat(&format!(r#"(module {import} (func (export "_start")))"#)).await;
        assert!(message(&outcome, FailureCode::ImportNotAllowed).contains(name), "{:?}", outcome.end);
        assert_eq!(outcome.used, ResourcesUsed::default());
    }
}

#[tokio::test]
async fn what_races_or_escapes_the_meters_is_not_a_module_that_we_run() {
    let fixture = Fixture::new();
    for memory in ["(memory 1 1 shared)", "(memory i64 1)", "(memory 1) (memory 1)", "(table 2000000 funcref)"] {
        let outcome = fixture.wat(&format!(r#"(module {memory} (func (export "_start")))"#)).await;
        message(&outcome, FailureCode::NotWasm);
    }
}

#[tokio::test]
async fn a_module_larger_than_the_cap_is_not_compiled() {
    let fixture = Fixture::with(&ExecuteConfig { max_module_mb: 1, parallel_runs: 1, ..config() });
    let text =
        format!(r#"(module (memory 100) (data (i32.const 0) "{}") (func (export "_start")))"#, "x".repeat(1 << 20));
    let outcome = fixture.wat(&text).await;
    assert!(message(&outcome, FailureCode::NotWasm).contains("1048576 are the most"));
}

#[tokio::test]
async fn a_start_function_is_metered_like_the_rest() {
    let fixture = Fixture::new();
    let spin = r#"(module (func $spin (loop (br 0))) (start $spin) (func (export "_start")))"#;
    let limits = ResourceLimits { max_instructions: 100_000, ..ResourceLimits::default() };
    let outcome = fixture.run(&wat_program(spin), "", limits).await;
    message(&outcome, FailureCode::OutOfInstructions);
    assert_eq!(outcome.used.instructions, 100_000);
}

#[tokio::test]
async fn a_module_that_begins_beyond_its_memory_limit_does_not_begin() {
    let fixture = Fixture::new();
    for (memory, code) in
        [("(memory 65536)", FailureCode::OutOfMemory), ("(memory 0) (data (i32.const 0) \"x\")", FailureCode::Trap)]
    {
        let outcome = fixture.wat(&format!(r#"(module {memory} (func (export "_start")))"#)).await;
        message(&outcome, code);
    }
}

#[tokio::test]
async fn a_module_may_limit_its_own_memory_and_is_told_so() {
    let text = r#"(module (memory 1 2) (func (export "_start")
        (if (i32.ne (memory.grow (i32.const 5)) (i32.const -1)) (then unreachable))))"#;
    assert_eq!(Fixture::new().wat(text).await.end, End::Success);
}

#[tokio::test]
async fn pointers_that_leave_the_memory_are_errors_for_the_program_only() {
    let fixture = Fixture::new();
    let fault = 21;
    for call in [
        "call $fd_write (i32.const 1) (i32.const -8) (i32.const 1) (i32.const 0)",
        "call $fd_write (i32.const 1) (i32.const 65532) (i32.const 1) (i32.const 0)",
        "call $fd_read (i32.const 0) (i32.const 0) (i32.const 1024) (i32.const -1)",
        "call $random_get (i32.const 65535) (i32.const 2)",
        "call $poll (i32.const 65535) (i32.const 0) (i32.const 1) (i32.const 0)",
    ] {
        assert_eq!(exit_code(&fixture.wat(&exits_with(1, call)).await), fault, "{call}");
    }
    let no_memory = module(r#"(func (export "_start") (call $exit (call $random_get (i32.const 0) (i32.const 1))))"#);
    assert_eq!(exit_code(&fixture.wat(&no_memory).await), fault);
}

#[tokio::test]
async fn a_call_that_names_too_many_things_is_refused() {
    let fixture = Fixture::new();
    let invalid = 28;
    for call in [
        "call $fd_write (i32.const 1) (i32.const 0) (i32.const 1025) (i32.const 0)",
        "call $fd_read (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 0)",
        "call $poll (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)",
        "call $poll (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 0)",
    ] {
        assert_eq!(exit_code(&fixture.wat(&exits_with(2, call)).await), invalid, "{call}");
    }
}

/// Neither fuel nor epochs see what a host call does, so a large one must be paid for before it is done.
#[tokio::test]
async fn a_gigantic_host_call_is_charged_like_the_instructions_it_saves() {
    let fixture = Fixture::new();
    let limits = ResourceLimits { max_instructions: 1_000_000, max_memory_mb: 1_024, ..ResourceLimits::default() };
    // 512 MiB of random numbers; and 1,024 buffers of 64 MiB each, to standard error.
    let random = exits_with(8_193, "call $random_get (i32.const 0) (i32.const 536870912)");
    let write = module(
        r#"(memory (export "memory") 1025)
            (func (export "_start") (local $at i32)
                (loop $next
                    (i32.store offset=4 (local.get $at) (i32.const 67108864))
                    (local.set $at (i32.add (local.get $at) (i32.const 8)))
                    (br_if $next (i32.lt_u (local.get $at) (i32.const 8192))))
                (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1024) (i32.const 16))))"#,
    );
    for text in [random, write] {
        let outcome = fixture.run(&wat_program(&text), "", limits).await;
        message(&outcome, FailureCode::OutOfInstructions);
        assert_eq!(outcome.used.instructions, 1_000_000);
    }
}

#[tokio::test]
async fn memory_on_demand_gives_the_same_outcomes_as_the_pool() {
    let on_demand = ExecuteConfig { memory: MemorySource::OnDemand, parallel_runs: 2, ..config() };
    let (pooled, on_demand) = (Fixture::new(), Fixture::with(&on_demand));
    for name in ["echo", "grow", "trap"] {
        let (a, b) = (pooled.guest(name, "same").await, on_demand.guest(name, "same").await);
        assert_eq!(repeatable(&a), repeatable(&b), "{name}");
    }
}
