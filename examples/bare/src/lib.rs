//! A program for `wasm32-unknown-unknown`: no system interface, two functions. It gives its input back in upper case.
//!
//! The host asks for room, writes the input there, and calls the program once.

/// Room for `len` bytes of input.
#[unsafe(no_mangle)]
pub extern "C" fn offchainvm_alloc(len: usize) -> *mut u8 {
    Box::leak(vec![0; len].into_boxed_slice()).as_mut_ptr()
}

/// Runs the program: the address of the output in the upper half of the result, its length in the lower.
///
/// # Safety
/// `input` is what `offchainvm_alloc(len)` gave.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn offchainvm_run(input: *const u8, len: usize) -> u64 {
    // SAFETY: as above; the bytes are initialised, by the host or by `offchainvm_alloc`.
    let input = unsafe { std::slice::from_raw_parts(input, len) };
    let output: &'static [u8] = answer(input).leak();
    ((output.as_ptr() as u64) << 32) | output.len() as u64
}

fn answer(input: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(input).to_uppercase().into_bytes()
}
