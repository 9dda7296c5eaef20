//! The VM has one owner: nothing but `src/vm` names its crate.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

#[test]
fn only_the_vm_module_names_the_vm() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let named: Vec<_> = sources(&root)
        .into_iter()
        .filter(|path| std::fs::read_to_string(path).unwrap().contains("near_vm_runner"))
        .collect();
    assert!(!named.is_empty(), "the rule has something to hold");
    let strays: Vec<_> = named.iter().filter(|path| !path.starts_with(root.join("vm"))).collect();
    assert!(strays.is_empty(), "{strays:?}");
}
