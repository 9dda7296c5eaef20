//! Text of a stranger that is checked when it is made or read, and never afterwards.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;

/// The longest repository address, in bytes. It bounds what a stranger can make the contract store and log.
pub const MAX_REPO_BYTES: usize = 512;
/// The longest path inside a repository, in bytes.
pub const MAX_PATH_BYTES: usize = 256;
/// How many hexadecimal digits a commit may have. Six, because the shortest published example has six.
pub const COMMIT_DIGITS: std::ops::RangeInclusive<usize> = 6..=40;

/// Declares a string with a check.
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
    /// The address of a compiled program: `https://…`, or `http://…` for workers that allow it; at most
    /// [`MAX_REPO_BYTES`] bytes, no credentials.
    WasmUrl,
    check_wasm_url
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

/// What is wrong with a code source.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SourceError {
    /// The repository is not an acceptable address.
    #[error("repo {0:?} is not an address of the form https://host/path ({1})")]
    Repo(String, &'static str),
    /// The program's address is not an acceptable one.
    #[error("url {0:?} is not an address of the form https://host/path ({1})")]
    Url(String, &'static str),
    /// The commit is not hexadecimal, or has too few or too many digits.
    #[error("commit {0:?} must be 6 to 40 hexadecimal digits in lower case; branch and tag names are not accepted")]
    Commit(String),
    /// The path leaves the repository or is malformed.
    #[error("path {0:?} must be a relative folder without \".\" or \"..\" ({1})")]
    Path(String, &'static str),
    /// A field that this kind of source needs is not there.
    #[error("missing field `{0}`")]
    Missing(&'static str),
    /// A field that this kind of source does not have is there.
    #[error("field `{0}` does not belong to a source with {1}")]
    Foreign(&'static str, &'static str),
}

fn check_repo(text: &str) -> Result<(), SourceError> {
    fault_of_address(text).map_or(Ok(()), |why| Err(SourceError::Repo(shorten(text), why)))
}

fn check_wasm_url(text: &str) -> Result<(), SourceError> {
    let taken = ["https://", "http://"].iter().any(|scheme| text.starts_with(scheme));
    let scheme = (!taken).then_some("only https and http are taken");
    scheme.or_else(|| fault_of_address(text)).map_or(Ok(()), |why| Err(SourceError::Url(shorten(text), why)))
}

fn fault_of_address(text: &str) -> Option<&'static str> {
    if text.len() > MAX_REPO_BYTES {
        return Some("longer than 512 bytes");
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Some("it holds a space or a character outside ASCII");
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Some("no scheme");
    };
    if scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_lowercase()) {
        return Some("the scheme is not lower-case letters");
    }
    // An address with credentials would be published on chain for good.
    if rest.split('/').next().unwrap_or_default().contains('@') {
        return Some("it holds credentials");
    }
    rest.trim_matches('/').is_empty().then_some("nothing follows the scheme")
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

    #[test]
    fn a_long_text_is_not_repeated_in_full() {
        let error = RepoUrl::new("x".repeat(100_000)).unwrap_err().to_string();
        assert!(error.len() < 300, "{}", error.len());
    }

    #[test]
    fn a_program_has_an_address_on_the_web() {
        assert!(WasmUrl::new("https://h/p.wasm").is_ok());
        assert!(WasmUrl::new("http://h/p.wasm").is_ok(), "whether it is fetched is the operator's choice");
        for bad in ["ftp://h/p.wasm", "file:///etc/passwd", "https://me:pw@h/p", "https://", "h/p"] {
            assert!(WasmUrl::new(bad).unwrap_err().to_string().starts_with("url "), "{bad}");
        }
    }
}
