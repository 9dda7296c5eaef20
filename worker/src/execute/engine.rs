//! The one wasmtime engine that compiles and runs everything.

use super::{
    config::{ExecuteConfig, MemorySource},
    error::ExecuteSetupError,
};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails, WasmFeatures,
};

/// How deep a program may call, in bytes of native stack. Fixed, because it decides which programs overflow.
const MAX_STACK: usize = 512 << 10;
/// The stack that a program runs on; the rest is for the host's own calls.
const WHOLE_STACK: usize = 1 << 20;
/// How much of a used slot is zeroed by hand and kept, rather than given back with a system call.
const KEEP_RESIDENT: usize = 1 << 20;
/// Tables and their elements that a module may have in the pool: far above what compilers emit.
const MAX_TABLES: u32 = 4;
const MAX_TABLE_ELEMENTS: usize = 1 << 20;
/// Room for a module's own bookkeeping (a few bytes for each function); 1 MiB is wasmtime's default.
const MAX_INSTANCE_BYTES: usize = 8 << 20;

/// Builds the engine: metered, interruptible and deterministic.
pub(super) fn new(config: &ExecuteConfig) -> Result<Engine, ExecuteSetupError> {
    let mut settings = Config::new();
    metered(&mut settings);
    deterministic(&mut settings);
    if config.memory == MemorySource::Pooled {
        settings.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(config.runs())));
    }
    Engine::new(&settings).map_err(|error| ExecuteSetupError::Engine(format!("{error:#}")))
}

/// Fuel gives the bill and the verdict, epochs give a look at the clock.
fn metered(settings: &mut Config) {
    settings.consume_fuel(true).epoch_interruption(true).max_wasm_stack(MAX_STACK).async_stack_size(WHOLE_STACK);
}

/// The same module and input must give the same output and the same bill on every machine.
fn deterministic(settings: &mut Config) {
    settings
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        // Threads race; a second or a 64-bit memory is not what the targets produce and would escape the pool.
        .wasm_features(WasmFeatures::THREADS | WasmFeatures::SHARED_EVERYTHING_THREADS, false)
        .wasm_features(WasmFeatures::MEMORY64 | WasmFeatures::MULTI_MEMORY, false)
        // A trap is reported by its kind: no frames, and nothing that depends on the host's environment variables.
        .wasm_backtrace_max_frames(None)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
}

fn pool(runs: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(runs)
        .total_memories(runs)
        .total_stacks(runs)
        .total_tables(runs.saturating_mul(MAX_TABLES))
        .max_memories_per_module(1)
        .max_tables_per_module(MAX_TABLES)
        .table_elements(MAX_TABLE_ELEMENTS)
        .max_core_instance_size(MAX_INSTANCE_BYTES)
        // Without these, parallel runs queue for the kernel's lock on the address space.
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        // Where the kernel can tell which pages were written (Linux 6.7), only those are zeroed.
        .pagemap_scan(Enabled::Auto);
    pool
}
