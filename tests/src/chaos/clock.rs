//! A clock that can be moved while a worker runs.
//!
//! `clock.c` does the moving, compiled when a clock is made. Debian's libfaketime would do the same for the worker, but
//! not for the rustc that it starts: there it waits for ever for a lock of rustc's allocator, before anything is run.

use crate::{preload, worker::Launch};
use anyhow::Result;
use std::{fs::File, os::unix::fs::FileExt, path::PathBuf};
use tempfile::TempDir;

/// The library's source.
const SOURCE: &str = include_str!("clock.c");

/// A wall clock for those who are started with [`MovableClock::launch`]. Their stopwatches (the monotonic clock) stay
/// right, as they do when a machine's clock is set.
pub struct MovableClock {
    folder: TempDir,
    library: PathBuf,
    offset: File,
}

impl MovableClock {
    /// A clock that is right.
    ///
    /// # Errors
    /// There is no C compiler.
    pub fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let library = preload::library(folder.path(), "clock", SOURCE)?;
        let offset = File::create_new(folder.path().join("offset"))?;
        let clock = Self { folder, library, offset };
        clock.set(0)?;
        Ok(clock)
    }

    /// Sets the clock to this many seconds after the truth, or before it.
    ///
    /// # Errors
    /// The file that says so cannot be written.
    pub fn set(&self, seconds: i64) -> Result<()> {
        Ok(self.offset.write_all_at(&seconds.to_ne_bytes(), 0)?)
    }

    /// What gives a worker this clock.
    #[must_use]
    pub fn launch(&self) -> Launch {
        let environment = [("LD_PRELOAD", self.library.clone()), ("CHAOS_CLOCK", self.folder.path().join("offset"))];
        let environment = environment.map(|(name, path)| (name.to_owned(), path.display().to_string())).to_vec();
        Launch { environment, ..Launch::default() }
    }
}
