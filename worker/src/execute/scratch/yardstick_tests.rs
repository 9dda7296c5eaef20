//! The tree against the system's own files: the same calls, the same answers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use super::{FileError, NodeId, Opening, Tree};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
};

const ROOT: NodeId = NodeId::ROOT;
/// Calls in one game, and games.
const CALLS: usize = 400;
const GAMES: u64 = 40;

/// A call, and what it needs.
#[derive(Debug)]
enum Call {
    MakeFolder(String),
    RemoveFolder(String),
    RemoveFile(String),
    Rename(String, String),
    Write { path: String, how: Opening, at: u64, bytes: (u8, usize) },
    Resize(String, u64),
    Read(String, u64, usize),
    List(String),
}

/// What a call answers: bytes or names, or the number of the error as Linux has it.
type Answer = Result<Vec<u8>, i32>;

/// A path of up to three short names, so that calls meet each other.
fn path(random: &mut StdRng) -> String {
    let names: Vec<_> = (0..random.random_range(1..=3)).map(|_| *["a", "b", "c"].choose(random).unwrap()).collect();
    // A way up that does not lead out, one that leads nowhere, and a slash at the end, now and then.
    let up = *["a/../", "./", "", "", "", "", "", ""].choose(random).unwrap();
    let slash = if random.random_ratio(1, 10) { "/" } else { "" };
    format!("{up}{}{slash}", names.join("/"))
}

fn call(random: &mut StdRng) -> Call {
    match random.random_range(0..10) {
        0 | 1 => Call::MakeFolder(path(random)),
        2 => Call::RemoveFolder(path(random)),
        3 => Call::RemoveFile(path(random)),
        4 => Call::Rename(path(random), path(random)),
        5 | 6 => Call::Write {
            path: path(random),
            how: Opening {
                create: random.random_ratio(9, 10),
                exclusive: random.random_ratio(1, 10),
                truncate: random.random_ratio(1, 5),
                write: true,
                folder: false,
            },
            at: random.random_range(0..20_000),
            bytes: (random.random(), random.random_range(0..10_000)),
        },
        7 => Call::Resize(path(random), random.random_range(0..20_000)),
        8 => Call::Read(path(random), random.random_range(0..20_000), random.random_range(0..20_000)),
        _ => Call::List(path(random)),
    }
}

fn ours(tree: &mut Tree, call: &Call) -> Answer {
    play(tree, call).map_err(|error| match error {
        FileError::NotFound => nix::libc::ENOENT,
        FileError::Exists => nix::libc::EEXIST,
        FileError::NotADirectory => nix::libc::ENOTDIR,
        FileError::IsADirectory => nix::libc::EISDIR,
        FileError::NotEmpty => nix::libc::ENOTEMPTY,
        FileError::Invalid => nix::libc::EINVAL,
        other => panic!("{other:?}"),
    })
}

fn play(tree: &mut Tree, call: &Call) -> Result<Vec<u8>, FileError> {
    let nothing = |()| Vec::new();
    match call {
        Call::MakeFolder(path) => tree.make_folder(ROOT, path, 0).map(nothing),
        Call::RemoveFolder(path) => tree.remove_folder(ROOT, path, 0).map(nothing),
        Call::RemoveFile(path) => tree.remove_file(ROOT, path, 0).map(nothing),
        Call::Rename(path, new) => tree.rename((ROOT, path), (ROOT, new), 0).map(nothing),
        Call::Write { path, how, at, bytes } => {
            let file = tree.open(ROOT, path, *how, 0)?;
            let written = tree.write(file, *at, &vec![bytes.0; bytes.1], 0);
            tree.close(file);
            assert_eq!(written?, bytes.1);
            Ok(Vec::new())
        }
        Call::Resize(path, length) => {
            let file = tree.open(ROOT, path, Opening { write: true, ..Opening::default() }, 0)?;
            let resized = tree.resize(file, *length, 0);
            tree.close(file);
            resized.map(nothing)
        }
        Call::Read(path, at, length) => {
            let file = tree.find(ROOT, path)?;
            let mut bytes = vec![0; *length];
            let count = tree.read(file, *at, &mut bytes)?;
            bytes.truncate(count);
            Ok(bytes)
        }
        Call::List(path) => {
            let folder = tree.find(ROOT, path)?;
            Ok(tree.list(folder, None)?.flat_map(|(name, _, is_folder)| entry(name, is_folder)).collect())
        }
    }
}

fn entry(name: &str, is_folder: bool) -> Vec<u8> {
    format!("{name}{}\n", if is_folder { "/" } else { "" }).into_bytes()
}

fn theirs(root: &Path, call: &Call) -> Answer {
    real(root, call).map_err(|error| error.raw_os_error().unwrap())
}

fn real(root: &Path, call: &Call) -> io::Result<Vec<u8>> {
    // Joined as text: `Path` would tidy the path up.
    let at = |path: &String| format!("{}/{path}", root.display());
    let nothing = |()| Vec::new();
    match call {
        Call::MakeFolder(path) => fs::create_dir(at(path)).map(nothing),
        Call::RemoveFolder(path) => fs::remove_dir(at(path)).map(nothing),
        Call::RemoveFile(path) => fs::remove_file(at(path)).map(nothing),
        Call::Rename(path, new) => fs::rename(at(path), at(new)).map(nothing),
        Call::Write { path, how, at: place, bytes } => {
            let mut options = OpenOptions::new();
            options.write(true).create(how.create).create_new(how.create && how.exclusive).truncate(how.truncate);
            options.open(at(path))?.write_all_at(&vec![bytes.0; bytes.1], *place).map(nothing)
        }
        Call::Resize(path, length) => OpenOptions::new().write(true).open(at(path))?.set_len(*length).map(nothing),
        Call::Read(path, place, length) => {
            let file = fs::File::open(at(path))?;
            let mut bytes = vec![0; *length];
            let count = file.read_at(&mut bytes, *place)?;
            bytes.truncate(count);
            Ok(bytes)
        }
        Call::List(path) => {
            let mut entries = fs::read_dir(at(path))?
                .map(|found| found.and_then(|found| Ok((found.file_name(), found.file_type()?.is_dir()))))
                .collect::<io::Result<Vec<_>>>()?;
            entries.sort();
            Ok(entries.iter().flat_map(|(name, is_folder)| entry(name.to_str().unwrap(), *is_folder)).collect())
        }
    }
}

#[test]
fn the_same_calls_give_the_same_answers_as_the_systems_own_files() {
    let (mut worked, mut failed) = (0, 0);
    for game in 0..GAMES {
        let mut random = StdRng::seed_from_u64(game);
        let (mut tree, folder) = (Tree::new(0), tempfile::tempdir().unwrap());
        tree.limit(usize::MAX);
        for number in 0..CALLS {
            let call = call(&mut random);
            let (ours, theirs) = (ours(&mut tree, &call), theirs(folder.path(), &call));
            assert!(ours == theirs, "game {game}, call {number}: {call:?}: {:?} and {:?}", ours.err(), theirs.err());
            *(if ours.is_ok() { &mut worked } else { &mut failed }) += 1;
        }
    }
    assert!(worked > 2_000 && failed > 2_000, "{worked} calls worked and {failed} failed: too few of one kind");
}
