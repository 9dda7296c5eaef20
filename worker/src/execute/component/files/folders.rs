//! Names: what a path names is opened, made, removed and renamed, and a folder is listed.

use super::{Answer, Descriptor, Fd, Host, MAX_DESCRIPTORS, Opened, RunState, answer, answer_of, paid, with};
use crate::execute::{
    scratch::{NodeId, Opening},
    state::{charge, charge_call},
};
use wasmtime::component::{LinkerInstance, Resource};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorType, DirectoryEntry, ErrorCode, OpenFlags, PathFlags,
};

/// How many listings may be open at a time. It bounds what the host keeps.
const MAX_LISTINGS: usize = 1_024;

/// A listing of a folder, and the name that it told last: so the next call finds its place at once, also when what was
/// told has been removed since.
pub(super) struct Listing {
    folder: NodeId,
    last: Option<Box<str>>,
}

pub(super) fn kind(is_folder: bool) -> DescriptorType {
    if is_folder { DescriptorType::Directory } else { DescriptorType::RegularFile }
}

pub(super) fn define(types: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    opening(types)?;
    changing(types)?;
    links(types)?;
    listing(types)
}

fn opening(types: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    paid(
        types,
        "[method]descriptor.open-at",
        |mut host: Host<'_>, (fd, _, path, how, flags): (Fd, PathFlags, String, OpenFlags, DescriptorFlags)| {
            answer_of(&mut host, &[&path], |opened, now| opened.open(&fd, &path, (how, flags), now))
        },
    )
}

impl Opened {
    fn open(
        &mut self,
        fd: &Fd,
        path: &str,
        (how, flags): (OpenFlags, DescriptorFlags),
        now: u64,
    ) -> Result<Fd, ErrorCode> {
        let (read, write) = (flags.contains(DescriptorFlags::READ), flags.contains(DescriptorFlags::WRITE));
        let opening = Opening {
            create: how.contains(OpenFlags::CREATE),
            exclusive: how.contains(OpenFlags::EXCLUSIVE),
            folder: how.contains(OpenFlags::DIRECTORY),
            truncate: how.contains(OpenFlags::TRUNCATE),
            write,
        };
        let from = self.folder(fd)?;
        let node = self.tree.open(from, path, opening, now)?;
        let is_folder = self.tree.stat(node)?.is_folder;
        let descriptor = Descriptor { node, is_folder, read: !is_folder && read, write: !is_folder && write };
        match self.descriptors.add(descriptor, MAX_DESCRIPTORS) {
            Some(place) => Ok(Fd::new_own(place)),
            None => {
                self.tree.close(node);
                Err(ErrorCode::Quota)
            }
        }
    }
}

fn changing(types: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    paid(
        types,
        "[method]descriptor.create-directory-at",
        |mut host: Host<'_>, (fd, path): (Fd, String)| -> Answer<()> {
            answer_of(&mut host, &[&path], |opened, now| {
                let from = opened.folder(&fd)?;
                Ok(opened.tree.make_folder(from, &path, now)?)
            })
        },
    )?;
    paid(
        types,
        "[method]descriptor.remove-directory-at",
        |mut host: Host<'_>, (fd, path): (Fd, String)| -> Answer<()> {
            answer_of(&mut host, &[&path], |opened, now| {
                let from = opened.folder(&fd)?;
                Ok(opened.tree.remove_folder(from, &path, now)?)
            })
        },
    )?;
    paid(types, "[method]descriptor.unlink-file-at", |mut host: Host<'_>, (fd, path): (Fd, String)| -> Answer<()> {
        answer_of(&mut host, &[&path], |opened, now| {
            let from = opened.folder(&fd)?;
            Ok(opened.tree.remove_file(from, &path, now)?)
        })
    })?;
    paid(
        types,
        "[method]descriptor.rename-at",
        |mut host: Host<'_>, (fd, path, new_fd, new_path): (Fd, String, Fd, String)| -> Answer<()> {
            answer_of(&mut host, &[&path, &new_path], |opened, now| {
                let (from, to) = (opened.folder(&fd)?, opened.folder(&new_fd)?);
                Ok(opened.tree.rename((from, &path), (to, &new_path), now)?)
            })
        },
    )
}

/// There are none, and none can be made.
fn links(types: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    paid(
        types,
        "[method]descriptor.link-at",
        |mut host: Host<'_>, (_, _, path, _, new_path): (Fd, PathFlags, String, Fd, String)| -> Answer<()> {
            answer_of(&mut host, &[&path, &new_path], |_, _| Err(ErrorCode::Unsupported))
        },
    )?;
    paid(
        types,
        "[method]descriptor.symlink-at",
        |mut host: Host<'_>, (_, path, new_path): (Fd, String, String)| -> Answer<()> {
            answer_of(&mut host, &[&path, &new_path], |_, _| Err(ErrorCode::Unsupported))
        },
    )?;
    paid(types, "[method]descriptor.readlink-at", |mut host: Host<'_>, (fd, path): (Fd, String)| -> Answer<String> {
        answer_of(&mut host, &[&path], |opened, _| {
            let from = opened.folder(&fd)?;
            opened.tree.find(from, &path)?;
            Err(ErrorCode::Invalid)
        })
    })
}

fn listing(types: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    paid(
        types,
        "[method]descriptor.read-directory",
        |mut host: Host<'_>, (fd,): (Fd,)| -> Answer<Resource<Listing>> {
            answer(&mut host, |opened, _| {
                let folder = opened.folder(&fd)?;
                let listing = Listing { folder, last: None };
                let place = opened.listings.add(listing, MAX_LISTINGS).ok_or(ErrorCode::Quota)?;
                opened.tree.hold(folder);
                Ok(Resource::new_own(place))
            })
        },
    )?;
    paid(
        types,
        "[method]directory-entry-stream.read-directory-entry",
        |mut host: Host<'_>, (listing,): (Resource<Listing>,)| -> Answer<Option<DirectoryEntry>> {
            let told = with(&mut host, |opened, _| opened.next_entry(&listing))?;
            if let Ok(Some(entry)) = &told {
                charge(&mut host, entry.name.len() as u64)?;
            }
            Ok((told,))
        },
    )
}

impl Opened {
    /// The next entry, in the order of the names; those for the folder itself and the one that it lies in are not told.
    fn next_entry(&mut self, listing: &Resource<Listing>) -> Result<Option<DirectoryEntry>, ErrorCode> {
        let listing = self.listings.get_mut(listing.rep()).ok_or(ErrorCode::BadDescriptor)?;
        let Some((name, _, is_folder)) = self.tree.list(listing.folder, listing.last.as_deref())?.next() else {
            return Ok(None);
        };
        let entry = DirectoryEntry { type_: kind(is_folder), name: name.to_owned() };
        listing.last = Some(name.into());
        self.tree.passed(1);
        Ok(Some(entry))
    }
}

/// A listing's handle is gone.
pub(super) fn close_listing(host: &mut Host<'_>, place: u32) -> wasmtime::Result<()> {
    charge_call(&mut *host)?;
    with(host, |opened, _| {
        if let Some(Listing { folder, .. }) = opened.listings.remove(place) {
            opened.tree.close(folder);
        }
    })
}
