//! Commits that no git would make: trees with names that lead elsewhere, submodules, settings of the repository itself.

use super::*;
use offchainvm_worker::build::BuildLogs;
use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

/// Writes an object of git's into a repository without any of git's own checks.
fn write_object(repo: &GitRepo, kind: &str, bytes: &[u8]) -> String {
    let mut git = Command::new("git");
    git.args(["hash-object", "-w", "--literally", "-t", kind, "--stdin"]).current_dir(repo.path());
    let mut child = git.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// An entry of a tree as git stores it.
fn entry(mode: &str, name: &str, object: &str) -> Vec<u8> {
    [mode.as_bytes(), b" ", name.as_bytes(), b"\0", &hex_bytes(object)].concat()
}

fn hex_bytes(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The files of the hello example in one commit, with one more entry at the top.
fn with_entry(mode: &str, name: &str, object: impl FnOnce(&GitRepo) -> String) -> GitRepo {
    let mut repo = hello();
    let object = object(&repo);
    let listing = repo.git(&["ls-tree", "HEAD"]).unwrap();
    let mut tree: Vec<u8> = Vec::new();
    let mut more = Some(entry(mode, name, &object));
    for line in listing.lines() {
        let (facts, known) = line.split_once('\t').unwrap();
        let mut facts = facts.split(' ');
        let (known_mode, known_object) = (facts.next().unwrap().trim_start_matches('0'), facts.nth(1).unwrap());
        if known > name {
            tree.extend(more.take().unwrap_or_default());
        }
        tree.extend(entry(known_mode, known, known_object));
    }
    tree.extend(more.unwrap_or_default());
    let tree = write_object(&repo, "tree", &tree);
    let commit =
        format!("tree {tree}\nauthor T <t@example.com> 0 +0000\ncommitter T <t@example.com> 0 +0000\n\ntrick\n");
    repo.commit = write_object(&repo, "commit", commit.as_bytes());
    repo.git(&["update-ref", "refs/heads/trick", &repo.commit]).unwrap();
    repo
}

#[tokio::test]
async fn names_that_lead_out_of_the_checkout_are_never_written() {
    let shop = Shop::new();
    let blob = |repo: &GitRepo| write_object(repo, "blob", b"[core]\n\tfsmonitor = touch /tmp/owned\n");
    let folder = |repo: &GitRepo| {
        let file = write_object(repo, "blob", b"x");
        write_object(repo, "tree", &entry("100644", "config", &file))
    };
    for (name, repo) in [
        (".git", with_entry("40000", ".git", folder)),
        (".GIT", with_entry("40000", ".GIT", folder)),
        ("..", with_entry("40000", "..", folder)),
        ("../escaped", with_entry("100644", "../escaped", blob)),
        ("/etc/escaped", with_entry("100644", "/etc/escaped", blob)),
    ] {
        let built = shop.build(&source(&repo)).await;
        match built {
            Err(BuildError::Source { code, message }) => {
                let refused = matches!(code, FailureCode::SourceEscapes | FailureCode::CommitNotFound);
                assert!(refused, "{name}: {code} {message}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_submodule_that_is_not_asked_for_is_not_fetched_and_the_log_says_how_to_ask() {
    let mut repo = with_entry("160000", "sub", |_| "0123456789abcdef0123456789abcdef01234567".to_owned());
    let shop = Shop::new();
    shop.build(&source(&repo)).await.unwrap();
    let log = BuildLogs::under(shop.folder.path()).of(&source(&repo)).unwrap().unwrap();
    assert!(log.contains("\nsubmodules are not fetched, and their folders are empty: sub\n"), "{log}");
    assert!(log.contains("set submodules = true in [package.metadata.offchainvm] of Cargo.toml\n"), "{log}");
    repo.git(&["checkout", "--quiet", "main"]).unwrap();
    let modules = "[submodule \"sub\"]\n\tpath = sub\n\turl = ext::sh -c false\n\tupdate = !false\n";
    fs::write(repo.path().join(".gitmodules"), modules).unwrap();
    repo.commit_all("modules").unwrap();
    let shop = Shop::new();
    shop.build(&source(&repo)).await.unwrap();
    let log = BuildLogs::under(shop.folder.path()).of(&source(&repo)).unwrap().unwrap();
    assert!(!log.contains("submodules"), "a file with their name is none: {log}");
}

#[tokio::test]
async fn settings_and_attributes_of_a_repository_run_nothing() {
    let mut repo = hello();
    fs::write(repo.path().join(".gitattributes"), "* filter=trick diff=trick\n").unwrap();
    repo.commit_all("attributes").unwrap();
    // Each would make git fail, if it were heeded.
    for (setting, value) in [
        ("filter.trick.smudge", "false"),
        ("filter.trick.required", "true"),
        ("uploadpack.packObjectsHook", "/bin/false"),
        ("core.hooksPath", "/nowhere"),
        ("core.sshCommand", "/bin/false"),
    ] {
        repo.git(&["config", setting, value]).unwrap();
    }
    Shop::new().build(&source(&repo)).await.unwrap();
}
