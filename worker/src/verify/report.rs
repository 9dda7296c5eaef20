//! What came of checking a receipt: each check by itself, and the verdict that follows.

use offchainvm_interface::Sha256;
use serde::Serialize;

/// What checking a receipt does not show, whatever the verdict.
pub const DOES_NOT_PROVE: &str = "\
That the program does what its author says, or that its source is honest: only that these bytes, given this input, gave \
this output. That the time taken is true: a clock cannot be run again, so seconds are the operator's word (and so is \
`out_of_time`). That the wasm came from the named source, unless it was built again (--rebuild), and then only on this \
machine's own toolchain. That the nodes and block sources asked tell the truth: name ones you trust.";

/// How a check ended. In the order of what outweighs what.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is so.
    Pass,
    /// It could not be checked.
    Unproven,
    /// It is not so.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Check {
    /// Which: a stable name.
    pub name: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, for a person.
    pub detail: String,
    /// The receipt's fields that are otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<Difference>,
}

/// A field of the receipt that says something else than what was found.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Difference {
    /// Its path in the receipt's JSON, such as `resources_used.instructions`.
    pub field: &'static str,
    /// What the receipt says.
    pub claimed: String,
    /// What was found.
    pub found: String,
}

/// All that was checked of one receipt.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The worst of the checks.
    pub verdict: Verdict,
    /// In the order in which they were made.
    pub checks: Vec<Check>,
    /// [`DOES_NOT_PROVE`].
    pub does_not_prove: &'static str,
    /// The digest of the receipt that the request was settled with, when it is another.
    #[serde(skip)]
    pub settled_with: Option<Sha256>,
}

impl Check {
    /// It is so.
    #[must_use]
    pub fn pass(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Pass, detail: detail.into(), differs: Vec::new() }
    }

    /// It is not so.
    #[must_use]
    pub fn fail(name: &'static str, detail: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, ..Self::pass(name, detail) }
    }

    /// It could not be checked.
    #[must_use]
    pub fn unproven(name: &'static str, detail: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unproven, ..Self::pass(name, detail) }
    }

    /// It is so when nothing differs.
    #[must_use]
    pub fn compared(name: &'static str, detail: impl Into<String>, differs: Vec<Difference>) -> Self {
        let verdict = if differs.is_empty() { Verdict::Pass } else { Verdict::Fail };
        Self { verdict, differs, ..Self::pass(name, detail) }
    }
}

impl Report {
    pub(super) fn new(checks: Vec<Check>) -> Self {
        let verdict = checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Unproven);
        Self { verdict, checks, does_not_prove: DOES_NOT_PROVE, settled_with: None }
    }
}
