//! What a tree may hold, and what it does.

use super::FileError;

/// Bytes taken, of those that there are. The most may change between two calls, because the program's own memory takes
/// from it too.
#[derive(Default)]
pub(super) struct Space {
    used: usize,
    most: usize,
}

impl Space {
    pub(super) fn limit(&mut self, most: usize) {
        self.most = most;
    }

    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Takes all of `bytes`, or nothing.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), FileError> {
        let used = self.used.saturating_add(bytes);
        if used > self.most {
            return Err(FileError::NoSpace);
        }
        self.used = used;
        Ok(())
    }

    pub(super) fn give_back(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
    }
}
