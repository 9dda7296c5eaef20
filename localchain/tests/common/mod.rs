//! What the tests of the outside share: a fast chain, and a contract small enough to read here.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::time::Duration;

use offchainvm_localchain::{Blocks, LocalChain, StartError};

/// `set` stores its input and logs that it did; `get` returns what is stored; `fail` traps.
pub const GREETER: &str = r#"(module
    (import "env" "input" (func $input (param i64)))
    (import "env" "storage_write" (func $storage_write (param i64 i64 i64 i64 i64) (result i64)))
    (import "env" "storage_read" (func $storage_read (param i64 i64 i64) (result i64)))
    (import "env" "value_return" (func $value_return (param i64 i64)))
    (import "env" "log_utf8" (func $log_utf8 (param i64 i64)))
    (memory 1)
    (data (i32.const 0) "greeting")
    (data (i32.const 8) "set")
    (func (export "set")
        (call $input (i64.const 0))
        (drop (call $storage_write (i64.const 8) (i64.const 0) (i64.const -1) (i64.const 0) (i64.const 1)))
        (call $log_utf8 (i64.const 3) (i64.const 8)))
    (func (export "get")
        (if (i64.eq (call $storage_read (i64.const 8) (i64.const 0) (i64.const 0)) (i64.const 1))
            (then (call $value_return (i64.const -1) (i64.const 0)))))
    (func (export "fail") unreachable))"#;

/// A chain with a block every 20 ms.
pub async fn fast_chain() -> Result<LocalChain, StartError> {
    LocalChain::builder().blocks(Blocks::Every(Duration::from_millis(20))).start().await
}

/// A chain that stands still until told otherwise.
pub async fn still_chain() -> Result<LocalChain, StartError> {
    LocalChain::builder().blocks(Blocks::ByHand).start().await
}
