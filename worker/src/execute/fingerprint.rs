//! The engine's name in receipts: two that read alike give the same output, the same count of instructions and the same
//! peak of memory, whatever the machine.

/// The version of wasmtime, which decides what an instruction costs. As Cargo.lock has it.
const WASMTIME: &str = "48.0.8";

/// The version of what this folder adds: the engine's settings, what host functions do and charge, what memory counts.
/// Raise it with every change that makes any program use or write anything else; a test of the executor holds some
/// programs' figures against it.
const RULES: u32 = 3;

/// The name.
pub(super) fn engine() -> String {
    format!("wasmtime {WASMTIME}; offchainvm rules {RULES}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn the_version_named_is_the_one_that_is_linked() {
        let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
        let linked = format!("name = \"wasmtime\"\nversion = \"{WASMTIME}\"");
        assert!(lock.contains(&linked), "Cargo.lock has another wasmtime than {WASMTIME}");
    }
}
