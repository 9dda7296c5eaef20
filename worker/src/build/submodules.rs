//! Between steps 2 and 3, for a source that asks for it: its submodules. Each is fetched like a commit of its own, from an
//! address that this operator allows, and written into the folder that the commit above it keeps for it. They count for the
//! caps on the whole source, and so do theirs.

use std::{
    collections::VecDeque,
    fs, io,
    path::{Component, Path, PathBuf},
};

use offchainvm_interface::{FailureCode, RepoUrl};

use super::{
    attempt::Attempt,
    checkout::{self, Checkout, Gitlink},
    error::{BuildError, OperatorError},
    gitmodules::{self, GitModules},
    running::End,
    source::{self, Remote, Source},
};

/// The most submodules of one source, with those of submodules.
const MAX_SUBMODULES: usize = 32;
/// How deep they may lie in each other; those of the source itself lie 1 deep.
const MAX_DEPTH: usize = 3;
/// The longest listing of `.gitmodules` that is read.
const MAX_SETTINGS_BYTES: u64 = 256 << 10;
/// How many submodules the log names that are not fetched.
const SHOWN: usize = 10;
/// How much of a folder's name is repeated, in characters.
const NAME_CHARS: usize = 100;

/// A submodule that is part of a source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Submodule {
    /// Its folder, within the source.
    pub(super) path: String,
    /// Where it was fetched from.
    pub(super) repo: RepoUrl,
    /// The commit that the one above names, and its tree.
    pub(super) commit: String,
    pub(super) tree: String,
}

/// One that is still to be fetched.
struct Wanted {
    path: String,
    repo: RepoUrl,
    commit: String,
    depth: usize,
}

/// Fetches the submodules of a commit that is checked out, and theirs.
///
/// # Errors
/// `repo_not_allowed`, `repo_not_found`, `commit_not_found`, `source_too_large` or `source_escapes`; the message names the
/// submodule.
pub(super) async fn fetch(
    attempt: &Attempt<'_>,
    repo: &RepoUrl,
    source: &Source,
    checkout: &mut Checkout,
) -> Result<Vec<Submodule>, BuildError> {
    if !attempt.config.submodules {
        let message = "the source asks for its submodules, and this operator fetches none";
        return Err(BuildError::source(FailureCode::RepoNotAllowed, message));
    }
    let (links, mut fetched) = (checkout.gitlinks.clone(), Vec::new());
    let mut wanted: VecDeque<Wanted> = wanted(attempt, repo, source, links, None).await?.into();
    while let Some(next) = wanted.pop_front() {
        let found = add(attempt, checkout, &next, fetched.len()).await;
        let (submodule, further) = found.map_err(|error| about(&next, error))?;
        attempt.note(&format!("submodule {}: {} at {}", shown(&next.path), next.repo, next.commit));
        fetched.push(submodule);
        wanted.extend(further);
    }
    // Only now does every link lead where it will.
    checkout::check_links(&checkout.folder).await?;
    Ok(fetched)
}

/// Says in the log which folders stay empty, and what would fill them: what a build misses there is not its compiler's
/// fault.
pub(super) fn pass_over(attempt: &Attempt<'_>, links: &[Gitlink]) {
    if links.is_empty() {
        return;
    }
    let names = links.iter().take(SHOWN).map(|link| shown(&link.path)).collect::<Vec<_>>().join(", ");
    let more = if links.len() > SHOWN { ", …" } else { "" };
    attempt.note(&format!("submodules are not fetched, and their folders are empty: {names}{more}"));
    attempt.note("to have them fetched, set submodules = true in [package.metadata.offchainvm] of Cargo.toml");
}

/// Fetches one and writes its files; gives also those that it has itself.
async fn add(
    attempt: &Attempt<'_>,
    checkout: &mut Checkout,
    next: &Wanted,
    number: usize,
) -> Result<(Submodule, Vec<Wanted>), BuildError> {
    let too_many = |what: String| Err(BuildError::source(FailureCode::SourceTooLarge, what));
    if number >= MAX_SUBMODULES {
        return too_many(format!("a source may have {MAX_SUBMODULES} submodules, with theirs"));
    }
    if next.depth > MAX_DEPTH {
        return too_many(format!("submodules may lie in each other {MAX_DEPTH} deep"));
    }
    let folder = own_folder(&checkout.folder, &next.path)?;
    let remote = Remote::allowed(attempt.config, &next.repo)?;
    let source = source::fetch(attempt, &remote, next.commit.clone(), &format!("submodule-{number}")).await?;
    let links = checkout.add(attempt, &source, &folder).await?;
    let further = wanted(attempt, &next.repo, &source, links, Some(next)).await?;
    let git_dir = source.git_dir.clone();
    let removed = tokio::task::spawn_blocking(move || fs::remove_dir_all(git_dir)).await;
    removed.map_err(OperatorError::from)?.map_err(OperatorError::file("remove", source.git_dir))?;
    let Wanted { path, repo, commit, .. } = next;
    let (path, repo, commit) = (path.clone(), repo.clone(), commit.clone());
    Ok((Submodule { path, repo, commit, tree: source.tree }, further))
}

/// The submodules that a commit names, with the addresses that its `.gitmodules` has for them.
async fn wanted(
    attempt: &Attempt<'_>,
    repo: &RepoUrl,
    source: &Source,
    links: Vec<Gitlink>,
    above: Option<&Wanted>,
) -> Result<Vec<Wanted>, BuildError> {
    if links.is_empty() {
        return Ok(Vec::new());
    }
    let modules = settings(attempt, source).await?;
    let named = links.into_iter().map(|Gitlink { path, commit }| {
        let nowhere = |code, why: String| BuildError::source(code, format!("submodule {}: {why}", shown(&path)));
        let address = modules.address(&path);
        let address = address
            .ok_or_else(|| nowhere(FailureCode::RepoNotFound, ".gitmodules has no address for it".to_owned()))?;
        let repo = gitmodules::resolve(repo, address)
            .map_err(|error| nowhere(FailureCode::RepoNotAllowed, error.to_string()))?;
        let path = above.map_or_else(|| path.clone(), |above| format!("{}/{path}", above.path));
        Ok(Wanted { path, repo, commit, depth: above.map_or(0, |above| above.depth) + 1 })
    });
    named.collect()
}

/// What a commit's `.gitmodules` says, in git's own reading, without the files that it may want to include.
async fn settings(attempt: &Attempt<'_>, source: &Source) -> Result<GitModules, BuildError> {
    let git = attempt.git(&source.git_dir).max_output(MAX_SETTINGS_BYTES);
    let blob = format!("--blob={}:.gitmodules", source.commit);
    let list = ["git", "config", &blob, "--no-includes", "--null", "--list"];
    let ended = attempt.run("reading .gitmodules", git, &list).await?;
    if matches!(ended.end, End::Exit(1 | 128)) {
        let why = ended.log.last_lines(3);
        let message = format!("there are submodules, but .gitmodules cannot be read: {why}");
        return Err(BuildError::source(FailureCode::RepoNotFound, message));
    }
    Ok(GitModules::read(&attempt.output(ended, FailureCode::RepoNotFound)?))
}

/// The folder that a checkout keeps for a submodule: its own, empty, and reached through no link.
fn own_folder(root: &Path, path: &str) -> Result<PathBuf, BuildError> {
    let escapes = || BuildError::source(FailureCode::SourceEscapes, "it has no folder of its own in the source");
    let mut folder = root.to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) if !name.eq_ignore_ascii_case(".git") => folder.push(name),
            _ => return Err(escapes()),
        }
        let is_folder = fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir());
        if !is_folder {
            return Err(escapes());
        }
    }
    let is_empty = || -> io::Result<bool> { Ok(fs::read_dir(&folder)?.next().is_none()) };
    if is_empty().map_err(OperatorError::file("look into", &folder))? { Ok(folder) } else { Err(escapes()) }
}

fn about(submodule: &Wanted, error: BuildError) -> BuildError {
    match error {
        BuildError::Source { code, message } => {
            BuildError::source(code, format!("submodule {}: {message}", shown(&submodule.path)))
        }
        other => other,
    }
}

/// A stranger's name for a folder, fit for a log.
fn shown(path: &str) -> String {
    path.escape_debug().take(NAME_CHARS).collect()
}
