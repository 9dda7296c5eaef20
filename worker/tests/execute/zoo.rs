//! The zoo of modules: each odd, broken or hostile, with the code that it must end with.

use crate::support::{Fixture, assemble, config, leb128};
use offchainvm_interface::{FailureCode, ResourceLimits};
use offchainvm_worker::execute::{End, ExecuteConfig, MemorySource, Program};
use std::time::{Duration, Instant};

/// Low enough that what never ends is stopped at once.
const LIMITS: ResourceLimits =
    ResourceLimits { max_instructions: 10_000_000, max_memory_mb: 64, max_execution_seconds: 30 };

/// A module, and how it must end; [`None`] is success.
struct Animal {
    name: &'static str,
    wasm: Vec<u8>,
    ends: Option<FailureCode>,
}

fn animal(name: &'static str, text: &str, ends: impl Into<Option<FailureCode>>) -> Animal {
    let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    Animal { name, wasm, ends: ends.into() }
}

/// A command whose function begins like this.
fn command(around: &str, body: &str) -> String {
    format!(r#"(module {around} (memory (export "memory") 1) (func (export "_start") {body}))"#)
}

/// So many times the same, with its number in the place of `#`.
fn many(count: usize, text: &str) -> String {
    (0..count).map(|number| text.replace('#', &number.to_string())).collect()
}

fn endless() -> Vec<Animal> {
    use FailureCode::{OutOfInstructions, OutOfMemory, Trap};
    let stderr = r#"(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))"#;
    let flood = |count: u32| {
        format!(
            "(i32.store (i32.const 4) (i32.const {count}))
             (loop (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))) (br 0))"
        )
    };
    vec![
        animal("a_loop", &command("", "(loop (br 0))"), OutOfInstructions),
        animal("a_start_function_that_spins", &command("(func $s (loop (br 0))) (start $s)", ""), OutOfInstructions),
        animal("tail_calls_without_end", &command("(func $f (return_call $f))", "(call $f)"), OutOfInstructions),
        animal("recursion_without_end", &command("(func $f (call $f))", "(call $f)"), Trap),
        animal(
            "mutual_recursion_through_a_table",
            &command(
                "(type $t (func)) (table 2 funcref) (elem (i32.const 0) $a $b)
                 (func $a (call_indirect (type $t) (i32.const 1))) (func $b (call_indirect (type $t) (i32.const 0)))",
                "(call $a)",
            ),
            Trap,
        ),
        animal(
            "growth_by_nothing",
            &command("", "(loop (drop (memory.grow (i32.const 0))) (br 0))"),
            OutOfInstructions,
        ),
        animal("growth_page_by_page", &command("", "(loop (drop (memory.grow (i32.const 1))) (br 0))"), OutOfMemory),
        animal("growth_all_at_once", &command("", "(drop (memory.grow (i32.const 65535)))"), OutOfMemory),
        animal(
            "growth_of_a_table_step_by_step",
            &command("(table $t 0 funcref)", "(loop (drop (table.grow $t (ref.null func) (i32.const 1000))) (br 0))"),
            OutOfInstructions,
        ),
        animal(
            "filling_all_memory_again_and_again",
            &command("", "(loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (br 0))"),
            OutOfInstructions,
        ),
        animal(
            "copying_all_memory_again_and_again",
            &command("", "(loop (memory.copy (i32.const 0) (i32.const 1) (i32.const 65535)) (br 0))"),
            OutOfInstructions,
        ),
        animal(
            "filling_without_a_loop",
            &command("", &many(1_000, "(memory.fill (i32.const 0) (i32.const 1) (i32.const 65536))")),
            OutOfInstructions,
        ),
        animal("a_flood_of_stderr", &command(stderr, &flood(60_000)), OutOfInstructions),
        animal("a_flood_of_empty_writes", &command(stderr, &flood(0)), OutOfInstructions),
    ]
}

fn wrong_when_they_run() -> Vec<Animal> {
    use FailureCode::{NotWasm, Trap};
    let body = |text: &str| command("(table 2 funcref)", text);
    vec![
        animal("a_data_segment_beyond_the_memory", &command("(data (i32.const 65535) \"xx\")", ""), Trap),
        animal(
            "an_element_segment_beyond_the_table",
            &command("(table 1 funcref) (func $f) (elem (i32.const 1) $f)", ""),
            Trap,
        ),
        animal(
            "a_passive_segment_beyond_its_end",
            &command("(data $d \"x\")", "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 2))"),
            Trap,
        ),
        animal("a_start_function_that_traps", &command("(func $s unreachable) (start $s)", ""), Trap),
        animal("a_load_beyond_the_memory", &body("(drop (i64.load (i32.const 65529)))"), Trap),
        animal("a_load_whose_address_overflows", &body("(drop (i32.load offset=4294967295 (i32.const -1)))"), Trap),
        animal("a_division_that_overflows", &body("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))"), Trap),
        animal("a_conversion_of_no_number", &body("(drop (i32.trunc_f64_s (f64.const nan)))"), Trap),
        animal("a_call_of_an_empty_place", &body("(call_indirect (i32.const 1))"), Trap),
        animal("a_call_beyond_the_table", &body("(call_indirect (i32.const 2))"), Trap),
        animal(
            "a_call_of_another_type",
            &command(
                "(table 1 funcref) (func $f (param i32)) (elem (i32.const 0) $f)",
                "(call_indirect (i32.const 0))",
            ),
            Trap,
        ),
        animal(
            "a_memory_that_begins_at_four_gibibytes",
            "(module (memory (export \"memory\") 65536) (func (export \"_start\")))",
            FailureCode::OutOfMemory,
        ),
        animal("a_table_that_begins_enormous", &command("(table 4000000000 funcref)", ""), NotWasm),
        animal(
            "a_table_grown_beyond_the_most",
            &body(
                "(drop (table.grow 0 (ref.null func) (i32.const 1100000)))
                (if (i32.ne (table.size 0) (i32.const 2)) (then unreachable))",
            ),
            None,
        ),
        animal("more_tables_than_anyone_needs", &command(&"(table 1 funcref)".repeat(9), ""), NotWasm),
    ]
}

fn large() -> Vec<Animal> {
    use FailureCode::{ImportNotAllowed, NotWasm};
    let import = r#"(import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))"#;
    let types = [leb128(1_000_001), [0x60, 0, 0].repeat(1_000_001)].concat();
    let wasm = assemble([(1, types)]);
    vec![
        Animal { name: "more_types_than_there_may_be", wasm, ends: Some(NotWasm) },
        animal("ten_thousand_types", &command(&many(10_000, "(type (func (param i32) (result i64)))"), ""), None),
        animal("more_locals_than_there_may_be", &command("", &format!("(local {})", "i32 ".repeat(50_001))), NotWasm),
        animal("a_thousand_imports", &command(&import.repeat(1_000), ""), None),
        animal(
            "an_alien_among_many_imports",
            &command(&(import.repeat(100) + r#"(import "env" "x" (func))"#), ""),
            ImportNotAllowed,
        ),
        animal("ten_thousand_exports", &command(&many(10_000, "(export \"e#\" (memory 0))"), ""), None),
        animal("ten_thousand_functions", &command(&many(10_000, "(func (result i32) (i32.const #))"), ""), None),
        animal(
            "a_jump_table_of_a_hundred_thousand",
            &command("", &format!("(block (br_table {} (i32.const 7)))", "0 ".repeat(100_000))),
            NotWasm,
        ),
        animal("blocks_within_blocks", &command("", &("(block ".repeat(5_000) + &")".repeat(5_000))), None),
        animal("a_name_of_a_megabyte", &command(&format!("(func (export \"{}\"))", "x".repeat(1 << 20)), ""), NotWasm),
    ]
}

fn not_for_us() -> Vec<Animal> {
    use FailureCode::NotWasm;
    let module = |text: &str| format!("(module {text} (func (export \"_start\")))");
    vec![
        animal("threads", &module("(memory 1 1 shared)"), NotWasm),
        animal("a_memory_of_64_bits", &module("(memory i64 1)"), NotWasm),
        animal("two_memories", &module("(memory 1) (memory 1)"), NotWasm),
        animal("exceptions", &module("(tag)"), NotWasm),
        animal("structures", &module("(type (struct (field i32)))"), NotWasm),
        animal("no_entry", "(module (memory (export \"memory\") 1))", NotWasm),
        animal("an_entry_that_is_no_function", "(module (memory (export \"_start\") 1))", NotWasm),
        animal("an_empty_component", "(component)", NotWasm),
        animal(
            "a_component_of_three_memories",
            r#"(component (core module $m (memory 1))
                (core instance (instantiate $m)) (core instance (instantiate $m)) (core instance (instantiate $m)))"#,
            NotWasm,
        ),
        Animal { name: "nothing", wasm: Vec::new(), ends: Some(NotWasm) },
        Animal { name: "a_script", wasm: b"#!/bin/sh\n".to_vec(), ends: Some(NotWasm) },
        Animal { name: "text", wasm: b"(module)".to_vec(), ends: Some(NotWasm) },
        Animal { name: "another_version", wasm: b"\0asm\x02\0\0\0".to_vec(), ends: Some(NotWasm) },
        Animal {
            name: "a_section_longer_than_the_file",
            wasm: b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\x0f".to_vec(),
            ends: Some(NotWasm),
        },
        Animal { name: "machine_code", wasm: b"\x7fELF\x02\x01\x01".to_vec(), ends: Some(NotWasm) },
    ]
}

/// A good module, cut at each of some places, and with a byte changed at each.
fn damaged() -> Vec<Vec<u8>> {
    let good = wat::parse_str(command("(data (i32.const 0) \"hello\")", "(drop (i32.load (i32.const 0)))")).unwrap();
    let cut = (9..good.len()).step_by(5).map(|end| good[..end].to_vec());
    let changed = (8..good.len()).step_by(7).map(|at| {
        let mut wasm = good.clone();
        wasm[at] ^= 0x55;
        wasm
    });
    cut.chain(changed).collect()
}

async fn expect(fixture: &Fixture, animals: Vec<Animal>) {
    let mut surprises = Vec::new();
    for Animal { name, wasm, ends } in animals {
        let began = Instant::now();
        let outcome = fixture.run(&Program::bytes(wasm), "", LIMITS).await;
        if outcome.end.failure() != ends {
            surprises.push(format!("{name}: {:?}, expected {ends:?}", outcome.end));
        }
        assert!(outcome.stderr.len() <= 4_096, "{name}");
        if began.elapsed() > Duration::from_secs(5) {
            println!("{name} took {:?}", began.elapsed());
        }
    }
    assert!(surprises.is_empty(), "{surprises:#?}");
    assert_eq!(fixture.guest("echo", "still here").await.output, b"still here");
}

fn zoo() -> Fixture {
    Fixture::with(&ExecuteConfig { parallel_runs: 2, ..config() })
}

#[tokio::test]
async fn what_never_ends_is_ended_by_the_limit_that_it_meets() {
    expect(&zoo(), endless()).await;
}

#[tokio::test]
async fn what_goes_wrong_when_it_runs_is_a_trap_or_is_not_run_wherever_memory_comes_from() {
    expect(&zoo(), wrong_when_they_run()).await;
    let on_demand = ExecuteConfig { memory: MemorySource::OnDemand, parallel_runs: 2, ..config() };
    expect(&Fixture::with(&on_demand), wrong_when_they_run()).await;
}

#[tokio::test]
async fn what_is_large_runs_or_is_refused() {
    expect(&zoo(), large()).await;
}

#[tokio::test]
async fn what_is_not_made_for_us_is_refused() {
    expect(&zoo(), not_for_us()).await;
}

#[tokio::test]
async fn a_damaged_module_fails_and_nothing_else_does() {
    let fixture = zoo();
    for wasm in damaged() {
        let outcome = fixture.run(&Program::bytes(wasm.clone()), "", LIMITS).await;
        // A changed byte may be one that nobody looks at.
        let harmless = outcome.end == End::Success;
        let codes = [FailureCode::NotWasm, FailureCode::Trap, FailureCode::OutOfMemory, FailureCode::ImportNotAllowed];
        assert!(
            harmless || outcome.end.failure().is_some_and(|code| codes.contains(&code)),
            "{wasm:x?}: {:?}",
            outcome.end
        );
    }
}
