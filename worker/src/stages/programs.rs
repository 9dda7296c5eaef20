//! How a program passes from the worker that built it to the one that runs it, on whatever machine that is.

use std::{collections::HashSet, io, path::PathBuf, sync::Arc};

use offchainvm_interface::Sha256;
use parking_lot::Mutex;

use crate::{
    build::Artifact,
    job::WasmDigest,
    store::{BlobError, Blobs},
};

/// How many shared programs are remembered before all are forgotten: it bounds memory, and forgetting costs one look.
const REMEMBERED: usize = 10_000;

/// The programs that all workers share, and the statements of how they were built. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Programs {
    blobs: Blobs,
    max_bytes: u64,
    /// Those that this process knows to be there.
    shared: Arc<Mutex<HashSet<Sha256>>>,
}

/// A program was not shared; another time it may be.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// The program's own file cannot be read.
    #[error("the program {} cannot be read: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

impl Programs {
    /// Programs of at most `max_bytes` in `blobs`.
    #[must_use]
    pub fn new(blobs: Blobs, max_bytes: u64) -> Self {
        Self { blobs, max_bytes, shared: Arc::default() }
    }

    /// Sees to it that every worker can fetch the program. `anew` when somebody could not: then nothing that was known
    /// or is there is relied on.
    ///
    /// # Errors
    /// [`ShareError`].
    pub async fn share(&self, artifact: &Artifact, anew: bool) -> Result<(), ShareError> {
        let digest = Sha256(artifact.digest.0);
        if !anew && self.is_shared(digest).await? {
            return Ok(());
        }
        let failed = |source| ShareError::File { path: artifact.path.clone(), source };
        let bytes = tokio::fs::read(&artifact.path).await.map_err(failed)?;
        if self.blobs.put(bytes).await? != digest {
            return Err(failed(io::Error::other("it is not what was built")));
        }
        self.remember(digest);
        Ok(())
    }

    /// Whether a program or a statement can be fetched, for all that is known.
    ///
    /// # Errors
    /// [`BlobError`].
    pub async fn is_shared(&self, digest: Sha256) -> Result<bool, BlobError> {
        let known = self.shared.lock().contains(&digest);
        if !known && !self.blobs.exists(digest).await? {
            return Ok(false);
        }
        self.remember(digest);
        Ok(true)
    }

    /// Sees to it that everybody can fetch the statement of how a program was built.
    ///
    /// # Errors
    /// [`BlobError`].
    pub async fn share_statement(&self, statement: Vec<u8>) -> Result<(), BlobError> {
        let digest = self.blobs.put(statement).await?;
        self.remember(digest);
        Ok(())
    }

    /// The bytes of a program that some worker has shared.
    ///
    /// # Errors
    /// [`BlobError`].
    pub async fn fetch(&self, digest: WasmDigest) -> Result<Vec<u8>, BlobError> {
        self.blobs.get(Sha256(digest.0), self.max_bytes).await
    }

    /// Removes programs and statements that nobody on this machine used for long from a folder of blobs, which grows on
    /// this machine's disk. Objects in a bucket are left to the bucket's own rules.
    ///
    /// # Errors
    /// [`BlobError`].
    pub async fn forget(&self, digests: &[Sha256]) -> Result<(), BlobError> {
        if !self.blobs.is_folder() {
            return Ok(());
        }
        for digest in digests {
            self.shared.lock().remove(digest);
            self.blobs.remove(*digest).await?;
        }
        Ok(())
    }

    fn remember(&self, digest: Sha256) {
        let mut shared = self.shared.lock();
        if shared.len() >= REMEMBERED {
            shared.clear();
        }
        shared.insert(digest);
    }
}
