//! What the engine's name in receipts stands for: these figures, whatever the machine, the cache and the settings.
//!
//! When a change makes them others, raise `RULES` in `execute/fingerprint.rs`: receipts of before are then of another
//! engine, and nobody is called a liar for them.

use crate::{
    scratch_handles,
    support::{Fixture, config, task, text, wat_program},
};
use offchainvm_interface::ResourceLimits;
use offchainvm_worker::execute::{End, ExecuteConfig, MemorySource};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

/// Counts, grows its memory in steps, gives some of it no use, asks for time and chance, and writes both.
const PROGRAM: &str = r#"(module
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (table 10 100 funcref)
    (func (export "_start") (local $n i32)
        (loop $again
            (drop (memory.grow (i32.const 1)))
            (drop (table.grow 0 (ref.null func) (i32.const 3)))
            (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 7))))
        (drop (call $random (i32.const 64) (i32.const 40)))
        (drop (call $time (i32.const 0) (i64.const 1) (i32.const 104)))
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const 48))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

/// The digest of what it writes.
const WRITTEN: &str = "4ce53b5bd2341386507e500882a9f1268d3cc0847c753b65675b4dfa4a0f3037";

#[tokio::test]
async fn the_same_rules_give_the_same_figures_to_the_byte() {
    let pooled = Fixture::new();
    let on_demand = Fixture::with(&ExecuteConfig { memory: MemorySource::OnDemand, parallel_runs: 1, ..config() });
    let program = wat_program(PROGRAM);
    for fixture in [&pooled, &pooled, &on_demand] {
        let task = task("", ResourceLimits::default(), [7; 32]);
        let outcome = fixture.executor.run(&program, task, CancellationToken::new()).await.unwrap();
        assert_eq!(outcome.end, End::Success, "{}", outcome.stderr);
        let written = hex::encode(Sha256::digest(&outcome.output));
        let figures = (outcome.used.instructions, outcome.used.memory_bytes, written.as_str());
        assert_eq!(fixture.executor.describe().engine, "wasmtime 48.0.8; offchainvm rules 3");
        // Three calls at 500, a buffer at 20, seven growths each of memory and table at 255, and 21 elements at 8 are among
        // the instructions. Eight pages, and 31 elements of eight bytes.
        assert_eq!(figures, (5_435, 8 * 65_536 + 31 * 8, WRITTEN), "raise RULES");
    }
}

/// Makes a file, writes it through a stream, reads it through another and through its descriptor, and removes it.
const COMPONENT: &str = "
    (local.set $a (call $file))
    (local.set $b (call $writer-at (local.get $a) (i64.const 0)))
    (call $stream-write (local.get $b) (i32.const 65536) (i32.const 5000) (i32.const 0)) (drop (call $given))
    (local.set $b (call $reader-at (local.get $a) (i64.const 1)))
    (call $stream-read (local.get $b) (i64.const 100) (i32.const 0)) (drop (call $given))
    (call $read (local.get $a) (i64.const 10000) (i64.const 4000) (i32.const 0)) (drop (call $given))
    (call $unlink (global.get $tmp) (i32.const 1024) (i32.const 8) (i32.const 0)) (drop (call $given))
    (call $drop-input (local.get $b))
    (call $close (local.get $a))";

#[tokio::test]
async fn a_components_figures_are_as_fixed() {
    let outcome = scratch_handles::run(COMPONENT, ResourceLimits::default()).await;
    text(&outcome);
    // Among the instructions are ten calls at 500; 5,000 bytes written, 100 and 1,000 read; a file made and removed, and two blocks. Forty pages, a
    // file and its blocks.
    let figures = (outcome.used.instructions, outcome.used.memory_bytes);
    assert_eq!(figures, (19_613, 40 * 65_536 + 512 + 2 * 4_096), "raise RULES");
}
