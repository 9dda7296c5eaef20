//! Where a program comes from, as an in-toto Statement v1 with a SLSA Provenance v1 predicate.
//!
//! It holds nothing of a moment or a machine: whoever builds the same commit with the same toolchain writes the same
//! bytes, so their digest can stand for them. The canonical form is exactly what [`statement`] gives: JSON without
//! spaces, the fields in the order of the types below.

use super::{error::OperatorError, submodules::Submodule};
use crate::job::WasmDigest;
use offchainvm_interface::{GitSource, Sha256};
use serde::Serialize;
use std::{borrow::Cow, io, path::Path};

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://slsa.dev/provenance/v1";
/// What the recipe's name and version follow.
const BUILD_TYPE: &str = "urn:offchainvm:build:";
/// Who built: any worker, because the bytes do not depend on which.
const BUILDER: &str = "urn:offchainvm:worker";

/// What is known of a build that gave a program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    /// What was asked for.
    pub(super) source: &'a GitSource,
    /// The commit's full name, and its tree's.
    pub(super) commit: &'a str,
    pub(super) tree: &'a str,
    /// The commits of other repositories that lie in it.
    pub(super) submodules: &'a [Submodule],
    /// What compiled, as `rustc --version` says.
    pub(super) toolchain: &'a str,
    /// How: the recipe and its version.
    pub(super) recipe: &'a str,
    pub(super) lockfile_sha256: Sha256,
    /// The program, and its file's name.
    pub(super) wasm: WasmDigest,
    pub(super) name: &'a str,
}

#[derive(Serialize)]
struct Statement<'a> {
    #[serde(rename = "_type")]
    kind: &'static str,
    subject: [Resource<'a>; 1],
    #[serde(rename = "predicateType")]
    predicate_type: &'static str,
    predicate: Predicate<'a>,
}

/// in-toto's ResourceDescriptor.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<DigestSet<'a>>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct DigestSet<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    git_commit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    git_tree: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Predicate<'a> {
    build_definition: BuildDefinition<'a>,
    run_details: RunDetails,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition<'a> {
    build_type: String,
    external_parameters: ExternalParameters<'a>,
    resolved_dependencies: Vec<Resource<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalParameters<'a> {
    repository: &'a str,
    commit: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    target: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunDetails {
    builder: Builder,
}

#[derive(Serialize)]
struct Builder {
    id: &'static str,
}

/// The statement's canonical bytes.
pub(super) fn statement(facts: Facts<'_>) -> Result<Vec<u8>, OperatorError> {
    let Facts { source, commit, tree, submodules, toolchain, recipe, lockfile_sha256, wasm, name } = facts;
    let sha256 = |digest: String| Some(DigestSet { sha256: Some(digest), ..DigestSet::default() });
    let repository = source.repo.as_str();
    let own = [
        commit_of("source".into(), repository, commit, tree),
        Resource { name: Some("lockfile".into()), uri: None, digest: sha256(lockfile_sha256.to_string()) },
        Resource { name: Some(toolchain.into()), ..Resource::default() },
    ];
    let statement = Statement {
        kind: STATEMENT_TYPE,
        subject: [Resource { name: Some(name.into()), uri: None, digest: sha256(wasm.to_string()) }],
        predicate_type: PREDICATE_TYPE,
        predicate: Predicate {
            build_definition: BuildDefinition {
                build_type: format!("{BUILD_TYPE}{recipe}"),
                external_parameters: ExternalParameters {
                    repository,
                    commit,
                    path: source.path.as_ref().map(|path| path.as_str()),
                    target: source.build_target.triple(),
                },
                resolved_dependencies: own.into_iter().chain(submodules.iter().map(resource_of)).collect(),
            },
            run_details: RunDetails { builder: Builder { id: BUILDER } },
        },
    };
    let failed = |error| OperatorError::file("write", Path::new("a provenance statement"))(io::Error::from(error));
    serde_json::to_vec(&statement).map_err(failed)
}

fn resource_of(submodule: &Submodule) -> Resource<'_> {
    let Submodule { path, repo, commit, tree } = submodule;
    commit_of(format!("submodule {path}").into(), repo.as_str(), commit, tree)
}

fn commit_of<'a>(name: Cow<'a, str>, repository: &str, commit: &'a str, tree: &'a str) -> Resource<'a> {
    let digest = DigestSet { git_commit: Some(commit), git_tree: Some(tree), ..DigestSet::default() };
    Resource { name: Some(name), uri: Some(format!("git+{repository}@{commit}")), digest: Some(digest) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use offchainvm_interface::{BuildTarget, CommitId, RepoUrl, SourcePath};
    use serde_json::{Value, json};

    #[test]
    fn a_statement_names_what_went_in_and_what_came_out_and_no_moment() {
        let source = GitSource {
            repo: RepoUrl::new("https://example.com/r").unwrap(),
            commit: CommitId::new("abcdef").unwrap(),
            build_target: BuildTarget::Wasm32Wasip2,
            path: Some(SourcePath::new("a/b").unwrap()),
        };
        let (commit, tree) = ("ab".repeat(20), "cd".repeat(20));
        let facts = Facts {
            source: &source,
            commit: &commit,
            tree: &tree,
            submodules: &[],
            toolchain: "rustc 1.95.0 (0123456 2026-01-01)",
            recipe: "rust/v1",
            lockfile_sha256: Sha256([1; 32]),
            wasm: WasmDigest([2; 32]),
            name: "p.wasm",
        };
        let bytes = statement(facts).unwrap();
        assert_eq!(bytes, statement(facts).unwrap());
        assert_eq!(
            serde_json::from_slice::<Value>(&bytes).unwrap(),
            json!({
                "_type": "https://in-toto.io/Statement/v1",
                "subject": [{"name": "p.wasm", "digest": {"sha256": "02".repeat(32)}}],
                "predicateType": "https://slsa.dev/provenance/v1",
                "predicate": {
                    "buildDefinition": {
                        "buildType": "urn:offchainvm:build:rust/v1",
                        "externalParameters": {
                            "repository": "https://example.com/r", "commit": commit, "path": "a/b",
                            "target": "wasm32-wasip2",
                        },
                        "resolvedDependencies": [
                            {
                                "name": "source",
                                "uri": format!("git+https://example.com/r@{commit}"),
                                "digest": {"gitCommit": commit, "gitTree": tree},
                            },
                            {"name": "lockfile", "digest": {"sha256": "01".repeat(32)}},
                            {"name": "rustc 1.95.0 (0123456 2026-01-01)"},
                        ],
                    },
                    "runDetails": {"builder": {"id": "urn:offchainvm:worker"}},
                },
            })
        );
        assert!(bytes.starts_with(br#"{"_type":"#), "the order of the fields is the canonical one");
    }
}
