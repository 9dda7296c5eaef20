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
/// How many submodules the log names.
const SHOWN_SUBMODULES: usize = 10;

/// Writes the files of a commit into a folder of the attempt, and gives the folder.
///
/// # Errors
/// `source_too_large`, or `source_escapes` when a link leads out of it.
pub(super) async fn check_out(attempt: &Attempt<'_>, source: &Source) -> Result<PathBuf, BuildError> {
    check_listing(attempt, source).await?;
    let checkout = write_files(attempt, source).await?;
    check_links(&checkout).await?;
    Ok(checkout)
}

/// The caps on size and number of files, held against git's listing: nothing has been written yet, so a few kilobytes
/// that unpack to terabytes cost nothing.
async fn check_listing(attempt: &Attempt<'_>, source: &Source) -> Result<(), BuildError> {
    let git = attempt.git(&source.git_dir).max_output(MAX_LISTING_BYTES);
    let list = ["git", "ls-tree", "-r", "-l", "-z", "--full-tree", &source.commit];
    let ended = attempt.run("listing the commit's files", git, &list).await?;
    if matches!(ended.end, End::Exceeded(Excess::Output)) {
        return Err(source::too_large(attempt.config));
    }
    let listing = attempt.output(ended, FailureCode::CommitNotFound)?;
    note_submodules(attempt, &listing);
    let (files, bytes) = total(&listing);
    if files > attempt.config.max_source_files || bytes > attempt.config.max_source_bytes() {
        return Err(source::too_large(attempt.config));
    }
    Ok(())
}

/// How many entries `ls-tree -l -z` lists, and their sizes together. A submodule has no size: it is not fetched.
fn total(listing: &[u8]) -> (usize, u64) {
    let entries = listing.split(|byte| *byte == 0).filter(|entry| !entry.is_empty());
    let sizes = entries.map(|entry| {
        let head = entry.split(|byte| *byte == b'\t').next().unwrap_or_default();
        let size = head.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
        std::str::from_utf8(size).ok().and_then(|size| size.parse::<u64>().ok()).unwrap_or(0)
    });
    sizes.fold((0, 0), |(files, bytes), size| (files + 1, bytes.saturating_add(size)))
}

/// Says in the log which folders stay empty: what a build misses there is not its compiler's fault.
fn note_submodules(attempt: &Attempt<'_>, listing: &[u8]) {
    let submodules = submodules(listing);
    if !submodules.is_empty() {
        let shown = submodules.iter().take(SHOWN_SUBMODULES).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if submodules.len() > SHOWN_SUBMODULES { ", …" } else { "" };
        attempt.note(&format!("submodules are not fetched, and their folders are empty: {shown}{more}"));
    }
}

/// The folders of submodules that `ls-tree -l -z` lists: entries that are commits, as `160000 commit NAME -\tPATH`.
fn submodules(listing: &[u8]) -> Vec<String> {
    let entries = listing.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let commits = entries.filter(|entry| entry.split(' ').nth(1) == Some("commit"));
    commits.filter_map(|entry| entry.split_once('\t').map(|(_, path)| path.to_owned())).collect()
}

async fn write_files(attempt: &Attempt<'_>, source: &Source) -> Result<PathBuf, BuildError> {
    let checkout = attempt.make_folder("src")?;
    // Twice the cap, because small files take whole blocks.
    let max_bytes = attempt.config.max_source_bytes().saturating_mul(2);
    let git = attempt.git(&source.git_dir).write(GrowingFolder { path: checkout.clone(), max_bytes }, CHECKOUT);
    let command = ["git", "--work-tree", CHECKOUT, "checkout", "--quiet", "--force", "--detach", &source.commit];
    let ended = attempt.run("git checkout", git.env("GIT_DIR", GIT_DIR), &command).await?;
    attempt.output(ended, FailureCode::SourceEscapes)?;
    Ok(checkout)
}

/// Refuses symbolic links that lead out of the checkout.
async fn check_links(checkout: &Path) -> Result<(), BuildError> {
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
