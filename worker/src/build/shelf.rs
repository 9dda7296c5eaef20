//! Folders of files that are kept for another time, up to a number of bytes: beyond, those that nobody used for longest
//! go. A file's time of modification is the time of its last use.
//!
//! Several processes may share a folder. A file that goes while somebody reads it stays readable to them.

use super::error::OperatorError;
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// What was used so lately is never removed: whoever looked it up may not have got round to it yet.
const GRACE: Duration = Duration::from_secs(60);

/// A file on a shelf.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Kept {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) used: SystemTime,
}

/// Notes that a file is used now. A file that is gone, or is another user's, stays as it is.
pub(super) fn touch(file: &Path) {
    if let Ok(file) = File::open(file) {
        file.set_modified(SystemTime::now()).ok();
    }
}

/// Removes the files that were not used for longest until what is left has `max_bytes` at most. Those for which `needed`
/// says so stay, and those of the last minute. Gives those that are gone.
pub(super) fn make_room(folder: &Path, max_bytes: u64, needed: impl Fn(&Path) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut files = list(folder)?;
    let mut total: u64 = files.iter().map(|file| file.bytes).sum();
    let mut gone = Vec::new();
    if total <= max_bytes {
        return Ok(gone);
    }
    files.sort_by_key(|file| file.used);
    let newest = SystemTime::now().checked_sub(GRACE).unwrap_or(SystemTime::UNIX_EPOCH);
    for Kept { path, bytes, .. } in files.into_iter().take_while(|file| file.used < newest) {
        if total <= max_bytes {
            break;
        }
        if needed(&path) {
            continue;
        }
        match fs::remove_file(&path) {
            Ok(()) => gone.push(path),
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        total = total.saturating_sub(bytes);
    }
    Ok(gone)
}

/// Every file in a folder and in the folders in it. What vanishes meanwhile is not there.
pub(super) fn list(folder: &Path) -> io::Result<Vec<Kept>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(facts) = entry.metadata() else { continue };
        if facts.is_dir() {
            found.extend(list(&entry.path())?);
        } else if facts.is_file() {
            found.push(Kept { path: entry.path(), bytes: facts.len(), used: facts.modified()? });
        }
    }
    Ok(found)
}

/// Writes a file so that after a crash it is there whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), OperatorError> {
    let write = || {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        temporary.write_all(bytes)?;
        temporary.as_file().sync_all()?;
        temporary.persist(path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(OperatorError::file("write", path))
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    /// Makes a file look as if it had not been used for a while.
    pub(in crate::build) fn unused_for(file: &Path, age: Duration) {
        File::open(file).unwrap().set_modified(SystemTime::now() - age).unwrap();
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            list(folder).unwrap().iter().map(|kept| kept.path.file_name().unwrap().to_str().unwrap().into()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_oldest_go_first_but_not_what_is_needed_or_new() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("within")).unwrap();
        let file = |name: &str| folder.path().join(name);
        for (name, hours) in [("oldest", 9), ("needed", 8), ("within/older", 7), ("old", 6), ("used", 5)] {
            fs::write(file(name), [0; 100]).unwrap();
            unused_for(&file(name), Duration::from_secs(hours * 3_600));
        }
        fs::write(file("new"), [0; 100]).unwrap();
        touch(&file("used"));

        make_room(folder.path(), 600, |_| false).unwrap();
        assert_eq!(list(folder.path()).unwrap().len(), 6, "it is not above its size");
        make_room(folder.path(), 400, |path| path.ends_with("needed")).unwrap();
        assert_eq!(names(folder.path()), ["needed", "new", "old", "used"]);
        make_room(folder.path(), 0, |path| path.ends_with("needed")).unwrap();
        assert_eq!(names(folder.path()), ["needed", "new", "used"]);
    }

    #[test]
    fn a_file_that_is_written_whole_replaces_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for text in ["first", "second"] {
            write_whole(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(names(folder.path()), ["file"], "nothing temporary stays");
    }
}
