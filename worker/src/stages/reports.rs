//! What is known of builds, wherever they were: their logs and their provenance statements, beside the programs.

use offchainvm_interface::{GitSource, Sha256};

use crate::{
    build::{BuildLogs, OperatorError},
    store::{BlobError, Blobs, Shelf},
};

/// The largest provenance statement that is read, in bytes: they have some 1,500.
const MAX_STATEMENT_BYTES: u64 = 1 << 20;

/// What builds reported. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct BuildReports {
    blobs: Blobs,
    local: BuildLogs,
}

/// A report cannot be read or kept now.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// This machine did.
    #[error(transparent)]
    Local(#[from] OperatorError),
    /// A task of the process panicked.
    #[error("a build's log was not read: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl BuildReports {
    /// The reports in `blobs`, and the logs of this machine.
    #[must_use]
    pub fn new(blobs: Blobs, local: BuildLogs) -> Self {
        Self { blobs, local }
    }

    /// Lets everybody read what the last build of a source on this machine reported; `commit` is the full one, or what
    /// is known of it.
    ///
    /// # Errors
    /// [`ReportError`].
    pub async fn share_log(&self, source: &GitSource, commit: &str) -> Result<(), ReportError> {
        if let Some(text) = self.local(source, commit).await? {
            self.blobs.put_text(Shelf::BuildLogs, &BuildLogs::name(source, commit), text).await?;
        }
        Ok(())
    }

    /// What the last build of a source reported, by its full commit where that is known; [`None`] when it was not
    /// built, or too long ago.
    ///
    /// # Errors
    /// [`ReportError`].
    pub async fn log(&self, source: &GitSource, commit: Option<&str>) -> Result<Option<String>, ReportError> {
        let asked = source.commit.as_str();
        for commit in commit.into_iter().chain([asked]) {
            if let Some(text) = self.blobs.text(Shelf::BuildLogs, &BuildLogs::name(source, commit)).await? {
                return Ok(Some(text));
            }
        }
        self.local(source, asked).await
    }

    /// The canonical bytes of a provenance statement, by their digest; [`None`] when nobody keeps them any more.
    ///
    /// # Errors
    /// [`ReportError`].
    pub async fn statement(&self, digest: Sha256) -> Result<Option<Vec<u8>>, ReportError> {
        match self.blobs.get(digest, MAX_STATEMENT_BYTES).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_lost() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn local(&self, source: &GitSource, commit: &str) -> Result<Option<String>, ReportError> {
        let (logs, source, commit) = (self.local.clone(), source.clone(), commit.to_owned());
        Ok(tokio::task::spawn_blocking(move || logs.of_commit(&source, &commit)).await??)
    }
}
