//! Archives of crates, kept between builds.
//!
//! Each build has a CARGO_HOME of its own, so that no stranger's slow dependency holds a lock that others wait for and
//! no interrupted download is found by the next. Only archives are shared, as hard links, and lent out again only while
//! they have the checksum that Cargo.lock asks for.

use super::lockfile::Archive;
use crate::build::{attempt::make_readable_folder, error::OperatorError, shelf};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, DirEntry},
    io,
    path::{Path, PathBuf},
};

/// Where cargo keeps archives, in its home; in there is a folder for each registry.
const CACHE: [&str; 2] = ["registry", "cache"];

/// The archives. Several workers may share the folder: files appear whole, and who was lent one keeps it.
#[derive(Clone, Debug)]
pub(in crate::build) struct Crates {
    folder: PathBuf,
    max_bytes: u64,
}

impl Crates {
    /// Opens the folder; the archives in it come to `max_bytes` at most, plus those of the last minute's builds.
    pub(in crate::build) fn open(folder: PathBuf, max_bytes: u64) -> Result<Self, OperatorError> {
        fs::create_dir_all(&folder).map_err(OperatorError::file("make the folder", &folder))?;
        Ok(Self { folder, max_bytes })
    }

    /// Puts those of the archives that are here into a new CARGO_HOME.
    pub(super) fn lend(&self, archives: &[Archive], home: &Path) -> Result<(), OperatorError> {
        self.link_into(archives, home).map_err(OperatorError::file("lend crates to", home))
    }

    /// Keeps the archives that a build fetched. Only for a home whose fetching succeeded: all in it is whole.
    pub(super) fn keep(&self, home: &Path) -> Result<(), OperatorError> {
        self.link_from(home).map_err(OperatorError::file("keep crates in", &self.folder))
    }

    fn link_into(&self, archives: &[Archive], home: &Path) -> io::Result<()> {
        for registry in fs::read_dir(&self.folder)? {
            let registry = registry?;
            let here: Vec<&Archive> = archives.iter().filter(|archive| intact(&registry.path(), archive)).collect();
            if here.is_empty() {
                continue;
            }
            let mut cache = home.to_owned();
            for part in CACHE.map(Into::into).into_iter().chain([registry.file_name()]) {
                cache.push(part);
                make_readable_folder(&cache)?;
            }
            for Archive { file, .. } in here {
                let kept = registry.path().join(file);
                shelf::touch(&kept);
                unless(io::ErrorKind::NotFound, fs::hard_link(kept, cache.join(file)))?;
            }
        }
        Ok(())
    }

    fn link_from(&self, home: &Path) -> io::Result<()> {
        for registry in entries(&home.join(CACHE[0]).join(CACHE[1]))? {
            let kept = self.folder.join(registry.file_name());
            fs::create_dir_all(&kept)?;
            for archive in entries(&registry.path())? {
                if archive.file_type()?.is_file() {
                    unless(
                        io::ErrorKind::AlreadyExists,
                        fs::hard_link(archive.path(), kept.join(archive.file_name())),
                    )?;
                }
            }
        }
        shelf::make_room(&self.folder, self.max_bytes, |_| false).map(drop)
    }
}

/// Whether an archive is here, with the bytes that Cargo.lock names.
fn intact(registry: &Path, archive: &Archive) -> bool {
    let bytes = fs::read(registry.join(&archive.file));
    bytes.is_ok_and(|bytes| hex::encode(Sha256::digest(bytes)) == archive.checksum)
}

/// What is in a folder; nothing, when there is none.
fn entries(folder: &Path) -> io::Result<Vec<DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Takes one kind of failure as success: another worker was faster.
fn unless(kind: io::ErrorKind, result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == kind => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use tempfile::TempDir;

    const REGISTRY: &str = "registry/cache/index.example.com-0123";

    fn home_with(name: &str, size: usize) -> TempDir {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join(REGISTRY)).unwrap();
        fs::write(home.path().join(REGISTRY).join(name), vec![0; size]).unwrap();
        home
    }

    fn archive(file: &str, size: usize) -> Archive {
        Archive { file: file.into(), checksum: hex::encode(Sha256::digest(vec![0; size])) }
    }

    fn names(folder: &Path) -> Vec<std::ffi::OsString> {
        entries(folder).unwrap().iter().map(DirEntry::file_name).collect()
    }

    #[test]
    fn what_one_build_fetched_the_next_is_lent_if_it_is_what_it_asks_for() {
        let folder = tempfile::tempdir().unwrap();
        let crates = Crates::open(folder.path().join("crates"), 1_000).unwrap();
        crates.keep(home_with("a-1.0.0.crate", 10).path()).unwrap();
        crates.keep(home_with("b-1.0.0.crate", 10).path()).unwrap();
        crates.keep(tempfile::tempdir().unwrap().path()).unwrap();

        let home = tempfile::tempdir().unwrap();
        let wanted = [archive("a-1.0.0.crate", 10), archive("b-1.0.0.crate", 11), archive("c-1.0.0.crate", 10)];
        crates.lend(&wanted, home.path()).unwrap();
        assert_eq!(names(&home.path().join(REGISTRY)), ["a-1.0.0.crate"]);
    }

    #[test]
    fn a_full_cache_gives_up_what_was_not_used_for_longest_and_what_was_lent_stays() {
        let folder = tempfile::tempdir().unwrap();
        let crates = Crates::open(folder.path().join("crates"), 1_000).unwrap();
        crates.keep(home_with("a-1.0.0.crate", 2_000).path()).unwrap();
        let home = tempfile::tempdir().unwrap();
        crates.lend(&[archive("a-1.0.0.crate", 2_000)], home.path()).unwrap();
        let kept = crates.folder.join("index.example.com-0123/a-1.0.0.crate");
        shelf::tests::unused_for(&kept, std::time::Duration::from_secs(3_600));

        crates.keep(home_with("b-1.0.0.crate", 10).path()).unwrap();

        assert_eq!(fs::read(home.path().join(REGISTRY).join("a-1.0.0.crate")).unwrap().len(), 2_000);
        assert_eq!(names(&crates.folder.join("index.example.com-0123")), ["b-1.0.0.crate"]);
    }
}
