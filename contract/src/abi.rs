//! The contract's description of itself: its ABI, as near-abi has it, for wallets, explorers and near-cli.

/// `scripts/abi` writes it from the code: JSON, compressed by zstd.
static ABI: &[u8] = include_bytes!("../abi.zst");

/// Returns the compressed ABI, under the name by which tools ask for it. A view; the SDK's macros reserve the name, so
/// the export is written out here.
#[expect(unsafe_code, reason = "the attribute that exports a symbol counts as unsafe")]
#[unsafe(no_mangle)]
pub extern "C" fn __contract_abi() {
    near_sdk::env::value_return(ABI);
}
