//! The cache of fetched dependencies that all builds share: what keeps it from growing without end.

use super::{attempt::make_readable_folder, error::OperatorError, sandbox::GrowingFolder, supervise};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// A CARGO_HOME that only cargo's own fetching writes to.
#[derive(Debug)]
pub(super) struct Dependencies {
    path: PathBuf,
    max_bytes: u64,
    /// Locked for reading by every build that uses the folder, for writing while it is emptied. A file, because
    /// several workers may share the folder.
    in_use: PathBuf,
}

/// The cache, lent to one build.
#[derive(Debug)]
pub(super) struct Lent<'a> {
    path: &'a Path,
    _in_use: File,
}

impl Lent<'_> {
    pub(super) fn path(&self) -> &Path {
        self.path
    }
}

impl Dependencies {
    /// Opens the cache in a folder.
    pub(super) fn open(path: PathBuf, max_bytes: u64) -> Result<Self, OperatorError> {
        make_readable_folder(&path).map_err(OperatorError::file("make the folder", &path))?;
        Ok(Self { in_use: path.with_extension("lock"), path, max_bytes })
    }

    /// Lends the cache. When it is more than half full and nobody else uses it, it is emptied first: so a build always
    /// has about half of it for dependencies of its own, and is not stopped for what others fetched.
    pub(super) async fn lend(&self) -> Result<Lent<'_>, OperatorError> {
        let half = GrowingFolder { path: self.path.clone(), max_bytes: self.max_bytes / 2 };
        let full = supervise::exceeds(&half).await?;
        let (path, in_use) = (self.path.clone(), self.in_use.clone());
        let locked = tokio::task::spawn_blocking(move || lock(&path, &in_use, full)).await?;
        Ok(Lent { path: &self.path, _in_use: locked.map_err(OperatorError::file("lock", &self.in_use))? })
    }
}

fn lock(path: &Path, in_use: &Path, full: bool) -> io::Result<File> {
    let file = File::create(in_use)?;
    if full && file.try_lock().is_ok() {
        tracing::info!(folder = %path.display(), "emptying the cache of dependencies, it was more than half full");
        fs::remove_dir_all(path)?;
        make_readable_folder(path)?;
        file.unlock()?;
    }
    file.lock_shared()?;
    Ok(file)
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
