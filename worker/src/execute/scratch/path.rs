//! From text to the names in it.

use super::FileError;

/// The longest path and the longest name in it, in bytes, as POSIX systems have them.
pub(in crate::execute) const MAX_PATH_BYTES: usize = 4_096;
const MAX_NAME_BYTES: usize = 255;

/// One step of a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step<'a> {
    Up,
    Into(&'a str),
}

/// The steps of `path`, which begins at an open folder.
///
/// # Errors
/// It is empty or begins at a root, where there is nothing; it is too long; it holds a zero byte.
pub(super) fn steps(path: &str) -> Result<impl Iterator<Item = Result<Step<'_>, FileError>>, FileError> {
    if path.len() > MAX_PATH_BYTES {
        return Err(FileError::NameTooLong);
    }
    if path.contains('\0') {
        return Err(FileError::Invalid);
    }
    if path.is_empty() || path.starts_with('/') {
        return Err(FileError::NotFound);
    }
    Ok(path.split('/').filter(|name| !matches!(*name, "" | ".")).map(|name| match name {
        ".." => Ok(Step::Up),
        name if name.len() > MAX_NAME_BYTES => Err(FileError::NameTooLong),
        name => Ok(Step::Into(name)),
    }))
}

/// What a path names: something in a folder.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Named<'a> {
    /// The way to the folder.
    pub folder: &'a str,
    pub name: &'a str,
    /// The path ends with a slash: what it names must be a folder.
    pub is_folder: bool,
}

/// Takes the last name off `path`; [`None`] when it ends with `.` or `..`, which name nothing in a folder.
///
/// # Errors
/// As [`steps`].
pub(super) fn split(path: &str) -> Result<Option<Named<'_>>, FileError> {
    steps(path)?.try_for_each(|step| step.map(drop))?;
    let trimmed = path.trim_end_matches('/');
    let (folder, name) = trimmed.rsplit_once('/').unwrap_or((".", trimmed));
    let named = Named { folder, name, is_folder: trimmed.len() < path.len() };
    Ok((!matches!(name, "." | "..")).then_some(named))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn all(path: &str) -> Result<Vec<Step<'_>>, FileError> {
        steps(path)?.collect()
    }

    #[test]
    fn dots_and_slashes_that_say_nothing_are_left_out() {
        assert_eq!(all("a//./b/../c/").unwrap(), [Step::Into("a"), Step::Into("b"), Step::Up, Step::Into("c")]);
        assert_eq!(all(".").unwrap(), []);
    }

    #[test]
    fn what_is_no_path_is_told_apart() {
        assert_eq!(all(""), Err(FileError::NotFound));
        assert_eq!(all("/etc/passwd"), Err(FileError::NotFound));
        assert_eq!(all("a\0b"), Err(FileError::Invalid));
        assert_eq!(all(&"a/".repeat(2_049)), Err(FileError::NameTooLong));
        assert_eq!(all(&format!("a/{}", "n".repeat(256))), Err(FileError::NameTooLong));
        assert_eq!(all(&"n".repeat(255)).unwrap().len(), 1);
    }

    #[test]
    fn the_last_name_is_told_from_the_way_to_it() {
        let named = |folder, name, is_folder| Ok(Some(Named { folder, name, is_folder }));
        assert_eq!(split("a"), named(".", "a", false));
        assert_eq!(split("a/b/"), named("a", "b", true));
        assert_eq!(split("../b"), named("..", "b", false));
        for nameless in [".", "..", "a/..", "a/.", "./"] {
            assert_eq!(split(nameless), Ok(None), "{nameless}");
        }
        assert_eq!(split("/a"), Err(FileError::NotFound));
    }
}
