//! Answers its input in capital letters: a program for `wasm32-unknown-unknown`, which imports nothing.
//!
//! The input `spin` never ends, `trap` traps, and `lie` names an output that is not there.

/// Room for the input. It is not given back: the program runs once.
#[unsafe(no_mangle)]
pub extern "C" fn offchainvm_alloc(length: usize) -> *mut u8 {
    vec![0; length].leak().as_mut_ptr()
}

/// Reads the input, and packs where the output is and how long.
///
/// # Safety
/// `input` is what `offchainvm_alloc` gave for `length`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn offchainvm_run(input: *const u8, length: usize) -> u64 {
    // SAFETY: the caller's promise.
    let input = unsafe { std::slice::from_raw_parts(input, length) };
    match input {
        b"spin" => loop {
            std::hint::spin_loop();
        },
        b"trap" => panic!("nobody hears this"),
        b"lie" => u64::MAX,
        _ => {
            let output = input.to_ascii_uppercase().leak();
            (output.as_ptr() as u64) << 32 | output.len() as u64
        }
    }
}
