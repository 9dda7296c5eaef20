//! A disk that can be full.

use anyhow::{Context, Result, ensure};
use nix::unistd::geteuid;
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, ErrorKind, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// How somebody who is not root gets a namespace in which he may mount, and stays who he is.
const UNSHARE_AS_USER: [&str; 4] = ["--user", "--map-current-user", "--keep-caps", "--mount"];
/// How others get into it.
const ENTER_AS_USER: [&str; 3] = ["--user", "--mount", "--preserve-credentials"];

/// A disk of a few MiB, mounted over a folder for those alone who are started by [`SmallDisk::under`]: the mount is in a
/// namespace of its own, and vanishes with all that is on it when this is dropped. Root may make such a namespace; for
/// anybody else it needs user namespaces, as the worker's sandbox does.
pub struct SmallDisk {
    /// The process that holds the namespace, for as long as its standard input is open.
    holder: Child,
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts an empty disk of `mib` MiB over `folder`, which is made if it is missing.
    ///
    /// # Errors
    /// This machine allows no namespaces.
    pub fn over(folder: &Path, mib: u32) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let mut holder = Command::new("unshare")
            .args(if geteuid().is_root() { &["--mount"][..] } else { &UNSHARE_AS_USER })
            .args(["sh", "-c"])
            .arg(r#"mount -t tmpfs -o size="$1"m small-disk "$0" && echo mounted && exec cat"#)
            .arg(folder)
            .arg(mib.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("unshare")?;
        let mut said = String::new();
        BufReader::new(holder.stdout.take().context("its output")?).read_line(&mut said)?;
        ensure!(said.trim() == "mounted", "no disk can be mounted in a namespace on this machine");
        Ok(Self { holder, folder: folder.to_owned() })
    }

    /// The command under which a process sees this disk.
    #[must_use]
    pub fn under(&self) -> Vec<String> {
        let target = self.holder.id().to_string();
        let enter = if geteuid().is_root() { &["--mount"][..] } else { &ENTER_AS_USER };
        ["nsenter", "--target", &target].iter().chain(enter).map(|part| (*part).to_owned()).collect()
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
