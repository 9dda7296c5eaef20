//! Files and folders are made, removed and given other names.

use super::{
    ENTRY_BYTES, ENTRY_WORK, FileError, MAX_ENTRIES, STEP_WORK, Tree,
    node::{Kind, Node, NodeId},
    path::split,
};

impl Tree {
    /// Gives `node` a name in a folder that has one itself.
    pub(super) fn insert(&mut self, folder: NodeId, name: &str, node: Node) -> Result<NodeId, FileError> {
        if !self.node(folder)?.named {
            return Err(FileError::NotFound);
        }
        if self.nodes.len() > MAX_ENTRIES {
            return Err(FileError::NoSpace);
        }
        self.space.take(ENTRY_BYTES)?;
        self.work = self.work.saturating_add(ENTRY_WORK);
        self.latest = self.latest.next();
        let (id, now) = (self.latest, node.modified);
        self.nodes.insert(id, node);
        self.name(folder, name, id, now)?;
        Ok(id)
    }

    fn name(&mut self, folder: NodeId, name: &str, node: NodeId, now: u64) -> Result<(), FileError> {
        let holder = self.node_mut(folder)?;
        holder.modified = now;
        if let Kind::Folder { entries, .. } = &mut holder.kind {
            entries.insert(name.into(), node);
        }
        Ok(())
    }

    /// Takes the name away, and returns what had it.
    fn unname(&mut self, folder: NodeId, name: &str, now: u64) -> Result<NodeId, FileError> {
        let holder = self.node_mut(folder)?;
        holder.modified = now;
        match &mut holder.kind {
            Kind::Folder { entries, .. } => entries.remove(name).ok_or(FileError::NotFound),
            Kind::File(_) => Err(FileError::NotADirectory),
        }
    }

    /// Takes name and node away; what is open stays until it is closed.
    fn remove(&mut self, folder: NodeId, name: &str, now: u64) -> Result<(), FileError> {
        self.work = self.work.saturating_add(ENTRY_WORK);
        let node = self.unname(folder, name, now)?;
        self.node_mut(node)?.named = false;
        self.forget_if_gone(node);
        Ok(())
    }

    /// Drops what has no name and is not open.
    pub(super) fn forget_if_gone(&mut self, id: NodeId) {
        if self.nodes.get(&id).is_some_and(|node| !node.named && node.open == 0)
            && let Some(Node { kind, .. }) = self.nodes.remove(&id)
        {
            self.space.give_back(ENTRY_BYTES);
            if let Kind::File(content) = kind {
                content.clear(&mut self.space);
            }
        }
    }

    pub(in crate::execute) fn make_folder(&mut self, from: NodeId, path: &str, now: u64) -> Result<(), FileError> {
        if split(path)?.is_none() {
            return self.find(from, path).and(Err(FileError::Exists));
        }
        let (folder, named, there) = self.place(from, path)?;
        match there {
            Some(_) => Err(FileError::Exists),
            None => self.insert(folder, named.name, Node::folder(folder, now)).map(drop),
        }
    }

    pub(in crate::execute) fn remove_folder(&mut self, from: NodeId, path: &str, now: u64) -> Result<(), FileError> {
        let (folder, named, there) = self.existing(from, path)?;
        let node = self.node(there)?;
        if !node.is_folder() {
            return Err(FileError::NotADirectory);
        }
        if !node.is_empty_folder() {
            return Err(FileError::NotEmpty);
        }
        self.remove(folder, named.name, now)
    }

    pub(in crate::execute) fn remove_file(&mut self, from: NodeId, path: &str, now: u64) -> Result<(), FileError> {
        let (folder, named, there) = self.existing(from, path)?;
        if self.node(there)?.is_folder() {
            return Err(FileError::IsADirectory);
        }
        self.remove(folder, named.name, now)
    }

    /// Gives what `path` names another name; what had that name is removed, if it is of the same kind and empty.
    ///
    /// # Errors
    /// There is nothing, the other name is taken by what cannot be replaced, or a folder would lie in itself.
    pub(in crate::execute) fn rename(
        &mut self,
        (from, path): (NodeId, &str),
        (to, new_path): (NodeId, &str),
        now: u64,
    ) -> Result<(), FileError> {
        let (folder, named, node) = self.place(from, path)?;
        let (new_folder, new_named, replaced) = self.place(to, new_path)?;
        let node = node.ok_or(FileError::NotFound)?;
        let is_folder = self.node(node)?.is_folder();
        if !self.node(new_folder)?.named {
            return Err(FileError::NotFound);
        }
        if (named.is_folder || new_named.is_folder) && !is_folder {
            return Err(FileError::NotADirectory);
        }
        if is_folder && self.lies_in(new_folder, node)? {
            return Err(FileError::Invalid);
        }
        if let Some(replaced) = replaced {
            if self.lies_in(folder, replaced)? {
                return Err(FileError::NotEmpty);
            }
            let there = self.node(replaced)?;
            match (is_folder, there.is_folder()) {
                _ if replaced == node => return Ok(()),
                (true, false) => return Err(FileError::NotADirectory),
                (false, true) => return Err(FileError::IsADirectory),
                (true, true) if !there.is_empty_folder() => return Err(FileError::NotEmpty),
                _ => self.remove(new_folder, new_named.name, now)?,
            }
        }
        self.work = self.work.saturating_add(ENTRY_WORK);
        self.unname(folder, named.name, now)?;
        self.name(new_folder, new_named.name, node, now)?;
        if let Kind::Folder { parent, .. } = &mut self.node_mut(node)?.kind {
            *parent = new_folder;
        }
        Ok(())
    }

    /// Whether `folder` is `ancestor`, or lies somewhere in it.
    fn lies_in(&mut self, mut folder: NodeId, ancestor: NodeId) -> Result<bool, FileError> {
        loop {
            self.work = self.work.saturating_add(STEP_WORK);
            match self.node(folder)?.kind {
                _ if folder == ancestor => return Ok(true),
                Kind::Folder { parent, .. } if parent != folder => folder = parent,
                _ => return Ok(false),
            }
        }
    }
}
