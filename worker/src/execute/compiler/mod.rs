//! Compiling a stranger's module to machine code, in a process of its own: one that is made to take the compiler's memory
//! or time takes nothing of the worker's.
//!
//! The process is `offchainvm compile-module`: the module goes in on standard input, machine code comes out on standard
//! output, and the exit code says how it went. What comes out is sealed by this side before it is kept.
//!
//! - `child`: the other side
//! - `machine_code`: the compiler itself

mod child;
mod machine_code;

pub use child::{CompileLimits, compile_module};

use super::{
    config::{Compiler, ExecuteConfig},
    engine,
    error::{ExecuteError, ExecuteSetupError, LoadError, Refusal},
};
use child::{CHILD_MARK, COMMAND, FINGERPRINT_FLAG, MEMORY_FLAG, REFUSED, SECONDS_FLAG};
use nix::sys::signal::Signal;
use offchainvm_interface::{FailureCode, response::cut};
use std::{
    env, io,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{self, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
    time,
};
use wasmtime::Engine;

/// This very program, also after its file was replaced by a newer one.
const THIS_PROGRAM: &str = "/proc/self/exe";
/// How long the compiler has to say who it is.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
const PROBE_POLL: Duration = Duration::from_millis(2);
/// The most machine code that is taken from a compiler, in bytes.
const MAX_CODE_BYTES: u64 = 512 << 20;
/// The longest text of a compiler that is repeated, in bytes.
const MAX_TEXT: usize = 500;

/// Who compiles, and how much that may take.
pub(super) struct Compilation {
    engine: Engine,
    /// The program that is started for each module; [`None`] compiles in this process.
    program: Option<PathBuf>,
    limits: CompileLimits,
}

impl Compilation {
    /// Checks that the compiler is there and compiles for this engine.
    pub(super) fn new(engine: Engine, config: &ExecuteConfig) -> Result<Self, ExecuteSetupError> {
        let program = match &config.compiler {
            Compiler::ThisProgram => Some(PathBuf::from(THIS_PROGRAM)),
            Compiler::Program(path) => Some(path.clone()),
            Compiler::InProcess => None,
        };
        match &program {
            Some(program) => check(program, &engine)?,
            None => tracing::warn!(
                event = "execute.compiles_in_process",
                "modules are compiled in this process, where a hostile one can use up all memory"
            ),
        }
        let limits = CompileLimits { memory_mb: config.compile_memory_mb, seconds: config.compile_timeout_seconds };
        Ok(Self { engine, program, limits })
    }

    /// The machine code of a module or component.
    pub(super) async fn compile(&self, wasm: Vec<u8>) -> Result<Vec<u8>, LoadError> {
        let limit = Duration::from_secs(self.limits.seconds.into());
        let compiled = match &self.program {
            Some(program) => time::timeout(limit, self.in_child(program, &wasm)).await,
            None => {
                let engine = self.engine.clone();
                let compiling = tokio::task::spawn_blocking(move || machine_code::compile(&engine, &wasm));
                time::timeout(limit, async {
                    let compiled = compiling.await.map_err(|panic| ExecuteError::Panicked(panic.to_string()))?;
                    compiled.map_err(|reason| refused(FailureCode::NotWasm, reason))
                })
                .await
            }
        };
        compiled.unwrap_or_else(|_| Err(self.too_long()))
    }

    async fn in_child(&self, program: &Path, wasm: &[u8]) -> Result<Vec<u8>, LoadError> {
        let fault = |source: io::Error| ExecuteError::Compiler { program: program.to_owned(), source };
        let mut child = Command::new(program)
            .arg(COMMAND)
            .args([MEMORY_FLAG, &self.limits.memory_mb.to_string(), SECONDS_FLAG, &self.limits.seconds.to_string()])
            .env_clear()
            .env(CHILD_MARK, "1")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(fault)?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(ExecuteError::Engine("the compiler has no pipes".to_owned()).into());
        };
        let (mut code, mut said) = (Vec::new(), Vec::new());
        let feed = async move {
            // A compiler that has given up reads no more; how it ended says why.
            let _ = stdin.write_all(wasm).await;
        };
        let mut stdout = stdout.take(MAX_CODE_BYTES + 1);
        let mut stderr = stderr.take(MAX_TEXT as u64 * 4);
        let ((), read, heard) = tokio::join!(feed, stdout.read_to_end(&mut code), stderr.read_to_end(&mut said));
        read.and(heard).map_err(fault)?;
        if code.len() as u64 > MAX_CODE_BYTES {
            let message = format!("the module's machine code has more than {MAX_CODE_BYTES} bytes");
            return Err(refused(FailureCode::BuildResourcesExceeded, message));
        }
        let status = child.wait().await.map_err(fault)?;
        if status.success() {
            return Ok(code);
        }
        Err(self.failed(status, &String::from_utf8_lossy(&said)))
    }

    /// What the end of a compiler means that gave no code.
    fn failed(&self, status: ExitStatus, said: &str) -> LoadError {
        if status.code() == Some(REFUSED) {
            return refused(FailureCode::NotWasm, cut(said, MAX_TEXT).to_owned());
        }
        match status.signal().and_then(|signal| Signal::try_from(signal).ok()) {
            Some(Signal::SIGXCPU) => self.too_long(),
            // What the allocator does when the limit is reached, and the stack when it ends.
            Some(Signal::SIGABRT | Signal::SIGSEGV | Signal::SIGBUS) => {
                let message = format!("compiling the module took more than {} MiB of memory", self.limits.memory_mb);
                refused(FailureCode::BuildResourcesExceeded, message)
            }
            _ => ExecuteError::Engine(format!("the compiler ended with {status}: {}", cut(said, MAX_TEXT))).into(),
        }
    }

    fn too_long(&self) -> LoadError {
        let message = format!("compiling the module to machine code took longer than {} s", self.limits.seconds);
        refused(FailureCode::BuildTimeout, message)
    }
}

fn refused(code: FailureCode, message: String) -> LoadError {
    LoadError::Refused(Refusal { code, message })
}

/// Asks the compiler for its fingerprint. A program that knows nothing of it may do anything, so it is not waited for.
fn check(program: &Path, engine: &Engine) -> Result<(), ExecuteSetupError> {
    let fault = |problem: String| ExecuteSetupError::Compiler { program: program.to_owned(), problem };
    if env::var_os(CHILD_MARK).is_some() {
        // A program that was started as a compiler, does not know it, and is about to start another one.
        return Err(fault("this process was itself started to compile".to_owned()));
    }
    let mut child = process::Command::new(program)
        .args([COMMAND, FINGERPRINT_FLAG])
        .env_clear()
        .env(CHILD_MARK, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| fault(error.to_string()))?;
    let deadline = Instant::now() + PROBE_TIMEOUT;
    while child.try_wait().map_err(|error| fault(error.to_string()))?.is_none() {
        if Instant::now() > deadline {
            // Already gone is as well.
            let _ = child.kill();
            let _ = child.wait();
            return Err(fault("it does not answer".to_owned()));
        }
        thread::sleep(PROBE_POLL);
    }
    let output = child.wait_with_output().map_err(|error| fault(error.to_string()))?;
    let expected = engine::fingerprint(engine);
    let found = String::from_utf8_lossy(&output.stdout);
    match found.trim() {
        found if found == expected => Ok(()),
        found if found.starts_with("wasmtime-") => Err(fault(format!("it compiles for {found}, expected {expected}"))),
        _ => Err(fault("it is not `offchainvm`".to_owned())),
    }
}
