//! Which program a request names, checked for form as it is read.
//!
//! Whether the program exists is the worker's business; here only what can be told from the text itself.

pub use crate::checked_text::{
    COMMIT_DIGITS, CommitId, MAX_PATH_BYTES, MAX_REPO_BYTES, RepoUrl, SourceError, SourcePath, WasmUrl,
};

use crate::sha256::Sha256;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where the program comes from. In JSON the fields stand directly in `code_source`, without a tag: a source with
/// `wasm_sha256` is compiled already, any other is a commit.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "abi", derive(schemars::JsonSchema))]
#[serde(untagged, try_from = "Fields")]
#[borsh(use_discriminant = false)]
pub enum CodeSource {
    /// Built by the worker from a commit of a git repository.
    Git(GitSource),
    /// Compiled already, and named by its digest.
    Wasm(WasmSource),
}

/// A cargo package in a commit of a git repository.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "abi", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct GitSource {
    /// The repository's address.
    pub repo: RepoUrl,
    /// The commit, in full or abbreviated.
    pub commit: CommitId,
    /// What the package is compiled for.
    pub build_target: BuildTarget,
    /// The package's folder inside the repository; its root when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<SourcePath>,
}

/// A compiled program: in a worker's store already, or fetched from an address. The digest decides, wherever it is from.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "abi", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct WasmSource {
    /// The digest of the module's bytes.
    pub wasm_sha256: Sha256,
    /// Where to fetch it, for a worker that does not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<WasmUrl>,
    /// What it was compiled for; when absent, whatever its own bytes say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_target: Option<BuildTarget>,
}

/// All fields of all kinds, so that a wrong one is named.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    repo: Option<RepoUrl>,
    commit: Option<CommitId>,
    build_target: Option<BuildTarget>,
    path: Option<SourcePath>,
    wasm_sha256: Option<Sha256>,
    url: Option<WasmUrl>,
}

impl TryFrom<Fields> for CodeSource {
    type Error = SourceError;

    fn try_from(fields: Fields) -> Result<Self, SourceError> {
        let Fields { repo, commit, build_target, path, wasm_sha256, url } = fields;
        let absent = |field, there: bool, kind| if there { Err(SourceError::Foreign(field, kind)) } else { Ok(()) };
        if let Some(wasm_sha256) = wasm_sha256 {
            absent("repo", repo.is_some(), "wasm_sha256")?;
            absent("commit", commit.is_some(), "wasm_sha256")?;
            absent("path", path.is_some(), "wasm_sha256")?;
            return Ok(Self::Wasm(WasmSource { wasm_sha256, url, build_target }));
        }
        absent("url", url.is_some(), "repo")?;
        Ok(Self::Git(GitSource {
            repo: repo.ok_or(SourceError::Missing("repo"))?,
            commit: commit.ok_or(SourceError::Missing("commit"))?,
            build_target: build_target.ok_or(SourceError::Missing("build_target"))?,
            path,
        }))
    }
}

/// What a program is compiled for. Append only: borsh numbers the variants.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum BuildTarget {
    /// WASI preview 1 command: reads standard input, writes standard output. `wasm32-wasi` is its old name.
    #[serde(rename = "wasm32-wasip1", alias = "wasm32-wasi")]
    Wasm32Wasip1,
    /// WASI preview 2 command, a component: the same streams.
    #[serde(rename = "wasm32-wasip2")]
    Wasm32Wasip2,
    /// A module without imports that exports `memory`, `offchainvm_alloc` and `offchainvm_run`: the input is written
    /// where the first says, and the second says where the output is.
    #[serde(rename = "wasm32-unknown-unknown")]
    Wasm32UnknownUnknown,
}

impl BuildTarget {
    /// Every target.
    pub const ALL: &[Self] = &[Self::Wasm32Wasip1, Self::Wasm32Wasip2, Self::Wasm32UnknownUnknown];

    /// The name that `rustc --target` takes.
    #[must_use]
    pub fn triple(self) -> &'static str {
        match self {
            Self::Wasm32Wasip1 => "wasm32-wasip1",
            Self::Wasm32Wasip2 => "wasm32-wasip2",
            Self::Wasm32UnknownUnknown => "wasm32-unknown-unknown",
        }
    }
}

impl fmt::Display for BuildTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.triple())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(value: serde_json::Value) -> Result<CodeSource, String> {
        serde_json::from_value(value).map_err(|e| e.to_string())
    }

    #[test]
    fn the_published_example_reads_and_its_old_target_name_becomes_the_new_one() {
        let source = parse(
            json!({"repo": "https://github.com/user/project", "commit": "abc123", "build_target": "wasm32-wasi"}),
        )
        .unwrap();
        assert_eq!(
            serde_json::to_value(&source).unwrap(),
            json!({"repo": "https://github.com/user/project", "commit": "abc123", "build_target": "wasm32-wasip1"})
        );
    }

    #[test]
    fn every_target_reads_as_it_is_written_and_keeps_its_number() {
        for (number, target) in BuildTarget::ALL.iter().enumerate() {
            assert_eq!(serde_json::to_value(target).unwrap(), target.triple());
            assert_eq!(serde_json::from_value::<BuildTarget>(json!(target.triple())).unwrap(), *target);
            assert_eq!(borsh::to_vec(target).unwrap(), [u8::try_from(number).unwrap()]);
        }
    }

    #[test]
    fn each_fault_is_named() {
        let good = json!({"repo": "https://h/p", "commit": "abcdef", "build_target": "wasm32-wasip1"});
        let with = |key: &str, value: &str| {
            let mut source = good.clone();
            source[key] = json!(value);
            parse(source).unwrap_err()
        };
        for repo in [
            "",
            "h/p",
            "https://",
            "https:///",
            "https://me:pw@h/p",
            "https://h/a b",
            "HTTPS://h/p",
            "https://h/\u{e9}",
        ] {
            assert!(with("repo", repo).contains("repo"), "{repo}");
        }
        for commit in ["main", "abc12", "ABCDEF", &"a".repeat(41), "v1.0.0", ""] {
            assert!(with("commit", commit).contains("6 to 40 hexadecimal digits"), "{commit}");
        }
        for path in ["/etc", "../x", "a//b", "a/./b", "", "a\\b"] {
            assert!(with("path", path).contains("path"), "{path}");
        }
        assert!(with("build_target", "x86_64").contains("unknown variant `x86_64`"));
        assert!(with("extra", "1").contains("unknown field `extra`"));
        assert!(parse(json!({"repo": "https://h/p"})).unwrap_err().contains("missing field `commit`"));
    }

    #[test]
    fn a_compiled_program_is_named_by_its_digest() {
        let digest = "0a".repeat(32);
        let full = json!({"wasm_sha256": digest, "url": "https://h/p.wasm", "build_target": "wasm32-wasip1"});
        for source in [full.clone(), json!({"wasm_sha256": digest})] {
            let read = parse(source.clone()).unwrap();
            assert!(matches!(read, CodeSource::Wasm(_)));
            assert_eq!(serde_json::to_value(read).unwrap(), source);
        }
        let mut mixed = full;
        mixed["commit"] = json!("abcdef");
        assert!(parse(mixed).unwrap_err().contains("field `commit` does not belong to a source with wasm_sha256"));
        assert!(parse(json!({"url": "https://h/p"})).unwrap_err().contains("field `url` does not belong"));
        assert!(parse(json!({"wasm_sha256": "0A"})).unwrap_err().contains("64 hexadecimal digits"));
        assert!(parse(json!({})).unwrap_err().contains("missing field `repo`"));
    }
}
