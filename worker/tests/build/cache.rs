//! Digests, and what is kept.

use super::*;
use std::fs;

#[tokio::test]
async fn the_same_commit_built_twice_gives_the_same_bytes() {
    let repo = hello();
    let first = Shop::new().build(&source(&repo)).await.unwrap();
    let shop = Shop::new();
    let second = shop.build(&source(&repo)).await.unwrap();

    assert_eq!(first.digest, second.digest);
    assert_eq!(first.provenance, second.provenance, "provenance holds nothing of a moment or a machine");
    assert_eq!(second.commit, repo.commit);
    assert!(second.toolchain.starts_with("rustc 1.95.0"), "{}", second.toolchain);
    let bytes = fs::read(&second.path).unwrap();
    assert_eq!((bytes.len() as u64, &bytes[..4]), (second.size, &b"\0asm"[..]));
    assert!(!contains(&bytes, shop.folder.path().to_str().unwrap().as_bytes()), "a path of this machine is in it");
    let left = files_named(&shop.folder.path().join("attempts"), "Cargo.toml");
    assert_eq!(left, 0, "a temporary folder is left");
}

#[tokio::test]
async fn a_program_is_built_once_and_again_when_its_file_is_damaged() {
    let (shop, repo) = (Shop::new(), hello());
    let built = shop.build(&source(&repo)).await.unwrap();

    let objects = repo.path().join(".git/objects");
    let hidden = repo.path().join(".git/hidden");
    fs::rename(&objects, &hidden).unwrap();
    assert_eq!(shop.build(&source(&repo)).await.unwrap(), found(&built), "nothing was fetched");

    fs::write(&built.path, b"\0asm garbage").unwrap();
    let (code, _) = shop.verdict(&source(&repo)).await;
    assert_eq!(code, FailureCode::RepoNotFound, "damaged bytes are not handed out");
    fs::rename(&hidden, &objects).unwrap();
    assert_eq!(shop.build(&source(&repo)).await.unwrap(), built);
}

#[tokio::test]
async fn cargo_settings_and_toolchain_files_of_the_source_mean_nothing() {
    let shop = Shop::new();
    let mut repo = hello();
    let plain = shop.build(&source(&repo)).await.unwrap();

    fs::create_dir(repo.path().join(".cargo")).unwrap();
    let settings = "[build]\nrustc-wrapper = \"/bin/false\"\ntarget-dir = \"/build/tmp/elsewhere\"\n\
                    [target.wasm32-wasip1]\nlinker = \"/bin/false\"\n";
    fs::write(repo.path().join(".cargo/config.toml"), settings).unwrap();
    fs::write(repo.path().join("rust-toolchain.toml"), "[toolchain]\nchannel = \"1.0.0\"\n").unwrap();
    repo.commit_all("settings").unwrap();

    let with_settings = shop.build(&source(&repo)).await.unwrap();
    assert_eq!(with_settings.digest, plain.digest);
    assert_ne!(with_settings.commit, plain.commit);
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn files_named(folder: &Path, name: &str) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let counts = entries.map(|entry| match entry.file_type().unwrap().is_dir() {
        true => files_named(&entry.path(), name),
        false => usize::from(entry.file_name() == name),
    });
    counts.sum()
}

#[tokio::test]
async fn who_asks_for_the_same_program_meanwhile_gets_the_same_build() {
    let (shop, repo) = (Shop::new(), hello());
    let source = source(&repo);
    let (first, second) = tokio::join!(shop.build(&source), shop.build(&source));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.fresh, second.fresh), (true, false));
    assert_eq!(found(&first), second);
    let programs = first.path.parent().unwrap();
    assert_eq!(fs::read_dir(programs).unwrap().count(), 1);
}

#[tokio::test]
async fn a_damaged_archive_of_a_crate_is_fetched_again() {
    let (shop, mut repo) = (Shop::new(), animal("ok-dependency"));
    let first = shop.build(&source(&repo)).await.unwrap();

    let registries = fs::read_dir(shop.folder.path().join("crates-v1")).unwrap().map(Result::unwrap);
    let archives: Vec<PathBuf> = registries.map(|registry| registry.path().join("itoa-1.0.15.crate")).collect();
    assert!(archives.iter().any(|archive| archive.is_file()), "it is kept");
    for archive in archives {
        fs::write(archive, "damaged").unwrap();
    }
    repo.commit_all("the same files in another commit").unwrap();
    assert_eq!(shop.build(&source(&repo)).await.unwrap().digest, first.digest);
}
