//! Compiled contracts, kept in memory for the whole process: compiling takes longer than most calls.
use near_primitives::hash::CryptoHash;
use near_vm_runner::{CompiledContractInfo, ContractRuntimeCache};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// The VM's own keys tell apart contract, VM and rules, so that chains of all versions can share it.
#[derive(Clone, Default)]
struct CompiledContracts(Arc<Mutex<HashMap<CryptoHash, CompiledContractInfo>>>);

static SHARED: LazyLock<CompiledContracts> = LazyLock::new(CompiledContracts::default);

pub(super) fn shared() -> &'static dyn ContractRuntimeCache {
    &*SHARED
}

impl ContractRuntimeCache for CompiledContracts {
    fn handle(&self) -> Box<dyn ContractRuntimeCache> {
        Box::new(self.clone())
    }

    fn put(&self, key: &CryptoHash, value: CompiledContractInfo) -> std::io::Result<()> {
        self.0.lock().insert(*key, value);
        Ok(())
    }

    fn get(&self, key: &CryptoHash) -> std::io::Result<Option<CompiledContractInfo>> {
        Ok(self.0.lock().get(key).cloned())
    }

    fn has(&self, key: &CryptoHash) -> std::io::Result<bool> {
        Ok(self.0.lock().contains_key(key))
    }
}
