//! Step 2: the commit's files, checked before and after they are written.

use super::{
    attempt::{Attempt, CHECKOUT, GIT_DIR},
    error::{BuildError, OperatorError},
    running::End,
    sandbox::GrowingFolder,
    source::{self, Source},
    supervise::Excess,
};
use offchainvm_interface::FailureCode;
use std::{
    fs,
    path::{Component, Path, PathBuf},
};

/// The longest listing of a commit that is read: 10,000 files with long names come to about 2 MiB.
const MAX_LISTING_BYTES: u64 = 16 << 20;

/// The files of a source, as far as they are written.
#[derive(Debug)]
pub(super) struct Checkout {
    /// Where they are.
    pub(super) folder: PathBuf,
    /// The submodules of the commit itself. Their folders are empty.
    pub(super) gitlinks: Vec<Gitlink>,
    /// What all commits that were written hold together.
    files: usize,
    bytes: u64,
}

/// An entry of a commit that is another repository's commit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Gitlink {
    /// The folder for it, as git names it: parts with `/` between them.
    pub(super) path: String,
    /// The commit's full name.
    pub(super) commit: String,
}

/// Writes the files of a commit into a folder of the attempt.
///
/// # Errors
/// `source_too_large`, or `source_escapes` when a link leads out of it.
pub(super) async fn check_out(attempt: &Attempt<'_>, source: &Source) -> Result<Checkout, BuildError> {
    let folder = attempt.make_folder("src")?;
    let mut checkout = Checkout { folder: folder.clone(), gitlinks: Vec::new(), files: 0, bytes: 0 };
    checkout.gitlinks = checkout.add(attempt, source, &folder).await?;
    check_links(&folder).await?;
    Ok(checkout)
}

impl Checkout {
    /// Writes the files of a commit into an empty folder of the checkout, and gives the commit's submodules. Where links
    /// lead is still to be checked.
    ///
    /// # Errors
    /// `source_too_large`, or `source_escapes` when git refuses to write a name.
    pub(super) async fn add(
        &mut self,
        attempt: &Attempt<'_>,
        source: &Source,
        folder: &Path,
    ) -> Result<Vec<Gitlink>, BuildError> {
        let listing = self.check_listing(attempt, source).await?;
        write_files(attempt, source, folder).await?;
        Ok(gitlinks(&listing))
    }

    /// The caps on size and number of files, held against git's listing, which it gives: nothing has been written yet, so a
    /// few kilobytes that unpack to terabytes cost nothing.
    async fn check_listing(&mut self, attempt: &Attempt<'_>, source: &Source) -> Result<Vec<u8>, BuildError> {
        let git = attempt.git(&source.git_dir).max_output(MAX_LISTING_BYTES);
        let list = ["git", "ls-tree", "-r", "-l", "-z", "--full-tree", &source.commit];
        let ended = attempt.run("listing the commit's files", git, &list).await?;
        if matches!(ended.end, End::Exceeded(Excess::Output)) {
            return Err(source::too_large(attempt.config));
        }
        let listing = attempt.output(ended, FailureCode::CommitNotFound)?;
        let (files, bytes) = total(&listing);
        self.files = self.files.saturating_add(files);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.files > attempt.config.max_source_files || self.bytes > attempt.config.max_source_bytes() {
            return Err(source::too_large(attempt.config));
        }
        Ok(listing)
    }
}

/// How many entries `ls-tree -l -z` lists, and their sizes together. A submodule has no size here.
pub(super) fn total(listing: &[u8]) -> (usize, u64) {
    let entries = listing.split(|byte| *byte == 0).filter(|entry| !entry.is_empty());
    let sizes = entries.map(|entry| {
        let head = entry.split(|byte| *byte == b'\t').next().unwrap_or_default();
        let size = head.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
        std::str::from_utf8(size).ok().and_then(|size| size.parse::<u64>().ok()).unwrap_or(0)
    });
    sizes.fold((0, 0), |(files, bytes), size| (files + 1, bytes.saturating_add(size)))
}

/// The submodules that `ls-tree -l -z` lists: entries that are commits, as `160000 commit NAME -\tPATH`.
pub(super) fn gitlinks(listing: &[u8]) -> Vec<Gitlink> {
    let entries = listing.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let commits = entries.filter_map(|entry| {
        let (facts, path) = entry.split_once('\t')?;
        let mut facts = facts.split(' ').skip(1);
        let commit = (facts.next() == Some("commit")).then(|| facts.next())??;
        Some(Gitlink { path: path.to_owned(), commit: commit.to_owned() })
    });
    commits.collect()
}

async fn write_files(attempt: &Attempt<'_>, source: &Source, folder: &Path) -> Result<(), BuildError> {
    // Twice the cap, because small files take whole blocks.
    let max_bytes = attempt.config.max_source_bytes().saturating_mul(2);
    let git = attempt.git(&source.git_dir).write(GrowingFolder { path: folder.to_owned(), max_bytes }, CHECKOUT);
    let command = ["git", "--work-tree", CHECKOUT, "checkout", "--quiet", "--force", "--detach", &source.commit];
    let ended = attempt.run("git checkout", git.env("GIT_DIR", GIT_DIR), &command).await?;
    attempt.output(ended, FailureCode::SourceEscapes).map(drop)
}

/// Refuses symbolic links that lead out of the checkout.
pub(super) async fn check_links(checkout: &Path) -> Result<(), BuildError> {
    let root = checkout.to_owned();
    let escaping = tokio::task::spawn_blocking(move || {
        let root = root.canonicalize()?;
        escaping_link(&root, &root).map(|found| found.map(|link| link.strip_prefix(&root).unwrap_or(&link).to_owned()))
    });
    let escaping = escaping.await.map_err(OperatorError::from)?;
    match escaping.map_err(OperatorError::file("look through", checkout))? {
        None => Ok(()),
        Some(link) => {
            let message = format!("the symbolic link {} leads out of the source", link.display());
            Err(BuildError::source(FailureCode::SourceEscapes, message))
        }
    }
}

fn escaping_link(root: &Path, folder: &Path) -> std::io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_symlink() && escapes(root, &path)? {
            return Ok(Some(path));
        }
        if kind.is_dir()
            && let Some(found) = escaping_link(root, &path)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn escapes(root: &Path, link: &Path) -> std::io::Result<bool> {
    let target = fs::read_link(link)?;
    if target.is_absolute() {
        return Ok(true);
    }
    // The system's own answer, because links can go through links.
    if let Ok(real) = link.canonicalize() {
        return Ok(!real.starts_with(root));
    }
    // It leads nowhere, as into a submodule that is not fetched; then only its text can be judged.
    let inside = link.parent().and_then(|folder| folder.strip_prefix(root).ok()).unwrap_or(Path::new(""));
    let mut depth = 0_i64;
    for component in inside.components().chain(target.components()) {
        depth += match component {
            Component::Normal(_) => 1,
            Component::ParentDir => -1,
            _ => 0,
        };
        if depth < 0 {
            return Ok(true);
        }
    }
    Ok(false)
}
