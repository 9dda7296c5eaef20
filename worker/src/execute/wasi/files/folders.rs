//! Names: what a path names is opened, made, removed and renamed, and a folder is listed.

use super::{
    super::{
        Host,
        guest::{Errno, Fault, GuestMemory, charge},
    },
    Descriptor, Listed, with,
};
use crate::execute::scratch::{MAX_PATH_BYTES, NodeId, Opening};

/// How something is opened (`oflags`), and one flag of its descriptor (`fdflags`).
const CREATE: u32 = 1;
const FOLDER: u32 = 2;
const EXCLUSIVE: u32 = 4;
const TRUNCATE: u32 = 8;
pub(super) const APPEND: u32 = 1;
/// Rights to read and to write.
pub(super) const RIGHT_READ: u64 = 1 << 1;
pub(super) const RIGHT_WRITE: u64 = 1 << 6;
/// What comes before the name in an entry of a listing.
const ENTRY_HEADER: usize = 24;
/// Kinds of files.
pub(super) const TYPE_FOLDER: u8 = 3;
pub(super) const TYPE_FILE: u8 = 4;

/// A path in the program's memory, and the open folder that it begins in.
#[derive(Clone, Copy)]
pub(in crate::execute::wasi) struct Path {
    pub fd: u32,
    pub at: u32,
    pub length: u32,
}

impl Path {
    pub(super) fn read<'a>(&self, memory: &'a GuestMemory<'_>) -> Result<&'a str, Fault> {
        if self.length as usize > MAX_PATH_BYTES {
            return Err(Errno::NAMETOOLONG.into());
        }
        Ok(std::str::from_utf8(memory.bytes(self.at, self.length)?).map_err(|_| Errno::ILSEQ)?)
    }
}

/// How `path_open` is told to open.
pub(in crate::execute::wasi) struct How {
    pub open: u32,
    pub rights: u64,
    pub descriptor: u32,
}

/// `path_open`: the answer is the lowest descriptor that is free.
pub(in crate::execute::wasi) fn open(host: &mut Host<'_>, path: Path, how: &How, told: u32) -> Result<(), Fault> {
    let has = |flag| how.open & flag != 0;
    let write = how.rights & RIGHT_WRITE != 0;
    let opening =
        Opening { create: has(CREATE), exclusive: has(EXCLUSIVE), folder: has(FOLDER), truncate: has(TRUNCATE), write };
    with(host, |opened, memory, now| {
        let from = opened.folder(path.fd)?;
        let node = opened.tree.open(from, path.read(memory)?, opening, now)?;
        let is_folder = opened.tree.stat(node)?.is_folder;
        let descriptor = Descriptor {
            read: !is_folder && how.rights & RIGHT_READ != 0,
            write: !is_folder && write,
            append: how.descriptor & APPEND != 0,
            ..Descriptor::new(node, is_folder)
        };
        match opened.add(descriptor) {
            Ok(fd) => memory.write_u32(told, fd),
            Err(error) => {
                opened.tree.close(node);
                Err(error.into())
            }
        }
    })
}

/// `path_create_directory`
pub(in crate::execute::wasi) fn make_folder(host: &mut Host<'_>, path: Path) -> Result<(), Fault> {
    with(host, |opened, memory, now| {
        let from = opened.folder(path.fd)?;
        Ok(opened.tree.make_folder(from, path.read(memory)?, now)?)
    })
}

/// `path_remove_directory`
pub(in crate::execute::wasi) fn remove_folder(host: &mut Host<'_>, path: Path) -> Result<(), Fault> {
    with(host, |opened, memory, now| {
        let from = opened.folder(path.fd)?;
        Ok(opened.tree.remove_folder(from, path.read(memory)?, now)?)
    })
}

/// `path_unlink_file`
pub(in crate::execute::wasi) fn remove_file(host: &mut Host<'_>, path: Path) -> Result<(), Fault> {
    with(host, |opened, memory, now| {
        let from = opened.folder(path.fd)?;
        Ok(opened.tree.remove_file(from, path.read(memory)?, now)?)
    })
}

/// `path_rename`
pub(in crate::execute::wasi) fn rename(host: &mut Host<'_>, path: Path, new: Path) -> Result<(), Fault> {
    with(host, |opened, memory, now| {
        let (from, to) = (opened.folder(path.fd)?, opened.folder(new.fd)?);
        Ok(opened.tree.rename((from, path.read(memory)?), (to, new.read(memory)?), now)?)
    })
}

/// `path_readlink`: what is there is no link.
pub(in crate::execute::wasi) fn read_link(host: &mut Host<'_>, path: Path) -> Result<(), Fault> {
    with(host, |opened, memory, _| {
        let from = opened.folder(path.fd)?;
        opened.tree.find(from, path.read(memory)?)?;
        Err(Errno::INVAL.into())
    })
}

/// `fd_readdir`: fills `length` bytes at `at` with entries, the last of which may be cut; less than that is the end. An
/// entry's number is the place of the next: `cookie` says where to go on.
pub(in crate::execute::wasi) fn list(
    host: &mut Host<'_>,
    fd: u32,
    (at, length): (u32, u32),
    cookie: u64,
    told: u32,
) -> Result<(), Fault> {
    let used = with(host, |opened, memory, _| {
        let folder = opened.folder(fd)?;
        let (tree, descriptor) = opened.both(fd)?;
        let mut out = Entries { into: memory.bytes_mut(at, length)?, used: 0 };
        let listed = &descriptor.listed;
        let (after, skipped) = match cookie.saturating_sub(DOTS) {
            0 => (None, 0),
            names if names == listed.count => (Some(&*listed.last), 0),
            // Not where the last call ended: to be counted from the start.
            names => (None, names),
        };
        let parent = tree.parent(folder)?;
        for (number, name, node) in [(0, ".", folder), (1, "..", parent)] {
            if cookie <= number {
                out.push(number + 1, name, node, true);
            }
        }
        let mut passed = 0;
        let mut last = None;
        for (name, node, is_folder) in tree.list(folder, after)? {
            passed += 1;
            if passed <= skipped {
                continue;
            }
            let count = cookie.saturating_sub(DOTS).saturating_sub(skipped).saturating_add(passed);
            if !out.push(count.saturating_add(DOTS), name, node, is_folder) {
                break;
            }
            last = Some(Listed { count, last: name.into() });
        }
        let used = out.used;
        if let Some(last) = last {
            descriptor.listed = last;
        }
        tree.passed(passed);
        let used = u32::try_from(used).unwrap_or(length);
        memory.write_u32(told, used)?;
        Ok(used)
    })?;
    charge(host, used.into())
}

/// The entries that come before the names: the folder itself, and the one that it lies in.
const DOTS: u64 = 2;

/// Entries of a listing, written one behind the other.
struct Entries<'a> {
    into: &'a mut [u8],
    used: usize,
}

impl Entries<'_> {
    /// Writes an entry: the number of the next at 0, its own at 8, the name's length at 16, the kind at 20, the name
    /// from 24 on. Whether all of it had space.
    fn push(&mut self, next: u64, name: &str, node: NodeId, is_folder: bool) -> bool {
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
        let kind = if is_folder { TYPE_FOLDER } else { TYPE_FILE };
        let mut header = [0; ENTRY_HEADER];
        let fields = next.to_le_bytes().into_iter().chain(node.number().to_le_bytes()).chain(length.to_le_bytes());
        for (to, from) in header.iter_mut().zip(fields.chain([kind])) {
            *to = from;
        }
        self.copy(&header) && self.copy(name.as_bytes())
    }

    fn copy(&mut self, bytes: &[u8]) -> bool {
        let rest = self.into.get_mut(self.used..).unwrap_or_default();
        let count = rest.len().min(bytes.len());
        if let (Some(to), Some(from)) = (rest.get_mut(..count), bytes.get(..count)) {
            to.copy_from_slice(from);
        }
        self.used += count;
        count == bytes.len()
    }
}
