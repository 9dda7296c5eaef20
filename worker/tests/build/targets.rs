//! One source for each target, and what is remembered of where a program comes from.

use super::*;
use serde_json::Value;
use std::fs;

fn for_target(repo: &GitRepo, build_target: BuildTarget) -> GitSource {
    GitSource { build_target, ..source(repo) }
}

#[tokio::test]
async fn the_same_source_is_a_module_and_a_component_and_each_names_its_origin() {
    let (shop, repo) = (Shop::new(), hello());
    let module = shop.build(&source(&repo)).await.unwrap();
    let component = shop.build(&for_target(&repo, BuildTarget::Wasm32Wasip2)).await.unwrap();
    assert_eq!(&fs::read(&module.path).unwrap()[..8], b"\0asm\x01\0\0\0");
    assert_eq!(&fs::read(&component.path).unwrap()[..8], b"\0asm\x0d\0\x01\0");

    let statement = shop.builder.provenance(component.provenance.unwrap()).await.unwrap().unwrap();
    let statement: Value = serde_json::from_slice(&statement).unwrap();
    assert_eq!(statement["subject"][0]["name"], "hello.wasm");
    assert_eq!(statement["subject"][0]["digest"]["sha256"], component.digest.to_string());
    let definition = &statement["predicate"]["buildDefinition"];
    assert_eq!(definition["externalParameters"]["target"], "wasm32-wasip2");
    let found = &definition["resolvedDependencies"][0]["digest"];
    let tree = repo.git(&["rev-parse", "HEAD^{tree}"]).unwrap();
    assert_eq!((&found["gitCommit"], &found["gitTree"]), (&repo.commit.clone().into(), &tree.trim().into()));
    assert_ne!(module.provenance, component.provenance);

    let elsewhere = Shop::new().build(&for_target(&repo, BuildTarget::Wasm32Wasip2)).await.unwrap();
    assert_eq!((elsewhere.digest, elsewhere.provenance), (component.digest, component.provenance));
}

#[tokio::test]
async fn a_library_without_any_system_interface_is_a_program_too() {
    let repo = GitRepo::from_dir(&project("examples/bare")).unwrap();
    let shop = Shop::new();
    let built = shop.build(&for_target(&repo, BuildTarget::Wasm32UnknownUnknown)).await.unwrap();
    assert!(built.size < 200_000, "{}", built.size);

    let (code, message) = shop.verdict(&source(&repo)).await;
    assert_eq!(code, FailureCode::ManifestInvalid);
    assert!(message.contains("exactly one binary for wasm32-wasip1"), "{message}");
}

#[tokio::test]
async fn a_library_that_exports_something_else_is_no_program() {
    let mut repo = GitRepo::from_dir(&project("examples/bare")).unwrap();
    let path = repo.path().join("src/lib.rs");
    let text = fs::read_to_string(&path).unwrap().replace("fn offchainvm_run", "fn run_me");
    fs::write(path, text).unwrap();
    repo.commit_all("another name").unwrap();
    let (code, message) = Shop::new().verdict(&for_target(&repo, BuildTarget::Wasm32UnknownUnknown)).await;
    assert_eq!(code, FailureCode::NotWasm);
    assert!(message.contains("offchainvm_run"), "{message}");
}
