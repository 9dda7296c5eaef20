//! The baseline: wasmtime with nothing around it but what metering and bounding a run takes.

use std::{thread, time::Duration};

use anyhow::Result;
use wasmtime::{
    Caller, Config, Enabled, Engine, Extern, ExternType, InstanceAllocationStrategy, InstancePre, Linker, Memory,
    Module, PoolingAllocationConfig, Store, StoreLimits, StoreLimitsBuilder, Val,
};

const WASI: &str = "wasi_snapshot_preview1";

pub struct Bare {
    engine: Engine,
}

/// What a program of the baseline has.
struct State {
    limits: StoreLimits,
    input: Vec<u8>,
    taken: usize,
    output: Vec<u8>,
}

impl Bare {
    pub fn new() -> Result<Self> {
        Self::start().map_err(told)
    }

    pub fn load(&self, wasm: &[u8]) -> Result<Loaded> {
        self.link(wasm).map_err(told)
    }

    fn start() -> wasmtime::Result<Self> {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_core_instances(2)
            .total_memories(2)
            .total_stacks(2)
            .total_tables(8)
            .max_tables_per_module(4)
            .table_elements(1 << 20)
            .linear_memory_keep_resident(1 << 20)
            .table_keep_resident(1 << 20)
            .pagemap_scan(Enabled::Auto);
        let mut config = Config::new();
        config
            .consume_fuel(true)
            .epoch_interruption(true)
            .cranelift_nan_canonicalization(true)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config)?;
        let ticking = engine.weak();
        thread::spawn(move || {
            while let Some(engine) = ticking.upgrade() {
                engine.increment_epoch();
                thread::sleep(Duration::from_millis(10));
            }
        });
        Ok(Self { engine })
    }

    fn link(&self, wasm: &[u8]) -> wasmtime::Result<Loaded> {
        let module = Module::new(&self.engine, wasm)?;
        let mut linker = Linker::new(&self.engine);
        linker.func_wrap(WASI, "fd_read", read)?.func_wrap(WASI, "fd_write", write)?;
        for import in module.imports().filter(|import| !["fd_read", "fd_write"].contains(&import.name())) {
            if let ExternType::Func(function) = import.ty() {
                linker.func_new(import.module(), import.name(), function, |_, _, results| {
                    results.fill(Val::I32(0));
                    Ok(())
                })?;
            }
        }
        Ok(Loaded { program: linker.instantiate_pre(&module)? })
    }
}

pub struct Loaded {
    program: InstancePre<State>,
}

impl Loaded {
    /// Runs the program to its end; its standard output.
    pub fn run(&self, input: &[u8]) -> Result<Vec<u8>> {
        self.call(input).map_err(told)
    }

    fn call(&self, input: &[u8]) -> wasmtime::Result<Vec<u8>> {
        let limits = StoreLimitsBuilder::new().memory_size(128 << 20).build();
        let state = State { limits, input: input.to_vec(), taken: 0, output: Vec::new() };
        let mut store = Store::new(self.program.module().engine(), state);
        store.limiter(|state| &mut state.limits);
        store.set_fuel(100_000_000_000)?;
        // Ten minutes of ticks: never reached, as in a run that ends in time.
        store.set_epoch_deadline(60_000);
        let instance = self.program.instantiate(&mut store)?;
        instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())?;
        Ok(store.into_data().output)
    }
}

fn told(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}

fn memory(caller: &mut Caller<'_, State>) -> wasmtime::Result<Memory> {
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    memory.ok_or_else(|| wasmtime::format_err!("no memory"))
}

/// The first buffer of a list: where it is and how long.
fn buffer(bytes: &[u8], list: u32) -> Option<(usize, usize)> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?) as usize);
    Some((word(list as usize)?, word(list as usize + 4)?))
}

fn read(mut caller: Caller<'_, State>, _fd: u32, list: u32, _count: u32, done: u32) -> wasmtime::Result<i32> {
    let memory = memory(&mut caller)?;
    let (bytes, state) = memory.data_and_store_mut(&mut caller);
    let Some((at, length)) = buffer(bytes, list) else { return Ok(21) };
    let rest = state.input.get(state.taken..).unwrap_or_default();
    let part = rest.get(..length.min(rest.len())).unwrap_or_default().to_vec();
    state.taken += part.len();
    memory.write(&mut caller, at, &part)?;
    memory.write(&mut caller, done as usize, &(part.len() as u32).to_le_bytes())?;
    Ok(0)
}

fn write(mut caller: Caller<'_, State>, _fd: u32, list: u32, _count: u32, done: u32) -> wasmtime::Result<i32> {
    let memory = memory(&mut caller)?;
    let (bytes, state) = memory.data_and_store_mut(&mut caller);
    let Some((at, length)) = buffer(bytes, list) else { return Ok(21) };
    state.output.extend_from_slice(bytes.get(at..at + length).unwrap_or_default());
    memory.write(&mut caller, done as usize, &(length as u32).to_le_bytes())?;
    Ok(0)
}
