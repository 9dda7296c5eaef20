//! The one wasmtime engine that compiles and runs everything.

use super::{
    config::{ExecuteConfig, MemorySource},
    error::ExecuteSetupError,
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    num::NonZeroUsize,
};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OperatorCost, PoolingAllocationConfig, ResourcesRequired,
    VariableOperatorCost, WasmBacktraceDetails, WasmFeatures,
};

/// How deep a program may call, in bytes of native stack. Fixed, because it decides which programs overflow.
const MAX_STACK: usize = 512 << 10;
/// The stack that a program runs on; the rest is for the host's own calls.
const WHOLE_STACK: usize = 1 << 20;
/// How much of a used slot is zeroed by hand and kept, rather than given back with a system call.
const KEEP_RESIDENT: usize = 1 << 20;
/// What one program may consist of: far above what compilers emit. A component has a few instances (the program, and what
/// fits it to its interfaces), a core module one, and one memory.
pub(super) const MAX_INSTANCES: u32 = 16;
pub(super) const MAX_MEMORIES: u32 = 2;
pub(super) const MAX_TABLES: u32 = 8;
pub(super) const MAX_TABLES_OF_MODULE: u32 = 4;
pub(super) const MAX_TABLE_ELEMENTS: usize = 1 << 20;
/// Room for a module's own bookkeeping (a few bytes for each function); 1 MiB is wasmtime's default.
const MAX_INSTANCE_BYTES: usize = 8 << 20;
/// How many callers of a trap are looked at for its name: the innermost is enough.
const MAX_FRAMES: NonZeroUsize = NonZeroUsize::MIN;

/// Builds the engine: metered, interruptible and deterministic.
pub(super) fn new(config: &ExecuteConfig) -> Result<Engine, ExecuteSetupError> {
    let mut settings = settings();
    if config.memory == MemorySource::Pooled {
        settings.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(config.runs())));
    }
    start(&settings)
}

/// An engine that compiles for the engines of [`new`], and runs nothing.
pub(super) fn compiling() -> Result<Engine, ExecuteSetupError> {
    start(&settings())
}

/// Whether a program's memories and tables fit, wherever memory comes from: what one operator runs, every other does.
///
/// # Errors
/// What there is too much of, for the program's author.
pub(super) fn fits(needed: &ResourcesRequired, max_tables: u32) -> Result<(), String> {
    if needed.num_memories > MAX_MEMORIES {
        return Err(format!("it has {} memories, and {MAX_MEMORIES} are the most", needed.num_memories));
    }
    if needed.num_tables > max_tables {
        return Err(format!("it has {} tables, and {max_tables} are the most", needed.num_tables));
    }
    match needed.max_initial_table_size {
        Some(elements) if elements > MAX_TABLE_ELEMENTS as u64 => {
            Err(format!("it has a table of {elements} elements, and {MAX_TABLE_ELEMENTS} are the most"))
        }
        _ => Ok(()),
    }
}

/// What distinguishes engines that understand each other's machine code: wasmtime's version and settings, and the
/// processor.
pub(super) fn fingerprint(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("wasmtime-{:016x}", hasher.finish())
}

fn start(settings: &Config) -> Result<Engine, ExecuteSetupError> {
    Engine::new(settings).map_err(|error| ExecuteSetupError::Engine(format!("{error:#}")))
}

fn settings() -> Config {
    let mut settings = Config::new();
    metered(&mut settings);
    deterministic(&mut settings);
    settings
}

/// Fuel gives the bill and the verdict, epochs give a look at the clock.
fn metered(settings: &mut Config) {
    settings
        .consume_fuel(true)
        .operator_cost(costs())
        .epoch_interruption(true)
        .max_wasm_stack(MAX_STACK)
        .async_stack_size(WHOLE_STACK);
}

/// What instructions cost: one each, and one for each byte that is filled or copied, but for those that wasmtime calls
/// itself for. Measured, they take from 40 to 250 ns, and 1 to 20 ns for an element of a table, in which a computing program
/// executes two instructions a nanosecond; 255 is the most that an instruction can cost.
fn costs() -> OperatorCost {
    OperatorCost {
        RefFunc: 255,
        MemoryGrow: 255,
        TableGrow: 255,
        TableInit: 100,
        ElemDrop: 100,
        variable: VariableOperatorCost {
            table_fill_per_element: 2,
            table_copy_per_element: 8,
            table_init_per_element: 8,
            table_grow_per_element: 8,
            ..VariableOperatorCost::new()
        },
        ..OperatorCost::new()
    }
}

/// The same module and input must give the same output and the same bill on every machine.
fn deterministic(settings: &mut Config) {
    settings
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        // Threads race; a second or a 64-bit memory is not what the targets produce and would escape the pool.
        .wasm_features(WasmFeatures::THREADS | WasmFeatures::SHARED_EVERYTHING_THREADS, false)
        .wasm_features(WasmFeatures::MEMORY64 | WasmFeatures::MULTI_MEMORY, false)
        // A trap is reported by its kind and function, and by nothing that depends on the host's environment variables.
        .wasm_backtrace_max_frames(Some(MAX_FRAMES))
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
}

fn pool(runs: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    let each = |most: u32| runs.saturating_mul(most);
    pool.total_stacks(runs)
        .total_component_instances(runs)
        .total_core_instances(each(MAX_INSTANCES))
        .total_memories(each(MAX_MEMORIES))
        .total_tables(each(MAX_TABLES))
        .max_core_instances_per_component(MAX_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_memories_per_module(1)
        .max_tables_per_component(MAX_TABLES)
        .max_tables_per_module(MAX_TABLES_OF_MODULE)
        .table_elements(MAX_TABLE_ELEMENTS)
        .max_core_instance_size(MAX_INSTANCE_BYTES)
        .max_component_instance_size(MAX_INSTANCE_BYTES)
        // Without these, parallel runs queue for the kernel's lock on the address space.
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        // Where the kernel can tell which pages were written (Linux 6.7), only those are zeroed.
        .pagemap_scan(Enabled::Auto);
    pool
}
