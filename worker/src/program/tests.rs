//! What passes for a program and what does not, kind by kind.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at the first surprise")]

use super::*;
use BuildTarget::{Wasm32UnknownUnknown, Wasm32Wasip1, Wasm32Wasip2};

fn verdict(text: &str, expected: Option<BuildTarget>) -> Result<BuildTarget, NotAProgram> {
    check(&wat::parse_str(text).unwrap(), expected)
}

fn refused(text: &str, expected: BuildTarget, code: FailureCode, why: &str) {
    let fault = verdict(text, Some(expected)).unwrap_err();
    assert!(fault.code == code && fault.message.contains(why), "{text}: {fault}");
}

const MEMORY: &str = r#"(memory (export "memory") 1)"#;
const ALLOC: &str = r#"(func (export "offchainvm_alloc") (param i32) (result i32) i32.const 0)"#;
const RUN: &str = r#"(func (export "offchainvm_run") (param i32 i32) (result i64) i64.const 0)"#;
const COMPONENT: &str = r#"(component
    (import "wasi:io/streams@0.2.6" (instance))
    (instance $run)
    (export "wasi:cli/run@0.2.6" (instance $run)))"#;

#[test]
fn each_kind_passes_and_is_told_from_its_bytes() {
    let command = format!(
        r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32))) {MEMORY} (func (export "_start")))"#
    );
    let bare = format!("(module {MEMORY} {ALLOC} {RUN})");
    for (text, kind) in [(&*command, Wasm32Wasip1), (&*bare, Wasm32UnknownUnknown), (COMPONENT, Wasm32Wasip2)] {
        for expected in [Some(kind), None] {
            assert_eq!(verdict(text, expected), Ok(kind), "{text}");
        }
        for other in BuildTarget::ALL.iter().filter(|target| **target != kind) {
            assert_eq!(verdict(text, Some(*other)).unwrap_err().code, FailureCode::NotWasm, "{text} for {other}");
        }
    }
}

#[test]
fn what_is_no_command_is_refused() {
    for (text, why) in [
        (format!("(module {MEMORY})"), "_start"),
        (format!("(module {MEMORY} (func (export \"_start\") (param i32)))"), "_start"),
        (format!("(module {MEMORY} (func (export \"_start\") (result i32) i32.const 0))"), "_start"),
        (format!("(module {MEMORY} (global (export \"_start\") i32 i32.const 0))"), "_start"),
        ("(module (func (export \"_start\")))".into(), "memory"),
        ("(module (func (export \"_start\")) (table (export \"memory\") 1 funcref))".into(), "memory"),
    ] {
        refused(&text, Wasm32Wasip1, FailureCode::NotWasm, why);
    }
}

#[test]
fn a_module_for_no_system_exports_three_things_and_imports_none() {
    let odd = RUN.replace("(result i64) i64", "(result i32) i32");
    for (text, why) in [
        (format!("(module {MEMORY} {RUN})"), "offchainvm_alloc"),
        (format!("(module {MEMORY} {ALLOC})"), "offchainvm_run"),
        (format!("(module {MEMORY} {ALLOC} {odd})"), "offchainvm_run"),
        (format!("(module {ALLOC} {RUN})"), "memory"),
    ] {
        refused(&text, Wasm32UnknownUnknown, FailureCode::NotWasm, why);
    }
    let import = r#"(import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))"#;
    let text = format!("(module {import} {MEMORY} {ALLOC} {RUN})");
    refused(&text, Wasm32UnknownUnknown, FailureCode::ImportNotAllowed, "proc_exit");
    assert_eq!(abi::unpack(0x0000_0007_ffff_fffe), (7, 0xffff_fffe));
}

#[test]
fn a_component_runs_and_imports_preview_2_only() {
    refused("(component)", Wasm32Wasip2, FailureCode::NotWasm, "wasi:cli/run");
    let other_version = COMPONENT.replace("wasi:cli/run@0.2.6", "wasi:cli/run@0.3.0");
    refused(&other_version, Wasm32Wasip2, FailureCode::NotWasm, "wasi:cli/run");
    // What a component within exports is not what the component exports.
    let within = "(component (component (instance $run) (export \"wasi:cli/run@0.2.6\" (instance $run))))";
    refused(within, Wasm32Wasip2, FailureCode::NotWasm, "wasi:cli/run");
    for import in
        ["wasi:http/outgoing-handler@0.2.6", "wasi:io/streams@0.3.0", "acme:missiles/launch", "wasi:iot/x@0.2.0"]
    {
        let text = COMPONENT.replace("wasi:io/streams@0.2.6", import);
        refused(&text, Wasm32Wasip2, FailureCode::ImportNotAllowed, import);
    }
}

#[test]
fn bytes_that_are_not_valid_wasm_are_refused() {
    let mut broken = wat::parse_str("(module (func (export \"_start\")) (memory (export \"memory\") 1))").unwrap();
    broken.truncate(broken.len() - 1);
    let component = wat::parse_str(COMPONENT).unwrap();
    let cut = &component[..component.len() - 1];
    for bytes in [&b""[..], b"MZ", b"#!/bin/sh\n", b"\0asm", b"\0asm\x01\0\0\0\xff\xff", &broken, cut] {
        for expected in [None, Some(Wasm32Wasip1), Some(Wasm32Wasip2)] {
            let fault = check(bytes, expected).unwrap_err();
            assert_eq!(fault.code, FailureCode::NotWasm, "{bytes:?}: {fault}");
        }
    }
}

#[test]
fn anything_imported_from_elsewhere_is_named() {
    let rest = format!(r#"{MEMORY} (func (export "_start"))"#);
    for import in [
        r#"(import "env" "abort" (func))"#,
        r#"(import "wasi_unstable" "fd_write" (func))"#,
        r#"(import "wasi_snapshot_preview1" "clock" (global i32))"#,
    ] {
        let name = import.split('"').nth(3).unwrap();
        refused(&format!("(module {import} {rest})"), Wasm32Wasip1, FailureCode::ImportNotAllowed, name);
    }
}
