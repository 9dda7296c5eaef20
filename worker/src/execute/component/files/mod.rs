//! `wasi:filesystem`: the scratch directory `/tmp`, as preview 1 has it, and what a component opens in it.
//!
//! The tree is the same (`scratch/`), and so are its rules; here are the handles of components, and the answers in WASI
//! 0.2's words. A component that opens nothing makes none of this.
//!
//! - `data`: what is in files, read and written at once
//! - `streams`: the same, piece by piece
//! - `folders`: names and listings
//! - `about`: what is told about files, and what little of it can be set

mod about;
mod data;
mod folders;
mod streams;

pub(super) use streams::{Failure, close_stream, expect_open, read_stream, write_stream};

use super::{Host, RunState, interface, paid, places::Places, streams::code_of};
use crate::execute::{
    scratch::{FileError, MAX_PATH_BYTES, NodeId, Tree},
    state::{charge, charge_call},
    wasi::{START_OF_TIME, now},
};
use folders::Listing;
use streams::FileStream;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::p2::{IoError, bindings::filesystem::types::ErrorCode};

/// The folder that is open from the start: its name, and the place of its descriptor. Handles to it are all the same
/// descriptor, which is never closed.
const FIRST_NAME: &str = "/tmp";
const FIRST: u32 = 0;
/// How many descriptors may be open at a time, as in preview 1.
const MAX_DESCRIPTORS: usize = 1_024;

/// A handle to a descriptor.
type Fd = Resource<Descriptor>;
/// What a call answers.
type Answer<T> = wasmtime::Result<(Result<T, ErrorCode>,)>;

/// What a component has open. Empty until something is done with it: the scratch directory is open then, and has nothing
/// in it.
#[derive(Default)]
pub(super) struct Files(Option<Box<Opened>>);

/// The tree, and the handles to what is in it.
struct Opened {
    tree: Tree,
    descriptors: Places<Descriptor>,
    streams: Places<FileStream>,
    listings: Places<Listing>,
}

/// One open file or folder. That a folder may be changed is always so, whatever was asked for: the standard libraries
/// change folders through descriptors that they have opened only to read.
struct Descriptor {
    node: NodeId,
    is_folder: bool,
    read: bool,
    write: bool,
}

impl Files {
    fn opened(&mut self, now: u64) -> &mut Opened {
        self.0.get_or_insert_with(|| {
            let mut descriptors = Places::default();
            let first = Descriptor { node: NodeId::ROOT, is_folder: true, read: false, write: false };
            descriptors.add(first, MAX_DESCRIPTORS);
            Box::new(Opened {
                tree: Tree::new(now),
                descriptors,
                streams: Places::default(),
                listings: Places::default(),
            })
        })
    }
}

impl Opened {
    fn get(&self, fd: &Fd) -> Result<&Descriptor, ErrorCode> {
        self.descriptors.get(fd.rep()).ok_or(ErrorCode::BadDescriptor)
    }

    /// The folder that paths beside `fd` begin in.
    fn folder(&self, fd: &Fd) -> Result<NodeId, ErrorCode> {
        let Descriptor { node, is_folder, .. } = self.get(fd)?;
        if *is_folder { Ok(*node) } else { Err(ErrorCode::NotDirectory) }
    }
}

pub(super) fn define(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut types = linker.instance(interface!("filesystem/types"))?;
    types.resource("descriptor", ResourceType::host::<Descriptor>(), |mut host: Host<'_>, place| {
        close_descriptor(&mut host, place)
    })?;
    types.resource("directory-entry-stream", ResourceType::host::<Listing>(), |mut host: Host<'_>, place| {
        folders::close_listing(&mut host, place)
    })?;
    paid(&mut types, "filesystem-error-code", |_: Host<'_>, (error,): (Resource<IoError>,)| Ok((code_of(&error),)))?;
    data::define(&mut types)?;
    streams::define(&mut types)?;
    folders::define(&mut types)?;
    about::define(&mut types)?;

    paid(&mut linker.instance(interface!("filesystem/preopens"))?, "get-directories", |_: Host<'_>, ()| {
        Ok((vec![(Fd::new_own(FIRST), FIRST_NAME.to_owned())],))
    })
}

/// Does `work` with the component's files; the time is the component's, since 1970. What the files hold afterwards counts
/// as the component's memory, and what the tree did is charged.
fn with<T>(host: &mut Host<'_>, work: impl FnOnce(&mut Opened, u64) -> T) -> wasmtime::Result<T> {
    let now = START_OF_TIME.saturating_add(now(&*host)?);
    let state = host.data_mut();
    let opened = state.handles.files.opened(now);
    opened.tree.limit(state.memory.room_for_files());
    let done = work(opened, now);
    state.memory.files_hold(opened.tree.used());
    let cost = opened.tree.take_work();
    charge(host, cost)?;
    Ok(done)
}

/// Answers with what `work` finds.
fn answer<T>(host: &mut Host<'_>, work: impl FnOnce(&mut Opened, u64) -> Result<T, ErrorCode>) -> Answer<T> {
    Ok((with(host, work)?,))
}

/// As [`answer`], of what has `paths`. The tree charges for those that it reads.
fn answer_of<T>(
    host: &mut Host<'_>,
    paths: &[&str],
    work: impl FnOnce(&mut Opened, u64) -> Result<T, ErrorCode>,
) -> Answer<T> {
    if paths.iter().any(|path| path.len() > MAX_PATH_BYTES) {
        charge(host, paths.iter().map(|path| path.len() as u64).sum())?;
        return Ok((Err(ErrorCode::NameTooLong),));
    }
    answer(host, work)
}

/// A descriptor's handle is gone; what it named stays, unless it has been removed.
fn close_descriptor(host: &mut Host<'_>, place: u32) -> wasmtime::Result<()> {
    if place == FIRST {
        return Ok(());
    }
    charge_call(&mut *host)?;
    with(host, |opened, _| {
        if let Some(Descriptor { node, .. }) = opened.descriptors.remove(place) {
            opened.tree.close(node);
        }
    })
}

impl From<FileError> for ErrorCode {
    fn from(error: FileError) -> Self {
        match error {
            FileError::NotFound => Self::NoEntry,
            FileError::Exists => Self::Exist,
            FileError::NotADirectory => Self::NotDirectory,
            FileError::IsADirectory => Self::IsDirectory,
            FileError::NotEmpty => Self::NotEmpty,
            FileError::NoSpace => Self::InsufficientSpace,
            FileError::TooLarge => Self::FileTooLarge,
            FileError::NameTooLong => Self::NameTooLong,
            FileError::Invalid => Self::Invalid,
        }
    }
}
