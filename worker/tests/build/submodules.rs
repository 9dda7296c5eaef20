//! Submodules: fetched when the program's Cargo.toml asks for them, from where any source may come, and not otherwise.

use super::{
    network::{Answer, serve},
    *,
};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::symlink};

/// What a Cargo.toml says that asks for submodules.
const ASKS: &str = "\n[package.metadata.offchainvm]\nsubmodules = true\n";
/// A commit that no repository has.
const NOWHERE: &str = "0123456789abcdef0123456789abcdef01234567";

/// A package with these files.
fn package(name: &str, files: &[(&str, &str)]) -> GitRepo {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    let manifest = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    for (path, text) in files {
        let file = folder.path().join(path);
        let before = fs::read_to_string(&file).unwrap_or_default();
        fs::write(file, before + text).unwrap();
    }
    GitRepo::from_dir(folder.path()).unwrap()
}

/// A program that asks for its submodules.
fn asking() -> GitRepo {
    package(
        "program",
        &[
            ("src/main.rs", "fn main() {}\n"),
            ("Cargo.toml", ASKS),
            ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"program\"\nversion = \"0.1.0\"\n"),
        ],
    )
}

/// Commits `.gitmodules` and entries of submodules, which need not be anywhere.
fn with_submodules(mut repo: GitRepo, settings: &str, links: &[(&str, &str)]) -> GitRepo {
    fs::write(repo.path().join(".gitmodules"), settings).unwrap();
    repo.git(&["add", "--all"]).unwrap();
    for (path, commit) in links {
        repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},{path}")]).unwrap();
    }
    repo.git(&["commit", "--quiet", "--message", "submodules"]).unwrap();
    repo.commit = repo.git(&["rev-parse", "HEAD"]).unwrap().trim().to_owned();
    repo
}

/// What `.gitmodules` says of one submodule.
fn named(path: &str, url: &str) -> String {
    format!("[submodule \"{path}\"]\n\tpath = {path}\n\turl = {url}\n")
}

/// A repository with one submodule.
fn with_submodule(repo: GitRepo, path: &str, url: &str, commit: &str) -> GitRepo {
    with_submodules(repo, &named(path, url), &[(path, commit)])
}

/// A builder that fetches from servers on 127.0.0.1.
fn web_shop() -> Shop {
    let folder = tempfile::tempdir().unwrap();
    let config = BuildConfig {
        allowed_protocols: vec![Protocol::Https, Protocol::Http],
        private_hosts: vec!["127.0.0.1".into()],
        ..BuildConfig::default()
    };
    Shop { builder: Builder::new(config, folder.path()).unwrap(), folder }
}

#[tokio::test]
async fn libraries_in_submodules_are_built_in_and_named_in_the_provenance() {
    let deep = package("deep", &[("src/lib.rs", "pub const WORD: &str = \"the word from the depth\";\n")]);
    let uses = |name: &str| format!("\n[dependencies]\n{name} = {{ path = \"{name}\" }}\n");
    let library = package(
        "library",
        &[("src/lib.rs", "pub fn word() -> &'static str { deep::WORD }\n"), ("Cargo.toml", &uses("deep"))],
    );
    // A link out of the submodule, but not out of the source.
    symlink("../src", library.path().join("sources")).unwrap();
    let library = with_submodule(library, "deep", "../deep", &deep.commit);
    let lock = "version = 4\n\n[[package]]\nname = \"deep\"\nversion = \"0.1.0\"\n\n\
        [[package]]\nname = \"library\"\nversion = \"0.1.0\"\ndependencies = [\n \"deep\",\n]\n\n\
        [[package]]\nname = \"program\"\nversion = \"0.1.0\"\ndependencies = [\n \"library\",\n]\n";
    let program = package(
        "program",
        &[
            ("src/main.rs", "fn main() { println!(\"{}\", library::word()) }\n"),
            ("Cargo.toml", &(uses("library") + ASKS)),
            ("Cargo.lock", lock),
        ],
    );
    let program = with_submodule(program, "library", "../library", &library.commit);

    let server = serve(vec![
        ("/program", Answer::Git(program.path().to_owned())),
        ("/library", Answer::Git(library.path().to_owned())),
        ("/deep", Answer::Git(deep.path().to_owned())),
    ]);
    let (shop, url) = (web_shop(), format!("http://{server}"));
    let built = shop.build(&source_at(&format!("{url}/program"), &program.commit)).await.unwrap();
    let wasm = fs::read(&built.path).unwrap();
    assert!(String::from_utf8_lossy(&wasm).contains("the word from the depth"));

    let statement = shop.builder.provenance(built.provenance.unwrap()).await.unwrap().unwrap();
    let statement: Value = serde_json::from_slice(&statement).unwrap();
    let named = statement["predicate"]["buildDefinition"]["resolvedDependencies"].as_array().unwrap();
    let submodule = |repo: &GitRepo, path: &str, name: &str| {
        let tree = repo.git(&["rev-parse", "HEAD^{tree}"]).unwrap();
        json!({
            "name": format!("submodule {path}"),
            "uri": format!("git+{url}/{name}@{}", repo.commit),
            "digest": {"gitCommit": repo.commit, "gitTree": tree.trim()},
        })
    };
    let expected = [submodule(&library, "library", "library"), submodule(&deep, "library/deep", "deep")];
    assert_eq!((named.len(), &named[3..]), (5, &expected[..]), "{statement}");
}

#[tokio::test]
async fn an_operator_may_fetch_no_submodules_and_a_source_must_ask_for_them_in_words() {
    let repo = with_submodule(asking(), "sub", "https://example.com/sub", NOWHERE);
    let shop = Shop::with(BuildConfig { submodules: false, ..BuildConfig::default() });
    let (code, message) = shop.verdict(&source(&repo)).await;
    assert_eq!(code, FailureCode::RepoNotAllowed, "{message}");
    assert!(message.contains("this operator fetches none"), "{message}");

    let mut repo = repo;
    let manifest = fs::read_to_string(repo.path().join("Cargo.toml")).unwrap();
    fs::write(repo.path().join("Cargo.toml"), manifest.replace("true", "\"yes\"")).unwrap();
    repo = with_submodule(repo, "sub", "https://example.com/sub", NOWHERE);
    let (code, message) = Shop::new().verdict(&source(&repo)).await;
    assert_eq!(code, FailureCode::ManifestInvalid, "{message}");
    assert!(message.contains("submodules must be true or false"), "{message}");
}

#[tokio::test]
async fn an_address_that_a_source_may_not_have_is_none_for_a_submodule_and_runs_nothing() {
    use FailureCode::{CommitNotFound, RepoNotAllowed, RepoNotFound};
    let (shop, there, trap) = (Shop::new(), hello(), tempfile::tempdir().unwrap());
    let sprung = trap.path().join("sprung");
    let touch = format!("touch {}", sprung.display());
    let cases = [
        (named("sub", &format!("\"ext::sh -c {touch}\"")), RepoNotAllowed, "outside ASCII"),
        (named("sub", "ext::false"), RepoNotAllowed, "no scheme"),
        (named("sub", "ext://false"), RepoNotAllowed, "by https, file only"),
        (named("sub", &format!("\"--upload-pack={touch}\"")), RepoNotAllowed, "outside ASCII"),
        (named("sub", "-oProxyCommand=false://x"), RepoNotAllowed, "lower-case letters"),
        (named("sub", "ssh://git@example.com/x"), RepoNotAllowed, "credentials"),
        (named("sub", "ssh://example.com/x"), RepoNotAllowed, "by https, file only"),
        (named("sub", "git@example.com:x"), RepoNotAllowed, "no scheme"),
        (named("sub", "https://user:secret@example.com/x"), RepoNotAllowed, "credentials"),
        (named("sub", "/etc"), RepoNotAllowed, "no scheme"),
        (named("sub", "\"https://example.com/x\\nsecond line\""), RepoNotAllowed, "outside ASCII"),
        (named("sub", "../../../../../../../../x"), RepoNotAllowed, "leads out"),
        (named("sub", "https://10.1.2.3/x"), RepoNotAllowed, "10.1.2.3 has a private address"),
        (named("sub", &there.url()), CommitNotFound, "has no commit 0123456789"),
        (named("sub", "file:///nowhere"), RepoNotFound, "is no folder"),
        (named("other", "https://example.com/x"), RepoNotFound, "no address for it"),
        ("[submodule \"sub\"]\n\tpath = sub\n".to_owned(), RepoNotFound, "no address for it"),
        ("[submodule \"sub".to_owned(), RepoNotFound, "cannot be read"),
        (format!("[include]\n\tpath = {}/settings\n", trap.path().display()), RepoNotFound, "no address for it"),
    ];
    fs::write(trap.path().join("settings"), named("sub", &there.url())).unwrap();
    for (settings, expected, why) in cases {
        let settings = format!("{settings}\n\tupdate = !{touch}\n");
        let repo = with_submodules(asking(), &settings, &[("sub", NOWHERE)]);
        let (code, message) = shop.verdict(&source(&repo)).await;
        assert!(code == expected && message.contains(why), "{settings}: {code} {message}");
        assert!(message.contains("submodule"), "{message}");
    }
    // None at all.
    let repo = with_submodules(asking(), "", &[("sub", NOWHERE)]);
    repo.git(&["rm", "--quiet", "--cached", ".gitmodules"]).unwrap();
    repo.git(&["commit", "--quiet", "--message", "no settings"]).unwrap();
    let commit = repo.git(&["rev-parse", "HEAD"]).unwrap();
    let (code, message) = shop.verdict(&source_at(&repo.url(), commit.trim())).await;
    assert!(code == RepoNotFound && message.contains("cannot be read"), "{code} {message}");
    assert!(!sprung.exists(), "nothing of it was run");
}

#[tokio::test]
async fn a_submodule_is_fetched_as_the_source_is_with_the_same_protocols_and_addresses() {
    let there = hello();
    let inner = serve(vec![("/r", Answer::Git(there.path().to_owned()))]);
    let cases = [
        (there.url(), "by https, http only"),
        (format!("http://127.0.0.2:{}/r", inner.port()), "127.0.0.2 has a private address"),
        (format!("http://localhost:{}/r", inner.port()), "localhost has a private address"),
        (format!("http://{inner}/away"), "127.0.0.2 has a private address"),
    ];
    let away = serve(vec![("/away", Answer::Redirect(format!("http://127.0.0.2:{}/r", inner.port())))]);
    for (url, why) in cases {
        let url = url.replace(&format!("http://{inner}/away"), &format!("http://{away}/away"));
        let repo = with_submodule(asking(), "sub", &url, &there.commit);
        let server = serve(vec![("/p", Answer::Git(repo.path().to_owned()))]);
        let (code, message) = web_shop().verdict(&source_at(&format!("http://{server}/p"), &repo.commit)).await;
        assert!(code == FailureCode::RepoNotAllowed && message.contains(why), "{url}: {code} {message}");
    }
}

#[tokio::test]
async fn submodules_count_for_the_caps_and_stay_in_their_folders() {
    use FailureCode::{SourceEscapes, SourceTooLarge};
    let mut large = package("large", &[("src/lib.rs", "")]);
    fs::write(large.path().join("zeros"), vec![0; 1200 << 10]).unwrap();
    large.commit_all("large").unwrap();
    let small_shop = Shop::with(BuildConfig { max_source_mb: 2, ..BuildConfig::default() });
    let both = named("a", &large.url()) + &named("b", &large.url());
    let repo = with_submodules(asking(), &both, &[("a", &large.commit), ("b", &large.commit)]);
    let (code, message) = small_shop.verdict(&source(&repo)).await;
    assert!(code == SourceTooLarge && message.contains("submodule b: "), "{code} {message}");

    // A chain that never seems to end.
    let mut chain = vec![package("end", &[("src/lib.rs", "")])];
    for name in ["third", "second", "first"] {
        let before = chain.last().unwrap();
        let link = with_submodule(package(name, &[("src/lib.rs", "")]), "next", &before.url(), &before.commit);
        chain.push(link);
    }
    let first = chain.last().unwrap();
    let repo = with_submodule(asking(), "next", &first.url(), &first.commit);
    let (code, message) = Shop::new().verdict(&source(&repo)).await;
    assert!(code == SourceTooLarge && message.contains("next/next/next/next"), "{code} {message}");

    let mut leading = package("leading", &[("src/lib.rs", "")]);
    symlink("../../etc/passwd", leading.path().join("out")).unwrap();
    leading.commit_all("a link").unwrap();
    let repo = with_submodule(asking(), "sub", &leading.url(), &leading.commit);
    let (code, message) = Shop::new().verdict(&source(&repo)).await;
    assert!(code == SourceEscapes && message.contains("sub/out"), "{code} {message}");
}
