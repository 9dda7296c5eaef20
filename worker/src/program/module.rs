//! Modules: what makes one a WASI preview 1 command, or a program without any system interface.

use super::{NotAProgram, abi};
use wasmparser::{
    ValType,
    types::{EntityType, TypesRef},
};

/// The only module that a command may import from: WASI preview 1.
const WASI: &str = "wasi_snapshot_preview1";
/// Where a command starts.
const START: &str = "_start";

/// A function's parameters and results.
type Signature = (&'static [ValType], &'static [ValType]);

/// Whether a module exports something under a name.
pub(super) fn exports(types: TypesRef<'_>, wanted: &str) -> bool {
    types.core_exports().into_iter().flatten().any(|(name, _)| name == wanted)
}

/// It exports a function `_start` without parameters or results and its memory, and imports functions of WASI only.
pub(super) fn check_command(types: TypesRef<'_>) -> Result<(), NotAProgram> {
    if !exports_function(types, START, (&[], &[])) {
        return Err(NotAProgram::not_wasm(
            "it is no command: it does not export a function _start without parameters or results",
        ));
    }
    if !exports_memory(types) {
        return Err(NotAProgram::not_wasm("it is no command: it does not export its memory"));
    }
    let mut imports = types.core_imports().into_iter().flatten();
    match imports.find(|(module, _, kind)| *module != WASI || !matches!(kind, EntityType::Func(_))) {
        Some((module, name, _)) => Err(NotAProgram::import(format!(
            "it imports {name:?} from {module:?}; a program may import functions of {WASI:?} only"
        ))),
        None => Ok(()),
    }
}

/// It exports what [`abi`] says, and imports nothing.
pub(super) fn check_bare(types: TypesRef<'_>) -> Result<(), NotAProgram> {
    let functions: [(&str, Signature); 2] = [
        (abi::ALLOC, (&[ValType::I32], &[ValType::I32])),
        (abi::RUN, (&[ValType::I32, ValType::I32], &[ValType::I64])),
    ];
    for (name, (params, results)) in functions {
        if !exports_function(types, name, (params, results)) {
            return Err(NotAProgram::not_wasm(format!(
                "it does not export a function {name} from {params:?} to {results:?}, as programs for \
                 wasm32-unknown-unknown must"
            )));
        }
    }
    if !exports_memory(types) {
        return Err(NotAProgram::not_wasm("it does not export its memory"));
    }
    match types.core_imports().into_iter().flatten().next() {
        Some((module, name, _)) => Err(NotAProgram::import(format!(
            "it imports {name:?} from {module:?}; a program for wasm32-unknown-unknown may import nothing"
        ))),
        None => Ok(()),
    }
}

fn exports_function(types: TypesRef<'_>, wanted: &str, (params, results): Signature) -> bool {
    types.core_exports().into_iter().flatten().any(|(name, kind)| match kind {
        EntityType::Func(id) if name == wanted => types.get(id).is_some_and(|function| {
            let function = function.unwrap_func();
            function.params() == params && function.results() == results
        }),
        _ => false,
    })
}

fn exports_memory(types: TypesRef<'_>) -> bool {
    let mut exports = types.core_exports().into_iter().flatten();
    exports.any(|(name, kind)| name == abi::MEMORY && matches!(kind, EntityType::Memory(_)))
}
