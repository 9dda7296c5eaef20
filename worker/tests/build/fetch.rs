//! Which commits are fetched, and which are not.

use super::*;
use offchainvm_interface::SourcePath;
use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

/// Runs git in a repository with something to read.
fn git_reads(repo: &GitRepo, args: &[&str], input: &str) -> String {
    let mut git = Command::new("git");
    git.args(args).current_dir(repo.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = git.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn an_older_commit_and_its_abbreviation_build_the_same() {
    let (shop, mut repo) = (Shop::new(), hello());
    let older = repo.commit.clone();
    fs::write(repo.path().join("src/main.rs"), "fn main() { broken }").unwrap();
    repo.commit_all("broken").unwrap();

    let short = shop.build(&source_at(&repo.url(), &older[..7])).await.unwrap();
    assert_eq!(short.commit, older);
    assert_eq!(shop.build(&source_at(&repo.url(), &older)).await.unwrap(), found(&short));
}

#[tokio::test]
async fn an_abbreviation_that_fits_two_commits_is_refused() {
    let repo = hello();
    // Enough commits for two that share six digits; their dates are fixed, so these are always the same two.
    let mut history = String::new();
    for number in 0..12_000 {
        history.push_str(&format!("commit refs/heads/many\ncommitter T <t@example.com> {number} +0000\ndata 0\n\n"));
    }
    git_reads(&repo, &["fast-import", "--quiet"], &history);
    let names = repo.git(&["rev-list", "many"]).unwrap();
    let mut names: Vec<&str> = names.lines().collect();
    names.sort_unstable();
    let twins = names.windows(2).find(|pair| pair[0][..6] == pair[1][..6]).expect("two commits that begin alike");

    let shop = Shop::new();
    let (code, message) = shop.verdict(&source_at(&repo.url(), &twins[0][..6])).await;
    assert_eq!(code, FailureCode::CommitNotFound);
    assert!(message.contains("more than one commit"), "{message}");
}

#[tokio::test]
async fn what_is_not_a_commit_of_the_repository_is_not_found() {
    let (shop, repo) = (Shop::new(), hello());
    let tree = repo.git(&["rev-parse", "HEAD^{tree}"]).unwrap();
    for commit in ["0123456789abcdef0123456789abcdef01234567", "0123456789", tree.trim()] {
        let (code, message) = shop.verdict(&source_at(&repo.url(), commit)).await;
        assert_eq!(code, FailureCode::CommitNotFound, "{commit}: {message}");
    }
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_not_found() {
    let (shop, repo) = (Shop::new(), hello());
    let empty = tempfile::tempdir().unwrap();
    for url in [format!("{}/missing", repo.url()), format!("file://{}", empty.path().display())] {
        let (code, message) = shop.verdict(&source_at(&url, &repo.commit)).await;
        assert_eq!(code, FailureCode::RepoNotFound, "{url}: {message}");
    }
}

#[tokio::test]
async fn protocols_and_hosts_are_the_operators_choice() {
    let repo = hello();
    let folder = tempfile::tempdir().unwrap();
    let config = BuildConfig { allowed_hosts: vec!["git.example.com".into()], ..BuildConfig::default() };
    let builder = Builder::new(config, folder.path()).unwrap();
    for url in [repo.url().as_str(), "http://git.example.com/x", "ssh://git.example.com/x", "https://example.com/x"] {
        match builder.build(&source_at(url, &repo.commit), CancellationToken::new()).await {
            Err(BuildError::Source { code: FailureCode::RepoNotAllowed, .. }) => {}
            other => panic!("{url}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_source_that_is_too_large_is_not_written() {
    let mut repo = hello();
    fs::write(repo.path().join("zeros"), vec![0; 3 << 20]).unwrap();
    repo.commit_all("three megabytes that compress to three kilobytes").unwrap();
    let shop = Shop::with(BuildConfig { max_source_mb: 2, ..BuildConfig::default() });
    let (code, message) = shop.verdict(&source(&repo)).await;
    assert_eq!((code, message.contains("2 MiB")), (FailureCode::SourceTooLarge, true), "{message}");

    let shop = Shop::with(BuildConfig { max_source_files: 3, ..BuildConfig::default() });
    let (code, message) = shop.verdict(&source(&repo)).await;
    assert_eq!((code, message.contains("3 files")), (FailureCode::SourceTooLarge, true), "{message}");
}

#[tokio::test]
async fn a_few_objects_that_unpack_to_ten_billion_files_are_too_large() {
    let repo = hello();
    let mut object = git_reads(&repo, &["hash-object", "-w", "--stdin"], "boom");
    for level in 0..10 {
        let kind = if level == 0 { "100644 blob" } else { "040000 tree" };
        let tree: String = (0..10).map(|entry| format!("{kind} {object}\tentry{entry}\n")).collect();
        object = git_reads(&repo, &["mktree"], &tree);
    }
    let author = ["-c", "user.name=T", "-c", "user.email=t@example.com"];
    let commit = git_reads(&repo, &[&author[..], &["commit-tree", "-m", "boom", &object]].concat(), "");
    repo.git(&["branch", "boom", &commit]).unwrap();

    let (code, message) = Shop::new().verdict(&source_at(&repo.url(), &commit)).await;
    assert_eq!(code, FailureCode::SourceTooLarge, "{message}");
}

#[tokio::test]
async fn a_package_in_a_folder_of_the_repository_builds_and_links_within_it_may_stand() {
    let (shop, mut repo) = (Shop::new(), GitRepo::from_dir(&project("examples")).unwrap());
    std::os::unix::fs::symlink("../hello/src", repo.path().join("hello/same")).unwrap();
    std::os::unix::fs::symlink("nowhere", repo.path().join("dangling")).unwrap();
    repo.commit_all("links").unwrap();
    let inside = GitSource { path: Some(SourcePath::new("hello").unwrap()), ..source(&repo) };
    shop.build(&inside).await.unwrap();

    let (code, _) = shop.verdict(&source(&repo)).await;
    assert_eq!(code, FailureCode::ManifestMissing);
}
