//! The sandbox that every foreign program of a build runs in: bubblewrap, set up from one value of limits. `sandboxed`
//! says it in bubblewrap's words.
//!
//! Two degrees of trust. A [`Trust::Tool`] (git, cargo reading a manifest or fetching) is ours and only its input is a
//! stranger's: it runs as the worker's own user, so that it can write what it fetches. A [`Trust::Stranger`] is the
//! stranger's code itself (build scripts, procedural macros): it gets no network, nothing writable but a capped
//! memory file system, fewer system calls, and an identity of its own, because the kernel exempts root from the cap on
//! processes.
//!
//! Neither sees the worker's environment or any file that is not listed here or in the step that calls.

use super::{error::BuildSetupError, sandboxed::SandboxedCommand};
use std::{path::PathBuf, time::Duration};
use tokio::time::Instant;

/// The one writable place: a memory file system of `disk_bytes`, gone with the sandbox.
pub(super) const SCRATCH: &str = "/build";
/// Where a toolchain appears, wherever it is on this machine: the same paths everywhere give the same bytes.
pub(super) const TOOLCHAIN: &str = "/toolchain";

const INSTALL_BWRAP: &str = "apt-get install bubblewrap";
const INSTALL_UTIL_LINUX: &str = "apt-get install util-linux";

/// What one sandbox may use. Every cap in it is enforced while it runs.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// When it must have ended.
    pub(super) deadline: Instant,
    /// Processor time that its processes use together.
    pub(super) cpu: Duration,
    /// Memory that its processes hold together, in bytes.
    pub(super) memory_bytes: u64,
    /// Memory that the machine must have left, in bytes.
    pub(super) spare_bytes: u64,
    /// Processes and threads at the same time.
    pub(super) processes: u64,
    /// What it writes to [`SCRATCH`], in bytes.
    pub(super) disk_bytes: u64,
    /// How many files it makes there.
    pub(super) files: u64,
}

impl Limits {
    /// The size of the memory file system. An eighth above the cap, so that a full disk is seen as such before the
    /// program fails from it and reports something else.
    pub(super) fn scratch_bytes(&self) -> u64 {
        (self.disk_bytes.saturating_add(self.disk_bytes / 8)).next_multiple_of(1 << 20)
    }
}

/// How far a program is trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Trust {
    /// Our tool on a stranger's data.
    Tool,
    /// A stranger's code.
    Stranger,
}

/// A folder on disk that grows while a tool runs, and how large it may get.
#[derive(Clone, Debug)]
pub(super) struct GrowingFolder {
    pub(super) path: PathBuf,
    pub(super) max_bytes: u64,
}

/// Makes sandboxes on this machine.
#[derive(Clone, Debug)]
pub(super) struct Sandbox {
    /// The program that makes them.
    pub(super) bwrap: PathBuf,
    /// Whether the worker runs as root, whom the kernel exempts from caps.
    pub(super) as_root: bool,
}

impl Sandbox {
    /// Finds bubblewrap and its helpers, and tries out both kinds of sandbox.
    pub(super) fn new() -> Result<Self, BuildSetupError> {
        let bwrap = find("bwrap", INSTALL_BWRAP)?;
        find("prlimit", INSTALL_UTIL_LINUX)?;
        find("setpriv", INSTALL_UTIL_LINUX)?;
        find("git", "apt-get install git")?;
        let sandbox = Self { bwrap, as_root: nix::unistd::geteuid().is_root() };
        for trust in [Trust::Tool, Trust::Stranger] {
            sandbox.try_out(trust)?;
        }
        Ok(sandbox)
    }

    fn try_out(&self, trust: Trust) -> Result<(), BuildSetupError> {
        let limits = Limits {
            deadline: Instant::now(),
            cpu: Duration::from_secs(10),
            memory_bytes: 1 << 30,
            spare_bytes: 0,
            processes: 64,
            disk_bytes: 1 << 20,
            files: 64,
        };
        let mut command = std::process::Command::new(&self.bwrap);
        let sandboxed = self.run_in(trust);
        command.env_clear().args(sandboxed.arguments(&limits)).args(["--", "true"]);
        let stdin = sandboxed.stdin().map_err(|error| BuildSetupError::SandboxRefused(error.to_string()))?;
        let output =
            command.stdin(stdin).output().map_err(|error| BuildSetupError::SandboxRefused(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        Err(BuildSetupError::SandboxRefused(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }

    /// Starts the description of a sandbox.
    pub(super) fn run_in(&self, trust: Trust) -> SandboxedCommand<'_> {
        SandboxedCommand::new(self, trust)
    }
}

fn find(program: &'static str, install: &'static str) -> Result<PathBuf, BuildSetupError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .ok_or(BuildSetupError::ProgramMissing { program, install })
}
