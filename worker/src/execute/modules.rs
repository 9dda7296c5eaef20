//! Modules made ready to run: compiled once, kept by digest in memory and on disk, their imports already resolved.

use super::{
    compiler::Compilation,
    config::ExecuteConfig,
    disk::DiskCache,
    error::{ExecuteError, ExecuteSetupError, LoadError, Refusal},
    program::Program,
    ready::{Linkers, Ready, refusal},
};
use crate::job::WasmDigest;
use offchainvm_interface::{FailureCode, limits::BYTES_PER_MB};
use parking_lot::Mutex;
use std::{collections::HashMap, path::Path, sync::Arc};
use tokio::sync::{OnceCell, Semaphore};
use wasmtime::{Engine, Module, Precompiled, component::Component};

/// How many modules are compiled at the same time. Each uses all processors, so more would not be faster; one that
/// takes for ever must not stop all others.
const PARALLEL_COMPILATIONS: usize = 2;

/// All modules that are ready, and the way to make more so.
pub(super) struct Modules {
    shared: Arc<Shared>,
    ready: Mutex<Recent>,
    capacity: usize,
    compilation: Compilation,
    compilations: Semaphore,
}

/// What a thread that loads needs.
struct Shared {
    engine: Engine,
    linkers: Linkers,
    disk: DiskCache,
    max_module_bytes: u64,
}

/// Machine code that was made ready.
enum Code {
    Module(Module),
    Component(Component),
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
        let linkers = Linkers::new(&engine).map_err(|error| ExecuteSetupError::Engine(format!("{error:#}")))?;
        let disk = DiskCache::open(cache, &engine, u64::from(config.modules_on_disk_mb) * BYTES_PER_MB)?;
        let max_module_bytes = u64::from(config.max_module_mb) * BYTES_PER_MB;
        Ok(Self {
            compilation: Compilation::new(engine.clone(), config)?,
            shared: Arc::new(Shared { engine, linkers, disk, max_module_bytes }),
            ready: Mutex::default(),
            capacity: config.modules_in_memory.max(1),
            compilations: Semaphore::new(PARALLEL_COMPILATIONS),
        })
    }

    /// The module of `program`, if it is ready.
    pub(super) fn in_memory(&self, program: &Program) -> Option<Ready> {
        self.ready.lock().slot(program.digest(), self.capacity).get().cloned()
    }

    /// The module of `program`, compiled if need be. A refusal is not kept: it is found again as quickly.
    pub(super) async fn get(&self, program: &Program) -> Result<Ready, LoadError> {
        let slot = self.ready.lock().slot(program.digest(), self.capacity);
        slot.get_or_try_init(|| self.load(program.clone())).await.cloned()
    }

    /// From the disk if an earlier process has compiled it.
    async fn load(&self, program: Program) -> Result<Ready, LoadError> {
        let digest = program.digest();
        if let Some(ready) = self.blocking(move |shared| shared.compiled_before(digest)).await? {
            return Ok(ready?);
        }
        let Ok(_permit) = self.compilations.acquire().await else {
            return Err(ExecuteError::Engine("the compiler is gone".to_owned()).into());
        };
        let wasm = self.blocking(move |shared| shared.read(&program)).await??;
        let code = self.compilation.compile(wasm).await?;
        self.blocking(move |shared| shared.compiled_now(digest, &code)).await?
    }

    /// Does work off the async runtime.
    async fn blocking<T, F>(&self, work: F) -> Result<T, ExecuteError>
    where
        T: Send + 'static,
        F: FnOnce(&Shared) -> T + Send + 'static,
    {
        let shared = self.shared.clone();
        let working = tokio::task::spawn_blocking(move || work(&shared));
        working.await.map_err(|panicked| ExecuteError::Panicked(panicked.to_string()))
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
    /// The program, if its machine code is on the disk; [`None`] if it must be compiled.
    fn compiled_before(&self, digest: WasmDigest) -> Option<Result<Ready, Refusal>> {
        let code = self.disk.read(digest)?;
        let loaded = self.machine_code(&code);
        let loaded = loaded.inspect_err(|error| {
            tracing::warn!(wasm = %digest, "a compiled module does not load: {error:#}");
        });
        loaded.ok().map(|code| self.ready(&code))
    }

    /// The WebAssembly of a program that is not too large.
    fn read(&self, program: &Program) -> Result<Vec<u8>, LoadError> {
        let size = program.size()?;
        if size > self.max_module_bytes {
            let message = format!("the module has {size} bytes, and {} are the most", self.max_module_bytes);
            return Err(Refusal { code: FailureCode::NotWasm, message }.into());
        }
        Ok(program.read()?.into_owned())
    }

    /// Keeps what the compiler has just made, and makes it ready.
    fn compiled_now(&self, digest: WasmDigest, code: &[u8]) -> Result<Ready, LoadError> {
        // Where its memories and tables do not fit into the pool, it is refused here.
        let loaded = self
            .machine_code(code)
            .map_err(|error| refusal(FailureCode::NotWasm, "not a WebAssembly module that we run: ", &error))?;
        self.disk.write(digest, code);
        Ok(self.ready(&loaded)?)
    }

    fn machine_code(&self, code: &[u8]) -> wasmtime::Result<Code> {
        match Engine::detect_precompiled(code) {
            Some(Precompiled::Component) => {
                #[expect(unsafe_code, reason = "the code is our own compiler's")]
                // SAFETY: `deserialize` runs what it is given; `code` is what our compiler gave for this engine's
                // settings: it comes from there, or from the disk under our seal, in a folder of the engine's name.
                let component = unsafe { Component::deserialize(&self.engine, code) };
                component.map(Code::Component)
            }
            _ => {
                #[expect(unsafe_code, reason = "the code is our own compiler's")]
                // SAFETY: as above.
                let module = unsafe { Module::deserialize(&self.engine, code) };
                module.map(Code::Module)
            }
        }
    }

    fn ready(&self, code: &Code) -> Result<Ready, Refusal> {
        match code {
            Code::Module(module) => self.linkers.module(module),
            Code::Component(component) => self.linkers.component(component),
        }
    }
}
