//! A program that is a function from bytes to bytes: the target `wasm32-unknown-unknown`.
//!
//! It exports its memory and two functions, and imports nothing (docs/GUESTS.md):
//!
//! ```text
//! memory
//! offchainvm_alloc(length: u32) -> u32             where the input may be written
//! offchainvm_run(input: u32, length: u32) -> u64   where the output is, in the upper half, and its length
//! ```

use super::state::{RunState, Stop, charge};
use wasmtime::{ExternType, InstancePre, Module, Store, TypedFunc, WasmParams, WasmResults};

pub(super) const MEMORY: &str = "memory";
pub(super) const ALLOC: &str = "offchainvm_alloc";
pub(super) const RUN: &str = "offchainvm_run";

/// Whether the module exports what such a program must.
pub(super) fn is_function(module: &Module) -> bool {
    let takes = |name: &str, parameters: usize, gives_64: bool| {
        let Some(ExternType::Func(function)) = module.get_export(name) else { return false };
        let mut results = function.results();
        function.params().len() == parameters
            && function.params().all(|parameter| parameter.is_i32())
            && results.len() == 1
            && results.all(|result| if gives_64 { result.is_i64() } else { result.is_i32() })
    };
    let has_memory = matches!(module.get_export(MEMORY), Some(ExternType::Memory(_)));
    has_memory && takes(ALLOC, 1, false) && takes(RUN, 2, true)
}

/// Gives the program its input, and takes its output. Each byte of both costs an instruction, as everywhere.
pub(super) async fn call(program: &InstancePre<RunState>, store: &mut Store<RunState>) -> wasmtime::Result<()> {
    let instance = program.instantiate_async(&mut *store).await?;
    let memory = instance.get_memory(&mut *store, MEMORY).ok_or_else(|| broken("it exports no memory"))?;
    let alloc: TypedFunc<u32, u32> = instance.get_typed_func(&mut *store, ALLOC)?;
    let run: TypedFunc<(u32, u32), u64> = instance.get_typed_func(&mut *store, RUN)?;

    let input = store.data_mut().stdio.take_all();
    let length = u32::try_from(input.len()).map_err(|_| Stop::OutOfMemory)?;
    charge(&mut *store, u64::from(length))?;
    let at = call_it(&alloc, store, length).await?;
    if memory.write(&mut *store, at as usize, &input).is_err() {
        return Err(broken(&format!("{ALLOC} gave {at}, where {length} bytes do not fit into its memory")).into());
    }
    drop(input);

    let found = call_it(&run, store, (at, length)).await?;
    let (at, length) = (found >> 32, found & u64::from(u32::MAX));
    charge(&mut *store, length)?;
    let (bytes, state) = memory.data_and_store_mut(&mut *store);
    let end = usize::try_from(at + length)?;
    let output = bytes
        .get(usize::try_from(at)?..end)
        .ok_or_else(|| broken(&format!("{RUN} gave {length} bytes at {at}, which are not in its memory")))?;
    state.stdio.write_output(output)?;
    Ok(())
}

async fn call_it<P: WasmParams + Send + Sync, R: WasmResults + Send + Sync>(
    function: &TypedFunc<P, R>,
    store: &mut Store<RunState>,
    parameters: P,
) -> wasmtime::Result<R> {
    function.call_async(store, parameters).await
}

fn broken(how: &str) -> Stop {
    Stop::InterfaceBroken(how.to_owned())
}
