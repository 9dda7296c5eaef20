//! Who signs: an account's key, read from a file or given directly, never shown.

use std::{
    fmt, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use near_account_id::AccountId;
use near_crypto::{InMemorySigner, KeyFile, PublicKey, SecretKey, Signature, Signer};
use near_primitives::transaction::{SignedTransaction, Transaction};

/// The bits of a file's mode that let others than its owner at it.
const OTHERS: u32 = 0o077;

/// Where a key comes from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A file as near-cli writes it: `account_id`, `public_key`, `private_key`.
    File(PathBuf),
    /// An account and its private key ("ed25519:…"), from the environment.
    Given {
        /// The account.
        account_id: AccountId,
        /// The private key.
        private_key: Secret,
    },
}

/// A private key that does not show itself.
#[derive(Clone)]
pub struct Secret(pub SecretKey);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(a private key)")
    }
}

impl std::str::FromStr for Secret {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The parser's own message may repeat the text.
        text.parse().map(Self).map_err(|_| "not a private key of the form ed25519:…")
    }
}

/// Why there is no signer.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The key file cannot be used.
    #[error(
        "the key file {} cannot be used: {source}; it must hold account_id, public_key and private_key, as near-cli \
         writes it",
        path.display()
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
}

/// An account and a key of it.
#[derive(Clone)]
pub struct OperatorSigner {
    account_id: AccountId,
    signer: Signer,
}

/// Names the account and the public key; the private one stays where it is.
impl fmt::Debug for OperatorSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.account_id, self.signer.public_key())
    }
}

impl OperatorSigner {
    /// Reads the key.
    ///
    /// # Errors
    /// [`SignerError::File`] when the file is missing, malformed, or its two keys do not belong together.
    pub fn load(source: &KeySource) -> Result<Self, SignerError> {
        let (account_id, secret) = match source {
            KeySource::Given { account_id, private_key } => (account_id.clone(), private_key.0.clone()),
            KeySource::File(path) => {
                let fault = |source| SignerError::File { path: path.clone(), source };
                let key = KeyFile::from_file(path).map_err(fault)?;
                warn_of_open_permissions(path).map_err(fault)?;
                (key.account_id, key.secret_key)
            }
        };
        let signer = InMemorySigner::from_secret_key(account_id.clone(), secret);
        Ok(Self { account_id, signer })
    }

    /// The account.
    #[must_use]
    pub fn account_id(&self) -> &AccountId {
        &self.account_id
    }

    /// The public half of the key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.signer.public_key()
    }

    /// Signs a digest that is not a transaction's: what it is of must begin as no transaction does.
    #[must_use]
    pub fn sign_digest(&self, digest: [u8; 32]) -> Signature {
        self.signer.sign(&digest)
    }

    /// Signs a transaction.
    #[must_use]
    pub fn sign(&self, transaction: Transaction) -> SignedTransaction {
        let (hash, _) = transaction.get_hash_and_size();
        SignedTransaction::new(self.signer.sign(hash.as_ref()), transaction)
    }
}

/// A key that others can read is a key that others have; it may still be what the operator wants (a container's secret).
fn warn_of_open_permissions(path: &Path) -> io::Result<()> {
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        tracing::warn!(
            file = %path.display(),
            "the key file has mode {mode:03o}: others than its owner can read it; it should be 600"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    const SECRET: &str =
        "ed25519:3D4YudUahN1nawWogh8pAKSj92sUNMdbZGjn7kERKzYoTy8tnFQuwoGUC51DowKqorvkr2pytJSnwuSbsNVfqygr";

    fn write(dir: &Path, public_key: &str) -> PathBuf {
        let path = dir.join("key.json");
        let json = serde_json::json!({"account_id": "op.near", "public_key": public_key, "private_key": SECRET});
        std::fs::write(&path, json.to_string()).unwrap();
        path
    }

    #[test]
    fn a_near_cli_key_file_is_read_and_its_secret_is_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let secret: SecretKey = SECRET.parse().unwrap();
        let path = write(dir.path(), &secret.public_key().to_string());
        let signer = OperatorSigner::load(&KeySource::File(path)).unwrap();
        assert_eq!(signer.account_id().as_str(), "op.near");
        assert_eq!(signer.public_key(), secret.public_key());
        assert!(!format!("{signer:?}").contains(&SECRET[8..]));
    }

    #[test]
    fn two_keys_that_do_not_belong_together_are_refused_with_the_files_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), "ed25519:3ThNatHmFR6gtMEFMEBPw6M1PGH6FVbGMzwBd4JqHTFT");
        let error = OperatorSigner::load(&KeySource::File(path)).expect_err("the keys differ").to_string();
        assert!(error.contains("key.json") && error.contains("public key"), "{error}");
        assert!(!error.contains(&SECRET[8..]));
    }
}
