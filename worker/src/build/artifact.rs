//! Step 5: finished programs, kept by their digest, and which source each was built from.

use super::error::OperatorError;
use crate::job::WasmDigest;
use offchainvm_interface::GitSource;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

/// A verified program in the cache.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Artifact {
    /// SHA-256 of its bytes.
    pub digest: WasmDigest,
    /// Where the bytes are.
    pub path: PathBuf,
    /// How many there are.
    pub size: u64,
    /// The full name of the commit it was built from; empty when it was asked for by its digest.
    pub commit: String,
    /// What compiled it, as `rustc --version` says; empty likewise.
    pub toolchain: String,
    /// Whether it was built just now, as opposed to found.
    pub fresh: bool,
}

/// What decides about the bytes of a program.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct SourceKey(String);

impl SourceKey {
    /// The key of one full commit under one toolchain. What else decides, the flags of `compile`, is in the version of
    /// the records' folder.
    pub(super) fn new(source: &GitSource, commit: &str, toolchain: &str) -> Self {
        let path = source.path.as_ref().map(|path| path.as_str()).unwrap_or_default();
        let mut hash = Sha256::new();
        for part in [source.repo.as_str(), commit, path, source.build_target.triple(), toolchain] {
            // With its length, so that no two lists of parts run into the same text.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hex::encode(hash.finalize()))
    }
}

/// What is remembered about a finished build.
#[derive(Debug, Deserialize, Serialize)]
struct Record {
    digest: String,
    commit: String,
    toolchain: String,
}

/// The folder of finished programs. Several workers may share it: files appear whole, by renaming.
#[derive(Clone, Debug)]
pub(super) struct Artifacts {
    programs: PathBuf,
    records: PathBuf,
}

impl Artifacts {
    /// Opens the cache in a folder. The names carry the version of the layout.
    pub(super) fn open(folder: &Path) -> Result<Self, OperatorError> {
        let artifacts = Self { programs: folder.join("programs-v1"), records: folder.join("records-v1") };
        for folder in [&artifacts.programs, &artifacts.records] {
            fs::create_dir_all(folder).map_err(OperatorError::file("make the folder", folder))?;
        }
        Ok(artifacts)
    }

    /// The program built from a source, if it is here and its bytes are still those that were written.
    pub(super) fn find(&self, key: &SourceKey) -> Option<Artifact> {
        let record: Record = serde_json::from_slice(&fs::read(self.record(key)).ok()?).ok()?;
        let artifact = self.with_digest(record.digest.parse().ok()?)?;
        Some(Artifact { commit: record.commit, toolchain: record.toolchain, ..artifact })
    }

    /// The program with a digest, if it is here and its bytes are still those that were written.
    pub(super) fn with_digest(&self, digest: WasmDigest) -> Option<Artifact> {
        let path = self.program(digest);
        let bytes = fs::read(&path).ok()?;
        let intact = WasmDigest(Sha256::digest(&bytes).into()) == digest;
        let size = bytes.len() as u64;
        let (commit, toolchain) = (String::new(), String::new());
        intact.then_some(Artifact { digest, path, size, commit, toolchain, fresh: false })
    }

    /// Keeps a program of which nothing is known but its bytes.
    pub(super) fn add(&self, bytes: &[u8]) -> Result<Artifact, OperatorError> {
        let digest = WasmDigest(Sha256::digest(bytes).into());
        let path = self.program(digest);
        write_whole(&self.programs, &path, bytes)?;
        Ok(Artifact {
            digest,
            path,
            size: bytes.len() as u64,
            commit: String::new(),
            toolchain: String::new(),
            fresh: true,
        })
    }

    /// Keeps a program, and that this source gave it.
    pub(super) fn keep(
        &self,
        key: &SourceKey,
        bytes: &[u8],
        commit: &str,
        toolchain: &str,
    ) -> Result<Artifact, OperatorError> {
        let artifact = self.add(bytes)?;
        let (commit, toolchain) = (commit.to_owned(), toolchain.to_owned());
        let record = Record { digest: artifact.digest.to_string(), commit, toolchain };
        let text = serde_json::to_vec(&record)
            .map_err(|error| OperatorError::file("write", self.record(key))(error.into()))?;
        write_whole(&self.records, &self.record(key), &text)?;
        Ok(Artifact { commit: record.commit, toolchain: record.toolchain, ..artifact })
    }

    fn program(&self, digest: WasmDigest) -> PathBuf {
        self.programs.join(format!("{digest}.wasm"))
    }

    fn record(&self, key: &SourceKey) -> PathBuf {
        self.records.join(format!("{}.json", key.0))
    }
}

/// Writes a file so that after a crash it is there whole or not at all.
fn write_whole(folder: &Path, path: &Path, bytes: &[u8]) -> Result<(), OperatorError> {
    let write = || {
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        temporary.write_all(bytes)?;
        temporary.as_file().sync_all()?;
        temporary.persist(path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(OperatorError::file("write", path))
}
