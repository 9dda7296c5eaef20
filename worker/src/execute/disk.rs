//! Compiled modules on disk, each sealed with a key.
//!
//! wasmtime runs a compiled module as machine code and trusts it entirely, so nothing is read back that was not
//! written here: a file is the code followed by its seal (BLAKE3 with a key, over the module's digest and the code;
//! megabytes of code are checked at each cold start, and without instructions of the processor's own SHA-256 takes
//! several times as long). The key lies beside the folders, readable by its owner only; the seal protects against
//! whoever can change or exchange files without being able to read that key: a restored backup, a shared volume, a
//! half-written file.

use super::{engine, error::ExecuteSetupError};
use crate::job::WasmDigest;
use blake3::{Hash, Hasher};
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};
use wasmtime::Engine;

const KEY_FILE: &str = "key";
const KEY_BYTES: usize = blake3::KEY_LEN;
const SEAL_BYTES: usize = blake3::OUT_LEN;

/// The compiled modules of one kind of engine.
pub(super) struct DiskCache {
    /// Holds a folder for each kind of engine.
    root: PathBuf,
    folder: PathBuf,
    key: [u8; KEY_BYTES],
    max_bytes: u64,
}

impl DiskCache {
    /// Opens the cache under `root`, and makes it when it is not there.
    pub(super) fn open(root: &Path, engine: &Engine, max_bytes: u64) -> Result<Self, ExecuteSetupError> {
        let folder = root.join(engine::fingerprint(engine));
        fs::create_dir_all(&folder).map_err(|source| ExecuteSetupError::Cache { path: folder.clone(), source })?;
        Ok(Self { key: load_key(&root.join(KEY_FILE))?, root: root.to_owned(), folder, max_bytes })
    }

    /// The code of a module, if it is there and the seal is ours. A file that is not is removed.
    pub(super) fn read(&self, digest: WasmDigest) -> Option<Vec<u8>> {
        let path = self.path(digest);
        let mut code = match fs::read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(wasm = %digest, %error, "a compiled module cannot be read; compiling it again");
                return None;
            }
        };
        // The seal comes last so that it can be cut off without moving the code.
        let seal: Option<[u8; SEAL_BYTES]> = code.last_chunk().copied();
        code.truncate(code.len().saturating_sub(SEAL_BYTES));
        // Hashes compare in constant time.
        if seal.is_none_or(|seal| self.seal(digest, &code) != Hash::from(seal)) {
            tracing::warn!(wasm = %digest, path = %path.display(), "a compiled module is not sealed by us; removing it");
            self.remove(&path);
            return None;
        }
        touch(&path);
        Some(code)
    }

    /// Keeps the code of a module. Without success nothing is lost but time, so an error is only logged.
    pub(super) fn write(&self, digest: WasmDigest, code: &[u8]) {
        if let Err(error) = self.try_write(digest, code) {
            tracing::warn!(wasm = %digest, %error, "a compiled module cannot be kept on disk");
        }
        if let Err(error) = self.prune() {
            tracing::warn!(%error, "old compiled modules cannot be removed");
        }
    }

    fn try_write(&self, digest: WasmDigest, code: &[u8]) -> io::Result<()> {
        let seal = self.seal(digest, code);
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(code)?;
        file.write_all(seal.as_bytes())?;
        file.persist(self.path(digest))?;
        Ok(())
    }

    /// Removes the files unused for longest until the rest fits, whatever kind of engine they are for.
    fn prune(&self) -> io::Result<()> {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for folder in fs::read_dir(&self.root)? {
            let folder = folder?;
            if !folder.file_type()?.is_dir() {
                continue;
            }
            for file in fs::read_dir(folder.path())? {
                let file = file?;
                let about = file.metadata()?;
                files.push((about.modified()?, about.len(), file.path()));
            }
        }
        files.sort_unstable_by(|a, b| b.cmp(a));
        let mut kept = 0u64;
        for (_, size, path) in files {
            kept = kept.saturating_add(size);
            if kept > self.max_bytes {
                self.remove(&path);
            }
        }
        Ok(())
    }

    fn remove(&self, path: &Path) {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %path.display(), %error, "a compiled module cannot be removed");
            }
            _ => {}
        }
    }

    fn path(&self, digest: WasmDigest) -> PathBuf {
        self.folder.join(format!("{digest}.sealed"))
    }

    fn seal(&self, digest: WasmDigest, code: &[u8]) -> Hash {
        Hasher::new_keyed(&self.key).update(&digest.0).update(code).finalize()
    }
}

/// Notes that a file was used now. Without success it may go sooner.
fn touch(path: &Path) {
    if let Ok(file) = fs::File::options().append(true).open(path) {
        let _ = file.set_modified(SystemTime::now());
    }
}

/// Reads the key, or makes one. Two processes that start together end up with the same.
fn load_key(path: &Path) -> Result<[u8; KEY_BYTES], ExecuteSetupError> {
    let fault = |source| ExecuteSetupError::Cache { path: path.to_owned(), source };
    if !path.try_exists().map_err(fault)? {
        make_key(path).map_err(fault)?;
    }
    let mode = fs::metadata(path).map_err(fault)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(ExecuteSetupError::KeyExposed { path: path.to_owned(), mode });
    }
    let key = fs::read(path).map_err(fault)?;
    key.try_into().map_err(|_| ExecuteSetupError::KeyMalformed { path: path.to_owned() })
}

fn make_key(path: &Path) -> io::Result<()> {
    let key: [u8; KEY_BYTES] = rand::random();
    let draft = path.with_extension(format!("{:016x}", rand::random::<u64>()));
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?.write_all(&key)?;
    // A link is made whole or not at all, and never over a key that another process has made meanwhile.
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]
    use super::*;

    const DIGEST: WasmDigest = WasmDigest([1; 32]);

    fn open(root: &Path, max_bytes: u64) -> DiskCache {
        DiskCache::open(root, &Engine::default(), max_bytes).unwrap()
    }

    #[test]
    fn what_was_written_is_read_back_also_by_the_next_process() {
        let root = tempfile::tempdir().unwrap();
        let cache = open(root.path(), 1_000);
        assert_eq!(cache.read(DIGEST), None);
        cache.write(DIGEST, b"code");
        assert_eq!(cache.read(DIGEST).unwrap(), b"code");
        assert_eq!(open(root.path(), 1_000).read(DIGEST).unwrap(), b"code");
    }

    #[test]
    fn a_changed_cut_or_exchanged_file_is_refused_and_removed() {
        let root = tempfile::tempdir().unwrap();
        let cache = open(root.path(), 1_000);
        let path = cache.path(DIGEST);
        cache.write(DIGEST, b"code");
        let good = fs::read(&path).unwrap();

        let mut changed = good.clone();
        *changed.last_mut().unwrap() ^= 1;
        for bad in [&changed[..], &good[..good.len() - 1], &good[..SEAL_BYTES - 1], b""] {
            fs::write(&path, bad).unwrap();
            assert_eq!(cache.read(DIGEST), None);
            assert!(!path.exists());
        }

        let other = WasmDigest([2; 32]);
        fs::write(cache.path(other), &good).unwrap();
        assert_eq!(cache.read(other), None, "another module's code under this module's name");
    }

    #[test]
    fn a_file_sealed_with_another_key_is_refused() {
        let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (ours, theirs) = (open(ours.path(), 1_000), open(theirs.path(), 1_000));
        theirs.write(DIGEST, b"forged");
        fs::copy(theirs.path(DIGEST), ours.path(DIGEST)).unwrap();
        assert_eq!(ours.read(DIGEST), None);
    }

    #[test]
    fn those_unused_for_longest_go_when_the_disk_is_full() {
        let root = tempfile::tempdir().unwrap();
        let cache = open(root.path(), 100);
        let modules: Vec<_> = (0..4).map(|n| WasmDigest([n; 32])).collect();
        for (age, digest) in modules.iter().enumerate() {
            if age == 2 {
                cache.read(modules[0]).unwrap();
            }
            cache.write(*digest, &[0; 10]);
            if let Ok(file) = fs::File::options().write(true).open(cache.path(*digest)) {
                let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(age as u64);
                file.set_modified(time).unwrap();
            }
        }
        let kept: Vec<_> = modules.iter().map(|digest| cache.read(*digest).is_some()).collect();
        assert_eq!(kept, [true, false, false, true], "42 bytes each, of which two fit");
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let root = tempfile::tempdir().unwrap();
        open(root.path(), 1_000);
        let key = root.path().join(KEY_FILE);
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        let error = DiskCache::open(root.path(), &Engine::default(), 1_000).err().unwrap();
        assert!(matches!(error, ExecuteSetupError::KeyExposed { mode: 0o640, .. }), "{error}");
    }
}
