//! What becomes of a stranger's bytes in a build, one reader after the other, without a repository, a tool or a network:
//! for fuzzers and tests. A build goes through the same functions.

use super::{
    attempt::CHECKOUT,
    checkout,
    error::BuildError,
    gate::request::Request,
    gitmodules::{self, GitModules},
    log::LogTail,
    rust::{lockfile::Lockfile, manifest, manifest::Manifest},
};
use offchainvm_interface::{BuildTarget, RepoUrl};
use std::path::{Path, PathBuf};

/// What git lists of a commit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listing {
    /// How many entries there are.
    pub entries: usize,
    /// The size of all files together, in bytes.
    pub bytes: u64,
    /// The entries that are submodules: where, and at which commit.
    pub submodules: Vec<(String, String)>,
}

/// What is compiled of a package.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Declared {
    /// The name of the program's file.
    pub file: String,
    /// Cargo.lock, inside the source.
    pub lockfile: PathBuf,
}

/// A request of a build's tool to the network.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NetworkRequest {
    /// The host whose address is looked at, and connected to.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// The head with which the same request goes to another proxy.
    pub forwarded: String,
}

/// Reads what `git ls-tree -r -l -z` lists.
#[must_use]
pub fn listing(bytes: &[u8]) -> Listing {
    let (entries, size) = checkout::total(bytes);
    let submodules = checkout::gitlinks(bytes).into_iter().map(|link| (link.path, link.commit)).collect();
    Listing { entries, bytes: size, submodules }
}

/// Where the submodule in the folder `path` is, by what `git config --null --list` lists of a `.gitmodules`; [`None`] when
/// it says nothing of the folder, or leads nowhere from `repository`.
#[must_use]
pub fn submodule(listing: &[u8], repository: &RepoUrl, path: &str) -> Option<RepoUrl> {
    gitmodules::resolve(repository, GitModules::read(listing).address(path)?).ok()
}

/// Whether a Cargo.toml asks for the source's submodules.
///
/// # Errors
/// `manifest_invalid` when it says something else than yes or no.
pub fn asks_for_submodules(manifest: &str) -> Result<bool, BuildError> {
    manifest::wishes_submodules(manifest)
}

/// Reads what `cargo metadata` says of the package at the root of a source.
///
/// # Errors
/// `manifest_invalid` when it declares no single program for the target.
pub fn declared(metadata: &[u8], target: BuildTarget) -> Result<Declared, BuildError> {
    let manifest = Manifest::described(metadata, Path::new(CHECKOUT).join("Cargo.toml"), target)?;
    Ok(Declared { file: manifest.program.file_name(), lockfile: manifest.lockfile })
}

/// The files that the packages of a Cargo.lock come in: what a stranger's text has made of file names on this machine.
///
/// # Errors
/// `lockfile_invalid` when it is malformed.
pub fn archives(lockfile: &[u8]) -> Result<Vec<String>, BuildError> {
    Ok(Lockfile::parse(lockfile)?.archives.into_iter().map(|archive| archive.file).collect())
}

/// Reads the head of a request to the build's proxy; [`None`] when it is refused.
#[must_use]
pub fn network_request(head: &str) -> Option<NetworkRequest> {
    let request = Request::parse(head)?;
    let forwarded = request.forwarded(request.target, "");
    Some(NetworkRequest { host: request.host, port: request.port, forwarded })
}

/// The last lines of what a tool printed, as they are shown.
#[must_use]
pub fn shown(printed: &[u8], lines: usize) -> String {
    let mut log = LogTail::default();
    log.push(printed);
    log.last_lines(lines)
}
