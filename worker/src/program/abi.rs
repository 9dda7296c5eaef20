//! The interface of a program for `wasm32-unknown-unknown`: a module without imports, called once.
//!
//! The host calls [`ALLOC`] with the length of the input, writes the input into [`MEMORY`] at the address that it gave,
//! and calls [`RUN`] with that address and length. The result holds the address of the output in its upper and its
//! length in its lower 32 bits; the host reads the output from [`MEMORY`]. A program fails by trapping.
//!
//! Both calls count against the limits. Addresses and lengths are unsigned, and what leads out of the memory is a trap.

/// The memory that the program exports.
pub const MEMORY: &str = "memory";
/// `(len: u32) -> u32`: where the input may be written, room for `len` bytes.
pub const ALLOC: &str = "offchainvm_alloc";
/// `(ptr: u32, len: u32) -> u64`: runs the program on its input; the output's address and length, packed.
pub const RUN: &str = "offchainvm_run";

/// Address and length of an output, as [`RUN`] packs them.
#[must_use]
pub fn unpack(packed: u64) -> (u32, u32) {
    // Both halves fit.
    ((packed >> 32) as u32, (packed & u64::from(u32::MAX)) as u32)
}
