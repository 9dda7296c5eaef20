//! Finished programs, kept by their digest: those that were built, up to a number of bytes, and those that the operator
//! added, for good. Beside them, which source gave which program, and the provenance of each.
//!
//! Several workers may share the folder: files appear whole, and what is read is checked against its digest.

use super::{
    artifact::{Artifact, Record, SourceKey},
    error::{BuildError, OperatorError},
    shelf::{self, write_whole},
};
use crate::{job::WasmDigest, program};
use offchainvm_interface::{BuildTarget, Sha256};
use sha2::Digest;
use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Bytes of records and of provenance statements that are kept, each about one kilobyte.
const MAX_NOTES_BYTES: u64 = 64 << 20;

/// The folders. Their names carry the version of what is in them.
#[derive(Clone, Debug)]
pub struct Artifacts {
    built: PathBuf,
    added: PathBuf,
    records: PathBuf,
    provenance: PathBuf,
    max_bytes: u64,
}

/// A program of the operator's own, or of a build.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeptProgram {
    /// SHA-256 of its bytes.
    pub digest: WasmDigest,
    /// How many there are.
    pub size: u64,
    /// Whether the operator added it: then it stays until it is removed.
    pub added: bool,
    /// When it was last used.
    pub used: SystemTime,
}

impl Artifacts {
    /// Opens the folder, and makes what is missing. Built programs come to `max_bytes` at most, plus those of the last
    /// minute and those that are needed.
    ///
    /// # Errors
    /// A folder cannot be made.
    pub fn open(folder: &Path, max_bytes: u64) -> Result<Self, OperatorError> {
        let [built, added, records, provenance] =
            ["programs-v2", "added-v1", "records-v2", "provenance-v1"].map(|name| folder.join(name));
        for folder in [&built, &added, &records, &provenance] {
            fs::create_dir_all(folder).map_err(OperatorError::file("make the folder", folder))?;
        }
        Ok(Self { built, added, records, provenance, max_bytes })
    }

    /// The program built from a source, if all that was kept of it is whole.
    pub(super) fn find(&self, key: &SourceKey) -> Option<Artifact> {
        let path = self.record(key);
        let record: Record = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        let artifact = self.with_digest(WasmDigest(record.wasm_sha256.0))?;
        self.provenance(record.provenance)?;
        shelf::touch(&path);
        let Record { commit, toolchain, provenance, .. } = record;
        Some(Artifact { commit, toolchain, provenance: Some(provenance), ..artifact })
    }

    /// The program with a digest, if it is here and its bytes are still those that were written.
    #[must_use]
    pub fn with_digest(&self, digest: WasmDigest) -> Option<Artifact> {
        [&self.built, &self.added].into_iter().find_map(|folder| {
            let path = file_of(folder, digest);
            let size = intact(&path, digest.0)?.len() as u64;
            shelf::touch(&path);
            Some(Artifact { size, ..nameless(digest, path) })
        })
    }

    /// The canonical bytes of a provenance statement.
    #[must_use]
    pub fn provenance(&self, digest: Sha256) -> Option<Vec<u8>> {
        let path = self.statement(digest);
        let bytes = intact(&path, digest.0)?;
        shelf::touch(&path);
        Some(bytes)
    }

    /// Keeps a program for the operator, until it is removed.
    ///
    /// # Errors
    /// [`BuildError::Source`] when it is no program that would be run, or a fault of this machine.
    pub fn add(&self, bytes: &[u8]) -> Result<Artifact, BuildError> {
        program::check(bytes, None)?;
        Ok(write_program(&self.added, bytes)?)
    }

    /// Keeps a program of which nothing is known but its bytes, as one that was built.
    pub(super) fn keep_fetched(&self, bytes: &[u8], target: Option<BuildTarget>) -> Result<Artifact, BuildError> {
        program::check(bytes, target)?;
        Ok(write_program(&self.built, bytes)?)
    }

    /// Keeps a program, its provenance, and that this source gave it.
    pub(super) fn keep(
        &self,
        key: &SourceKey,
        bytes: &[u8],
        statement: &[u8],
        build: (&str, &str),
    ) -> Result<Artifact, OperatorError> {
        let artifact = write_program(&self.built, bytes)?;
        let provenance = Sha256(sha2::Sha256::digest(statement).into());
        write_whole(&self.statement(provenance), statement)?;
        let (commit, toolchain) = (build.0.to_owned(), build.1.to_owned());
        let record = Record { wasm_sha256: Sha256(artifact.digest.0), commit, toolchain, provenance };
        let path = self.record(key);
        let text = serde_json::to_vec(&record).map_err(|error| OperatorError::file("write", &path)(error.into()))?;
        write_whole(&path, &text)?;
        let Record { commit, toolchain, .. } = record;
        Ok(Artifact { commit, toolchain, provenance: Some(provenance), ..artifact })
    }

    /// Whether built programs take more than they may.
    pub(super) fn is_full(&self) -> Result<bool, OperatorError> {
        let files = shelf::list(&self.built).map_err(OperatorError::file("list", &self.built))?;
        Ok(files.iter().map(|file| file.bytes).sum::<u64>() > self.max_bytes)
    }

    /// Removes built programs that were not used for longest, as far as there are too many; never one that is needed.
    /// So do records and statements. Gives the digests of the programs and statements that are gone.
    pub(super) fn make_room(&self, needed: &HashSet<WasmDigest>) -> Result<Vec<Sha256>, OperatorError> {
        let is_needed = |path: &Path| digest_named(path).is_some_and(|digest| needed.contains(&digest));
        let make_room = |folder: &Path, max_bytes, is_needed: &dyn Fn(&Path) -> bool| {
            shelf::make_room(folder, max_bytes, is_needed).map_err(OperatorError::file("make room in", folder))
        };
        let programs = make_room(&self.built, self.max_bytes, &is_needed)?;
        make_room(&self.records, MAX_NOTES_BYTES, &|_| false)?;
        let statements = make_room(&self.provenance, MAX_NOTES_BYTES, &|_| false)?;
        let programs = programs.iter().filter_map(|path| digest_named(path));
        let programs = programs.filter(|digest| !file_of(&self.added, *digest).exists());
        let statements = statements.iter().filter_map(|path| digest_before(path, ".json"));
        Ok(programs.chain(statements).map(|digest| Sha256(digest.0)).collect())
    }

    /// Every program that is here, those of the operator first, then the last used first.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn list(&self) -> Result<Vec<KeptProgram>, OperatorError> {
        let mut found = Vec::new();
        for (folder, added) in [(&self.added, true), (&self.built, false)] {
            let mut files = shelf::list(folder).map_err(OperatorError::file("list", folder))?;
            files.sort_by_key(|file| std::cmp::Reverse(file.used));
            found.extend(files.into_iter().filter_map(|file| {
                let digest = digest_named(&file.path)?;
                Some(KeptProgram { digest, size: file.bytes, added, used: file.used })
            }));
        }
        Ok(found)
    }

    /// Removes a program, whoever put it here; false when there was none.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn remove(&self, digest: WasmDigest) -> Result<bool, OperatorError> {
        let mut was_there = false;
        for path in [&self.added, &self.built].map(|folder| file_of(folder, digest)) {
            match fs::remove_file(&path) {
                Ok(()) => was_there = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(OperatorError::file("remove", path)(error)),
            }
        }
        Ok(was_there)
    }

    fn record(&self, key: &SourceKey) -> PathBuf {
        self.records.join(format!("{}.json", key.as_str()))
    }

    fn statement(&self, digest: Sha256) -> PathBuf {
        self.provenance.join(format!("{digest}.json"))
    }
}

fn file_of(folder: &Path, digest: WasmDigest) -> PathBuf {
    folder.join(format!("{digest}.wasm"))
}

fn digest_named(path: &Path) -> Option<WasmDigest> {
    digest_before(path, ".wasm")
}

fn digest_before(path: &Path, ending: &str) -> Option<WasmDigest> {
    path.file_name()?.to_str()?.strip_suffix(ending)?.parse().ok()
}

fn intact(path: &Path, digest: [u8; 32]) -> Option<Vec<u8>> {
    fs::read(path).ok().filter(|bytes| <[u8; 32]>::from(sha2::Sha256::digest(bytes)) == digest)
}

fn nameless(digest: WasmDigest, path: PathBuf) -> Artifact {
    let (commit, toolchain) = (String::new(), String::new());
    Artifact { digest, path, size: 0, commit, toolchain, provenance: None, fresh: false }
}

fn write_program(folder: &Path, bytes: &[u8]) -> Result<Artifact, OperatorError> {
    let digest = WasmDigest(sha2::Sha256::digest(bytes).into());
    let path = file_of(folder, digest);
    write_whole(&path, bytes)?;
    Ok(Artifact { size: bytes.len() as u64, fresh: true, ..nameless(digest, path) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::{super::shelf::tests::unused_for, *};
    use std::time::Duration;

    const PROGRAM: &str = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;

    fn key(name: &str) -> SourceKey {
        let source = serde_json::json!({"repo": "https://h/p", "commit": "abcdef", "build_target": "wasm32-wasip1"});
        match serde_json::from_value(source).unwrap() {
            offchainvm_interface::CodeSource::Git(source) => SourceKey::new(&source, name, "rustc", "rust/v1"),
            offchainvm_interface::CodeSource::Wasm(_) => unreachable!(),
        }
    }

    #[test]
    fn room_is_made_by_the_oldest_but_not_by_what_is_needed_or_added() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::open(folder.path(), 2_500).unwrap();
        let kept: Vec<Artifact> =
            (0..5_u8).map(|n| artifacts.keep(&key(&n.to_string()), &[n; 1_000], b"{}", ("c", "t")).unwrap()).collect();
        let added = artifacts.add(&wat::parse_str(PROGRAM).unwrap()).unwrap();
        for (artifact, hours) in kept.iter().zip([9, 8, 7, 6, 5]) {
            unused_for(&artifact.path, Duration::from_secs(hours * 3_600));
        }
        unused_for(&added.path, Duration::from_secs(1 << 20));
        assert!(artifacts.is_full().unwrap());
        let oldest = kept.first().unwrap();
        let gone = artifacts.make_room(&HashSet::from([oldest.digest])).unwrap();
        assert_eq!(gone, [1, 2, 3].map(|n: usize| Sha256(kept.get(n).unwrap().digest.0)));

        let here: Vec<bool> = (0..5_u8).map(|n| artifacts.find(&key(&n.to_string())).is_some()).collect();
        assert_eq!(here, [true, false, false, false, true]);
        assert!(artifacts.with_digest(added.digest).is_some());
        assert!(!artifacts.is_full().unwrap());
    }

    #[test]
    fn a_damaged_program_or_statement_is_not_handed_out() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::open(folder.path(), 1_000).unwrap();
        let built = artifacts.keep(&key("a"), b"wasm", b"{}", ("c", "t")).unwrap();
        let again = artifacts.find(&key("a")).unwrap();
        assert_eq!(again, Artifact { fresh: false, ..built.clone() });

        let statement = artifacts.statement(built.provenance.unwrap());
        fs::write(&statement, "{ }").unwrap();
        assert_eq!(artifacts.find(&key("a")), None);
        fs::write(&statement, "{}").unwrap();
        assert!(artifacts.find(&key("a")).is_some());
        fs::write(&built.path, "other").unwrap();
        assert_eq!(artifacts.find(&key("a")), None);
        assert_eq!(artifacts.with_digest(built.digest), None);
    }

    #[test]
    fn what_is_listed_can_be_removed() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::open(folder.path(), 1_000).unwrap();
        let built = artifacts.keep(&key("a"), b"wasm", b"{}", ("c", "t")).unwrap();
        let added = artifacts.add(&wat::parse_str(PROGRAM).unwrap()).unwrap();
        assert!(artifacts.add(b"wasm").is_err(), "it is no program");
        let list = artifacts.list().unwrap();
        let seen: Vec<_> = list.iter().map(|each| (each.digest, each.size, each.added)).collect();
        assert_eq!(seen, [(added.digest, added.size, true), (built.digest, 4, false)]);
        assert!(artifacts.remove(added.digest).unwrap());
        assert!(!artifacts.remove(added.digest).unwrap());
        assert_eq!(artifacts.with_digest(added.digest), None);
    }
}
