//! The scratch directory of one run: files and folders in memory, gone with it.
//!
//! The tree is pure: it knows neither wasmtime nor the program's memory, and the same calls in the same order always
//! give the same answers. What it holds is counted against the run's memory, what it does is counted in instructions,
//! and no call takes longer than its path, its buffer or the number of entries allow.
//!
//! - `path`: from text to the names in it
//! - `content`: the bytes of one file, block by block
//! - `space`: what may be held, and what is
//! - `node`: one file or folder
//! - `tree`, `change`: all of them: found, opened, read, written and listed; made, removed and renamed

mod change;
mod content;
mod node;
mod path;
mod space;
mod tree;

pub(super) use {
    node::{NodeId, Stat},
    path::MAX_PATH_BYTES,
    tree::{Opening, Tree},
};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod yardstick_tests;

/// The most files and folders there may be at a time, open ones that are removed already included. It bounds what one
/// call may have to go through: a listing, or the parents of a folder that is moved.
pub(super) const MAX_ENTRIES: usize = 1 << 16;
/// What each file and folder counts as, in bytes, beside a file's blocks: the most that the host keeps for one.
pub(super) const ENTRY_BYTES: usize = 512;
/// The longest file, and the last position in it: what a signed number of 64 bits can say.
pub(super) const MAX_LENGTH: u64 = i64::MAX as u64;

// What the host's time for the tree's work is worth, in instructions, of which a computing program executes about two in
// a nanosecond: within a factor of three, measured in the dearest cases, a folder as full as it gets with names as long and
// as alike as they get, and blocks of memory that nobody has used before.

/// Finding a name among others, for each time that their number can be halved.
const LOOKUP_WORK: u64 = 100;
/// Passing one entry of a listing, or one folder on the way up.
const STEP_WORK: u64 = 300;
/// Making or removing a file or folder, beside that.
const ENTRY_WORK: u64 = 1_500;
/// A new block of a file, beside the bytes that are written to it.
const BLOCK_WORK: u64 = 2_500;

/// Why the tree refuses something. Part of the program's world: it is told, and goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum FileError {
    /// Nothing has this name, or it lies outside.
    NotFound,
    /// The name is taken.
    Exists,
    /// A file where a folder is needed.
    NotADirectory,
    /// A folder where a file is needed.
    IsADirectory,
    /// The folder to be removed or replaced holds something.
    NotEmpty,
    /// The run's memory is used up, or there are too many entries.
    NoSpace,
    /// Beyond the longest file.
    TooLarge,
    /// A name or path is too long.
    NameTooLong,
    /// The request makes no sense.
    Invalid,
}
