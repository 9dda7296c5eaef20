//! The logs of builds, whole up to their cap, kept by what was asked for until they are too many.

use super::{
    artifact::digest_of,
    error::OperatorError,
    shelf::{self, write_whole},
};
use offchainvm_interface::GitSource;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Bytes of all logs together.
const MAX_BYTES: u64 = 64 << 20;

/// The folder of logs. Also commands and the API read it, beside the worker that builds.
#[derive(Clone, Debug)]
pub struct BuildLogs {
    folder: PathBuf,
}

impl BuildLogs {
    /// The logs in the folder of a builder, which need not be there yet.
    #[must_use]
    pub fn under(folder: &Path) -> Self {
        Self { folder: folder.join("logs-v1") }
    }

    /// What the last build of a source reported, step by step; [`None`] when it was not built here, or too long ago.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of(&self, source: &GitSource) -> Result<Option<String>, OperatorError> {
        self.of_commit(source, source.commit.as_str())
    }

    /// The same by another name of its commit, such as its full one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of_commit(&self, source: &GitSource, commit: &str) -> Result<Option<String>, OperatorError> {
        let path = self.file(source, commit);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(OperatorError::file("read", path)(error)),
        }
    }

    /// Keeps what a build of a source reported, by a name of its commit.
    pub(super) fn keep(&self, source: &GitSource, commit: &str, text: &str) -> Result<(), OperatorError> {
        fs::create_dir_all(&self.folder).map_err(OperatorError::file("make the folder", &self.folder))?;
        write_whole(&self.file(source, commit), text.as_bytes())?;
        let room = shelf::make_room(&self.folder, MAX_BYTES, |_| false);
        room.map_err(OperatorError::file("make room in", &self.folder)).map(drop)
    }

    /// Gives a source that names a commit by an abbreviation the log that is kept by the full name.
    pub(super) fn same(&self, source: &GitSource, commit: &str) {
        if source.commit.as_str() != commit {
            // Where it cannot be, a log is missing: nothing else.
            fs::copy(self.file(source, commit), self.file(source, source.commit.as_str())).ok();
        }
    }

    /// The name of a source's log, under one of its commit's names: the same on every machine.
    #[must_use]
    pub fn name(source: &GitSource, commit: &str) -> String {
        let path = source.path.as_ref().map(|path| path.as_str()).unwrap_or_default();
        format!("{}.log", digest_of(&[source.repo.as_str(), commit, path, source.build_target.triple()]))
    }

    fn file(&self, source: &GitSource, commit: &str) -> PathBuf {
        self.folder.join(Self::name(source, commit))
    }
}
