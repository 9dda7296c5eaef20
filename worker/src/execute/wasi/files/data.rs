//! What is in files: reading, writing, and where.

use super::{
    super::{
        Host,
        guest::{Errno, Fault, charge},
        stdio::{BUFFER_INSTRUCTIONS, list},
    },
    with,
};
use crate::execute::scratch::MAX_LENGTH;

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
    let total = with(host, |opened, memory, _| {
        let (tree, descriptor) = opened.both(fd)?;
        if descriptor.is_folder {
            return Err(Errno::ISDIR.into());
        }
        if !descriptor.read {
            return Err(Errno::BADF.into());
        }
        let start = start(at, descriptor.position)?;
        let mut total = 0;
        for buffer in list(memory, transfer.buffers, transfer.count)? {
            let length = buffer.length.min(MAX_TRANSFER - total);
            let space = memory.bytes_mut(buffer.at, length)?;
            let filled = tree.read(descriptor.node, start + u64::from(total), space)?;
            total += u32::try_from(filled).unwrap_or(length);
            if filled < buffer.length as usize {
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

/// `fd_write`, and with a position of its own `fd_pwrite`: writes as much of the buffers as there is memory for.
pub(in crate::execute::wasi) fn write(
    host: &mut Host<'_>,
    fd: u32,
    transfer: &Transfer,
    at: Option<u64>,
) -> Result<(), Fault> {
    let total = with(host, |opened, memory, now| {
        let (tree, descriptor) = opened.both(fd)?;
        if !descriptor.write {
            return Err(Errno::BADF.into());
        }
        let end = tree.stat(descriptor.node)?.length;
        let start = start(at, if descriptor.append { end } else { descriptor.position })?;
        let mut total = 0;
        for buffer in list(memory, transfer.buffers, transfer.count)? {
            let length = buffer.length.min(MAX_TRANSFER - total);
            let bytes = memory.bytes(buffer.at, length)?;
            let written = match tree.write(descriptor.node, start + u64::from(total), bytes, now) {
                Ok(written) => written,
                // What was written before is told; the next call learns why there was no more.
                Err(_) if total > 0 => break,
                Err(error) => return Err(error.into()),
            };
            total += u32::try_from(written).unwrap_or(length);
            if written < buffer.length as usize {
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

/// Where a call begins; with the most that one call moves, it stays a number.
fn start(at: Option<u64>, position: u64) -> Result<u64, Errno> {
    let start = at.unwrap_or(position);
    if start > MAX_LENGTH { Err(Errno::INVAL) } else { Ok(start) }
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
