//! Cargo.toml, as cargo reads it: which one target of the package is the program, and where its Cargo.lock is.

use crate::build::{
    attempt::{Attempt, CHECKOUT},
    error::{BuildError, OperatorError},
    sandbox::Trust,
};
use offchainvm_interface::{BuildTarget, FailureCode};
use serde::Deserialize;
use std::{
    ffi::OsStr,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// The longest description of a manifest that is read. Cargo repeats every field of it.
const MAX_METADATA_BYTES: u64 = 16 << 20;
/// The longest Cargo.toml in which a wish for submodules is looked for.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// What a manifest declares.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Manifest {
    /// The file, as cargo sees it inside.
    pub(super) path: PathBuf,
    /// What is compiled.
    pub(super) program: CargoTarget,
    /// Cargo.lock, inside the checkout.
    pub(super) lockfile: PathBuf,
}

/// The one target of a package that is a program.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum CargoTarget {
    /// A binary of this name: a command.
    Binary(String),
    /// A library of this name, with the crate type `cdylib`.
    Library(String),
}

impl CargoTarget {
    /// How cargo is told to compile this and nothing else.
    pub(super) fn arguments(&self) -> Vec<&str> {
        match self {
            Self::Binary(name) => vec!["--bin", name],
            Self::Library(_) => vec!["--lib"],
        }
    }

    /// The name of the file that cargo makes.
    pub(super) fn file_name(&self) -> String {
        match self {
            Self::Binary(name) => format!("{name}.wasm"),
            Self::Library(name) => format!("{}.wasm", name.replace('-', "_")),
        }
    }
}

impl Manifest {
    /// Reads the manifest of a package of the checkout.
    ///
    /// # Errors
    /// `manifest_missing`; `manifest_invalid` when it is malformed or declares no single program for the target.
    pub(super) async fn read(
        attempt: &Attempt<'_>,
        checkout: &Path,
        package: &Path,
        target: BuildTarget,
    ) -> Result<Self, BuildError> {
        let file = package.join("Cargo.toml");
        if !checkout.join(&file).is_file() {
            let message = format!("the source has no file {}", file.display());
            return Err(BuildError::source(FailureCode::ManifestMissing, message));
        }
        let path = Path::new(CHECKOUT).join(file);
        let cargo = attempt.cargo(Trust::Tool, checkout).max_output(MAX_METADATA_BYTES);
        let mut command: Vec<&OsStr> =
            ["cargo", "metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"]
                .map(OsStr::new)
                .to_vec();
        command.push(path.as_os_str());
        let ended = attempt.run("reading Cargo.toml", cargo, &command).await?;
        let output = attempt.output(ended, FailureCode::ManifestInvalid)?;
        let metadata = serde_json::from_slice(&output).map_err(|error| OperatorError::Unexpected {
            step: "cargo metadata",
            how: format!("its output cannot be read: {error}"),
            log: String::new(),
        })?;
        declared(metadata, path, target)
    }
}

/// Whether the package in a folder of the checkout asks for the source's submodules: `submodules = true` in
/// `[package.metadata.offchainvm]`. What else is wrong with a manifest is for cargo to find.
///
/// # Errors
/// `manifest_invalid` when it says something else than yes or no.
pub(in crate::build) fn asks_for_submodules(checkout: &Path, package: &Path) -> Result<bool, BuildError> {
    let read = File::open(checkout.join(package).join("Cargo.toml")).and_then(|file| {
        let mut text = String::new();
        file.take(MAX_MANIFEST_BYTES).read_to_string(&mut text).map(|_| text)
    });
    let manifest: toml::Table = read.ok().and_then(|text| text.parse().ok()).unwrap_or_default();
    let path = ["package", "metadata", "offchainvm", "submodules"];
    let mut parts = path.into_iter();
    let first = parts.next().and_then(|part| manifest.get(part));
    match parts.fold(first, |found, part| found?.get(part)) {
        None => Ok(false),
        Some(toml::Value::Boolean(asked)) => Ok(*asked),
        Some(_) => {
            let message = "package.metadata.offchainvm.submodules must be true or false";
            Err(BuildError::source(FailureCode::ManifestInvalid, message))
        }
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    /// `bin`, `lib`, `custom-build` …; of a library, its crate types.
    kind: Vec<String>,
}

fn declared(metadata: Metadata, path: PathBuf, target: BuildTarget) -> Result<Manifest, BuildError> {
    let invalid = |why: String| BuildError::source(FailureCode::ManifestInvalid, why);
    let package = metadata.packages.into_iter().find(|package| package.manifest_path == path);
    let Some(package) = package else {
        return Err(invalid("Cargo.toml declares no package; name the package's folder in `path`".into()));
    };
    let (kind, expected) = match target {
        BuildTarget::Wasm32UnknownUnknown => ("cdylib", "one library with crate-type = [\"cdylib\"]"),
        BuildTarget::Wasm32Wasip1 | BuildTarget::Wasm32Wasip2 => ("bin", "exactly one binary"),
    };
    let programs = package.targets.into_iter().filter(|target| target.kind.iter().any(|each| each == kind));
    let mut names: Vec<String> = programs.map(|target| target.name).collect();
    let (Some(name), true) = (names.pop(), names.is_empty()) else {
        return Err(invalid(format!("Cargo.toml must declare {expected} for {target}")));
    };
    let program = if kind == "bin" { CargoTarget::Binary(name) } else { CargoTarget::Library(name) };
    let workspace = metadata.workspace_root.strip_prefix(CHECKOUT);
    let workspace = workspace.map_err(|_| invalid("its workspace is outside of the source".into()))?;
    let lockfile = workspace.join("Cargo.lock");
    Ok(Manifest { path, program, lockfile })
}
