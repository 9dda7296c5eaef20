//! How a request can end badly: a stable code, and who is answerable for it.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// Who is answerable for a failure. It decides what the caller pays and whether the worker tries again.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Owner {
    /// The source the caller named does not fetch, build or validate: the caller pays the base fee.
    Source,
    /// The program itself: the caller pays for what it used.
    Program,
    /// The operator's machine or service: the caller pays nothing.
    Operator,
    /// Nobody answered in time, or the request was withdrawn: the caller pays nothing.
    Chain,
}

macro_rules! failure_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $owner:ident;)*) => {
        /// What went wrong. The snake-case name is stable: programs may match on it.
        #[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[borsh(use_discriminant = false)]
        pub enum FailureCode { $($(#[$doc])* $variant,)* }

        impl FailureCode {
            /// Every code, in the order of declaration. Append only: borsh numbers them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stable name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Who is answerable.
            #[must_use]
            pub fn owner(self) -> Owner {
                match self { $(Self::$variant => Owner::$owner,)* }
            }
        }
    };
}

failure_codes! {
    /// The repository's scheme or host is not one that this operator fetches from.
    RepoNotAllowed = "repo_not_allowed", Source;
    /// The repository does not exist or refuses to be read.
    RepoNotFound = "repo_not_found", Source;
    /// The repository has no such commit, or the abbreviation is not unique.
    CommitNotFound = "commit_not_found", Source;
    /// The checkout exceeds the caps on size or number of files.
    SourceTooLarge = "source_too_large", Source;
    /// The checkout holds something that points outside of it.
    SourceEscapes = "source_escapes", Source;
    /// No Cargo.toml where the program should be.
    ManifestMissing = "manifest_missing", Source;
    /// Cargo.toml cannot be used: malformed, or it names no single binary.
    ManifestInvalid = "manifest_invalid", Source;
    /// Cargo.lock is missing or does not fit Cargo.toml.
    LockfileInvalid = "lockfile_invalid", Source;
    /// A dependency cannot be fetched.
    DependencyFetchFailed = "dependency_fetch_failed", Source;
    /// The compiler, or a build script, reported failure.
    BuildFailed = "build_failed", Source;
    /// The build took longer than it may.
    BuildTimeout = "build_timeout", Source;
    /// The build used more memory, processes or disk than it may.
    BuildResourcesExceeded = "build_resources_exceeded", Source;
    /// The build gave no file, several, or one that is not a WebAssembly command.
    NotWasm = "not_wasm", Source;
    /// The program imports something that is not part of its target's interface.
    ImportNotAllowed = "import_not_allowed", Source;

    /// The program trapped: unreachable code, a bad memory access, a division by zero …
    Trap = "trap", Program;
    /// The program ended with an exit code other than zero.
    ExitNonzero = "exit_nonzero", Program;
    /// `max_instructions` were used up.
    OutOfInstructions = "out_of_instructions", Program;
    /// The program asked for more than `max_memory_mb`.
    OutOfMemory = "out_of_memory", Program;
    /// `max_execution_seconds` passed.
    OutOfTime = "out_of_time", Program;
    /// The program wrote more output than a response may hold.
    OutputTooLarge = "output_too_large", Program;
    /// The output is not of the `response_format` that the request asked for.
    OutputInvalid = "output_invalid", Program;

    /// The operator's service failed; the request may be made again.
    OperatorError = "operator_error", Operator;
    /// The operator could not finish before the window closed.
    DeadlineMissed = "deadline_missed", Operator;

    /// Nobody answered before the window closed.
    TimedOut = "timed_out", Chain;
    /// The request was withdrawn, by its sender or by the contract's owner.
    Cancelled = "cancelled", Chain;

    /// No worker has a program with this digest, and it could not be fetched.
    ProgramNotFound = "program_not_found", Source;
}

// By hand: what serde derives for so many variants is a hundredth of the contract's code.
impl Serialize for FailureCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for FailureCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        let found = Self::ALL.iter().find(|code| code.as_str() == text);
        found.copied().ok_or_else(|| de::Error::custom("unknown failure code"))
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::FailureCode;

    #[test]
    fn json_and_display_agree_for_every_code() {
        for code in FailureCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert_eq!(code.to_string(), code.as_str());
        }
    }

    /// Borsh numbers the variants by position: state written by an older contract must go on reading the same.
    #[test]
    fn borsh_numbers_follow_the_declaration() {
        for (number, code) in FailureCode::ALL.iter().enumerate() {
            assert_eq!(borsh::to_vec(code).unwrap(), [u8::try_from(number).unwrap()]);
        }
    }
}
