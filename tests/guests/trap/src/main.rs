//! Ends in a trap, without a word of explanation.

fn main() {
    core::arch::wasm32::unreachable()
}
