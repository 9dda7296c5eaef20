//! A clock that can be moved while a worker runs.

use crate::{artifacts::workspace, worker::Launch};
use anyhow::{Result, ensure};
use std::{env::consts::ARCH, fs, process::Command};
use tempfile::TempDir;

/// A wall clock for those who are started with [`MovableClock::launch`]. Their stopwatches (the monotonic clock) stay
/// right, as they do when a machine's clock is set.
///
/// The moving is done by Debian's libfaketime, which `scripts/install` installs where it is missing.
pub struct MovableClock {
    folder: TempDir,
    library: String,
}

impl MovableClock {
    /// A clock that is right.
    ///
    /// # Errors
    /// The library is missing and cannot be installed.
    pub fn new() -> Result<Self> {
        let library = format!("/usr/lib/{ARCH}-linux-gnu/faketime/libfaketimeMT.so.1");
        let installed =
            Command::new(workspace().join("scripts/install")).arg(format!("{library}:libfaketime")).status()?;
        ensure!(installed.success(), "libfaketime cannot be installed");
        let clock = Self { folder: tempfile::tempdir()?, library };
        clock.set(0)?;
        Ok(clock)
    }

    /// Sets the clock to this many seconds after the truth, or before it.
    ///
    /// # Errors
    /// The file that says so cannot be written.
    pub fn set(&self, seconds: i64) -> Result<()> {
        // Renamed, so that nobody reads half of it.
        let (written, read) = (self.folder.path().join("new"), self.folder.path().join("offset"));
        fs::write(&written, format!("{seconds:+}\n"))?;
        Ok(fs::rename(written, read)?)
    }

    /// What gives a worker this clock.
    #[must_use]
    pub fn launch(&self) -> Launch {
        let file = self.folder.path().join("offset").display().to_string();
        let environment = [
            ("LD_PRELOAD", self.library.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", &file),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Launch { environment, ..Launch::default() }
    }
}
