//! Git repositories for tests: made from a folder, in a temporary place, gone when dropped.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A repository on this machine.
#[derive(Debug)]
pub struct GitRepo {
    folder: TempDir,
    /// The full name of the newest commit.
    pub commit: String,
}

impl GitRepo {
    /// Copies a folder, without what cargo built there, and commits all of it.
    ///
    /// # Errors
    /// The folder cannot be copied, or git fails.
    pub fn from_dir(source: &Path) -> io::Result<Self> {
        let mut repo = Self { folder: tempfile::tempdir()?, commit: String::new() };
        copy(source, repo.path())?;
        repo.git(&["init", "--quiet", "--initial-branch=main"])?;
        repo.commit_all("everything")?;
        Ok(repo)
    }

    /// Where the files are: change them, then [`Self::commit_all`].
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The address, `file://…`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("file://{}", self.path().display())
    }

    /// Commits everything as it stands now.
    ///
    /// # Errors
    /// Git fails.
    pub fn commit_all(&mut self, message: &str) -> io::Result<()> {
        self.git(&["add", "--all", "--force"])?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message])?;
        self.commit = self.git(&["rev-parse", "HEAD"])?.trim().to_owned();
        Ok(())
    }

    /// Runs git in the repository and gives what it prints. The machine's own settings do not matter.
    ///
    /// # Errors
    /// Git fails; the error holds what it said.
    pub fn git(&self, args: &[&str]) -> io::Result<String> {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=Test", "-c", "user.email=test@example.com"]).args(args);
        command.current_dir(self.path()).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(variable);
        }
        let output = command.output()?;
        if !output.status.success() {
            return Err(io::Error::other(format!("git {args:?}: {}", String::from_utf8_lossy(&output.stderr))));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target): (PathBuf, PathBuf) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source)?, target)?;
        } else if kind.is_file() {
            fs::copy(source, target)?;
        } else if entry.file_name() != "target" {
            fs::create_dir(&target)?;
            copy(&source, &target)?;
        }
    }
    Ok(())
}
