//! What is told about descriptors and files, and what little of it can be set.

use super::{Answer, Fd, Host, Opened, RunState, answer, answer_of, folders::kind, paid, with};
use crate::execute::{
    component::clocks::{datetime, nanoseconds},
    scratch::{NodeId, Stat},
};
use wasmtime::component::LinkerInstance;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, MetadataHashValue, NewTimestamp, PathFlags,
};

pub(super) fn define(types: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    descriptors(types)?;
    told(types)?;
    times(types)
}

/// What a descriptor is.
fn descriptors(types: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    paid(types, "[method]descriptor.get-type", |mut host: Host<'_>, (fd,): (Fd,)| -> Answer<DescriptorType> {
        answer(&mut host, |opened, _| Ok(kind(opened.get(&fd)?.is_folder)))
    })?;
    paid(types, "[method]descriptor.get-flags", |mut host: Host<'_>, (fd,): (Fd,)| -> Answer<DescriptorFlags> {
        answer(&mut host, |opened, _| {
            let descriptor = opened.get(&fd)?;
            if descriptor.is_folder {
                return Ok(DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY);
            }
            let only = |has, flag| if has { flag } else { DescriptorFlags::empty() };
            Ok(only(descriptor.read, DescriptorFlags::READ) | only(descriptor.write, DescriptorFlags::WRITE))
        })
    })?;
    paid(types, "[method]descriptor.is-same-object", |mut host: Host<'_>, (fd, other): (Fd, Fd)| {
        let same = with(&mut host, |opened, _| Ok::<_, ErrorCode>(opened.get(&fd)?.node == opened.get(&other)?.node))?;
        Ok((same.unwrap_or(false),))
    })
}

/// What is known of a file or folder.
fn told(types: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    paid(types, "[method]descriptor.stat", |mut host: Host<'_>, (fd,): (Fd,)| -> Answer<DescriptorStat> {
        answer(&mut host, |opened, _| opened.stat(&fd).map(stat))
    })?;
    paid(
        types,
        "[method]descriptor.stat-at",
        |mut host: Host<'_>, (fd, _, path): (Fd, PathFlags, String)| -> Answer<DescriptorStat> {
            answer_of(&mut host, &[&path], |opened, _| opened.stat_at(&fd, &path).map(stat))
        },
    )?;
    paid(types, "[method]descriptor.metadata-hash", |mut host: Host<'_>, (fd,): (Fd,)| -> Answer<MetadataHashValue> {
        answer(&mut host, |opened, _| opened.stat(&fd).map(hash))
    })?;
    paid(
        types,
        "[method]descriptor.metadata-hash-at",
        |mut host: Host<'_>, (fd, _, path): (Fd, PathFlags, String)| -> Answer<MetadataHashValue> {
            answer_of(&mut host, &[&path], |opened, _| opened.stat_at(&fd, &path).map(hash))
        },
    )
}

impl Opened {
    fn find(&mut self, fd: &Fd, path: &str) -> Result<NodeId, ErrorCode> {
        let from = self.folder(fd)?;
        Ok(self.tree.find(from, path)?)
    }

    fn stat(&self, fd: &Fd) -> Result<Stat, ErrorCode> {
        Ok(self.tree.stat(self.get(fd)?.node)?)
    }

    fn stat_at(&mut self, fd: &Fd, path: &str) -> Result<Stat, ErrorCode> {
        let node = self.find(fd, path)?;
        Ok(self.tree.stat(node)?)
    }
}

/// One name, and the same time three times.
fn stat(stat: Stat) -> DescriptorStat {
    let time = Some(datetime(stat.modified));
    DescriptorStat {
        type_: kind(stat.is_folder),
        link_count: 1,
        size: stat.length,
        data_access_timestamp: time,
        data_modification_timestamp: time,
        status_change_timestamp: time,
    }
}

/// The number of the file, which the standard libraries take from here and which stays, and the time of writing.
fn hash(stat: Stat) -> MetadataHashValue {
    MetadataHashValue { lower: stat.node.number(), upper: stat.modified }
}

/// Only the time of writing is kept.
fn times(types: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    paid(
        types,
        "[method]descriptor.set-times",
        |mut host: Host<'_>, (fd, _, modified): (Fd, NewTimestamp, NewTimestamp)| -> Answer<()> {
            answer(&mut host, |opened, now| {
                let node = opened.get(&fd)?.node;
                opened.set_modified(node, modified, now)
            })
        },
    )?;
    paid(
        types,
        "[method]descriptor.set-times-at",
        |mut host: Host<'_>,
         (fd, _, path, _, modified): (Fd, PathFlags, String, NewTimestamp, NewTimestamp)|
         -> Answer<()> {
            answer_of(&mut host, &[&path], |opened, now| {
                let node = opened.find(&fd, &path)?;
                opened.set_modified(node, modified, now)
            })
        },
    )
}

impl Opened {
    fn set_modified(&mut self, node: NodeId, modified: NewTimestamp, now: u64) -> Result<(), ErrorCode> {
        let when = match modified {
            NewTimestamp::NoChange => return Ok(()),
            NewTimestamp::Now => now,
            NewTimestamp::Timestamp(time) => nanoseconds(time).ok_or(ErrorCode::Overflow)?,
        };
        Ok(self.tree.set_modified(node, when)?)
    }
}
