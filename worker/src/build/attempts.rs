//! Where the builds of this process keep their temporary folders, and what becomes of those of a killed one.

use super::error::OperatorError;
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// In each process's folder; locked for as long as the process lives.
const LOCK: &str = "lock";

/// A folder of this process; it goes when dropped, or when another process starts and finds this one gone.
#[derive(Debug)]
pub(super) struct Attempts {
    folder: TempDir,
    _alive: File,
}

impl Attempts {
    /// Makes the folder under `root`, which several processes may share, and removes those of dead processes.
    pub(super) fn open(root: &Path) -> Result<Self, OperatorError> {
        let open = || {
            fs::create_dir_all(root)?;
            // One process at a time, so that none finds another's folder before it is locked.
            let turn = File::create(root.join(LOCK))?;
            turn.lock()?;
            sweep(root)?;
            let folder = TempDir::new_in(root)?;
            let alive = File::create(folder.path().join(LOCK))?;
            alive.lock()?;
            Ok(Self { folder, _alive: alive })
        };
        open().map_err(OperatorError::file("prepare", root))
    }

    /// A new, empty folder for one build.
    pub(super) fn start(&self) -> Result<TempDir, OperatorError> {
        TempDir::new_in(&self.folder).map_err(OperatorError::file("make a folder in", self.folder.path()))
    }

    /// Writes a file that all builds of this process may read.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, OperatorError> {
        let path = self.folder.path().join(name);
        fs::write(&path, text).map_err(OperatorError::file("write", &path))?;
        Ok(path)
    }
}

fn sweep(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let alive = File::open(entry.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_err());
        if !alive {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn folders_of_the_living_stay_and_those_of_the_dead_go() {
        let root = tempfile::tempdir().unwrap();
        let first = Attempts::open(root.path()).unwrap();
        let build = first.start().unwrap();
        let dead = root.path().join("dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();

        let second = Attempts::open(root.path()).unwrap();
        assert!(build.path().is_dir());
        assert!(!dead.exists());

        let gone = first.folder.path().to_owned();
        drop((build, first));
        assert!(!gone.exists());
        assert!(second.folder.path().is_dir());
    }
}
