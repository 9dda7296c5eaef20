//! What a person names becomes a module: a file as it is, a folder or a commit as an operator would build it.

use crate::{
    build::{Builder, Protocol},
    config::Config,
};
use anyhow::{Context, bail, ensure};
use offchainvm_interface::{BuildTarget, CommitId, GitSource, RepoUrl, SourcePath};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// What is to be run.
#[derive(Debug)]
pub(super) enum Named {
    /// A module.
    File(PathBuf),
    /// A package that is not necessarily committed, and what it is built for.
    Folder(PathBuf, BuildTarget),
    /// A commit.
    Commit(GitSource),
}

impl Named {
    /// Finds out what a text names.
    ///
    /// # Errors
    /// When it is none of the three.
    pub(super) fn read(text: &str, path: Option<&SourcePath>, build_target: BuildTarget) -> anyhow::Result<Self> {
        let here = Path::new(text);
        if here.is_dir() {
            let package = path.map_or_else(|| here.to_owned(), |path| here.join(path.as_str()));
            return Ok(Self::Folder(package, build_target));
        }
        let Some((repo, commit)) = text.rsplit_once('@').filter(|_| !here.exists()) else {
            ensure!(here.exists(), "there is no {text}; name a module, a folder, or a commit as https://…@abc123");
            return Ok(Self::File(here.to_owned()));
        };
        let repo = RepoUrl::new(repo).with_context(|| format!("there is no file {text}, and it is no commit"))?;
        let commit = CommitId::new(commit)?;
        Ok(Self::Commit(GitSource { repo, commit, build_target, path: path.cloned() }))
    }

    /// The module's bytes.
    ///
    /// # Errors
    /// When the file does not read, or the source does not build.
    pub(super) async fn wasm(self, config: &Config) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::File(path) => fs::read(&path).with_context(|| format!("{} cannot be read", path.display())),
            Self::Commit(source) => build(config, &source).await,
            Self::Folder(folder, build_target) => {
                let (repository, commit) = snapshot(&folder)?;
                let repo = RepoUrl::new(format!("file://{}", repository.path().display()))?;
                let source = GitSource { repo, commit, build_target, path: None };
                let mut config = config.clone();
                config.build.allowed_protocols.push(Protocol::File);
                build(&config, &source).await
            }
        }
    }
}

/// Builds in the sandbox. What was built before by a worker with this configuration is not built again.
async fn build(config: &Config, source: &GitSource) -> anyhow::Result<Vec<u8>> {
    let (settings, temporary) = (config.build.clone(), tempfile::tempdir().context("no temporary folder")?);
    let kept = config.store.build_dir();
    let folder = if kept.is_dir() { kept } else { temporary.path().to_owned() };
    eprintln!("building {} at {}", source.repo, source.commit);
    let builder = tokio::task::spawn_blocking(move || Builder::new(settings, &folder)).await??;
    let artifact = builder.build(source, CancellationToken::new()).await?;
    eprintln!("built {} ({} bytes)", artifact.digest, artifact.size);
    fs::read(&artifact.path).with_context(|| format!("{} cannot be read", artifact.path.display()))
}

/// The folder's files as they are now, without what its .gitignore names, as the only commit of a repository.
fn snapshot(folder: &Path) -> anyhow::Result<(TempDir, CommitId)> {
    let repository = tempfile::tempdir().context("no temporary folder")?;
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=offchainvm", "-c", "user.email=run@offchainvm"]);
        command.arg("--git-dir").arg(repository.path()).args(args);
        // Not the repository that the folder may be in, nor anybody's settings: the folder as it is.
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(variable);
        }
        command.current_dir(folder).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        let output = command.output().context("git does not run")?;
        if !output.status.success() {
            bail!("git {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    git(&["init", "--quiet", "--bare", "--initial-branch=main"])?;
    fs::write(repository.path().join("info/exclude"), "/target/\n")?;
    git(&["--work-tree", ".", "add", "--all"])?;
    git(&["--work-tree", ".", "commit", "--quiet", "--message", "as it is"])?;
    let commit = CommitId::new(&git(&["rev-parse", "HEAD"])?)?;
    Ok((repository, commit))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use super::*;

    fn read(text: &str) -> anyhow::Result<Named> {
        Named::read(text, None, BuildTarget::Wasm32Wasip1)
    }

    #[test]
    fn files_folders_and_commits_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a@b.wasm");
        fs::write(&file, "").unwrap();
        assert!(matches!(read(file.to_str().unwrap()).unwrap(), Named::File(found) if found == file));
        assert!(matches!(read(folder.path().to_str().unwrap()).unwrap(), Named::Folder(..)));
        match read("https://h/p@abcdef").unwrap() {
            Named::Commit(source) => {
                assert_eq!((source.repo.as_str(), source.commit.as_str()), ("https://h/p", "abcdef"))
            }
            other => panic!("{other:?}"),
        }
        assert!(read("https://h/p@main").unwrap_err().to_string().contains("6 to 40 hexadecimal digits"));
        assert!(read("nowhere.wasm").unwrap_err().to_string().contains("there is no nowhere.wasm"));
    }

    #[test]
    fn a_snapshot_holds_what_is_there_and_not_what_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("Cargo.toml", "x"), (".gitignore", "*.log\n"), ("a.log", "x")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        fs::create_dir(folder.path().join("target")).unwrap();
        fs::write(folder.path().join("target/big"), "x").unwrap();
        let (repository, commit) = snapshot(folder.path()).unwrap();
        let listed = Command::new("git")
            .args(["ls-tree", "-r", "--name-only", commit.as_str()])
            .current_dir(repository.path())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(listed.stdout).unwrap(), ".gitignore\nCargo.toml\n");
        assert!(!folder.path().join(".git").exists(), "nothing is left in the folder");
    }
}
