//! The tree: what is in it is found, opened, read, written and listed.

use super::{
    BLOCK_WORK, FileError, LOOKUP_WORK, STEP_WORK,
    node::{Kind, Node, NodeId, Stat},
    path::{Named, Step, split, steps},
    space::Space,
};
use std::{collections::BTreeMap, ops::Bound};

/// The files and folders of one run.
pub(in crate::execute) struct Tree {
    pub(super) nodes: BTreeMap<NodeId, Node>,
    pub(super) latest: NodeId,
    pub(super) space: Space,
    /// Instructions that the calls since [`Tree::take_work`] are worth.
    pub(super) work: u64,
}

/// How something is opened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::execute) struct Opening {
    /// A file is made if there is none.
    pub create: bool,
    /// There must be none.
    pub exclusive: bool,
    /// It must be a folder.
    pub folder: bool,
    /// It must not be a folder.
    pub write: bool,
    /// A file begins empty.
    pub truncate: bool,
}

impl Tree {
    /// An empty folder.
    pub(in crate::execute) fn new(now: u64) -> Self {
        let nodes = BTreeMap::from([(NodeId::ROOT, Node::folder(NodeId::ROOT, now))]);
        Self { nodes, latest: NodeId::ROOT, space: Space::default(), work: 0 }
    }

    /// From now on, up to `bytes` may be held.
    pub(in crate::execute) fn limit(&mut self, bytes: usize) {
        self.space.limit(bytes);
    }

    /// Bytes that are held.
    pub(in crate::execute) fn used(&self) -> usize {
        self.space.used()
    }

    /// What the calls since the last time are worth, in instructions.
    pub(in crate::execute) fn take_work(&mut self) -> u64 {
        std::mem::take(&mut self.work)
    }

    pub(super) fn node(&self, node: NodeId) -> Result<&Node, FileError> {
        self.nodes.get(&node).ok_or(FileError::NotFound)
    }

    pub(super) fn node_mut(&mut self, node: NodeId) -> Result<&mut Node, FileError> {
        self.nodes.get_mut(&node).ok_or(FileError::NotFound)
    }

    pub(super) fn entries(&self, folder: NodeId) -> Result<&BTreeMap<Box<str>, NodeId>, FileError> {
        match &self.node(folder)?.kind {
            Kind::Folder { entries, .. } => Ok(entries),
            Kind::File(_) => Err(FileError::NotADirectory),
        }
    }

    /// What `path` names, seen from the folder `from`, which it does not leave.
    ///
    /// # Errors
    /// There is nothing, or the way leads through a file or out.
    pub(in crate::execute) fn find(&mut self, from: NodeId, path: &str) -> Result<NodeId, FileError> {
        self.work = self.work.saturating_add(path.len() as u64);
        self.entries(from)?;
        let mut way = vec![from];
        for step in steps(path)? {
            let here = *way.last().ok_or(FileError::NotFound)?;
            let entries = self.entries(here)?;
            let (work, found) = match step? {
                Step::Up => (STEP_WORK, None),
                Step::Into(name) => (lookup_work(entries.len()), Some(entries.get(name).copied())),
            };
            self.work = self.work.saturating_add(work);
            match found {
                None => drop(way.pop()),
                Some(found) => way.push(found.ok_or(FileError::NotFound)?),
            }
        }
        let found = *way.last().ok_or(FileError::NotFound)?;
        // A path that ends as that of a folder does names one.
        if path.ends_with('/') || path.ends_with("/.") {
            self.entries(found)?;
        }
        Ok(found)
    }

    /// The folder in which `path` names something, the name, and what has it already.
    pub(super) fn place<'a>(
        &mut self,
        from: NodeId,
        path: &'a str,
    ) -> Result<(NodeId, Named<'a>, Option<NodeId>), FileError> {
        let Some(named) = split(path)? else {
            return self.find(from, path).and(Err(FileError::Invalid));
        };
        let folder = self.find(from, named.folder)?;
        let entries = self.entries(folder)?;
        let (work, there) = (lookup_work(entries.len()), entries.get(named.name).copied());
        self.work = self.work.saturating_add(work.saturating_add(named.name.len() as u64));
        Ok((folder, named, there))
    }

    /// As [`Tree::place`], of what is there.
    pub(super) fn existing<'a>(
        &mut self,
        from: NodeId,
        path: &'a str,
    ) -> Result<(NodeId, Named<'a>, NodeId), FileError> {
        let (folder, named, there) = self.place(from, path)?;
        let there = there.ok_or(FileError::NotFound)?;
        if named.is_folder {
            self.entries(there)?;
        }
        Ok((folder, named, there))
    }

    /// Opens what `path` names, or makes a file of this name. It is to be closed with [`Tree::close`].
    ///
    /// # Errors
    /// There is nothing and nothing is to be made, or it is not what was asked for.
    pub(in crate::execute) fn open(
        &mut self,
        from: NodeId,
        path: &str,
        how: Opening,
        now: u64,
    ) -> Result<NodeId, FileError> {
        if how.create && how.folder {
            return Err(FileError::Invalid);
        }
        let found = if how.create { self.find_or_make(from, path, how, now)? } else { self.find(from, path)? };
        let node = self.node(found)?;
        match node.is_folder() {
            true if (how.write || how.truncate || how.create) && !how.folder => return Err(FileError::IsADirectory),
            false if how.folder => return Err(FileError::NotADirectory),
            false if how.truncate => self.resize(found, 0, now)?,
            _ => {}
        }
        self.hold(found);
        Ok(found)
    }

    /// Opens once more what is open already; it is to be closed as often.
    pub(in crate::execute) fn hold(&mut self, node: NodeId) {
        if let Some(node) = self.nodes.get_mut(&node) {
            node.open = node.open.saturating_add(1);
        }
    }

    /// What `path` names; if there is nothing, a new file.
    fn find_or_make(&mut self, from: NodeId, path: &str, how: Opening, now: u64) -> Result<NodeId, FileError> {
        let there = match split(path)? {
            Some(named) if named.is_folder => {
                let folder = self.find(from, named.folder)?;
                return self.entries(folder).and(Err(FileError::IsADirectory));
            }
            Some(_) => {
                let (folder, named, there) = self.place(from, path)?;
                match there {
                    Some(there) => there,
                    None => return self.insert(folder, named.name, Node::file(now)),
                }
            }
            None => self.find(from, path)?,
        };
        if how.exclusive { Err(FileError::Exists) } else { Ok(there) }
    }

    /// Closes what [`Tree::open`] opened.
    pub(in crate::execute) fn close(&mut self, node: NodeId) {
        if let Some(node) = self.nodes.get_mut(&node) {
            node.open = node.open.saturating_sub(1);
        }
        self.forget_if_gone(node);
    }

    /// Fills `into` with a file's bytes from `at` on, as far as it goes; how many they were.
    ///
    /// # Errors
    /// It is a folder.
    pub(in crate::execute) fn read(&self, file: NodeId, at: u64, into: &mut [u8]) -> Result<usize, FileError> {
        match &self.node(file)?.kind {
            Kind::File(content) => Ok(content.read(at, into)),
            Kind::Folder { .. } => Err(FileError::IsADirectory),
        }
    }

    /// Writes `bytes` to a file at `at`, as far as there is space; how many they were.
    ///
    /// # Errors
    /// There is no space for the first of them, or it lies beyond the longest file; it is a folder.
    pub(in crate::execute) fn write(
        &mut self,
        file: NodeId,
        at: u64,
        bytes: &[u8],
        now: u64,
    ) -> Result<usize, FileError> {
        let node = self.nodes.get_mut(&file).ok_or(FileError::NotFound)?;
        let Kind::File(content) = &mut node.kind else { return Err(FileError::IsADirectory) };
        let before = content.blocks();
        let written = content.write(at, bytes, &mut self.space)?;
        let new = content.blocks().saturating_sub(before) as u64;
        self.work = self.work.saturating_add(new.saturating_mul(BLOCK_WORK));
        node.modified = now;
        Ok(written)
    }

    /// Cuts a file at `length`, or lengthens it with zeros that take no space.
    ///
    /// # Errors
    /// It would be longer than the longest; it is a folder.
    pub(in crate::execute) fn resize(&mut self, file: NodeId, length: u64, now: u64) -> Result<(), FileError> {
        let node = self.nodes.get_mut(&file).ok_or(FileError::NotFound)?;
        let Kind::File(content) = &mut node.kind else { return Err(FileError::IsADirectory) };
        content.resize(length, &mut self.space)?;
        node.modified = now;
        Ok(())
    }

    pub(in crate::execute) fn stat(&self, node: NodeId) -> Result<Stat, FileError> {
        let Node { kind, modified, .. } = self.node(node)?;
        let (is_folder, length) = match kind {
            Kind::File(content) => (false, content.length()),
            Kind::Folder { .. } => (true, 0),
        };
        Ok(Stat { node, is_folder, length, modified: *modified })
    }

    /// The folder that `folder` lies in; of the root, itself.
    pub(in crate::execute) fn parent(&self, folder: NodeId) -> Result<NodeId, FileError> {
        match self.node(folder)?.kind {
            Kind::Folder { parent, .. } => Ok(parent),
            Kind::File(_) => Err(FileError::NotADirectory),
        }
    }

    /// Says when a file or folder was last written.
    pub(in crate::execute) fn set_modified(&mut self, node: NodeId, when: u64) -> Result<(), FileError> {
        self.node_mut(node).map(|node| node.modified = when)
    }

    /// What lies in a folder, in the order of the names: those after `after`, or all. Who goes through it says with
    /// [`Tree::passed`] how far.
    pub(in crate::execute) fn list(
        &self,
        folder: NodeId,
        after: Option<&str>,
    ) -> Result<impl Iterator<Item = (&str, NodeId, bool)>, FileError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = self.entries(folder)?.range::<str, _>((start, Bound::Unbounded));
        Ok(entries.map(|(name, id)| (&**name, *id, self.nodes.get(id).is_some_and(Node::is_folder))))
    }

    /// So many entries of a listing were gone through.
    pub(in crate::execute) fn passed(&mut self, entries: u64) {
        self.work = self.work.saturating_add(entries.saturating_mul(STEP_WORK));
    }
}

/// What it costs to find a name among so many.
fn lookup_work(entries: usize) -> u64 {
    let halvings = entries.checked_ilog2().map_or(0, |halvings| u64::from(halvings) + 1);
    LOOKUP_WORK.saturating_mul(halvings + 1)
}
