//! Whether what a build gave is a program that we would run.

use super::error::BuildError;
use offchainvm_interface::FailureCode;
use wasmparser::{Encoding, Parser, Payload, Validator, types::EntityType};

/// The only module that a program may import from: WASI preview 1.
const WASI: &str = "wasi_snapshot_preview1";

/// Checks that the bytes are a valid WebAssembly module, a WASI preview 1 command, and ask for nothing else.
///
/// # Errors
/// `not_wasm` when the bytes are no such module or lack what makes one a command: the exported function `_start`
/// without parameters or results, and the exported memory; `import_not_allowed` when it imports anything outside WASI
/// preview 1.
pub(super) fn verify(wasm: &[u8]) -> Result<(), BuildError> {
    let not_wasm = |why: String| BuildError::source(FailureCode::NotWasm, why);
    let version = Parser::new(0).parse_all(wasm).next();
    match version {
        Some(Ok(Payload::Version { encoding: Encoding::Module, .. })) => {}
        Some(Ok(_)) => return Err(not_wasm("it is a component, not a module; only modules are run".into())),
        Some(Err(error)) => return Err(not_wasm(format!("it is not WebAssembly: {error}"))),
        None => return Err(not_wasm("it is empty".into())),
    }
    let types = Validator::new()
        .validate_all(wasm)
        .map_err(|error| not_wasm(format!("it is not valid WebAssembly: {error}")))?;
    let types = types.as_ref();

    let mut starts = false;
    let mut has_memory = false;
    for (name, kind) in types.core_exports().into_iter().flatten() {
        match kind {
            EntityType::Func(id) if name == "_start" => {
                starts = types.get(id).is_some_and(|function| {
                    let function = function.unwrap_func();
                    function.params().is_empty() && function.results().is_empty()
                });
            }
            EntityType::Memory(_) if name == "memory" => has_memory = true,
            _ => {}
        }
    }
    if !starts {
        return Err(not_wasm("it is no command: it does not export a function _start without parameters".into()));
    }
    if !has_memory {
        return Err(not_wasm("it is no command: it does not export its memory".into()));
    }
    let mut imports = types.core_imports().into_iter().flatten();
    match imports.find(|(module, _, kind)| *module != WASI || !matches!(kind, EntityType::Func(_))) {
        Some((module, name, _)) => Err(BuildError::source(
            FailureCode::ImportNotAllowed,
            format!("it imports {name:?} from {module:?}; a program may import functions of {WASI:?} only"),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]
    use super::*;

    fn verdict(text: &str) -> Result<(), (FailureCode, String)> {
        match verify(&wat::parse_str(text).unwrap()) {
            Ok(()) => Ok(()),
            Err(BuildError::Source { code, message }) => Err((code, message)),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_command_that_imports_from_wasi_passes() {
        let command = r#"(module
            (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
            (memory (export "memory") 1)
            (func (export "_start")))"#;
        assert_eq!(verdict(command), Ok(()));
    }

    #[test]
    fn what_is_no_command_is_refused() {
        let memory = r#"(memory (export "memory") 1)"#;
        for (text, why) in [
            (format!("(module {memory})"), "_start"),
            (format!("(module {memory} (func (export \"_start\") (param i32)))"), "_start"),
            (format!("(module {memory} (func (export \"_start\") (result i32) i32.const 0))"), "_start"),
            (format!("(module {memory} (global (export \"_start\") i32 i32.const 0))"), "_start"),
            ("(module (func (export \"_start\")))".into(), "memory"),
            ("(module (func (export \"_start\")) (table (export \"memory\") 1 funcref))".into(), "memory"),
            ("(component)".into(), "component"),
        ] {
            let (code, message) = verdict(&text).unwrap_err();
            assert!(code == FailureCode::NotWasm && message.contains(why), "{text}: {code} {message}");
        }
    }

    #[test]
    fn bytes_that_are_not_valid_wasm_are_refused() {
        let mut broken = wat::parse_str("(module (func (export \"_start\")) (memory (export \"memory\") 1))").unwrap();
        broken.truncate(broken.len() - 1);
        for bytes in [&b""[..], b"MZ", b"#!/bin/sh\n", b"\0asm", b"\0asm\x01\0\0\0\xff\xff", &broken] {
            let error = verify(bytes).unwrap_err();
            assert!(matches!(error, BuildError::Source { code: FailureCode::NotWasm, .. }), "{bytes:?}: {error}");
        }
    }

    #[test]
    fn anything_imported_from_elsewhere_is_named() {
        let memory = r#"(memory (export "memory") 1) (func (export "_start"))"#;
        for import in [
            r#"(import "env" "abort" (func))"#,
            r#"(import "wasi_unstable" "fd_write" (func))"#,
            r#"(import "wasi_snapshot_preview1" "clock" (global i32))"#,
        ] {
            let (code, message) = verdict(&format!("(module {import} {memory})")).unwrap_err();
            let name = import.split('"').nth(3).unwrap();
            assert!(code == FailureCode::ImportNotAllowed && message.contains(name), "{import}: {code} {message}");
        }
    }
}
