//! One build under way: its temporary folder, its limits, and how its steps run their tools.

use super::{
    config::BuildConfig,
    error::{BuildError, OperatorError},
    gate::{self, Gate},
    log::Steps,
    running::{End, Ended},
    rust::Toolchain,
    sandbox::{GrowingFolder, Limits, Sandbox, TOOLCHAIN, Trust},
    sandboxed::SandboxedCommand,
    supervise::Excess,
};
use offchainvm_interface::FailureCode;
use parking_lot::Mutex;
use std::{
    ffi::OsStr,
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Where a step finds the checkout, inside.
pub(super) const CHECKOUT: &str = "/build/src";
/// Where cargo keeps what it fetched, inside.
pub(super) const CARGO_HOME: &str = "/build/cargo";
/// Where git keeps what it fetched, inside.
pub(super) const GIT_DIR: &str = "/build/git";
/// Where git's settings appear, inside.
const GIT_CONFIG: &str = "/build/gitconfig";

/// Everything that the steps of one build share. Dropping it removes its folder.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    pub(super) config: &'a BuildConfig,
    pub(super) toolchain: &'a Toolchain,
    sandbox: &'a Sandbox,
    git_config: &'a Path,
    gate: Gate,
    folder: TempDir,
    limits: Limits,
    cancel: CancellationToken,
    log: Mutex<Steps>,
}

/// What an attempt is made of.
pub(super) struct AttemptParts<'a> {
    pub(super) config: &'a BuildConfig,
    pub(super) toolchain: &'a Toolchain,
    pub(super) sandbox: &'a Sandbox,
    pub(super) git_config: &'a Path,
    pub(super) gate: Gate,
    /// Empty, for this attempt alone.
    pub(super) folder: TempDir,
    pub(super) cancel: CancellationToken,
}

impl<'a> Attempt<'a> {
    /// Starts the clock.
    pub(super) fn start(parts: AttemptParts<'a>) -> Self {
        let AttemptParts { config, toolchain, sandbox, git_config, gate, folder, cancel } = parts;
        let limits = Limits {
            deadline: Instant::now() + config.max_duration(),
            memory_bytes: config.max_memory_bytes(),
            spare_bytes: config.min_free_memory_bytes(),
            processes: config.max_processes,
            disk_bytes: config.max_disk_bytes(),
            files: config.max_files,
            cpu: config.max_cpu(),
        };
        Self { config, toolchain, sandbox, git_config, gate, folder, limits, cancel, log: Mutex::default() }
    }

    /// What all steps so far have reported, one after the other.
    pub(super) fn log(&self) -> String {
        self.log.lock().text().to_owned()
    }

    /// Removes the attempt's folder: thousands of files, so not on a thread of the runtime, where dropping would.
    pub(super) async fn remove(self) -> Result<(), OperatorError> {
        let path = self.folder.path().to_owned();
        let removed = tokio::task::spawn_blocking(move || self.folder.close()).await?;
        removed.map_err(OperatorError::file("remove", path))
    }

    /// A new folder of this attempt.
    pub(super) fn make_folder(&self, name: &str) -> Result<PathBuf, OperatorError> {
        let path = self.folder.path().join(name);
        make_readable_folder(&path).map_err(OperatorError::file("make the folder", &path))?;
        Ok(path)
    }

    /// A sandbox for git, which may write to one folder.
    pub(super) fn git(&self, git_dir: &Path) -> SandboxedCommand<'a> {
        // A fetch holds the pack while it is received and, for a moment, while it is indexed.
        let max_bytes = self.config.max_source_bytes().saturating_mul(2);
        let git = self
            .sandbox
            .run_in(Trust::Tool)
            .write(GrowingFolder { path: git_dir.to_owned(), max_bytes }, GIT_DIR)
            .env("GIT_DIR", GIT_DIR);
        self.with_git_config(git)
    }

    /// Shows git our settings and no others.
    fn with_git_config<'b>(&self, command: SandboxedCommand<'b>) -> SandboxedCommand<'b> {
        command
            .read(self.git_config, GIT_CONFIG)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", GIT_CONFIG)
            .env("GIT_TERMINAL_PROMPT", "0")
    }

    /// Gives a tool network, with the gate as the only way that it knows.
    pub(super) fn with_network<'b>(&self, command: SandboxedCommand<'b>) -> SandboxedCommand<'b> {
        let certificates: Vec<String> =
            self.config.network_env.iter().filter(|name| !gate::names_proxy(name)).cloned().collect();
        gate::PROXY_VARIABLES
            .iter()
            .fold(command.network(&certificates), |command, name| command.env(name, self.gate.url()))
    }

    /// Why the network was of no use, when a private address was asked for.
    pub(super) fn refused(&self) -> Option<String> {
        let hosts = self.gate.refused();
        let has = if hosts.len() == 1 { "has a private address" } else { "have private addresses" };
        (!hosts.is_empty()).then(|| format!("{} {has}, and this operator does not fetch from there", hosts.join(", ")))
    }

    /// A sandbox for cargo with the checkout read-only.
    ///
    /// Everything runs in `/`, and cargo looks for its configuration in the current folder and above: that of the
    /// checkout, which could name a compiler wrapper to run, is never found. The toolchain's own cargo is called, not
    /// rustup's, so a toolchain file of the checkout means nothing either.
    pub(super) fn cargo(&self, trust: Trust, checkout: &Path) -> SandboxedCommand<'a> {
        self.sandbox
            .run_in(trust)
            .read(&self.toolchain.root, TOOLCHAIN)
            .read(checkout, CHECKOUT)
            .env("CARGO_HOME", CARGO_HOME)
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_TERM_PROGRESS_WHEN", "never")
    }

    /// Shows cargo its home, read-only.
    pub(super) fn with_home<'b>(&self, command: SandboxedCommand<'b>, home: &Path) -> SandboxedCommand<'b> {
        self.with_cargo_config(command.read(home, CARGO_HOME))
    }

    /// Lets cargo fetch into its home. For git repositories it calls git, which heeds our settings: cargo's own client
    /// would also speak git's and ssh's protocols, past the gate.
    pub(super) fn with_growing_home<'b>(&self, command: SandboxedCommand<'b>, home: &Path) -> SandboxedCommand<'b> {
        let max_bytes = self.config.max_dependencies_bytes();
        let command = command
            .write(GrowingFolder { path: home.to_owned(), max_bytes }, CARGO_HOME)
            .env("CARGO_NET_GIT_FETCH_WITH_CLI", "true");
        self.with_network(self.with_git_config(self.with_cargo_config(command)))
    }

    fn with_cargo_config<'b>(&self, command: SandboxedCommand<'b>) -> SandboxedCommand<'b> {
        match &self.config.cargo_config {
            Some(file) => command.read(file, format!("{CARGO_HOME}/config.toml")),
            None => command,
        }
    }

    /// Runs a step's program within what is left of the attempt's limits. What it reports goes into the build's log.
    pub(super) async fn run<S: AsRef<OsStr>>(
        &self,
        step: &'static str,
        command: SandboxedCommand<'_>,
        program: &[S],
    ) -> Result<Ended, BuildError> {
        let ended = command.run(step, program, &self.limits, &self.cancel).await?;
        self.log.lock().push(&ended);
        Ok(ended)
    }

    /// Adds a remark to the build's log.
    pub(super) fn note(&self, text: &str) {
        self.log.lock().note(text);
    }

    /// What a program printed if it succeeded, and otherwise the failure: `code` when it reported one itself.
    pub(super) fn output(&self, ended: Ended, code: FailureCode) -> Result<Vec<u8>, BuildError> {
        let Ended { step, end, output, log } = ended;
        let lines = log.last_lines(self.config.log_lines);
        match end {
            End::Exit(0) => Ok(output),
            // What bubblewrap and the helpers it starts say when they cannot; git and cargo use 128 and 101.
            End::Exit(status @ (1 | 125..=127)) => {
                Err(OperatorError::Unexpected { step, how: format!("exit code {status}"), log: lines }.into())
            }
            End::Exit(status @ 129..) => {
                let message = format!("{step} was killed by signal {}: {lines}", status - 128);
                Err(BuildError::source(FailureCode::BuildResourcesExceeded, message))
            }
            End::Exit(_) => Err(BuildError::source(code, format!("{step} failed: {lines}"))),
            End::Exceeded(Excess::Machine) => {
                Err(OperatorError::Unexpected { step, how: "this machine ran short of memory".into(), log: lines }
                    .into())
            }
            End::Exceeded(excess) => {
                let message = format!("{step} took more {} than a build may: {lines}", excess.what());
                Err(BuildError::source(excess.code(), message))
            }
        }
    }
}

/// Makes a folder that a stranger's identity can read, whatever the worker's umask is.
pub(super) fn make_readable_folder(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o755))
}
