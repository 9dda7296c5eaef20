//! Descriptors 0, 1 and 2: the request's input, its result, and what a person may want to read when it fails.

use super::{
    Host, Stop,
    guest::{Errno, Fault, GuestMemory, charge, field, guest},
};
use std::mem;

const STDIN: u32 = 0;
const STDOUT: u32 = 1;
const STDERR: u32 = 2;
/// How many buffers one call may name, as POSIX systems have it. It bounds what the host reads before it charges.
const MAX_BUFFERS: u32 = 1_024;
/// What the host's time for one of them is worth, in instructions.
pub(super) const BUFFER_INSTRUCTIONS: u64 = 20;
/// Bytes of a buffer's description: an address and a length.
const BUFFER_RECORD: u32 = 8;
/// How much of the end of standard error is kept, in bytes: enough for a panic message, too little to fill a disk.
const STDERR_TAIL: usize = 4_096;
/// Sizes of the records that describe a descriptor and a file.
const FDSTAT_BYTES: u32 = 24;
const FILESTAT_BYTES: u32 = 64;
/// Rights to read, to write and to wait, as `fdstat` tells them.
const RIGHT_READ: u64 = 1 << 1;
const RIGHT_WRITE: u64 = 1 << 6;
const RIGHT_POLL: u64 = 1 << 27;

/// The three standard streams of one run.
pub(in crate::execute) struct Stdio {
    input: Vec<u8>,
    taken: usize,
    output: Vec<u8>,
    max_output: usize,
    errors: Vec<u8>,
    open: [bool; 3],
}

impl Stdio {
    pub(in crate::execute) fn new(input: Vec<u8>, max_output: usize) -> Self {
        Self { input, taken: 0, output: Vec::new(), max_output, errors: Vec::new(), open: [true; 3] }
    }

    /// The whole input, for a program that takes it at once.
    pub(in crate::execute) fn take_all(&mut self) -> Vec<u8> {
        mem::take(&mut self.input)
    }

    /// Up to `most` bytes of the input.
    pub(in crate::execute) fn take(&mut self, most: usize) -> Vec<u8> {
        let rest = self.input.get(self.taken..).unwrap_or_default();
        let taken = rest.get(..most.min(rest.len())).unwrap_or_default().to_vec();
        self.taken += taken.len();
        taken
    }

    /// What was written to standard output, and the end of what was written to standard error.
    pub(in crate::execute) fn into_written(mut self) -> (Vec<u8>, String) {
        self.trim_errors();
        (self.output, String::from_utf8_lossy(&self.errors).into_owned())
    }

    pub(super) fn is_open(&self, fd: u32) -> bool {
        usize::try_from(fd).ok().and_then(|fd| self.open.get(fd)).is_some_and(|open| *open)
    }

    fn expect_open(&self, fd: u32) -> Result<(), Fault> {
        if self.is_open(fd) { Ok(()) } else { Err(Errno::BADF.into()) }
    }

    /// Fills `buffer` from the input, as far as it goes.
    fn fill(&mut self, buffer: &mut [u8]) -> usize {
        let rest = self.input.get(self.taken..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.taken += count;
        count
    }

    /// Appends to standard output, unless it would be more than there may be.
    pub(in crate::execute) fn write_output(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if bytes.len() > self.max_output.saturating_sub(self.output.len()) {
            return Err(Stop::OutputTooLarge);
        }
        self.output.extend_from_slice(bytes);
        Ok(())
    }

    pub(in crate::execute) fn write_error(&mut self, bytes: &[u8]) {
        let tail = bytes.len().saturating_sub(STDERR_TAIL);
        self.errors.extend_from_slice(bytes.get(tail..).unwrap_or_default());
        // Trimmed now and then, not at each write: a program that writes byte by byte must not cost a copy each time.
        if self.errors.len() > 4 * STDERR_TAIL {
            self.trim_errors();
        }
    }

    fn trim_errors(&mut self) {
        let surplus = self.errors.len().saturating_sub(STDERR_TAIL);
        self.errors.drain(..surplus);
    }
}

/// `fd_read`: fills the buffers from the input until either ends.
pub(super) fn read(host: &mut Host<'_>, fd: u32, buffers: u32, count: u32, read: u32) -> Result<(), Fault> {
    let (mut memory, state) = guest(host)?;
    state.stdio.expect_open(fd)?;
    if fd != STDIN {
        return Err(Errno::BADF.into());
    }
    let mut total = 0;
    for buffer in list(&memory, buffers, count)? {
        let space = memory.bytes_mut(buffer.at, buffer.length)?;
        let filled = state.stdio.fill(space);
        total += filled;
        if filled < space.len() {
            break;
        }
    }
    memory.write_u32(read, u32::try_from(total).map_err(|_| Errno::INVAL)?)?;
    charge(host, total as u64 + u64::from(count) * BUFFER_INSTRUCTIONS)
}

/// `fd_write`: appends all buffers.
pub(super) fn write(host: &mut Host<'_>, fd: u32, buffers: u32, count: u32, written: u32) -> Result<(), Fault> {
    let (memory, state) = guest(host)?;
    state.stdio.expect_open(fd)?;
    if fd == STDIN {
        return Err(Errno::BADF.into());
    }
    let buffers = list(&memory, buffers, count)?;
    let total: u64 = buffers.iter().map(|buffer| u64::from(buffer.length)).sum();
    if fd == STDOUT && total > state.stdio.max_output.saturating_sub(state.stdio.output.len()) as u64 {
        return Err(Stop::OutputTooLarge.into());
    }
    charge(host, total + u64::from(count) * BUFFER_INSTRUCTIONS)?;
    let (mut memory, state) = guest(host)?;
    for buffer in buffers {
        let bytes = memory.bytes(buffer.at, buffer.length)?;
        match fd {
            STDERR => state.stdio.write_error(bytes),
            _ => state.stdio.write_output(bytes)?,
        }
    }
    memory.write_u32(written, u32::try_from(total).map_err(|_| Errno::INVAL)?)
}

/// A buffer that a program names.
pub(super) struct Buffer {
    pub at: u32,
    pub length: u32,
}

/// Reads the list of `count` buffers at `at`.
pub(super) fn list(memory: &GuestMemory<'_>, at: u32, count: u32) -> Result<Vec<Buffer>, Fault> {
    if count > MAX_BUFFERS {
        return Err(Errno::INVAL.into());
    }
    let records = memory.bytes(at, count * BUFFER_RECORD)?;
    let buffer = |record: &[u8]| {
        Ok(Buffer { at: u32::from_le_bytes(field(record, 0)?), length: u32::from_le_bytes(field(record, 4)?) })
    };
    records.chunks_exact(BUFFER_RECORD as usize).map(buffer).collect()
}

/// `fd_close`: the descriptor is gone for good.
pub(super) fn close(host: &mut Host<'_>, fd: u32) -> Result<(), Fault> {
    let open = usize::try_from(fd).ok().and_then(|fd| host.data_mut().stdio.open.get_mut(fd)).ok_or(Errno::BADF)?;
    if mem::take(open) { Ok(()) } else { Err(Errno::BADF.into()) }
}

/// `fd_fdstat_get`: a stream of unknown type, hence not a terminal.
pub(super) fn fdstat(host: &mut Host<'_>, fd: u32, at: u32) -> Result<(), Fault> {
    let (mut memory, state) = guest(host)?;
    state.stdio.expect_open(fd)?;
    let rights = RIGHT_POLL | if fd == STDIN { RIGHT_READ } else { RIGHT_WRITE };
    memory.bytes_mut(at, FDSTAT_BYTES)?.fill(0);
    memory.write_u64(at + 8, rights)
}

/// `fd_fdstat_set_flags`: accepted, and without effect, because nothing here ever blocks.
pub(super) fn set_flags(host: &mut Host<'_>, fd: u32) -> Result<(), Fault> {
    host.data().stdio.expect_open(fd)
}

/// `fd_filestat_get`: all zero.
pub(super) fn filestat(host: &mut Host<'_>, fd: u32, at: u32) -> Result<(), Fault> {
    let (mut memory, state) = guest(host)?;
    state.stdio.expect_open(fd)?;
    memory.bytes_mut(at, FILESTAT_BYTES)?.fill(0);
    Ok(())
}

/// `fd_seek`, `fd_tell`: a stream has no position.
pub(super) fn no_position(host: &mut Host<'_>, fd: u32) -> Result<(), Fault> {
    host.data().stdio.expect_open(fd)?;
    Err(Errno::SPIPE.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_standard_error_is_kept() {
        let mut stdio = Stdio::new(Vec::new(), 0);
        for n in 0..100_000u32 {
            stdio.write_error(format!("{n}\n").as_bytes());
            assert!(stdio.errors.len() <= 4 * STDERR_TAIL);
        }
        stdio.write_error(&[b'x'; 1 << 20]);
        stdio.write_error(b"last");
        let (_, errors) = stdio.into_written();
        assert_eq!(errors.len(), STDERR_TAIL);
        assert!(errors.ends_with("xlast"));
    }
}
