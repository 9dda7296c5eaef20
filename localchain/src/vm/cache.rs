//! Contracts that are compiled and loaded, kept in memory for the whole process: compiling takes longer than most calls,
//! and loading what was compiled takes longer than running it.
//!
//! The VM's crate gives memory for loaded contracts away only together with a folder for compiled ones. So each contract
//! gets a cache to itself, whose folder lives until the contract is loaded and is never needed again.
use near_parameters::vm::Config;
use near_primitives::hash::CryptoHash;
use near_primitives::types::Gas;
use near_vm_runner::logic::GasCounter;
use near_vm_runner::{
    Contract, ContractRuntimeCache, FilesystemContractRuntimeCache as Cache, noop_background_spawner,
};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, LazyLock, OnceLock};

/// How many contracts are kept. Each holds a file descriptor, that of its former folder.
const MOST: usize = 200;
/// The largest contract that is kept, in units of 16 MiB of machine code.
const LARGEST: usize = 8;

/// A contract's hash, and the rules it was compiled under.
type Key = (CryptoHash, u64);

/// Filled by whoever comes first; [`None`] when the contract cannot be kept.
type Slot = Arc<OnceLock<Option<Cache>>>;

static CONTRACTS: LazyLock<Mutex<HashMap<Key, Slot>>> = LazyLock::new(Mutex::default);

/// The cache that holds this contract, loaded; chains of all versions share it. [`None`] for a contract without code, or
/// one that no call gets to run: the VM finds out why each time.
pub(super) fn holding(contract: &dyn Contract, config: &Arc<Config>) -> Option<Cache> {
    let key = (contract.hash(), config.non_crypto_hash());
    let slot = {
        let mut contracts = CONTRACTS.lock();
        if contracts.len() >= MOST && !contracts.contains_key(&key) {
            contracts.clear();
        }
        Arc::clone(contracts.entry(key).or_default())
    };
    slot.get_or_init(|| {
        load(contract, config).unwrap_or_else(|error| {
            tracing::warn!(
                event = "vm.cache_failed",
                code_hash = %contract.hash(),
                %error,
                "a contract is compiled anew for each call, because its cache could not be written to a temporary folder"
            );
            None
        })
    })
    .clone()
}

fn load(contract: &dyn Contract, config: &Arc<Config>) -> io::Result<Option<Cache>> {
    let folder = tempfile::tempdir()?;
    let spawner = noop_background_spawner();
    let most_bytes = Cache::MAX_DISK_CACHE_BYTES;
    let name = Path::new("compiled");
    let cache = Cache::with_memory_cache(folder.path(), None::<&Path>, name, LARGEST, None, most_bytes, spawner)?;
    // To prepare a call is to load the contract; which call, and with how much gas, does not matter.
    let gas = GasCounter::new(config.ext_costs.clone(), Gas::ZERO, config.regular_op_cost, Gas::ZERO, true);
    drop(near_vm_runner::prepare(contract, Arc::clone(config), Some(&cache), gas, ""));
    // What was compiled is in a file with the VM's own name for it.
    for file in folder.path().join(name).read_dir()? {
        let name: Option<CryptoHash> = file?.file_name().to_str().and_then(|name| name.parse().ok());
        if name.is_some_and(|name| cache.memory_cache().contains(name)) {
            return Ok(Some(cache));
        }
    }
    Ok(None)
}
