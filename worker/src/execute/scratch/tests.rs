//! What the tree does at its edges: no call takes more memory, or more time, than it may.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::{content::BLOCK_BYTES, *};

const ROOT: NodeId = NodeId::ROOT;
const FILE: Opening = Opening { create: true, exclusive: false, folder: false, write: true, truncate: false };
const FOLDER: Opening = Opening { create: false, exclusive: false, folder: true, write: false, truncate: false };

fn tree(space: usize) -> Tree {
    let mut tree = Tree::new(0);
    tree.limit(space);
    tree
}

/// Makes an empty file.
fn touch(tree: &mut Tree, folder: NodeId, name: &str) -> Result<NodeId, FileError> {
    let node = tree.open(folder, name, FILE, 0)?;
    tree.close(node);
    Ok(node)
}

fn names(tree: &Tree, folder: NodeId, after: Option<&str>) -> Vec<String> {
    tree.list(folder, after).unwrap().map(|(name, ..)| name.to_owned()).collect()
}

#[test]
fn a_flood_of_empty_files_ends_with_the_memory() {
    let mut tree = tree(10 * ENTRY_BYTES);
    for n in 0..10 {
        touch(&mut tree, ROOT, &n.to_string()).unwrap();
    }
    assert_eq!(touch(&mut tree, ROOT, "more"), Err(FileError::NoSpace));
    assert_eq!(tree.make_folder(ROOT, "more", 0), Err(FileError::NoSpace));
    tree.remove_file(ROOT, "3", 0).unwrap();
    touch(&mut tree, ROOT, "more").unwrap();
    assert_eq!(tree.used(), 10 * ENTRY_BYTES);
}

#[test]
fn there_are_so_many_entries_and_no_more_whatever_the_memory() {
    let mut tree = tree(usize::MAX);
    for n in 0..MAX_ENTRIES {
        touch(&mut tree, ROOT, &n.to_string()).unwrap();
    }
    assert_eq!(touch(&mut tree, ROOT, "more"), Err(FileError::NoSpace));
    assert!(tree.take_work() > ENTRY_WORK * MAX_ENTRIES as u64, "each was paid for");
    let all = names(&tree, ROOT, None);
    assert_eq!(all.len(), MAX_ENTRIES);
    assert!(all.is_sorted());
}

#[test]
fn what_is_removed_while_it_is_open_lives_until_it_is_closed() {
    let mut tree = tree(1 << 20);
    let file = tree.open(ROOT, "file", FILE, 0).unwrap();
    tree.write(file, 0, b"still here", 0).unwrap();
    let used = tree.used();
    tree.remove_file(ROOT, "file", 0).unwrap();
    assert_eq!(tree.find(ROOT, "file"), Err(FileError::NotFound));
    let mut bytes = [0; 10];
    assert_eq!((tree.read(file, 0, &mut bytes), &bytes), (Ok(10), b"still here"));
    assert_eq!(tree.used(), used, "it counts as long as it is there");
    tree.close(file);
    assert_eq!((tree.used(), tree.stat(file)), (0, Err(FileError::NotFound)));
}

#[test]
fn nothing_can_be_made_in_a_folder_that_is_removed() {
    let mut tree = tree(1 << 20);
    tree.make_folder(ROOT, "folder", 0).unwrap();
    touch(&mut tree, ROOT, "file").unwrap();
    let folder = tree.open(ROOT, "folder", FOLDER, 0).unwrap();
    tree.remove_folder(ROOT, "folder", 0).unwrap();
    assert_eq!(touch(&mut tree, folder, "x"), Err(FileError::NotFound));
    assert_eq!(tree.make_folder(folder, "x", 0), Err(FileError::NotFound));
    assert_eq!(tree.rename((ROOT, "file"), (folder, "x"), 0), Err(FileError::NotFound));
    assert_eq!(names(&tree, folder, None), Vec::<String>::new());
    tree.close(folder);
    assert_eq!(tree.used(), ENTRY_BYTES);
}

#[test]
fn no_way_leads_out_of_the_folder_that_it_begins_in() {
    let mut tree = tree(1 << 20);
    tree.make_folder(ROOT, "a", 0).unwrap();
    tree.make_folder(ROOT, "a/b", 0).unwrap();
    touch(&mut tree, ROOT, "secret").unwrap();
    let inner = tree.open(ROOT, "a", FOLDER, 0).unwrap();
    for path in ["..", "../secret", "b/../../secret", "/secret", "/", "../a", "../../../../etc/passwd"] {
        assert_eq!(tree.find(inner, path), Err(FileError::NotFound), "{path}");
        assert_eq!(tree.open(inner, path, FILE, 0), Err(FileError::NotFound), "{path}");
        assert!(tree.rename((inner, path), (inner, "mine"), 0).is_err(), "{path}");
        assert!(tree.rename((inner, "b"), (inner, path), 0).is_err(), "{path}");
    }
    assert_eq!(tree.find(inner, "b/.."), Ok(inner));
    assert_eq!(names(&tree, ROOT, None), ["a", "secret"]);
}

#[test]
fn a_folder_cannot_be_moved_into_itself_however_deep() {
    let mut tree = tree(1 << 20);
    tree.make_folder(ROOT, "top", 0).unwrap();
    let mut deepest = tree.open(ROOT, "top", FOLDER, 0).unwrap();
    for _ in 0..500 {
        tree.make_folder(deepest, "next", 0).unwrap();
        let next = tree.open(deepest, "next", FOLDER, 0).unwrap();
        tree.close(deepest);
        deepest = next;
    }
    tree.take_work();
    assert_eq!(tree.rename((ROOT, "top"), (deepest, "top"), 0), Err(FileError::Invalid));
    assert!(tree.take_work() >= 500 * STEP_WORK, "the way up is paid for");
    tree.make_folder(ROOT, "other", 0).unwrap();
    tree.rename((ROOT, "top/next"), (ROOT, "other/next"), 0).unwrap();
    assert_eq!(tree.rename((ROOT, "other"), (deepest, "x"), 0), Err(FileError::Invalid), "parents move along");
    tree.rename((ROOT, "top"), (deepest, "top"), 0).unwrap();
}

#[test]
fn a_path_of_thousands_of_steps_is_paid_for_by_the_step() {
    let mut tree = tree(1 << 20);
    tree.make_folder(ROOT, "a", 0).unwrap();
    tree.take_work();
    let path = "a/../".repeat(MAX_PATH_BYTES / 5);
    assert_eq!(tree.find(ROOT, &path), Ok(ROOT));
    assert!(tree.take_work() >= path.len() as u64 + 2 * LOOKUP_WORK * (MAX_PATH_BYTES as u64 / 5));
    assert_eq!(tree.find(ROOT, &"a/../".repeat(MAX_PATH_BYTES)), Err(FileError::NameTooLong));
}

#[test]
fn a_listing_goes_on_after_a_name_that_is_gone() {
    let mut tree = tree(1 << 20);
    for name in ["c", "a", "d", "b"] {
        touch(&mut tree, ROOT, name).unwrap();
    }
    tree.remove_file(ROOT, "b", 0).unwrap();
    assert_eq!(names(&tree, ROOT, Some("b")), ["c", "d"]);
    assert_eq!(names(&tree, ROOT, Some("z")), Vec::<String>::new());
}

#[test]
fn a_block_is_paid_for_when_it_is_new_and_given_back_when_it_is_cut() {
    let mut tree = tree(1 << 20);
    let file = tree.open(ROOT, "file", FILE, 0).unwrap();
    tree.take_work();
    tree.write(file, 1 << 60, b"x", 7).unwrap();
    assert_eq!((tree.take_work(), tree.used()), (BLOCK_WORK, ENTRY_BYTES + BLOCK_BYTES));
    tree.write(file, 1 << 60, b"y", 8).unwrap();
    assert_eq!(tree.take_work(), 0);
    tree.resize(file, MAX_LENGTH, 9).unwrap();
    assert_eq!(tree.stat(file).unwrap(), Stat { node: file, is_folder: false, length: MAX_LENGTH, modified: 9 });
    assert_eq!(tree.resize(file, u64::MAX, 10), Err(FileError::TooLarge));
    tree.resize(file, 0, 11).unwrap();
    assert_eq!(tree.used(), ENTRY_BYTES);
}

#[test]
fn memory_that_the_program_has_taken_since_is_not_there_for_files() {
    let mut tree = tree(1 << 20);
    let file = tree.open(ROOT, "file", FILE, 0).unwrap();
    tree.write(file, 0, &[1; BLOCK_BYTES], 0).unwrap();
    tree.limit(100);
    assert_eq!(tree.write(file, BLOCK_BYTES as u64, b"x", 0), Err(FileError::NoSpace));
    assert_eq!(tree.write(file, 0, b"x", 0), Ok(1), "what is there stays");
    assert_eq!(tree.make_folder(ROOT, "folder", 0), Err(FileError::NoSpace));
    tree.resize(file, 0, 0).unwrap();
    tree.remove_file(ROOT, "file", 0).unwrap();
}
