//! A module of a megabyte: many functions with different bodies, of which one is called.

use std::fmt::Write;

use anyhow::{Result, ensure};

const FUNCTIONS: u32 = 1_700;
const STEPS: u32 = 60;

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
