//! How long after its time a program is stopped, by the one clock that other work on the machine does not disturb: the
//! processor time of the threads that it ran on.
//!
//! A thread that waits for a processor uses none of it. So however busy the machine is, a program that is stopped in
//! time has used no more than its limit and what lies between the limit and the stop; one that is stopped too late has
//! used more, unless the machine is so busy that it got less than its share. What the wall clock shows beside that is
//! printed, and measured by `scripts/bench execute`.

use crate::support::{Fixture, message, task, wat_program};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};
use offchainvm_interface::{FailureCode, ResourceLimits};
use offchainvm_worker::execute::Program;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

/// How late a program may be stopped.
const LATE: Duration = Duration::from_millis(50);
const SECOND: Duration = Duration::from_secs(1);
/// More instructions than any machine executes in a second.
const ENDLESS: u64 = 1_000_000_000_000;

/// What goes on and on: instructions, work that a few of them ask for, and calls of the host. Each of those begins a new
/// slice, because it charges: it is an epoch that ends the last one.
const SPIN: &str = "(br 0)";
const FILL_MEMORY: &str = "(memory.fill (i32.const 65536) (i32.const 1) (i32.const 4194304)) (br 0)";
const FILL_A_TABLE: &str = "(table.fill (i32.const 0) (ref.null func) (i32.const 1000000)) (br 0)";
const WRITE: &str = "(drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))) (br 0)";

/// A program of 5 MiB that lets `slept` pass, which takes no time here, and then does `work` without end.
fn sleeps_then(slept: Duration, work: &str) -> String {
    of_pages_sleeps_then(80, slept, work)
}

fn of_pages_sleeps_then(pages: u64, slept: Duration, work: &str) -> String {
    let nanos = slept.as_nanos();
    format!(
        r#"(module
            (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") {pages})
            (table 1000000 funcref)
            (func (export "_start")
                (i32.store (i32.const 16) (i32.const 1))
                (i64.store (i32.const 24) (i64.const {nanos}))
                (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
                (i32.store (i32.const 0) (i32.const 256))
                (i32.store (i32.const 4) (i32.const 1024))
                (loop {work})))"#
    )
}

/// The processor time of the two threads that a run can have: the one that asks, and the only other one that there is.
fn processor_time(runtime: &Runtime) -> Duration {
    let of_this_thread = || {
        let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
        let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Duration::from_micros(micros.unsigned_abs())
    };
    let of_the_other = runtime.block_on(runtime.spawn_blocking(of_this_thread)).unwrap();
    of_this_thread() + of_the_other
}

#[test]
fn a_program_gets_the_time_that_it_has_left_and_at_most_fifty_milliseconds_more() {
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    let fixture = Fixture::new();
    let run = |program: &Program, limits| {
        let running = fixture.executor.run(program, task("", limits, [0; 32]), CancellationToken::new());
        runtime.block_on(running).unwrap()
    };
    for (what, slept, work) in [
        ("spins for a second", 0, SPIN),
        ("spins for a quarter", 750, SPIN),
        ("spins for a millisecond", 999, SPIN),
        ("fills its memory", 900, FILL_MEMORY),
        ("fills a table", 900, FILL_A_TABLE),
        ("writes", 900, WRITE),
    ] {
        let slept = Duration::from_millis(slept);
        let program = wat_program(&sleeps_then(slept, work));
        let limits = ResourceLimits { max_execution_seconds: 1, ..ResourceLimits::default() };
        run(&program, ResourceLimits { max_instructions: 1, ..limits }); // compiles it

        let (before, begin) = (processor_time(&runtime), Instant::now());
        let outcome = run(&program, ResourceLimits { max_instructions: ENDLESS, ..limits });
        let (took, used) = (begin.elapsed(), processor_time(&runtime) - before);
        println!("{what}: {took:?}, of which {used:?} on a processor");

        assert!(message(&outcome, FailureCode::OutOfTime).contains("max_execution_seconds = 1"), "{what}");
        assert_eq!(outcome.used.time_seconds, 1, "{what}");
        let left = SECOND - slept;
        assert!(took >= left, "{what}: it was stopped after {took:?}, before its time");
        assert!(used <= left + LATE, "{what}: it had {left:?} left, and was given {used:?}");
        // Any machine executes more; what was executed is charged although the loop never calls.
        let least = 100_000 * left.as_secs() + 100 * u64::from(left.subsec_millis());
        assert!((least..ENDLESS).contains(&outcome.used.instructions), "{what}: {:?}", outcome.used);
    }
}

/// The one thing that neither slices nor epochs end is an instruction that has begun. The largest fills all of a memory
/// that nobody has used yet.
#[tokio::test]
async fn a_program_whose_last_instruction_outlasts_its_time_is_waited_for_and_charged() {
    let (pages, filled) = (12_000, 11_999 * 65_536_u64);
    let fill = format!("(memory.fill (i32.const 65536) (i32.const 1) (i32.const {filled})) (br 0)");
    let program = wat_program(&of_pages_sleeps_then(pages, Duration::from_millis(900), &fill));
    let limits = ResourceLimits { max_instructions: ENDLESS, max_memory_mb: 1_024, max_execution_seconds: 1 };
    let fixture = Fixture::new();
    fixture.run(&program, "", ResourceLimits { max_instructions: 1, ..limits }).await; // compiles it

    let begin = Instant::now();
    let outcome = fixture.run(&program, "", limits).await;
    println!("{} MB: {:?} late", filled / 1_000_000, begin.elapsed().saturating_sub(Duration::from_millis(100)));
    message(&outcome, FailureCode::OutOfTime);
    assert!(outcome.used.instructions > filled, "{:?}", outcome.used);
    assert!(outcome.used.memory_bytes > filled, "{:?}", outcome.used);
}
