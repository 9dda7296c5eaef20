//! The compiler itself: WebAssembly in, machine code out, or the reason why not.

use wasmtime::Engine;

/// What every WebAssembly file begins with.
const MAGIC: &[u8] = b"\0asm";
/// What follows in a component, as two numbers of 16 bits: its version and its layer.
const COMPONENT: &[u8] = &[0x0d, 0, 1, 0];

/// Validates a core module or a component, and compiles it for `engine`.
///
/// # Errors
/// A text for the module's author.
pub(super) fn compile(engine: &Engine, wasm: &[u8]) -> Result<Vec<u8>, String> {
    let Some(version) = wasm.strip_prefix(MAGIC) else {
        return Err("not a WebAssembly module: it does not begin with \\0asm".to_owned());
    };
    let compiled =
        if version.starts_with(COMPONENT) { engine.precompile_component(wasm) } else { engine.precompile_module(wasm) };
    compiled.map_err(|error| format!("not a WebAssembly module that we run: {error:#}"))
}
