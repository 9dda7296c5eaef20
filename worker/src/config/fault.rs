//! What is wrong with a setting, in one line: where it was set, which one it is, what is wrong, what would be right.

use std::path::Path;

use figment::{Error, error::Kind};

use super::ENV_PREFIX;

/// The error in words. It shows what was set only where that was of the wrong type, or a name.
pub(super) fn in_words(error: &Error) -> String {
    let setting = error.path.join(".");
    let what = match &error.kind {
        Kind::UnknownField(_, known) => match error.path.split_last() {
            Some((_, [])) | None => format!("{setting} is not a section; there are {}", known.join(", ")),
            Some((_, section)) => {
                format!("{setting} is not a setting; [{}] has {}", section.join("."), known.join(", "))
            }
        },
        Kind::UnknownVariant(found, known) => {
            format!("{setting} is {found:?}, but must be one of {}", known.join(", "))
        }
        Kind::InvalidType(found, wanted) | Kind::InvalidValue(found, wanted) => {
            format!("{setting} is {found}, but must be {wanted}")
        }
        Kind::Message(text) if setting.is_empty() => without_picture(text),
        Kind::Message(text) => format!("{setting}: {}", without_picture(text)),
        other => format!("{setting}: {other}"),
    };
    match variable(&error.path).or_else(|| file(error)) {
        Some(place) => format!("{place}: {what}"),
        None => what,
    }
}

/// The environment variable that says it: that wins, so where there is one it is the one that is wrong.
fn variable(path: &[String]) -> Option<String> {
    let names = (1..=path.len()).rev().filter_map(|parts| path.get(..parts));
    let mut names = names.map(|parts| format!("{ENV_PREFIX}{}", parts.join("__").to_uppercase()));
    names.find(|name| std::env::var_os(name).is_some())
}

fn file(error: &Error) -> Option<String> {
    let source = error.metadata.as_ref()?.source.as_ref()?;
    source.file_path().map(|path: &Path| path.display().to_string())
}

/// A parser's message in one line, without the lines that draw where it is.
fn without_picture(text: &str) -> String {
    let drawn = |line: &&str| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
    let lines = text.lines().filter(|line| !drawn(line)).map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(": ")
}
