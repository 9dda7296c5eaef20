//! The cache of fetched dependencies that all builds share: what keeps it from growing without end.

use super::{error::OperatorError, sandbox::GrowingFolder, supervise};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tokio::sync::{RwLock, RwLockReadGuard};

/// A CARGO_HOME that only cargo's own fetching writes to.
#[derive(Debug)]
pub(super) struct Dependencies {
    path: PathBuf,
    max_bytes: u64,
    /// Held for reading by every build that uses the folder, for writing while it is emptied.
    in_use: RwLock<()>,
}

/// The cache, lent to one build.
#[derive(Debug)]
pub(super) struct Lent<'a> {
    path: &'a Path,
    _in_use: RwLockReadGuard<'a, ()>,
}

impl Lent<'_> {
    pub(super) fn path(&self) -> &Path {
        self.path
    }
}

impl Dependencies {
    /// Opens the cache in a folder.
    pub(super) fn open(path: PathBuf, max_bytes: u64) -> Result<Self, OperatorError> {
        fs::create_dir_all(&path).map_err(OperatorError::file("make the folder", &path))?;
        Ok(Self { path, max_bytes, in_use: RwLock::new(()) })
    }

    /// Lends the cache. When it is more than half full and nobody else uses it, it is emptied first: so a build always
    /// has about half of it for dependencies of its own, and is not stopped for what others fetched.
    pub(super) async fn lend(&self) -> Result<Lent<'_>, OperatorError> {
        if let Ok(_alone) = self.in_use.try_write() {
            let half = GrowingFolder { path: self.path.clone(), max_bytes: self.max_bytes / 2 };
            if supervise::exceeds(&half).await? {
                tracing::info!(folder = %self.path.display(), "emptying the cache of dependencies");
                let path = self.path.clone();
                let emptied = tokio::task::spawn_blocking(move || {
                    fs::remove_dir_all(&path)?;
                    fs::create_dir(&path)
                });
                emptied.await?.map_err(OperatorError::file("empty", &self.path))?;
            }
        }
        Ok(Lent { path: &self.path, _in_use: self.in_use.read().await })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[tokio::test]
    async fn a_full_cache_is_emptied_only_when_nobody_uses_it() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Dependencies::open(folder.path().join("cargo"), 1_000).unwrap();
        let file = folder.path().join("cargo/crate");

        fs::write(&file, [0; 400]).unwrap();
        let first = cache.lend().await.unwrap();
        assert!(file.exists(), "less than half full");

        fs::write(&file, [0; 600]).unwrap();
        let second = cache.lend().await.unwrap();
        assert!(file.exists(), "another build reads it");

        drop((first, second));
        let third = cache.lend().await.unwrap();
        assert!(!file.exists() && third.path().is_dir());
    }
}
