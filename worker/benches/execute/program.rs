//! Programs that are made for a measurement.

use std::fmt::Write;

use anyhow::{Result, ensure};

const FUNCTIONS: u32 = 1_700;
const STEPS: u32 = 60;

/// Many functions with different bodies, of which one is called.
pub fn of_a_megabyte() -> Result<Vec<u8>> {
    let mut text = String::from("(module (memory (export \"memory\") 1)\n");
    for function in 0..FUNCTIONS {
        writeln!(text, "(func $f{function} (param $x i32) (result i32)")?;
        for step in 0..STEPS {
            let constant = function.wrapping_mul(2_654_435_761).rotate_left(step);
            writeln!(text, "(local.set $x (i32.add (local.get $x) (i32.const {constant})))")?;
        }
        text.push_str("(local.get $x))\n");
    }
    text.push_str("(func (export \"_start\") (drop (call $f7 (i32.const 1)))))");
    let wasm = wat::parse_str(text)?;
    ensure!((900_000..1_200_000).contains(&wasm.len()), "{} bytes", wasm.len());
    Ok(wasm)
}

/// Waits for the monotonic clock, and then never ends.
pub fn sleeps_then_spins(milliseconds: u64) -> Result<Vec<u8>> {
    Ok(wat::parse_str(format!(
        r#"(module
            (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "_start")
                (i32.store (i32.const 16) (i32.const 1))
                (i64.store (i32.const 24) (i64.const {}))
                (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
                (loop (br 0))))"#,
        milliseconds * 1_000_000
    ))?)
}
