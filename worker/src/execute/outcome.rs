//! How a run ended.

use offchainvm_interface::{FailureCode, ResourcesUsed};

/// How much of the end of standard error a failure's message repeats, in bytes.
const MAX_QUOTED_STDERR: usize = 2_000;

/// How a run ended, what it said and what it used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// The verdict.
    pub end: End,
    /// What was written to standard output: the result if the run succeeded, otherwise as much as there was.
    pub output: Vec<u8>,
    /// The end of what was written to standard error, at most 4 KiB; what is not UTF-8 in it is replaced.
    pub stderr: String,
    /// What the run used, also when it failed; nowhere more than its limits.
    pub used: ResourcesUsed,
}

/// The verdict on a run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum End {
    /// The program ended with exit code zero.
    Success,
    /// The program failed, or could not be started: its own fault or its source's, never the operator's.
    Failed {
        /// The stable code.
        code: FailureCode,
        /// Text for a person: the reason, and the last lines of standard error. Names nothing of the host.
        message: String,
    },
}

impl End {
    /// A failure for `reason`, which the program may have explained.
    pub(super) fn failed(code: FailureCode, reason: String, stderr: &str) -> Self {
        let said = last_lines(stderr, MAX_QUOTED_STDERR);
        let message = if said.is_empty() { reason } else { format!("{reason}; it said last:\n{said}") };
        Self::Failed { code, message }
    }

    /// The code of a failure, [`None`] for a success.
    #[must_use]
    pub fn failure(&self) -> Option<FailureCode> {
        match self {
            Self::Success => None,
            Self::Failed { code, .. } => Some(*code),
        }
    }
}

/// The end of `text`: at most `max_bytes`, whole characters, and whole lines unless the last is too long.
fn last_lines(text: &str, max_bytes: usize) -> &str {
    let text = text.trim_end();
    let surplus = text.len().saturating_sub(max_bytes);
    if surplus == 0 {
        return text.trim_start_matches('\n');
    }
    let start = (surplus..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let tail = text.get(start..).unwrap_or_default();
    tail.split_once('\n').map_or(tail, |(_, whole)| whole)
}

#[cfg(test)]
mod tests {
    use super::last_lines;

    #[test]
    fn the_last_lines_are_whole_and_whole_characters() {
        assert_eq!(last_lines("", 10), "");
        assert_eq!(last_lines("a\nb\n", 10), "a\nb");
        assert_eq!(last_lines("first\nsecond\nthird\n", 11), "third");
        assert_eq!(last_lines("one long line", 4), "line");
        assert_eq!(last_lines("ééé", 3), "é");
    }
}
