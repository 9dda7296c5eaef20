//! Cargo.lock, read before cargo does: whether it is one, and which archives its packages come in.

use crate::build::error::BuildError;
use offchainvm_interface::{FailureCode, Sha256};
use serde::Deserialize;
use sha2::Digest;
use std::{fs, path::Path};

/// A Cargo.lock that can be read. Whether it fits Cargo.toml shows when the dependencies are fetched.
#[derive(Debug)]
pub(in crate::build) struct Lockfile {
    /// The archives of the packages that come from a registry.
    pub(in crate::build) archives: Vec<Archive>,
    /// Digest of the file.
    pub(super) sha256: Sha256,
}

#[derive(Deserialize)]
struct Contents {
    #[serde(default, rename = "package")]
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
}

/// The archive of a crate, as cargo keeps it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::build) struct Archive {
    /// The name of its file; nothing but a name.
    pub(in crate::build) file: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub(super) checksum: String,
}

impl Lockfile {
    /// Reads the file.
    ///
    /// # Errors
    /// `lockfile_invalid` when it is missing or malformed.
    pub(super) fn read(path: &Path) -> Result<Self, BuildError> {
        Self::parse(&fs::read(path).map_err(|_| invalid("the source has no Cargo.lock; commit it".into()))?)
    }

    /// Reads what such a file holds.
    ///
    /// # Errors
    /// `lockfile_invalid` when it is malformed.
    pub(in crate::build) fn parse(bytes: &[u8]) -> Result<Self, BuildError> {
        let sha256 = Sha256(sha2::Sha256::digest(bytes).into());
        let text = str::from_utf8(bytes).map_err(|_| invalid("Cargo.lock is not text".into()))?;
        let contents: Contents =
            toml::from_str(text).map_err(|error| invalid(format!("Cargo.lock is malformed: {}", error.message())))?;
        Ok(Self { archives: contents.archives(), sha256 })
    }
}

fn invalid(why: String) -> BuildError {
    BuildError::source(FailureCode::LockfileInvalid, why)
}

impl Contents {
    fn archives(self) -> Vec<Archive> {
        let archives = self.packages.into_iter().filter_map(|Package { name, version, source, checksum }| {
            let source = source?;
            let registry = source.starts_with("registry+") || source.starts_with("sparse+");
            // The name of a file on this machine from a stranger's text: only what a package can really be called.
            let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b));
            let file = format!("{name}-{version}.crate");
            (registry && plain(&file)).then_some(Archive { file, checksum: checksum? })
        });
        archives.collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn only_packages_of_registries_with_plain_names_have_archives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Cargo.lock");
        let package = |name: &str, source: &str| {
            format!(
                "[[package]]\nname = {name:?}\nversion = \"1.0.0-rc.1+build\"\nsource = {source:?}\nchecksum = \"00\"\n"
            )
        };
        let text = [
            "version = 4\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n".to_owned(),
            package("itoa", "registry+https://github.com/rust-lang/crates.io-index"),
            package("sparse", "sparse+https://index.example.com/"),
            package("git", "git+https://example.com/x#0123"),
            package("../../escape", "registry+https://github.com/rust-lang/crates.io-index"),
        ];
        fs::write(&path, text.concat()).unwrap();
        let archive = |file: &str| Archive { file: file.into(), checksum: "00".into() };
        let expected = ["itoa-1.0.0-rc.1+build.crate", "sparse-1.0.0-rc.1+build.crate"].map(archive);
        assert_eq!(Lockfile::read(&path).unwrap().archives, expected);
    }

    #[test]
    fn what_is_no_lockfile_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Cargo.lock");
        for text in ["<<<<<<< HEAD", "package = 7", "[[package]]\nname = 1", "\u{feff}["] {
            fs::write(&path, text).unwrap();
            let error = Lockfile::read(&path).unwrap_err();
            assert!(matches!(error, BuildError::Source { code: FailureCode::LockfileInvalid, .. }), "{text}: {error}");
        }
    }
}
