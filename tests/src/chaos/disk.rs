//! A disk that can be full.

use anyhow::{Context, Result, ensure};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, ErrorKind, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A disk of a few MiB, mounted over a folder for those alone who are started by [`SmallDisk::under`]: the mount is in a
/// namespace of its own, which needs no privileges that the worker's sandbox does not need, too. It vanishes with all
/// that is on it when this is dropped.
pub struct SmallDisk {
    /// The process that holds the namespace, for as long as its standard input is open.
    holder: Child,
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts an empty disk of `mib` MiB over `folder`, which is made if it is missing.
    ///
    /// # Errors
    /// This machine allows no user namespaces.
    pub fn over(folder: &Path, mib: u32) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
            .arg(r#"mount -t tmpfs -o size="$1"m small-disk "$0" && echo mounted && exec cat"#)
            .arg(folder)
            .arg(mib.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("unshare")?;
        let mut said = String::new();
        BufReader::new(holder.stdout.take().context("its output")?).read_line(&mut said)?;
        ensure!(said.trim() == "mounted", "no disk can be mounted in a user namespace on this machine");
        Ok(Self { holder, folder: folder.to_owned() })
    }

    /// The command under which a process sees this disk.
    #[must_use]
    pub fn under(&self) -> Vec<String> {
        let target = self.holder.id().to_string();
        ["nsenter", "--user", "--mount", "--preserve-credentials", "--target", &target].map(str::to_owned).to_vec()
    }

    /// Leaves not a page free.
    ///
    /// # Errors
    /// Something else than a full disk.
    pub fn fill(&self) -> Result<()> {
        let mut ballast = File::create(self.ballast())?;
        loop {
            match ballast.write(&[0; 4_096]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Gives back what [`SmallDisk::fill`] took.
    ///
    /// # Errors
    /// It was not filled.
    pub fn free(&self) -> Result<()> {
        Ok(fs::remove_file(self.ballast())?)
    }

    /// A file on the disk, seen from outside.
    fn ballast(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.folder.strip_prefix("/").unwrap_or(&self.folder)).join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
