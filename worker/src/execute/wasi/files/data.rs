//! What is in files: reading, writing, and where.

use super::{
    super::{
        Host,
        guest::{Errno, Fault, charge},
        stdio::{BUFFER_INSTRUCTIONS, list},
    },
    Descriptor, with,
};
use crate::execute::scratch::{FileError, MAX_LENGTH, NodeId, Tree};

/// The most that one call reads or writes, in bytes; it answers how much that was, as any such call may. It bounds the
/// time until the next look at the clock.
const MAX_TRANSFER: u32 = 1 << 20;
/// Where a position is counted from.
const FROM_START: u32 = 0;
const FROM_HERE: u32 = 1;
const FROM_END: u32 = 2;

/// The buffers of a call, and where it tells how much was read or written.
pub(in crate::execute::wasi) struct Transfer {
    pub buffers: u32,
    pub count: u32,
    pub told: u32,
}

/// `fd_read`, and with a position of its own `fd_pread`: fills the buffers until they or the file end.
pub(in crate::execute::wasi) fn read(
    host: &mut Host<'_>,
    fd: u32,
    transfer: &Transfer,
    at: Option<u64>,
) -> Result<(), Fault> {
    let start = |_: &Tree, file: &Descriptor| match file {
        Descriptor { is_folder: true, .. } => Err(Errno::ISDIR.into()),
        Descriptor { read: false, .. } => Err(Errno::BADF.into()),
        _ => Ok(file.position),
    };
    go_through(host, fd, transfer, at, start, |tree, file, at, space, _| tree.read(file, at, space))
}

/// `fd_write`, and with a position of its own `fd_pwrite`: writes as much of the buffers as there is memory for.
pub(in crate::execute::wasi) fn write(
    host: &mut Host<'_>,
    fd: u32,
    transfer: &Transfer,
    at: Option<u64>,
) -> Result<(), Fault> {
    let start = |tree: &Tree, file: &Descriptor| match file {
        Descriptor { write: false, .. } => Err(Errno::BADF.into()),
        Descriptor { append: true, node, .. } => Ok(tree.stat(*node)?.length),
        _ => Ok(file.position),
    };
    go_through(host, fd, transfer, at, start, |tree, file, at, bytes, now| tree.write(file, at, bytes, now))
}

/// Goes through the buffers with `step`, which says how many bytes of one it has moved, until they end or one is not moved
/// whole. Begins at `at`, otherwise where `start` says, and then the descriptor's position moves along.
fn go_through(
    host: &mut Host<'_>,
    fd: u32,
    transfer: &Transfer,
    at: Option<u64>,
    start: impl FnOnce(&Tree, &Descriptor) -> Result<u64, Fault>,
    step: impl Fn(&mut Tree, NodeId, u64, &mut [u8], u64) -> Result<usize, FileError>,
) -> Result<(), Fault> {
    let total = with(host, |opened, memory, now| {
        let (tree, descriptor) = opened.both(fd)?;
        let usual = start(tree, descriptor)?;
        let start = at.unwrap_or(usual);
        // With the most that one call moves, it stays a number.
        if start > MAX_LENGTH {
            return Err(Errno::INVAL.into());
        }
        let mut total = 0;
        for buffer in list(memory, transfer.buffers, transfer.count)? {
            let length = buffer.length.min(MAX_TRANSFER - total);
            let bytes = memory.bytes_mut(buffer.at, length)?;
            let moved = match step(tree, descriptor.node, start + u64::from(total), bytes, now) {
                Ok(moved) => moved,
                // What was moved before is told; the next call learns why there was no more.
                Err(_) if total > 0 => break,
                Err(error) => return Err(error.into()),
            };
            total += u32::try_from(moved).unwrap_or(length);
            if moved < buffer.length as usize {
                break;
            }
        }
        if at.is_none() {
            descriptor.position = start + u64::from(total);
        }
        memory.write_u32(transfer.told, total)?;
        Ok(total)
    })?;
    charge(host, u64::from(total) + u64::from(transfer.count) * BUFFER_INSTRUCTIONS)
}

/// `fd_seek`, and with nothing to add `fd_tell`.
pub(in crate::execute::wasi) fn seek(
    host: &mut Host<'_>,
    fd: u32,
    offset: i64,
    whence: u32,
    told: u32,
) -> Result<(), Fault> {
    with(host, |opened, memory, _| {
        let (tree, descriptor) = opened.both(fd)?;
        if descriptor.is_folder {
            return Err(Errno::BADF.into());
        }
        let base = match whence {
            FROM_START => 0,
            FROM_HERE => descriptor.position,
            FROM_END => tree.stat(descriptor.node)?.length,
            _ => return Err(Errno::INVAL.into()),
        };
        let position = base.checked_add_signed(offset).filter(|to| *to <= MAX_LENGTH).ok_or(Errno::INVAL)?;
        descriptor.position = position;
        memory.write_u64(told, position)
    })
}

/// `fd_tell`
pub(in crate::execute::wasi) fn tell(host: &mut Host<'_>, fd: u32, told: u32) -> Result<(), Fault> {
    seek(host, fd, 0, FROM_HERE, told)
}

/// `fd_filestat_set_size`
pub(in crate::execute::wasi) fn set_size(host: &mut Host<'_>, fd: u32, length: u64) -> Result<(), Fault> {
    with(host, |opened, _, now| {
        let (tree, descriptor) = opened.both(fd)?;
        if !descriptor.write {
            return Err(Errno::INVAL.into());
        }
        Ok(tree.resize(descriptor.node, length, now)?)
    })
}
