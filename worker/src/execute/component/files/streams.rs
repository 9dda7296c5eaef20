//! Files as streams. Each has a place of its own in the file, and keeps the file when its descriptor is closed.

use super::{
    Answer, Fd, Host, Opened, RunState, answer,
    data::{bytes, position},
    paid, with,
};
use crate::execute::{
    component::streams::{Input, Output, file_stream},
    scratch::{FileError, NodeId, Tree},
    state::charge_call,
};
use wasmtime::component::LinkerInstance;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

/// How many streams over files may be open at a time. It bounds what the host keeps; each of as many files as there may be
/// open can be read and written through several.
const MAX_STREAMS: usize = 4_096;

/// One stream over a file.
pub(super) struct FileStream {
    node: NodeId,
    next: Next,
    /// A write failed: as WASI has it, there is no other.
    closed: bool,
}

/// Where a stream reads or writes next.
#[derive(Clone, Copy)]
enum Next {
    At(u64),
    End,
}

/// Why a stream takes nothing.
pub(in crate::execute::component) enum Failure {
    Closed,
    Because(ErrorCode),
}

impl FileStream {
    fn position(&self, tree: &Tree) -> Result<u64, FileError> {
        match self.next {
            Next::At(at) => Ok(at),
            Next::End => Ok(tree.stat(self.node)?.length),
        }
    }

    fn passed(&mut self, bytes: usize) {
        if let Next::At(at) = &mut self.next {
            *at = at.saturating_add(bytes as u64);
        }
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::Because(error.into())
    }
}

impl Opened {
    fn stream(&mut self, node: NodeId, next: Next) -> Result<u32, ErrorCode> {
        let stream = FileStream { node, next, closed: false };
        let place = self.streams.add(stream, MAX_STREAMS).ok_or(ErrorCode::Quota)?;
        self.tree.hold(node);
        Ok(place)
    }

    /// The tree, and a stream that is not closed.
    fn open_stream(&mut self, place: u32) -> Result<(&mut Tree, &mut FileStream), Failure> {
        match self.streams.get_mut(place) {
            Some(stream) if !stream.closed => Ok((&mut self.tree, stream)),
            _ => Err(Failure::Closed),
        }
    }
}

pub(super) fn define(types: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    paid(types, "[method]descriptor.read-via-stream", |mut host: Host<'_>, (fd, at): (Fd, u64)| -> Answer<Input> {
        answer(&mut host, |opened, _| {
            let (node, at) = (opened.readable(&fd)?, position(at)?);
            opened.stream(node, Next::At(at)).map(file_stream)
        })
    })?;
    paid(types, "[method]descriptor.write-via-stream", |mut host: Host<'_>, (fd, at): (Fd, u64)| -> Answer<Output> {
        answer(&mut host, |opened, _| {
            let (node, at) = (opened.writable(&fd)?, position(at)?);
            opened.stream(node, Next::At(at)).map(file_stream)
        })
    })?;
    paid(types, "[method]descriptor.append-via-stream", |mut host: Host<'_>, (fd,): (Fd,)| -> Answer<Output> {
        answer(&mut host, |opened, _| {
            let node = opened.writable(&fd)?;
            opened.stream(node, Next::End).map(file_stream)
        })
    })
}

/// Up to `most` bytes; none where the file ends.
pub(in crate::execute::component) fn read_stream(
    host: &mut Host<'_>,
    place: u32,
    most: usize,
) -> wasmtime::Result<Result<Vec<u8>, Failure>> {
    with(host, |opened, _| {
        let (tree, stream) = opened.open_stream(place)?;
        let bytes = bytes(tree, stream.node, stream.position(tree)?, most)?;
        stream.passed(bytes.len());
        Ok(bytes)
    })
}

/// Writes all of `bytes`, or closes the stream: what there was memory for is written even so.
pub(in crate::execute::component) fn write_stream(
    host: &mut Host<'_>,
    place: u32,
    mut bytes: &[u8],
) -> wasmtime::Result<Result<(), Failure>> {
    with(host, |opened, now| {
        let (tree, stream) = opened.open_stream(place)?;
        while !bytes.is_empty() {
            let written = match tree.write(stream.node, stream.position(tree)?, bytes, now) {
                Ok(written) => written,
                Err(error) => {
                    stream.closed = true;
                    return Err(error.into());
                }
            };
            stream.passed(written);
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    })
}

/// For calls that need nothing but a stream that is not closed.
pub(in crate::execute::component) fn expect_open(
    host: &mut Host<'_>,
    place: u32,
) -> wasmtime::Result<Result<(), Failure>> {
    with(host, |opened, _| opened.open_stream(place).map(drop))
}

/// A stream's handle is gone.
pub(in crate::execute::component) fn close_stream(host: &mut Host<'_>, place: u32) -> wasmtime::Result<()> {
    charge_call(&mut *host)?;
    with(host, |opened, _| {
        if let Some(FileStream { node, .. }) = opened.streams.remove(place) {
            opened.tree.close(node);
        }
    })
}
