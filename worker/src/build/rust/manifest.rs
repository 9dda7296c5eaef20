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
    path::{Component, Path, PathBuf},
};

/// The longest description of a manifest that is read. Cargo repeats every field of it.
const MAX_METADATA_BYTES: u64 = 16 << 20;
/// The longest Cargo.toml in which a wish for submodules is looked for.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// What a manifest declares.
#[derive(Debug, Eq, PartialEq)]
pub(in crate::build) struct Manifest {
    /// The file, as cargo sees it inside.
    pub(super) path: PathBuf,
    /// What is compiled.
    pub(in crate::build) program: CargoTarget,
    /// Cargo.lock, inside the checkout.
    pub(in crate::build) lockfile: PathBuf,
}

/// The one target of a package that is a program.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::build) enum CargoTarget {
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
    pub(in crate::build) fn file_name(&self) -> String {
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
        Self::described(&output, path, target)
    }

    /// Reads what `cargo metadata` says of the package whose manifest cargo sees at `path`.
    ///
    /// # Errors
    /// `manifest_invalid`, as above.
    pub(in crate::build) fn described(json: &[u8], path: PathBuf, target: BuildTarget) -> Result<Self, BuildError> {
        let metadata = serde_json::from_slice(json).map_err(|error| OperatorError::Unexpected {
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
    wishes_submodules(&read.unwrap_or_default())
}

/// Whether a Cargo.toml with this text asks for them.
pub(in crate::build) fn wishes_submodules(text: &str) -> Result<bool, BuildError> {
    let manifest: toml::Table = text.parse().unwrap_or_default();
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
    if !is_plain(&name) {
        return Err(invalid(format!("{name:?} cannot be the name of the program's file")));
    }
    let program = if kind == "bin" { CargoTarget::Binary(name) } else { CargoTarget::Library(name) };
    let workspace = metadata.workspace_root.strip_prefix(CHECKOUT);
    let inside = |workspace: &&Path| workspace.components().all(|part| matches!(part, Component::Normal(_)));
    let workspace = workspace.ok().filter(inside);
    let workspace = workspace.ok_or_else(|| invalid("its workspace is outside of the source".into()))?;
    let lockfile = workspace.join("Cargo.lock");
    Ok(Manifest { path, program, lockfile })
}

/// Whether a name that cargo lets through names a file beside others, and is no option where cargo is told of it.
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let only = matches!((parts.next(), parts.next()), (Some(Component::Normal(only)), None) if only == name);
    only && !name.starts_with('-')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use serde_json::json;

    fn described(name: &str, workspace: &str) -> Result<Manifest, BuildError> {
        let targets = json!([{"name": name, "kind": ["bin"]}, {"name": "build-script", "kind": ["custom-build"]}]);
        let package = json!({"manifest_path": "/build/src/Cargo.toml", "targets": targets});
        let metadata = json!({"packages": [package], "workspace_root": workspace}).to_string();
        Manifest::described(metadata.as_bytes(), "/build/src/Cargo.toml".into(), BuildTarget::Wasm32Wasip1)
    }

    #[test]
    fn the_lockfile_is_in_the_workspace_and_the_program_has_its_targets_name() {
        let manifest = described("my-tool", "/build/src/whole").unwrap();
        assert_eq!(manifest.lockfile, Path::new("whole/Cargo.lock"));
        assert_eq!(manifest.program.file_name(), "my-tool.wasm");
    }

    #[test]
    fn names_that_are_paths_or_options_and_workspaces_elsewhere_are_refused() {
        let cases = [
            ("../x", "/build/src"),
            ("a/b", "/build/src"),
            ("..", "/build/src"),
            ("", "/build/src"),
            ("--config=x", "/build/src"),
            ("tool", "/build"),
            ("tool", "/build/src/../elsewhere"),
        ];
        for (name, workspace) in cases {
            let error = described(name, workspace).unwrap_err();
            let refused = matches!(error, BuildError::Source { code: FailureCode::ManifestInvalid, .. });
            assert!(refused, "{name:?} in {workspace}: {error}");
        }
    }
}
