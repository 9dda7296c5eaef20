//! The folder of the operator's further access keys: each of them is a lane on which transactions leave.
//!
//! A new key lies in a folder of its own inside until the chain has shown it. So a command that was broken off leaves what
//! the next one has to finish, whether or not the chain had heard of it.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use near_account_id::AccountId;
use near_crypto::{KeyType, SecretKey};
use serde_json::json;

use super::signer::{KeySource, OperatorSigner, SignerError};

/// Where keys lie that the chain has not shown yet.
const UNCONFIRMED: &str = "unconfirmed";

/// A folder of key files as near-cli writes them, `ed25519_….json` each, all of one account.
#[derive(Clone, Debug)]
pub struct LaneKeys {
    folder: PathBuf,
}

/// A key and the file that holds it.
#[derive(Clone, Debug)]
pub struct LaneKeyFile {
    /// The file.
    pub path: PathBuf,
    /// The key.
    pub signer: OperatorSigner,
}

/// What is wrong with the folder.
#[derive(Debug, thiserror::Error)]
pub enum LaneKeyError {
    /// It, or a file in it, cannot be read or written.
    #[error("the lane keys in {} cannot be used: {source}", path.display())]
    File {
        /// The folder or the file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold a key.
    #[error(transparent)]
    Key(#[from] SignerError),
    /// A key belongs to somebody else.
    #[error("the lane key {} is {found}'s, but the operator is {expected}", path.display())]
    OtherAccount {
        /// The file.
        path: PathBuf,
        /// Whose key it is.
        found: AccountId,
        /// Whose it must be.
        expected: AccountId,
    },
}

impl LaneKeys {
    /// Names the folder; it need not be there.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All keys that the chain has shown, by the name of their files. No folder is no keys.
    ///
    /// # Errors
    /// [`LaneKeyError`] when a file `*.json` does not hold a key of `account`.
    pub fn read(&self, account: &AccountId) -> Result<Vec<LaneKeyFile>, LaneKeyError> {
        read_keys(&self.folder, account)
    }

    /// All keys that were made and that the chain has not shown yet.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn unconfirmed(&self, account: &AccountId) -> Result<Vec<LaneKeyFile>, LaneKeyError> {
        read_keys(&self.folder.join(UNCONFIRMED), account)
    }

    /// Puts a key that the chain has shown among the others; one that lies there already stays.
    ///
    /// # Errors
    /// [`LaneKeyError::File`] when the file cannot be moved.
    pub fn confirm(&self, key: LaneKeyFile) -> Result<LaneKeyFile, LaneKeyError> {
        let LaneKeyFile { path: from, signer } = key;
        let Some(name) = from.file_name() else { return Ok(LaneKeyFile { path: from, signer }) };
        let path = self.folder.join(name);
        let moved = fs::rename(&from, &path).and_then(|()| File::open(&self.folder)?.sync_all());
        moved.map_err(|source| LaneKeyError::File { path: from, source })?;
        Ok(LaneKeyFile { path, signer })
    }

    /// Makes a new key and keeps it, unconfirmed, in a file that only its owner can read. When this returns, the key is on
    /// the disk.
    ///
    /// # Errors
    /// [`LaneKeyError::File`] when it cannot be written.
    pub fn create(&self, account: &AccountId) -> Result<LaneKeyFile, LaneKeyError> {
        let secret = SecretKey::from_random(KeyType::ED25519);
        let public = secret.public_key().to_string();
        let folder = self.folder.join(UNCONFIRMED);
        let path = folder.join(format!("{}.json", public.replace(':', "_")));
        let content =
            json!({"account_id": account, "public_key": public, "private_key": secret.to_string()}).to_string();
        write_whole(&folder, &path, &content).map_err(|source| LaneKeyError::File { path: path.clone(), source })?;
        read_key(path, account)
    }
}

impl LaneKeyFile {
    /// Removes the file, and with it the only copy of the private key that the worker has.
    ///
    /// # Errors
    /// [`LaneKeyError::File`] when it cannot be removed.
    pub fn delete(self) -> Result<(), LaneKeyError> {
        fs::remove_file(&self.path).map_err(|source| LaneKeyError::File { path: self.path, source })
    }
}

fn read_keys(folder: &Path, account: &AccountId) -> Result<Vec<LaneKeyFile>, LaneKeyError> {
    let fault = |source| LaneKeyError::File { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fault(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(fault)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.into_iter().map(|path| read_key(path, account)).collect()
}

fn read_key(path: PathBuf, account: &AccountId) -> Result<LaneKeyFile, LaneKeyError> {
    let signer = OperatorSigner::load(&KeySource::File(path.clone()))?;
    if signer.account_id() != account {
        let (found, expected) = (signer.account_id().clone(), account.clone());
        return Err(LaneKeyError::OtherAccount { path, found, expected });
    }
    Ok(LaneKeyFile { path, signer })
}

/// The file is there whole or not at all, whatever happens meanwhile.
fn write_whole(folder: &Path, path: &Path, content: &str) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // tempfile's own mode is 600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn account(name: &str) -> AccountId {
        name.parse().unwrap()
    }

    #[test]
    fn a_new_key_is_in_a_private_file_and_a_lane_only_when_the_chain_has_shown_it() {
        let dir = tempfile::tempdir().unwrap();
        let keys = LaneKeys::new(dir.path().join("deep/lane-keys"));
        assert!(keys.read(&account("op.near")).unwrap().is_empty());
        let made = [keys.create(&account("op.near")).unwrap(), keys.create(&account("op.near")).unwrap()];
        assert!(keys.read(&account("op.near")).unwrap().is_empty());
        assert_eq!(keys.unconfirmed(&account("op.near")).unwrap().len(), 2);
        let made = made.map(|key| keys.confirm(key).unwrap());
        assert!(keys.unconfirmed(&account("op.near")).unwrap().is_empty());
        fs::write(keys.folder().join("README"), "not a key").unwrap();
        let found = keys.read(&account("op.near")).unwrap();
        for key in &made {
            let mode = fs::metadata(&key.path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert!(found.iter().any(|other| other.signer.public_key() == key.signer.public_key()));
        }
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn another_accounts_key_and_a_broken_file_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let keys = LaneKeys::new(dir.path().to_owned());
        let key = keys.create(&account("op.near")).unwrap();
        let error = keys.unconfirmed(&account("other.near")).unwrap_err().to_string();
        assert!(error.contains("op.near's, but the operator is other.near"), "{error}");
        key.delete().unwrap();
        fs::write(dir.path().join("broken.json"), "{}").unwrap();
        assert!(keys.read(&account("op.near")).unwrap_err().to_string().contains("broken.json"));
    }
}
