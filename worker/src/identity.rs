//! Which process holds a lease, and whether it lives.
//!
//! A host's name and a process's number do not tell: containers share host names, and each counts its processes from 1.
//! So every process has a name of its own, and a file in its data folder that it holds a lock on: the lock goes with the
//! process, however that ends. Of processes with other data folders nothing is known; their leases run out by themselves.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::{NamedTempFile, TempPath};

/// The ending of the files' names.
const EXTENSION: &str = "lock";

/// A process's name in the leases it takes: `machine/pid-random`. The first two are for people.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity(String);

impl Identity {
    /// A new name for this process, which no other has or will have.
    #[must_use]
    pub fn new() -> Self {
        let machine = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self(format!("{}/{}-{:016x}", machine.trim(), std::process::id(), rand::random::<u64>()))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self::new()
    }
}

/// A sign of life in a folder, for as long as this value lives.
#[derive(Debug)]
pub struct Presence {
    folder: PathBuf,
    /// The file goes with this value, if the process lives so long.
    path: TempPath,
    /// Holds the lock.
    _file: File,
}

/// Processes that were in a folder and have ended without tidying up.
#[derive(Debug)]
pub struct Gone {
    found: Vec<(String, PathBuf, File)>,
}

impl Presence {
    /// Shows in `folder`, which is made if it is not there, that the process of that name lives.
    ///
    /// # Errors
    /// The file cannot be made there, or not be locked.
    pub fn announce(folder: &Path, identity: &Identity) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        // Under another name until it is locked: a file that is not would be taken for that of a process that is gone.
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(identity.name().as_bytes())?;
        file.as_file().try_lock()?;
        let path = folder.join(format!("{:016x}.{EXTENSION}", rand::random::<u64>()));
        let file = file.persist_noclobber(&path)?;
        Ok(Self { folder: folder.to_owned(), path: TempPath::try_from_path(path)?, _file: file })
    }

    /// The processes that were here and are gone.
    ///
    /// # Errors
    /// The folder cannot be read. A file that cannot is passed over: nothing is known of its process then.
    pub fn gone(&self) -> io::Result<Gone> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let own = path == *self.path;
            if own || path.extension().is_none_or(|extension| extension != EXTENSION) {
                continue;
            }
            // Locked here until it is removed, so that of several that start at once only one counts it.
            let Ok(file) = File::open(&path) else { continue };
            if let (Ok(()), Ok(name)) = (file.try_lock(), fs::read_to_string(&path)) {
                found.push((name, path, file));
            }
        }
        Ok(Gone { found })
    }
}

impl Gone {
    /// Whether the process of that name is among them.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.found.iter().any(|(gone, ..)| gone == name)
    }

    /// Removes their files: nothing of theirs is left to be taken over.
    pub fn forget(self) {
        for (_, path, _lock) in self.found {
            // What stays is found again at the next start.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn names_differ_even_within_a_process() {
        let (one, other) = (Identity::new(), Identity::new());
        assert_ne!(one, other);
        assert!(one.name().contains(&format!("/{}-", std::process::id())), "{one:?}");
    }

    #[test]
    fn who_has_ended_without_tidying_up_is_gone_and_who_lives_or_was_never_here_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let [own, living, elsewhere, stopped] = [(); 4].map(|()| Identity::new());
        let here = Presence::announce(folder.path(), &own).unwrap();
        let _there = Presence::announce(folder.path(), &living).unwrap();
        drop(Presence::announce(folder.path(), &stopped).unwrap());
        // What a process leaves that was killed: its file, and no lock.
        fs::write(folder.path().join("0.lock"), "killed").unwrap();
        fs::write(folder.path().join(".half"), "half").unwrap();

        let gone = here.gone().unwrap();
        assert!(gone.has("killed"));
        for name in [own.name(), living.name(), elsewhere.name(), stopped.name(), "half"] {
            assert!(!gone.has(name), "{name}");
        }
        assert!(!here.gone().unwrap().has("killed"), "only one takes over from it");
        gone.forget();
        assert!(!here.gone().unwrap().has("killed"));
        assert!(!folder.path().join("0.lock").exists());
    }
}
