//! A call to the host costs instructions, also when it does nothing: a flood of calls ends by its instructions.

use crate::support::{Fixture, message, wat_program};
use offchainvm_interface::{FailureCode, ResourceLimits};
use offchainvm_worker::execute::{End, Outcome};

/// What every call costs, beside what it does.
const CALL: u64 = 500;

/// A command that calls a function so many times. Its arguments are all zero.
fn command(function: &str, parameters: usize, times: u32) -> String {
    let (types, zeros) = ("i32 ".repeat(parameters), "(i32.const 0) ".repeat(parameters));
    format!(
        r#"(module
            (import "wasi_snapshot_preview1" "{function}" (func $call (param {types}) (result i32)))
            (memory (export "memory") 1)
            (func (export "_start") (local $n i32)
                (loop $again
                    (drop (call $call {zeros}))
                    (br_if $again
                        (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {times}))))))"#
    )
}

/// A component that asks so many times for the time, and for a network.
fn component(times: u32) -> String {
    format!(
        r#"(component
            (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock (export "now" (func (result u64)))))
            (import "wasi:sockets/network@0.2.0" (instance $sockets (export "network" (type (sub resource)))))
            (alias export $sockets "network" (type $network))
            (import "wasi:sockets/instance-network@0.2.0" (instance $networks
                (alias outer 1 $network (type $outer))
                (export "network" (type $inner (eq $outer)))
                (export "instance-network" (func (result (own $inner))))))
            (core func $now (canon lower (func $clock "now")))
            (core func $get (canon lower (func $networks "instance-network")))
            (core module $program
                (import "host" "now" (func $now (result i64)))
                (import "host" "get" (func $get (result i32)))
                (func (export "run") (result i32) (local $n i32)
                    (loop $again
                        (drop (call $now))
                        (drop (call $get))
                        (br_if $again
                            (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {times}))))
                    (i32.const 0)))
            (core instance $started (instantiate $program
                (with "host" (instance (export "now" (func $now)) (export "get" (func $get))))))
            (func $run (result (result)) (canon lift (core func $started "run")))
            (instance $exports (export "run" (func $run)))
            (export "wasi:cli/run@0.2.0" (instance $exports)))"#
    )
}

async fn run(fixture: &Fixture, text: &str, max_instructions: u64) -> Outcome {
    let limits = ResourceLimits { max_instructions, ..ResourceLimits::default() };
    fixture.run(&wat_program(text), "", limits).await
}

async fn instructions(fixture: &Fixture, text: &str) -> u64 {
    let outcome = run(fixture, text, 1_000_000_000).await;
    assert_eq!(outcome.end, End::Success, "{text}: {}", outcome.stderr);
    outcome.used.instructions
}

#[tokio::test]
async fn each_call_costs_the_same_beside_what_it_does_whether_it_succeeds_or_not() {
    let fixture = Fixture::new();
    let none = command("sched_yield", 0, 1).replace("(drop (call $call ))", "");
    let empty = command("sched_yield", 0, 101).replace("(drop (call $call ))", "");
    // What the loop itself costs; a call with a number for each argument, and a number to drop.
    let turns = instructions(&fixture, &empty).await - instructions(&fixture, &none).await;
    for (function, parameters) in [
        ("sched_yield", 0),
        ("fd_close", 1),
        ("fd_sync", 1),
        ("environ_get", 2),
        ("fd_prestat_get", 2),
        ("fd_renumber", 2),
        ("random_get", 2),
        ("sock_shutdown", 2),
        ("fd_read", 4),
        ("fd_write", 4),
        ("path_symlink", 5),
    ] {
        let once = instructions(&fixture, &command(function, parameters, 1)).await;
        let often = instructions(&fixture, &command(function, parameters, 101)).await;
        let each = (often - once - turns) / 100;
        assert!((CALL..CALL + 10).contains(&each), "{function}: {each}");
    }
}

#[tokio::test]
async fn a_components_calls_cost_the_same_also_those_that_are_denied() {
    let fixture = Fixture::new();
    let once = instructions(&fixture, &component(1)).await;
    let often = instructions(&fixture, &component(101)).await;
    let each = (often - once) / 100;
    assert!((2 * CALL..2 * CALL + 40).contains(&each), "{each}");

    // What is owed for the last call is charged at the end, and is not more than there is.
    let outcome = run(&fixture, &component(1), once - 1).await;
    message(&outcome, FailureCode::OutOfInstructions);
    assert_eq!(outcome.used.instructions, once - 1);
}

#[tokio::test]
async fn a_flood_of_calls_that_do_nothing_ends_by_its_instructions() {
    let fixture = Fixture::new();
    for (function, parameters) in [("sched_yield", 0), ("fd_write", 4), ("fd_filestat_get", 2), ("fd_prestat_get", 2)] {
        let outcome = run(&fixture, &command(function, parameters, u32::MAX), 100_000_000).await;
        message(&outcome, FailureCode::OutOfInstructions);
        assert_eq!(outcome.used.instructions, 100_000_000, "{function}");
    }
}
