//! Step 1: the commit, fetched from a repository that this operator allows.

use super::{
    attempt::{Attempt, GIT_DIR},
    config::{BuildConfig, Protocol},
    error::{BuildError, OperatorError},
    running::End,
    sandboxed::SandboxedCommand,
    supervise::Excess,
};
use offchainvm_interface::{CommitId, FailureCode, RepoUrl};
use std::path::{Path, PathBuf};
use url::Url;

/// Where a repository of this machine appears, inside.
const LOCAL_REPO: &str = "/build/repo";
/// Ends with the names of at most two commits that begin with the given digits.
const FIND_COMMITS: &str = "git rev-list --all | grep \"^$1\" | head -n 2";

/// A repository that may be fetched from.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    /// The address that git gets.
    url: String,
    /// The folder it stands for, when it is one of this machine.
    local: Option<PathBuf>,
}

/// A commit in a git folder of the attempt.
#[derive(Debug)]
pub(super) struct Source {
    /// Holds the commit and everything in it.
    pub(super) git_dir: PathBuf,
    /// Its 40-digit name.
    pub(super) commit: String,
    /// The name of all its files together, 40 digits.
    pub(super) tree: String,
}

impl Remote {
    /// Checks an address against what the operator allows.
    pub(super) fn allowed(config: &BuildConfig, repo: &RepoUrl) -> Result<Self, BuildError> {
        let refuse = |why: String| BuildError::source(FailureCode::RepoNotAllowed, format!("{repo} is refused: {why}"));
        let url = Url::parse(repo.as_str()).map_err(|error| refuse(error.to_string()))?;
        let Some(protocol) = config.allowed_protocols.iter().find(|allowed| allowed.as_str() == url.scheme()) else {
            let allowed: Vec<&str> = config.allowed_protocols.iter().map(|protocol| protocol.as_str()).collect();
            return Err(refuse(format!("this operator fetches by {} only", allowed.join(", "))));
        };
        if *protocol == Protocol::File {
            let path = url.to_file_path().map_err(|()| refuse("it names no folder of this machine".into()))?;
            if !path.is_dir() {
                return Err(BuildError::source(FailureCode::RepoNotFound, format!("{repo} is no folder")));
            }
            return Ok(Self { url: format!("file://{LOCAL_REPO}"), local: Some(path) });
        }
        let host = url.host_str().unwrap_or_default();
        if !config.allowed_hosts.is_empty() && !config.allowed_hosts.iter().any(|allowed| allowed == host) {
            return Err(refuse(format!("this operator does not fetch from {host}")));
        }
        // As it was parsed, so that git sees the host that was checked.
        Ok(Self { url: url.into(), local: None })
    }
}

/// Git's settings: nothing of the machine's, nothing that runs a program, only protocols that are allowed.
pub(super) fn git_settings(config: &BuildConfig) -> String {
    let mut settings = String::from(
        "[core]\n\thooksPath = /dev/null\n\tsymlinks = true\n\
         [credential]\n\thelper =\n\
         [gc]\n\tauto = 0\n\
         [maintenance]\n\tauto = false\n\
         [submodule]\n\trecurse = false\n\
         [safe]\n\tdirectory = *\n\
         [uploadpack]\n\tallowFilter = true\n\
         [protocol]\n\tallow = never\n",
    );
    for protocol in &config.allowed_protocols {
        settings.push_str(&format!("[protocol \"{}\"]\n\tallow = always\n", protocol.as_str()));
    }
    if !config.allowed_hosts.is_empty() {
        settings.push_str("[http]\n\tfollowRedirects = false\n");
    }
    settings
}

/// The full name of a commit: itself, or the only one that begins with the abbreviation among all commits that a
/// branch or tag of the repository leads to.
pub(super) async fn resolve(attempt: &Attempt<'_>, remote: &Remote, commit: &CommitId) -> Result<String, BuildError> {
    if commit.is_full() {
        return Ok(commit.to_string());
    }
    let git_dir = attempt.make_folder("refs")?;
    init(attempt, &git_dir).await?;
    // Commits without their files: enough to know their names.
    let refs = ["--filter=tree:0", "--", &remote.url, "+refs/*:refs/all/*"];
    let fetched = fetch_into(attempt, remote, &git_dir, &refs).await.map_err(|error| match error {
        BuildError::Source { code: code @ FailureCode::SourceTooLarge, .. } => {
            let message =
                format!("too large a repository to look for commits that begin with {commit}; give 40 digits");
            BuildError::source(code, message)
        }
        other => other,
    })?;
    if !fetched {
        check_readable(attempt, remote).await?;
        return Err(not_found("the repository does not list its commits".into()));
    }
    let find = attempt.git(&git_dir);
    let ended = attempt.run("listing commits", find, &["sh", "-c", FIND_COMMITS, "sh", commit.as_str()]).await?;
    let found = attempt.output(ended, FailureCode::CommitNotFound)?;
    let found = String::from_utf8_lossy(&found);
    let mut names = found.split_whitespace();
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(only.to_owned()),
        (None, _) => Err(not_found(format!("no branch or tag leads to a commit {commit}…"))),
        (Some(_), Some(_)) => Err(not_found(format!("more than one commit begins with {commit}; give more digits"))),
    }
}

/// Fetches one commit, without its history, into a new folder of the attempt.
pub(super) async fn fetch(
    attempt: &Attempt<'_>,
    remote: &Remote,
    commit: String,
    folder: &str,
) -> Result<Source, BuildError> {
    let git_dir = attempt.make_folder(folder)?;
    init(attempt, &git_dir).await?;
    let what = ["--depth", "1", "--", &remote.url, &commit];
    if !fetch_into(attempt, remote, &git_dir, &what).await? {
        check_readable(attempt, remote).await?;
        // It can be read, so perhaps the connection only broke.
        if !fetch_into(attempt, remote, &git_dir, &what).await? {
            return Err(not_found(format!("the repository has no commit {commit}")));
        }
    }
    // The name could be that of a tree or a file.
    let (peeled, tree) = (format!("{commit}^{{commit}}"), format!("{commit}^{{tree}}"));
    let names = ["git", "rev-parse", &peeled, &tree];
    let ended = attempt.run("git rev-parse", attempt.git(&git_dir), &names).await?;
    if matches!(ended.end, End::Exit(1 | 128)) {
        return Err(not_found(format!("{commit} is no commit")));
    }
    let names = attempt.output(ended, FailureCode::CommitNotFound)?;
    let tree = String::from_utf8_lossy(&names).lines().nth(1).unwrap_or_default().to_owned();
    Ok(Source { git_dir, commit, tree })
}

async fn init(attempt: &Attempt<'_>, git_dir: &Path) -> Result<(), BuildError> {
    let init = ["git", "init", "--quiet", "--bare", "--template=", GIT_DIR];
    let ended = attempt.run("git init", attempt.git(git_dir), &init).await?;
    match ended.end {
        // The source has no part in this, unless it used up the time before.
        End::Exit(status @ 1..) => {
            let log = ended.log.last_lines(5);
            Err(OperatorError::Unexpected { step: "git init", how: format!("exit code {status}"), log }.into())
        }
        _ => attempt.output(ended, FailureCode::RepoNotFound).map(drop),
    }
}

/// Runs `git fetch`; false when git reports a failure.
async fn fetch_into(attempt: &Attempt<'_>, remote: &Remote, git_dir: &Path, what: &[&str]) -> Result<bool, BuildError> {
    let command = ["git", "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"];
    let command: Vec<&str> = command.iter().chain(what).copied().collect();
    let ended = attempt.run("git fetch", remote.reached_by(attempt, git_dir), &command).await?;
    match ended.end {
        End::Exit(128) => match attempt.refused() {
            Some(why) => Err(BuildError::source(FailureCode::RepoNotAllowed, format!("{}: {why}", remote.url))),
            None => Ok(false),
        },
        End::Exceeded(Excess::Folder) => Err(too_large(attempt.config)),
        _ => attempt.output(ended, FailureCode::CommitNotFound).map(|_| true),
    }
}

/// After a fetch failed: refuses a repository that cannot be read at all.
async fn check_readable(attempt: &Attempt<'_>, remote: &Remote) -> Result<(), BuildError> {
    let git_dir = attempt.make_folder("ls-remote")?;
    let list = ["git", "ls-remote", "--quiet", "--", &remote.url, "HEAD"];
    let ended = attempt.run("reading the repository", remote.reached_by(attempt, &git_dir), &list).await?;
    attempt.output(ended, FailureCode::RepoNotFound).map(drop)
}

impl Remote {
    fn reached_by<'a>(&self, attempt: &Attempt<'a>, git_dir: &Path) -> SandboxedCommand<'a> {
        let git = attempt.git(git_dir);
        match &self.local {
            Some(folder) => git.read(folder, LOCAL_REPO),
            None => attempt.with_network(git),
        }
    }
}

fn not_found(message: String) -> BuildError {
    BuildError::source(FailureCode::CommitNotFound, message)
}

/// The verdict on a source beyond the caps.
pub(super) fn too_large(config: &BuildConfig) -> BuildError {
    let BuildConfig { max_source_mb, max_source_files, .. } = config;
    let message = format!("the source is larger than {max_source_mb} MiB or has more than {max_source_files} files");
    BuildError::source(FailureCode::SourceTooLarge, message)
}
