//! A program to run: a WebAssembly module, named by its digest.

use super::error::ExecuteError;
use crate::job::WasmDigest;
use sha2::{Digest, Sha256};
use std::{borrow::Cow, fs, path::PathBuf, sync::Arc};

/// A program to run. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Program {
    digest: WasmDigest,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    File(PathBuf),
    Bytes(Arc<[u8]>),
}

impl Program {
    /// The module in a file, which must have the digest. It is read, and its digest checked, only when it has to be
    /// compiled.
    #[must_use]
    pub fn file(digest: WasmDigest, path: PathBuf) -> Self {
        Self { digest, source: Source::File(path) }
    }

    /// The module in these bytes.
    #[must_use]
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { digest: digest_of(&bytes), source: Source::Bytes(bytes) }
    }

    /// The module's SHA-256.
    #[must_use]
    pub fn digest(&self) -> WasmDigest {
        self.digest
    }

    /// How many bytes it has.
    pub(super) fn size(&self) -> Result<u64, ExecuteError> {
        match &self.source {
            Source::Bytes(bytes) => Ok(bytes.len() as u64),
            Source::File(path) => match fs::metadata(path) {
                Ok(about) => Ok(about.len()),
                Err(source) => Err(ExecuteError::Artifact { path: path.clone(), source }),
            },
        }
    }

    /// The module, whose digest has been checked.
    pub(super) fn read(&self) -> Result<Cow<'_, [u8]>, ExecuteError> {
        let path = match &self.source {
            Source::Bytes(bytes) => return Ok(Cow::Borrowed(bytes)),
            Source::File(path) => path,
        };
        let bytes = fs::read(path).map_err(|source| ExecuteError::Artifact { path: path.clone(), source })?;
        let found = digest_of(&bytes);
        if found == self.digest {
            Ok(Cow::Owned(bytes))
        } else {
            Err(ExecuteError::ArtifactChanged { expected: self.digest, found })
        }
    }
}

fn digest_of(bytes: &[u8]) -> WasmDigest {
    WasmDigest(Sha256::digest(bytes).into())
}
