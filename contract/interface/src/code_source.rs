//! Which program a request names, checked for form as it is read.
//!
//! Whether the repository exists is the worker's business; here only what can be told from the text itself.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;

/// The longest repository address, in bytes. It bounds what a stranger can make the contract store and log.
pub const MAX_REPO_BYTES: usize = 512;
/// The longest path inside a repository, in bytes.
pub const MAX_PATH_BYTES: usize = 256;
/// How many hexadecimal digits a commit may have. Six, because the shortest published example has six.
pub const COMMIT_DIGITS: std::ops::RangeInclusive<usize> = 6..=40;

/// Where the program comes from. In JSON the fields stand directly in `code_source`, without a tag.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(untagged, from = "GitSource")]
#[borsh(use_discriminant = false)]
pub enum CodeSource {
    /// Built by the worker from a commit of a git repository.
    Git(GitSource),
}

impl From<GitSource> for CodeSource {
    fn from(source: GitSource) -> Self {
        Self::Git(source)
    }
}

/// A cargo package in a commit of a git repository.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GitSource {
    /// The repository's address.
    pub repo: RepoUrl,
    /// The commit, in full or abbreviated.
    pub commit: CommitId,
    /// What the package is compiled for.
    pub build_target: BuildTarget,
    /// The package's folder inside the repository; its root when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<SourcePath>,
}

/// What a program is compiled for.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum BuildTarget {
    /// WASI preview 1 command: reads standard input, writes standard output. `wasm32-wasi` is its old name.
    #[serde(rename = "wasm32-wasip1", alias = "wasm32-wasi")]
    Wasm32Wasip1,
}

impl BuildTarget {
    /// The name that `rustc --target` takes.
    #[must_use]
    pub fn triple(self) -> &'static str {
        match self {
            Self::Wasm32Wasip1 => "wasm32-wasip1",
        }
    }
}

impl fmt::Display for BuildTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.triple())
    }
}

/// Declares a string that is checked when it is made or read and never afterwards.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, Hash, PartialEq, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks the text.
            ///
            /// # Errors
            /// Says what is wrong with the text and what was expected.
            pub fn new(text: impl Into<String>) -> Result<Self, SourceError> {
                let text = text.into();
                $check(&text)?;
                Ok(Self(text))
            }

            /// The text as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(<String as Deserialize>::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    };
}

checked_text!(
    /// A repository's address: `scheme://…`, at most [`MAX_REPO_BYTES`] bytes of printable ASCII, no credentials.
    RepoUrl,
    check_repo
);
checked_text!(
    /// A commit's hexadecimal name in lower case, [`COMMIT_DIGITS`] digits; never a branch or a tag.
    CommitId,
    check_commit
);
checked_text!(
    /// A folder inside a repository: relative, `/` between its parts, no `.` or `..`, at most [`MAX_PATH_BYTES`] bytes.
    SourcePath,
    check_path
);

impl CommitId {
    /// Whether this is the whole 40-digit name.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.len() == *COMMIT_DIGITS.end()
    }
}

/// What is wrong with the text of a code source.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SourceError {
    /// The repository is not an acceptable address.
    #[error("repo {0:?} is not an address of the form https://host/path ({1})")]
    Repo(String, &'static str),
    /// The commit is not hexadecimal, or has too few or too many digits.
    #[error("commit {0:?} must be 6 to 40 hexadecimal digits in lower case; branch and tag names are not accepted")]
    Commit(String),
    /// The path leaves the repository or is malformed.
    #[error("path {0:?} must be a relative folder without \".\" or \"..\" ({1})")]
    Path(String, &'static str),
}

fn check_repo(text: &str) -> Result<(), SourceError> {
    let fault = |why| Err(SourceError::Repo(shorten(text), why));
    if text.len() > MAX_REPO_BYTES {
        return fault("longer than 512 bytes");
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return fault("it holds a space or a character outside ASCII");
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return fault("no scheme");
    };
    if scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_lowercase()) {
        return fault("the scheme is not lower-case letters");
    }
    let host = rest.split('/').next().unwrap_or_default();
    // An address with credentials would be published on chain for good.
    if host.contains('@') {
        return fault("it holds credentials");
    }
    if rest.trim_matches('/').is_empty() {
        return fault("nothing follows the scheme");
    }
    Ok(())
}

fn check_commit(text: &str) -> Result<(), SourceError> {
    let hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if hex && COMMIT_DIGITS.contains(&text.len()) { Ok(()) } else { Err(SourceError::Commit(shorten(text))) }
}

fn check_path(text: &str) -> Result<(), SourceError> {
    let fault = |why| Err(SourceError::Path(shorten(text), why));
    if text.len() > MAX_PATH_BYTES {
        return fault("longer than 256 bytes");
    }
    if text.chars().any(|c| c.is_control() || c == '\\') {
        return fault("it holds a control character or a backslash");
    }
    if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return fault("a part of it is empty, \".\" or \"..\"");
    }
    Ok(())
}

/// The first 80 characters: an error message must not repeat megabytes of a stranger's text.
fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
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
    fn a_long_text_is_not_repeated_in_full() {
        let error = RepoUrl::new("x".repeat(100_000)).unwrap_err().to_string();
        assert!(error.len() < 300, "{}", error.len());
    }
}
