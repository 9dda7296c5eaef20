//! One file or folder, and what is told about it.

use super::content::Content;
use std::collections::BTreeMap;

/// A file or folder, by the order in which they were made. A number is never given again.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::execute) struct NodeId(u64);

pub(super) struct Node {
    pub kind: Kind,
    /// The program's clock when it was last written, in nanoseconds since 1970.
    pub modified: u64,
    /// It has a name. What has none lives as long as it is open.
    pub named: bool,
    /// How often it is open.
    pub open: u32,
}

pub(super) enum Kind {
    File(Content),
    Folder { entries: BTreeMap<Box<str>, NodeId>, parent: NodeId },
}

/// What is told about a file or folder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::execute) struct Stat {
    pub node: NodeId,
    pub is_folder: bool,
    /// Bytes; of a folder, none.
    pub length: u64,
    pub modified: u64,
}

impl NodeId {
    /// The folder that all paths begin in.
    pub(in crate::execute) const ROOT: Self = Self(1);

    pub(super) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    pub(in crate::execute) fn number(self) -> u64 {
        self.0
    }
}

impl Node {
    pub(super) fn file(now: u64) -> Self {
        Self { kind: Kind::File(Content::default()), modified: now, named: true, open: 0 }
    }

    pub(super) fn folder(parent: NodeId, now: u64) -> Self {
        Self { kind: Kind::Folder { entries: BTreeMap::new(), parent }, modified: now, named: true, open: 0 }
    }

    pub(super) fn is_folder(&self) -> bool {
        matches!(self.kind, Kind::Folder { .. })
    }

    pub(super) fn is_empty_folder(&self) -> bool {
        matches!(&self.kind, Kind::Folder { entries, .. } if entries.is_empty())
    }
}
