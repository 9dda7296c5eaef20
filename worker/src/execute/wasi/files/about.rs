//! What is told about descriptors and files, and what little of it can be set.

use super::{
    super::{
        Host,
        guest::{Errno, Fault, GuestMemory, guest},
    },
    FIRST_NAME, Path,
    folders::{APPEND, RIGHT_READ, RIGHT_WRITE, TYPE_FILE, TYPE_FOLDER},
    with,
};
use crate::execute::scratch::Stat;

/// Sizes of the records.
const FDSTAT_BYTES: u32 = 24;
const FILESTAT_BYTES: u32 = 64;
const PRESTAT_BYTES: u32 = 8;
/// All rights that preview 1 knows for files and folders.
const ALL_RIGHTS: u64 = (1 << 28) - 1;
/// Which times are to be set, and whether to the program's present.
const SET_MODIFIED: u32 = 1 << 2;
const SET_MODIFIED_NOW: u32 = 1 << 3;

/// `fd_prestat_get`: a folder, and the length of its name.
pub(in crate::execute::wasi) fn prestat(host: &mut Host<'_>, fd: u32, at: u32) -> Result<(), Fault> {
    let (mut memory, state) = guest(host)?;
    if !state.files.is_preopened(fd) {
        return Err(Errno::BADF.into());
    }
    memory.bytes_mut(at, PRESTAT_BYTES)?.fill(0);
    memory.write_u32(at + 4, u32::try_from(FIRST_NAME.len()).unwrap_or(u32::MAX))
}

/// `fd_prestat_dir_name`
pub(in crate::execute::wasi) fn prestat_name(host: &mut Host<'_>, fd: u32, at: u32, length: u32) -> Result<(), Fault> {
    let (mut memory, state) = guest(host)?;
    if !state.files.is_preopened(fd) {
        return Err(Errno::BADF.into());
    }
    if (length as usize) < FIRST_NAME.len() {
        return Err(Errno::NAMETOOLONG.into());
    }
    memory.write(at, FIRST_NAME)
}

/// `fd_fdstat_get`: the kind at 0, flags at 2, rights at 8, and at 16 those of what is opened from here.
pub(in crate::execute::wasi) fn fdstat(host: &mut Host<'_>, fd: u32, at: u32) -> Result<(), Fault> {
    with(host, |opened, memory, _| {
        let descriptor = opened.get(fd)?;
        let (kind, rights, inherited) = if descriptor.is_folder {
            (TYPE_FOLDER, ALL_RIGHTS, ALL_RIGHTS)
        } else {
            let read = if descriptor.read { RIGHT_READ } else { 0 };
            let write = if descriptor.write { RIGHT_WRITE } else { 0 };
            (TYPE_FILE, ALL_RIGHTS & !(RIGHT_READ | RIGHT_WRITE) | read | write, 0)
        };
        memory.bytes_mut(at, FDSTAT_BYTES)?.fill(0);
        memory.write(at, &[kind, 0, u8::from(descriptor.append)])?;
        memory.write_u64(at + 8, rights)?;
        memory.write_u64(at + 16, inherited)
    })
}

/// `fd_fdstat_set_flags`: whether writes go to the end; the others have no meaning here.
pub(in crate::execute::wasi) fn set_flags(host: &mut Host<'_>, fd: u32, flags: u32) -> Result<(), Fault> {
    with(host, |opened, _, _| {
        opened.both(fd)?.1.append = flags & APPEND != 0;
        Ok(())
    })
}

/// `fd_filestat_get`
pub(in crate::execute::wasi) fn filestat(host: &mut Host<'_>, fd: u32, at: u32) -> Result<(), Fault> {
    with(host, |opened, memory, _| {
        let node = opened.get(fd)?.node;
        tell(memory, at, opened.tree.stat(node)?)
    })
}

/// `path_filestat_get`
pub(in crate::execute::wasi) fn path_filestat(host: &mut Host<'_>, path: Path, at: u32) -> Result<(), Fault> {
    with(host, |opened, memory, _| {
        let from = opened.folder(path.fd)?;
        let node = opened.tree.find(from, path.read(memory)?)?;
        tell(memory, at, opened.tree.stat(node)?)
    })
}

/// Writes what is known: the number at 8, the kind at 16, one name at 24, the length at 32, and the same time three times
/// from 40 on. The device, at 0, has no number.
fn tell(memory: &mut GuestMemory<'_>, at: u32, stat: Stat) -> Result<(), Fault> {
    memory.bytes_mut(at, FILESTAT_BYTES)?.fill(0);
    memory.write_u64(at + 8, stat.node.number())?;
    memory.write(at + 16, &[if stat.is_folder { TYPE_FOLDER } else { TYPE_FILE }])?;
    memory.write_u64(at + 24, 1)?;
    memory.write_u64(at + 32, stat.length)?;
    for time_at in [40, 48, 56] {
        memory.write_u64(at + time_at, stat.modified)?;
    }
    Ok(())
}

/// `fd_filestat_set_times`: only the time of writing is kept.
pub(in crate::execute::wasi) fn set_times(
    host: &mut Host<'_>,
    fd: u32,
    modified: u64,
    which: u32,
) -> Result<(), Fault> {
    with(host, |opened, _, now| {
        let (tree, descriptor) = opened.both(fd)?;
        match asked(modified, which, now) {
            Some(when) => Ok(tree.set_modified(descriptor.node, when)?),
            None => Ok(()),
        }
    })
}

/// `path_filestat_set_times`
pub(in crate::execute::wasi) fn path_set_times(
    host: &mut Host<'_>,
    path: Path,
    modified: u64,
    which: u32,
) -> Result<(), Fault> {
    with(host, |opened, memory, now| {
        let from = opened.folder(path.fd)?;
        let node = opened.tree.find(from, path.read(memory)?)?;
        match asked(modified, which, now) {
            Some(when) => Ok(opened.tree.set_modified(node, when)?),
            None => Ok(()),
        }
    })
}

/// The time of writing that is to be set, if it is.
fn asked(modified: u64, which: u32, now: u64) -> Option<u64> {
    if which & SET_MODIFIED_NOW != 0 {
        return Some(now);
    }
    (which & SET_MODIFIED != 0).then_some(modified)
}
