//! A program that is a function from bytes to bytes: the target `wasm32-unknown-unknown`, see [`crate::program::abi`].

use super::state::{RunState, Stop, charge};
use crate::program::abi::{ALLOC, MEMORY, RUN, unpack};
use wasmtime::{ExternType, InstancePre, Module, Store, TypedFunc};

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
    let at = alloc.call_async(&mut *store, length).await?;
    if memory.write(&mut *store, at as usize, &input).is_err() {
        return Err(broken(&format!("{ALLOC} gave {at}, where {length} bytes do not fit into its memory")).into());
    }
    drop(input);

    let (at, length) = unpack(run.call_async(&mut *store, (at, length)).await?);
    charge(&mut *store, u64::from(length))?;
    let (bytes, state) = memory.data_and_store_mut(&mut *store);
    let (start, length) = (at as usize, length as usize);
    let output = bytes
        .get(start..start.saturating_add(length))
        .ok_or_else(|| broken(&format!("{RUN} gave {length} bytes at {at}, which are not in its memory")))?;
    state.stdio.write_output(output)?;
    Ok(())
}

fn broken(how: &str) -> Stop {
    Stop::InterfaceBroken(how.to_owned())
}
