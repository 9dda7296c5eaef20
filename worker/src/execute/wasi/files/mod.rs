//! Descriptors from 3 on: the scratch directory, and what a program opens in it.
//!
//! The tree itself is in `scratch/`. Here are the descriptors, and the translation between a program's memory and the
//! tree. A program that asks for no file makes none of this.
//!
//! - `data`: what is in files
//! - `folders`: names and listings
//! - `about`: what is told about descriptors and files

mod about;
mod data;
mod folders;

pub(super) use {about::*, data::*, folders::*};

use super::{
    Host,
    clock::{START_OF_TIME, now},
    guest::{Errno, Fault, GuestMemory, charge, guest},
};
use crate::execute::scratch::{NodeId, Tree};
use std::mem;

/// The descriptor that is open from the start, and what it is called.
pub(super) const FIRST: u32 = 3;
const FIRST_NAME: &[u8] = b"/tmp";
/// How many descriptors may be open at a time, as POSIX systems have it. It bounds what the host keeps.
const MAX_DESCRIPTORS: usize = 1_024;

/// What a program has open beyond the standard streams. Empty until something is done with it: the scratch directory is
/// open then, and has nothing in it.
#[derive(Default)]
pub(in crate::execute) struct Files(Option<Box<Opened>>);

/// The tree, and the descriptors from [`FIRST`] on.
struct Opened {
    tree: Tree,
    descriptors: Vec<Option<Descriptor>>,
}

/// One open file or folder.
struct Descriptor {
    node: NodeId,
    is_folder: bool,
    read: bool,
    write: bool,
    /// Each write goes to the end.
    append: bool,
    /// It was open from the start.
    preopened: bool,
    /// Where a file is read or written next.
    position: u64,
    /// How far a folder was listed.
    listed: Listed,
}

/// The number of entries that a listing has told, and the name of the last: so the next call finds its place at once, also
/// when what was told has been removed since.
#[derive(Default)]
struct Listed {
    count: u64,
    last: Box<str>,
}

impl Files {
    pub(super) fn is_open(&self, fd: u32) -> bool {
        match &self.0 {
            Some(opened) => {
                opened.slot(fd).is_some_and(|slot| opened.descriptors.get(slot).is_some_and(Option::is_some))
            }
            None => fd == FIRST,
        }
    }

    fn is_preopened(&self, fd: u32) -> bool {
        match &self.0 {
            Some(opened) => opened.get(fd).is_ok_and(|descriptor| descriptor.preopened),
            None => fd == FIRST,
        }
    }

    fn opened(&mut self, now: u64) -> &mut Opened {
        self.0.get_or_insert_with(|| {
            let first = Descriptor { preopened: true, ..Descriptor::new(NodeId::ROOT, true) };
            Box::new(Opened { tree: Tree::new(now), descriptors: vec![Some(first)] })
        })
    }
}

impl Descriptor {
    fn new(node: NodeId, is_folder: bool) -> Self {
        Self {
            node,
            is_folder,
            read: false,
            write: false,
            append: false,
            preopened: false,
            position: 0,
            listed: Listed::default(),
        }
    }
}

impl Opened {
    fn slot(&self, fd: u32) -> Option<usize> {
        usize::try_from(fd.checked_sub(FIRST)?).ok()
    }

    fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.slot(fd).and_then(|slot| self.descriptors.get(slot)).and_then(Option::as_ref).ok_or(Errno::BADF)
    }

    /// The tree, and the descriptor `fd`.
    fn both(&mut self, fd: u32) -> Result<(&mut Tree, &mut Descriptor), Errno> {
        let slot = self.slot(fd).ok_or(Errno::BADF)?;
        let descriptor = self.descriptors.get_mut(slot).and_then(Option::as_mut).ok_or(Errno::BADF)?;
        Ok((&mut self.tree, descriptor))
    }

    /// The folder that paths beside `fd` begin in.
    fn folder(&self, fd: u32) -> Result<NodeId, Errno> {
        let Descriptor { node, is_folder, .. } = self.get(fd)?;
        if *is_folder { Ok(*node) } else { Err(Errno::NOTDIR) }
    }

    /// Gives the descriptor the lowest number that is free.
    fn add(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        let free = self.descriptors.iter().position(Option::is_none).unwrap_or(self.descriptors.len());
        if free >= MAX_DESCRIPTORS {
            return Err(Errno::MFILE);
        }
        match self.descriptors.get_mut(free) {
            Some(slot) => *slot = Some(descriptor),
            None => self.descriptors.push(Some(descriptor)),
        }
        Ok(FIRST.saturating_add(u32::try_from(free).unwrap_or(u32::MAX)))
    }

    fn remove(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        let slot = self.slot(fd).ok_or(Errno::BADF)?;
        self.descriptors.get_mut(slot).and_then(Option::take).ok_or(Errno::BADF)
    }

    fn close(&mut self, fd: u32) -> Result<(), Errno> {
        let Descriptor { node, .. } = self.remove(fd)?;
        self.tree.close(node);
        Ok(())
    }
}

/// Does `work` with the program's files and memory; the time is the program's, since 1970. What the files hold afterwards
/// counts as the program's memory, and what the tree did is charged.
fn with<T>(
    host: &mut Host<'_>,
    work: impl FnOnce(&mut Opened, &mut GuestMemory<'_>, u64) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let now = START_OF_TIME.saturating_add(now(host)?);
    let (mut memory, state) = guest(host)?;
    let opened = state.files.opened(now);
    opened.tree.limit(state.memory.room_for_files());
    let done = work(opened, &mut memory, now);
    state.memory.files_hold(opened.tree.used());
    let cost = opened.tree.take_work();
    charge(host, cost)?;
    done
}

/// `fd_close`: the descriptor is gone; what it named stays, unless it has been removed.
pub(super) fn close(host: &mut Host<'_>, fd: u32) -> Result<(), Fault> {
    with(host, |opened, _, _| Ok(opened.close(fd)?))
}

/// `fd_renumber`: what `from` is, `to` is from now on; both are open.
pub(super) fn renumber(host: &mut Host<'_>, from: u32, to: u32) -> Result<(), Fault> {
    with(host, |opened, _, _| {
        opened.get(from)?;
        opened.get(to)?;
        if from == to {
            return Ok(());
        }
        let moved = opened.remove(from)?;
        let (tree, there) = opened.both(to)?;
        let replaced = mem::replace(there, moved);
        tree.close(replaced.node);
        Ok(())
    })
}

/// For calls that need nothing but that there is such a descriptor.
pub(super) fn expect_open(host: &mut Host<'_>, fd: u32) -> Result<(), Fault> {
    let state = host.data();
    if state.stdio.is_open(fd) || state.files.is_open(fd) { Ok(()) } else { Err(Errno::BADF.into()) }
}
