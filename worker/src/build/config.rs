//! What the operator decides about builds: where sources may come from, and how much one build may take.

use super::error::BuildSetupError;
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};

/// Bytes in the unit of every `_mb` setting: a mebibyte.
const MB: u64 = 1 << 20;

/// Section `[build]` of the configuration. A missing setting has its default.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct BuildConfig {
    /// How repositories may be reached. `http` and `file` are for tests and closed networks: `file` lets every caller
    /// name any repository on this machine that the worker can read.
    pub allowed_protocols: Vec<Protocol>,
    /// The hosts that repositories may be on. Empty: every host that has a public address.
    pub allowed_hosts: Vec<String>,
    /// Hosts that builds may reach though their addresses are private: a mirror of the registry, a git server of the
    /// operator's own. All other private addresses are refused, wherever a name, a redirect or a dependency leads.
    pub private_hosts: Vec<String>,
    /// Whether a source that asks for its submodules gets them, each from where a repository may be.
    pub submodules: bool,
    /// Which Rust compiles: a version that rustup knows (`1.95.0`), or the folder of a toolchain. Another toolchain
    /// gives other bytes, so operators who want to agree on a digest set the same one.
    pub toolchain: String,
    /// A cargo configuration for reaching the registry through a mirror. Build scripts can read it: no tokens in it.
    pub cargo_config: Option<PathBuf>,
    /// Environment variables of the worker that the steps with network may see: proxies and certificates.
    pub network_env: Vec<String>,
    /// How many builds run at the same time.
    pub concurrent_builds: usize,
    /// Wall-clock seconds for one build, from the first byte fetched to the finished program.
    pub max_seconds: u64,
    /// Seconds of processor time that the processes of one step may use together.
    pub max_cpu_seconds: u64,
    /// MiB of memory that the processes of one build may hold together.
    pub max_memory_mb: u64,
    /// MiB of memory that this machine keeps free: with less, builds are stopped and tried again later. It is the last
    /// resort against memory that belongs to no process, as that of sockets.
    pub min_free_memory_mb: u64,
    /// Processes and threads of one build at the same time.
    pub max_processes: u64,
    /// MiB that one build may write. They are kept in memory, so this comes on top of `max_memory_mb`.
    pub max_disk_mb: u64,
    /// Files that one build may write.
    pub max_files: u64,
    /// MiB of a checkout, and of what is fetched to make it.
    pub max_source_mb: u64,
    /// Files in a checkout.
    pub max_source_files: usize,
    /// MiB of the dependencies of one build, archives and unpacked.
    pub max_dependencies_mb: u64,
    /// MiB of fetched archives kept for the next builds; beyond, those go that were not used for longest.
    pub crate_cache_mb: u64,
    /// MiB of built programs kept; beyond, those go that were not used for longest. What an open request needs stays.
    pub program_cache_mb: u64,
    /// MiB of the finished program.
    pub max_wasm_mb: u64,
    /// How many of the last lines of a log a failed build reports.
    pub log_lines: usize,
}

/// A way to reach a repository.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Encrypted and authenticated: what strangers use.
    Https,
    /// Neither encrypted nor authenticated.
    Http,
    /// A folder of this machine.
    File,
}

impl Protocol {
    /// As it stands before `://`, and as git calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::File => "file",
        }
    }
}

impl Default for BuildConfig {
    fn default() -> Self {
        Self {
            allowed_protocols: vec![Protocol::Https],
            allowed_hosts: Vec::new(),
            private_hosts: Vec::new(),
            submodules: true,
            toolchain: "1.95.0".into(),
            cargo_config: None,
            network_env: [
                "http_proxy",
                "https_proxy",
                "all_proxy",
                "no_proxy",
                "HTTP_PROXY",
                "HTTPS_PROXY",
                "ALL_PROXY",
                "NO_PROXY",
                "SSL_CERT_FILE",
                "SSL_CERT_DIR",
                "GIT_SSL_CAINFO",
                "CARGO_HTTP_CAINFO",
                "CARGO_HTTP_PROXY",
            ]
            .map(String::from)
            .to_vec(),
            concurrent_builds: 2,
            max_seconds: 240,
            max_cpu_seconds: 600,
            max_memory_mb: 3_072,
            min_free_memory_mb: 128,
            max_processes: 256,
            max_disk_mb: 2_048,
            max_files: 100_000,
            max_source_mb: 64,
            max_source_files: 10_000,
            max_dependencies_mb: 1_024,
            crate_cache_mb: 2_048,
            program_cache_mb: 1_024,
            max_wasm_mb: 16,
            log_lines: 30,
        }
    }
}

impl BuildConfig {
    /// Refuses values that no build could work with.
    pub(super) fn check(&self) -> Result<(), BuildSetupError> {
        let numbers = [
            ("concurrent_builds", self.concurrent_builds as u64, 1),
            ("max_seconds", self.max_seconds, 1),
            ("max_cpu_seconds", self.max_cpu_seconds, 1),
            ("max_memory_mb", self.max_memory_mb, 256),
            ("max_processes", self.max_processes, 16),
            ("max_disk_mb", self.max_disk_mb, 16),
            ("max_files", self.max_files, 100),
            ("max_source_mb", self.max_source_mb, 1),
            ("max_source_files", self.max_source_files as u64, 1),
            ("max_dependencies_mb", self.max_dependencies_mb, 16),
            ("max_wasm_mb", self.max_wasm_mb, 1),
        ];
        if let Some((setting, value, least)) = numbers.into_iter().find(|(_, value, least)| value < least) {
            return Err(BuildSetupError::Setting {
                setting,
                problem: format!("is {value}, but must be at least {least}"),
            });
        }
        if self.allowed_protocols.is_empty() {
            return Err(BuildSetupError::Setting {
                setting: "allowed_protocols",
                problem: "is empty: nothing could be fetched".into(),
            });
        }
        match &self.cargo_config {
            Some(file) if !file.is_file() => Err(BuildSetupError::Setting {
                setting: "cargo_config",
                problem: format!("names no file: {}", file.display()),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn max_duration(&self) -> Duration {
        Duration::from_secs(self.max_seconds)
    }

    pub(super) fn max_cpu(&self) -> Duration {
        Duration::from_secs(self.max_cpu_seconds)
    }

    pub(super) fn max_memory_bytes(&self) -> u64 {
        self.max_memory_mb.saturating_mul(MB)
    }

    pub(super) fn min_free_memory_bytes(&self) -> u64 {
        self.min_free_memory_mb.saturating_mul(MB)
    }

    pub(super) fn max_disk_bytes(&self) -> u64 {
        self.max_disk_mb.saturating_mul(MB)
    }

    pub(super) fn max_source_bytes(&self) -> u64 {
        self.max_source_mb.saturating_mul(MB)
    }

    pub(super) fn max_dependencies_bytes(&self) -> u64 {
        self.max_dependencies_mb.saturating_mul(MB)
    }

    pub(super) fn crate_cache_bytes(&self) -> u64 {
        self.crate_cache_mb.saturating_mul(MB)
    }

    /// [`Self::program_cache_mb`] in bytes.
    #[must_use]
    pub fn program_cache_bytes(&self) -> u64 {
        self.program_cache_mb.saturating_mul(MB)
    }

    /// [`Self::max_wasm_mb`] in bytes.
    #[must_use]
    pub fn max_wasm_bytes(&self) -> u64 {
        self.max_wasm_mb.saturating_mul(MB)
    }
}
