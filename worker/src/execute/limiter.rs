//! Memory: counted, and refused beyond the limit.

use super::{
    engine::{MAX_INSTANCES, MAX_MEMORIES, MAX_TABLE_ELEMENTS, MAX_TABLES},
    error::ExecuteError,
    state::Stop,
};
use wasmtime::ResourceLimiter;

/// What wasmtime keeps for one element of a table.
const TABLE_ELEMENT_BYTES: usize = size_of::<usize>();

/// Counts linear memory, tables and the files in the scratch directory together. Growth of the first two beyond the limit ends the
/// program: were it told "no", it would abort in its own way, and nobody could tell that from any other trap.
pub(super) struct MemoryMeter {
    limit: usize,
    held: usize,
    /// What files hold, in bytes.
    files: usize,
    peak: usize,
}

impl MemoryMeter {
    pub(super) fn new(limit_bytes: u64) -> Self {
        Self { limit: usize::try_from(limit_bytes).unwrap_or(usize::MAX), held: 0, files: 0, peak: 0 }
    }

    /// The most that was held at any time, in bytes. Never above the limit.
    pub(super) fn peak(&self) -> u64 {
        self.peak as u64
    }

    /// Something of `current` bytes wants to have `desired` bytes, and can have `maximum` at most.
    fn grow(&mut self, current: usize, desired: usize, maximum: usize) -> wasmtime::Result<bool> {
        let held = self.held.saturating_sub(current).saturating_add(desired);
        let total = held.saturating_add(self.files);
        if total > self.limit {
            return Err(Stop::OutOfMemory.into());
        }
        // A maximum that the module itself declares is its own affair: it is told "no" and goes on.
        if desired > maximum {
            return Ok(false);
        }
        self.held = held;
        self.peak = self.peak.max(total);
        Ok(true)
    }

    /// How much files may hold at the moment, in bytes.
    pub(super) fn room_for_files(&self) -> usize {
        self.limit.saturating_sub(self.held)
    }

    /// Files hold so many bytes now.
    pub(super) fn files_hold(&mut self, bytes: usize) {
        self.files = bytes;
        self.peak = self.peak.max(self.held.saturating_add(bytes));
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(current, desired, maximum.unwrap_or(usize::MAX))
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Stop::Host(ExecuteError::HostOutOfMemory(format!("{error:#}"))).into())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // Told "no" rather than ended: it is the size of a table that is limited, not what the program may hold.
        if desired > MAX_TABLE_ELEMENTS {
            return Ok(false);
        }
        let bytes = |elements: usize| elements.saturating_mul(TABLE_ELEMENT_BYTES);
        self.grow(bytes(current), bytes(desired), bytes(maximum.unwrap_or(usize::MAX)))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory_grow_failed(error)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        MAX_TABLES as usize
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES as usize
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn memory_and_tables_share_one_limit_and_the_peak_stays() {
        let mut meter = MemoryMeter::new(1_000);
        assert!(meter.memory_growing(0, 600, None).unwrap());
        assert!(meter.table_growing(0, 50, None).unwrap());
        assert_eq!(meter.peak(), 1_000);
        let error = meter.table_growing(50, 51, None).unwrap_err();
        assert!(matches!(error.downcast_ref::<Stop>(), Some(Stop::OutOfMemory)));
        assert_eq!(meter.peak(), 1_000);
    }

    #[test]
    fn files_take_from_the_same_memory_and_give_it_back() {
        let mut meter = MemoryMeter::new(1_000);
        assert!(meter.memory_growing(0, 600, None).unwrap());
        assert_eq!(meter.room_for_files(), 400);
        meter.files_hold(300);
        let error = meter.memory_growing(600, 701, None).unwrap_err();
        assert!(matches!(error.downcast_ref::<Stop>(), Some(Stop::OutOfMemory)));
        meter.files_hold(0);
        assert!(meter.memory_growing(600, 701, None).unwrap());
        assert_eq!(meter.peak(), 900);
    }

    #[test]
    fn a_maximum_of_the_modules_own_is_answered_and_not_punished() {
        let mut meter = MemoryMeter::new(1_000);
        assert!(!meter.memory_growing(0, 600, Some(500)).unwrap());
        assert_eq!(meter.peak(), 0);
    }
}
