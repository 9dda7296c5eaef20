//! What is in files, read and written at a place that the call names.

use super::{Answer, Fd, Host, Opened, RunState, answer, paid, with};
use crate::execute::{
    scratch::{FileError, MAX_LENGTH, NodeId, Tree},
    state::charge,
};
use wasmtime::component::LinkerInstance;
use wasmtime_wasi::p2::bindings::filesystem::types::{Advice, ErrorCode};

/// The most that one call reads or writes, in bytes, as in preview 1; it answers how much that was.
const MAX_TRANSFER: usize = 1 << 20;

impl Opened {
    pub(super) fn readable(&self, fd: &Fd) -> Result<NodeId, ErrorCode> {
        let descriptor = self.get(fd)?;
        match descriptor.is_folder {
            true => Err(ErrorCode::IsDirectory),
            false if descriptor.read => Ok(descriptor.node),
            false => Err(ErrorCode::BadDescriptor),
        }
    }

    pub(super) fn writable(&self, fd: &Fd) -> Result<NodeId, ErrorCode> {
        let descriptor = self.get(fd)?;
        if descriptor.write { Ok(descriptor.node) } else { Err(ErrorCode::BadDescriptor) }
    }
}

/// Where a call begins; with the most that one call moves, it stays a number.
pub(super) fn position(at: u64) -> Result<u64, ErrorCode> {
    if at > MAX_LENGTH { Err(ErrorCode::Invalid) } else { Ok(at) }
}

pub(super) fn define(types: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    paid(types, "[method]descriptor.read", |mut host: Host<'_>, (fd, length, at): (Fd, u64, u64)| {
        read(&mut host, &fd, length, at)
    })?;
    paid(types, "[method]descriptor.write", |mut host: Host<'_>, (fd, bytes, at): (Fd, Vec<u8>, u64)| {
        write(&mut host, &fd, &bytes, at)
    })?;
    paid(types, "[method]descriptor.set-size", |mut host: Host<'_>, (fd, length): (Fd, u64)| -> Answer<()> {
        answer(&mut host, |opened, now| {
            let node = opened.writable(&fd).map_err(|_| ErrorCode::Invalid)?;
            Ok(opened.tree.resize(node, length, now)?)
        })
    })?;
    // Everything is in memory already, and there is no more to be known about it.
    for name in ["[method]descriptor.sync", "[method]descriptor.sync-data"] {
        paid(types, name, |mut host: Host<'_>, (fd,): (Fd,)| -> Answer<()> {
            answer(&mut host, |opened, _| opened.get(&fd).map(drop))
        })?;
    }
    paid(
        types,
        "[method]descriptor.advise",
        |mut host: Host<'_>, (fd, _, _, _): (Fd, u64, u64, Advice)| -> Answer<()> {
            answer(&mut host, |opened, _| opened.get(&fd).map(drop))
        },
    )
}

/// The bytes from `at` on, and whether the file ends with them.
fn read(host: &mut Host<'_>, fd: &Fd, length: u64, at: u64) -> Answer<(Vec<u8>, bool)> {
    let told = with(host, |opened, _| {
        let (node, at) = (opened.readable(fd)?, position(at)?);
        let most = usize::try_from(length).unwrap_or(usize::MAX).min(MAX_TRANSFER);
        let bytes = bytes(&opened.tree, node, at, most)?;
        let end = at.saturating_add(bytes.len() as u64);
        Ok((bytes, end >= opened.tree.stat(node)?.length))
    })?;
    if let Ok((bytes, _)) = &told {
        charge(host, bytes.len() as u64)?;
    }
    Ok((told,))
}

/// Up to `most` bytes of a file from `at` on.
pub(super) fn bytes(tree: &Tree, file: NodeId, at: u64, most: usize) -> Result<Vec<u8>, FileError> {
    let rest = tree.stat(file)?.length.saturating_sub(at);
    let mut bytes = vec![0; usize::try_from(rest).unwrap_or(usize::MAX).min(most)];
    let filled = tree.read(file, at, &mut bytes)?;
    bytes.truncate(filled);
    Ok(bytes)
}

/// Writes as many of `bytes` as there is memory for; how many that were.
fn write(host: &mut Host<'_>, fd: &Fd, bytes: &[u8], at: u64) -> Answer<u64> {
    charge(&mut *host, bytes.len() as u64)?;
    let bytes = bytes.get(..MAX_TRANSFER).unwrap_or(bytes);
    answer(host, |opened, now| {
        let (node, at) = (opened.writable(fd)?, position(at)?);
        Ok(opened.tree.write(node, at, bytes, now)? as u64)
    })
}
