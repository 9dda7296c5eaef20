//! Step 4: a finished program, and what is remembered of its build.

use crate::job::WasmDigest;
use offchainvm_interface::{GitSource, Sha256};
use serde::{Deserialize, Serialize};
use sha2::Digest;
use std::path::PathBuf;

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
    /// SHA-256 of its provenance statement; [`None`] for a program that was built elsewhere or asked for by its digest.
    pub provenance: Option<Sha256>,
    /// Whether it was built just now, as opposed to found.
    pub fresh: bool,
}

/// What decides about the bytes of a program.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct SourceKey(String);

impl SourceKey {
    /// The key of one full commit under one toolchain and recipe.
    pub(super) fn new(source: &GitSource, commit: &str, toolchain: &str, recipe: &str) -> Self {
        let path = source.path.as_ref().map(|path| path.as_str()).unwrap_or_default();
        Self(digest_of(&[source.repo.as_str(), commit, path, source.build_target.triple(), toolchain, recipe]))
    }

    /// 64 hexadecimal digits.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// SHA-256 of a list of texts, hexadecimal. Each with its length, so that no two lists run into the same bytes.
pub(super) fn digest_of(parts: &[&str]) -> String {
    let mut hash = sha2::Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

/// What is remembered about a finished build.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Record {
    /// The program's digest.
    pub(super) wasm_sha256: Sha256,
    /// The commit in full.
    pub(super) commit: String,
    /// What compiled it.
    pub(super) toolchain: String,
    /// Digest of the provenance statement.
    pub(super) provenance: Sha256,
}
