//! Modules made ready to run: compiled once, kept by digest in memory and on disk, their imports already resolved.

use super::{
    config::ExecuteConfig,
    disk::DiskCache,
    error::{ExecuteError, ExecuteSetupError, LoadError, Refusal},
    program::Program,
    state::RunState,
    wasi,
};
use crate::job::WasmDigest;
use offchainvm_interface::{FailureCode, limits::BYTES_PER_MB, response::cut};
use parking_lot::Mutex;
use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};
use tokio::sync::{OnceCell, Semaphore};
use wasmtime::{Engine, InstancePre, Linker, Module};

/// How many modules are compiled at the same time. Each uses all processors, so more would not be faster; one that
/// takes for ever must not stop all others.
const PARALLEL_COMPILATIONS: usize = 2;
/// The longest part of wasmtime's text about a module that goes into a message: it repeats the module's own names.
const MAX_REASON_BYTES: usize = 500;
/// What every WebAssembly file begins with.
const MAGIC: &[u8] = b"\0asm";
/// What a command exports, with neither parameters nor results.
pub(super) const ENTRY: &str = "_start";

/// A module that only waits for its input.
pub(super) type Ready = InstancePre<RunState>;

/// All modules that are ready, and the way to make more so.
pub(super) struct Modules {
    shared: Arc<Shared>,
    ready: Mutex<Recent>,
    capacity: usize,
    compilations: Arc<Semaphore>,
    compile_timeout: Duration,
}

/// What the thread that compiles needs.
struct Shared {
    engine: Engine,
    linker: Linker<RunState>,
    disk: DiskCache,
    max_module_bytes: u64,
}

/// Modules by digest, each with the time of its last use.
#[derive(Default)]
struct Recent {
    uses: u64,
    modules: HashMap<WasmDigest, (u64, Slot)>,
}

/// A place for a module: whoever comes first fills it, the others wait.
type Slot = Arc<OnceCell<Ready>>;

impl Modules {
    pub(super) fn new(engine: Engine, config: &ExecuteConfig, cache: &Path) -> Result<Self, ExecuteSetupError> {
        let linker = wasi::linker(&engine).map_err(|error| ExecuteSetupError::Engine(format!("{error:#}")))?;
        let disk = DiskCache::open(cache, &engine, u64::from(config.modules_on_disk_mb) * BYTES_PER_MB)?;
        let max_module_bytes = u64::from(config.max_module_mb) * BYTES_PER_MB;
        Ok(Self {
            shared: Arc::new(Shared { engine, linker, disk, max_module_bytes }),
            ready: Mutex::default(),
            capacity: config.modules_in_memory.max(1),
            compilations: Arc::new(Semaphore::new(PARALLEL_COMPILATIONS)),
            compile_timeout: Duration::from_secs(config.compile_timeout_seconds.into()),
        })
    }

    /// The module of `program`, compiled if need be. A refusal is not kept: it is found again as quickly.
    pub(super) async fn get(&self, program: &Program) -> Result<Ready, LoadError> {
        let slot = self.ready.lock().slot(program.digest(), self.capacity);
        slot.get_or_try_init(|| self.load(program.clone())).await.cloned()
    }

    /// Loads off the async runtime, for a bounded time.
    async fn load(&self, program: Program) -> Result<Ready, LoadError> {
        let Ok(permit) = self.compilations.clone().acquire_owned().await else {
            return Err(ExecuteError::Engine("the compiler is gone".to_owned()).into());
        };
        let shared = self.shared.clone();
        let loading = tokio::task::spawn_blocking(move || {
            // Held until the work ends, not until somebody stops waiting for it.
            let _permit = permit;
            shared.load(&program)
        });
        match tokio::time::timeout(self.compile_timeout, loading).await {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(panicked)) => Err(ExecuteError::Panicked(panicked.to_string()).into()),
            Err(_) => Err(LoadError::compile_timeout(self.compile_timeout)),
        }
    }
}

impl Recent {
    /// The place of a module; when all are taken, the one unused for longest makes room.
    fn slot(&mut self, digest: WasmDigest, capacity: usize) -> Slot {
        self.uses += 1;
        if !self.modules.contains_key(&digest) && self.modules.len() >= capacity {
            let oldest = self.modules.iter().min_by_key(|(_, (used, _))| *used).map(|(digest, _)| *digest);
            oldest.and_then(|digest| self.modules.remove(&digest));
        }
        let (used, slot) = self.modules.entry(digest).or_default();
        *used = self.uses;
        slot.clone()
    }
}

impl Shared {
    fn load(&self, program: &Program) -> Result<Ready, LoadError> {
        let module = match self.compiled_before(program.digest()) {
            Some(module) => module,
            None => self.compile(program)?,
        };
        expect_command(&module)?;
        self.linker.instantiate_pre(&module).map_err(|error| refuse(FailureCode::ImportNotAllowed, "", &error))
    }

    fn compiled_before(&self, digest: WasmDigest) -> Option<Module> {
        let code = self.disk.read(digest)?;
        #[expect(unsafe_code, reason = "the seal proves that this executor wrote the code")]
        // SAFETY: `deserialize` runs what it is given; `code` is what `serialize` gave for this engine's settings, as
        // the seal and the folder's name prove.
        let module = unsafe { Module::deserialize(&self.engine, &code) };
        module.inspect_err(|error| tracing::warn!(wasm = %digest, "a compiled module does not load: {error:#}")).ok()
    }

    fn compile(&self, program: &Program) -> Result<Module, LoadError> {
        let size = program.size()?;
        if size > self.max_module_bytes {
            let message = format!("the module has {size} bytes, and {} are the most", self.max_module_bytes);
            return Err(LoadError::Refused(Refusal { code: FailureCode::NotWasm, message }));
        }
        let wasm = program.read()?;
        if !wasm.starts_with(MAGIC) {
            let message = "not a WebAssembly module: it does not begin with \\0asm".to_owned();
            return Err(LoadError::Refused(Refusal { code: FailureCode::NotWasm, message }));
        }
        Module::validate(&self.engine, &wasm)
            .map_err(|error| refuse(FailureCode::NotWasm, "not a WebAssembly module that we run: ", &error))?;
        let module = Module::new(&self.engine, &wasm)
            .map_err(|error| refuse(FailureCode::NotWasm, "the module cannot be compiled: ", &error))?;
        match module.serialize() {
            Ok(code) => self.disk.write(program.digest(), &code),
            Err(error) => tracing::warn!(wasm = %program.digest(), "a module cannot be serialised: {error:#}"),
        }
        Ok(module)
    }
}

/// A command begins in a function `_start` without parameters and results.
fn expect_command(module: &Module) -> Result<(), LoadError> {
    let starts = module
        .get_export(ENTRY)
        .and_then(|export| export.func().map(|f| f.params().len() == 0 && f.results().len() == 0))
        .unwrap_or(false);
    if starts {
        return Ok(());
    }
    let message = format!("the module is not a command: it exports no function {ENTRY} without parameters and results");
    Err(LoadError::Refused(Refusal { code: FailureCode::NotWasm, message }))
}

fn refuse(code: FailureCode, about: &str, error: &wasmtime::Error) -> LoadError {
    let reason = format!("{error:#}");
    LoadError::Refused(Refusal { code, message: format!("{about}{}", cut(&reason, MAX_REASON_BYTES)) })
}
