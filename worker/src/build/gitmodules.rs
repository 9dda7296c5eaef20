//! What a commit's `.gitmodules` says of its submodules, as git itself lists it: a stranger's words, of which only paths and
//! addresses are heard. How git would update a submodule, or with which branch, means nothing here.

use std::collections::BTreeMap;

use offchainvm_interface::{RepoUrl, code_source::SourceError};
use url::Url;

/// The addresses of submodules, by the paths of their folders.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct GitModules(BTreeMap<String, String>);

/// Why an address leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum AddressError {
    #[error("{0:?} leads out of the host of {1}")]
    LeadsOut(String, RepoUrl),
    #[error(transparent)]
    Form(#[from] SourceError),
    #[error("what {0:?} is relative to is no address: {1}")]
    Base(String, url::ParseError),
}

impl GitModules {
    /// Reads what `git config --null --list` gives: entries that end with a zero byte, each a key, a line feed and a value.
    pub(super) fn read(listing: &[u8]) -> Self {
        let mut names: BTreeMap<String, (Option<String>, Option<String>)> = BTreeMap::new();
        for entry in listing.split(|byte| *byte == 0) {
            let Ok(entry) = std::str::from_utf8(entry) else { continue };
            let Some((key, value)) = entry.split_once('\n') else { continue };
            let named = key.strip_prefix("submodule.").and_then(|key| key.rsplit_once('.'));
            let Some((name, variable)) = named else { continue };
            let (path, url) = names.entry(name.to_owned()).or_default();
            // As with git, the last word counts.
            match variable {
                "path" => *path = Some(value.trim_end_matches('/').to_owned()),
                "url" => *url = Some(value.to_owned()),
                _ => {}
            }
        }
        Self(names.into_values().filter_map(|(path, url)| Some((path?, url?))).collect())
    }

    /// The address of the submodule in a folder, as it stands there.
    pub(super) fn address(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }
}

/// The whole address: one that begins with `./` or `../` is relative to that of the repository, taken as a folder.
pub(super) fn resolve(repository: &RepoUrl, address: &str) -> Result<RepoUrl, AddressError> {
    if !address.starts_with("./") && !address.starts_with("../") {
        return Ok(RepoUrl::new(address)?);
    }
    let mut url = Url::parse(repository.as_str()).map_err(|error| AddressError::Base(address.to_owned(), error))?;
    let leads_out = || AddressError::LeadsOut(address.to_owned(), repository.clone());
    let mut path: Vec<&str> = url.path().split('/').filter(|part| !part.is_empty()).collect();
    for part in address.split('/') {
        match part {
            "" | "." => {}
            ".." => path.pop().map(drop).ok_or_else(leads_out)?,
            part => path.push(part),
        }
    }
    let path = path.join("/");
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    Ok(RepoUrl::new(url)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn only_paths_and_addresses_are_heard_and_the_last_word_counts() {
        let listing = b"submodule.a.path\nlibs/a/\0submodule.a.url\nhttps://example.com/old\0core.sshcommand\nfalse\0\
            submodule.a.update\n!touch /tmp/owned\0submodule.a.url\nhttps://example.com/a\0\
            submodule.with.dots.path\nb\0submodule.with.dots.url\n../b\0submodule.flag\0\
            submodule.no-address.path\nc\0submodule.no-path.url\nhttps://example.com/d\0submodule.\xff.path\ne\0";
        let modules = GitModules::read(listing);
        assert_eq!(modules.address("libs/a"), Some("https://example.com/a"));
        assert_eq!(modules.address("b"), Some("../b"));
        assert_eq!((modules.0.len(), modules.address("c")), (2, None));
        assert_eq!(GitModules::read(b""), GitModules::default());
    }

    #[test]
    fn a_relative_address_starts_at_the_repository_and_stays_on_its_host() {
        let at = |repository: &str, address: &str| {
            resolve(&RepoUrl::new(repository).unwrap(), address).ok().map(|found| found.as_str().to_owned())
        };
        for (repository, address, expected) in [
            ("https://example.com/a/b.git", "../c.git", "https://example.com/a/c.git"),
            ("https://example.com/a/b/", "../../x/c", "https://example.com/x/c"),
            ("https://example.com/a/b?q#f", "./c", "https://example.com/a/b/c"),
            ("https://example.com:8443/a/b", "../c d", "https://example.com:8443/a/c%20d"),
            ("file:///srv/a", "../b", "file:///srv/b"),
            ("https://example.com/a", "https://other.example/b", "https://other.example/b"),
            ("https://example.com/a", "../--upload-pack=false", "https://example.com/--upload-pack=false"),
        ] {
            assert_eq!(at(repository, address).as_deref(), Some(expected), "{repository} {address}");
        }
        for address in
            ["../../c", "../..", "--upload-pack=false", "-c", "/srv/c", "c", "", "git@example.com:c", "..\\c"]
        {
            assert_eq!(at("https://example.com/a", address), None, "{address}");
        }
    }
}
