//! Bytes that every worker can fetch, whichever made them: named by their SHA-256, in a folder or in an S3-compatible
//! store. What is read is checked, so that neither a power cut nor a bad disk nor another's hand passes unseen.
//!
//! - `config`: the section `[blobs]`
//! - `line`: how a bucket's server is spoken with, and whether it is away
//! - `place`: where they are kept
//! - `texts`: what is kept beside them under names of its own

mod config;
mod line;
mod place;
mod texts;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use object_store::{ObjectStoreExt, path::Path as ObjectPath};
use offchainvm_interface::Sha256;
use sha2::Digest;

pub use config::{BlobsConfig, SecretText};
pub use place::BlobSetupError;
use place::Place;
pub use texts::Shelf;

/// The blob that [`Blobs::check`] writes and reads.
const PROBE: &[u8] = b"OffchainVM can write and read here.\n";

/// Something went wrong with a blob.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// It is not there.
    #[error("there is no blob {digest} in {place}")]
    Missing {
        /// Its name.
        digest: Sha256,
        /// Where it was looked for.
        place: String,
    },
    /// It is not what was put there.
    #[error("the blob {digest} in {place} is damaged: its {size} bytes have the digest {found}")]
    Damaged {
        /// Its name.
        digest: Sha256,
        /// Where it is.
        place: String,
        /// How many bytes there are.
        size: usize,
        /// Their digest.
        found: Sha256,
    },
    /// It is larger than whoever asked for it can take.
    #[error("the blob {digest} in {place} has {size} bytes, and {max} are the most")]
    TooLarge {
        /// Its name.
        digest: Sha256,
        /// Where it is.
        place: String,
        /// How many bytes there are.
        size: u64,
        /// How many were allowed.
        max: u64,
    },
    /// The store failed, and may answer another time.
    #[error("the blob {digest} cannot be {doing} {place}: {source}")]
    Store {
        /// Its name.
        digest: Sha256,
        /// `put into`, `read from` or `remove from`.
        doing: &'static str,
        /// Where.
        place: String,
        /// What the library said.
        source: Box<object_store::Error>,
    },
    /// The store failed with a text, and may answer another time.
    #[error("the text {name} cannot be {doing} {place}: {source}")]
    Text {
        /// Its name.
        name: String,
        /// `put into` or `read from`.
        doing: &'static str,
        /// Where.
        place: String,
        /// What the library said.
        source: Box<object_store::Error>,
    },
    /// The folder did not take the bytes to disk.
    #[error("the blob {digest} cannot be brought to disk in {place}: {source}")]
    Disk {
        /// Its name.
        digest: Sha256,
        /// Where.
        place: String,
        /// What the system said.
        source: io::Error,
    },
    /// A task of the process panicked.
    #[error("a blob's digest was not found: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl BlobError {
    /// Whether the bytes are gone, for all that can be known: asking again will not help, making them again will.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Damaged { .. })
    }

    /// Whether a bucket's server cannot be reached or cannot answer now: a little later it may. One that refuses us, or has
    /// no such bucket, will not.
    #[must_use]
    pub fn is_away(&self) -> bool {
        match self {
            Self::Store { source, .. } | Self::Text { source, .. } => line::is_down(source),
            _ => false,
        }
    }
}

/// The blobs. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Blobs {
    place: Place,
}

impl Blobs {
    /// Opens what the settings name; `default_folder` when they name nothing. A folder is made when it is missing, a
    /// bucket is not, and nothing is asked of its server yet: see [`Self::check`].
    ///
    /// # Errors
    /// [`BlobSetupError`] names the setting, or the folder.
    pub fn open(config: &BlobsConfig, default_folder: &Path) -> Result<Self, BlobSetupError> {
        Ok(Self { place: Place::open(config, default_folder)? })
    }

    /// Writes a small blob and reads it, so that a wrong bucket, key or server is found before there is work.
    ///
    /// # Errors
    /// [`BlobError`] says what the store answered.
    pub async fn check(&self) -> Result<(), BlobError> {
        let digest = self.put(PROBE.to_vec()).await?;
        self.get(digest, PROBE.len() as u64).await.map(drop)
    }

    /// Keeps bytes and says their name. Bytes that are there already are written again, which changes nothing but heals
    /// what was damaged. When it returns they are on the disk, or as safe as the S3-compatible store makes them.
    ///
    /// # Errors
    /// [`BlobError::Store`] or [`BlobError::Disk`]; a reader then finds all of the bytes or none.
    pub async fn put(&self, bytes: Vec<u8>) -> Result<Sha256, BlobError> {
        let (digest, bytes) = digest_of(bytes).await?;
        let path = self.path(digest);
        self.place.store.put(&path, bytes.into()).await.map_err(|source| self.failed(digest, "put into", source))?;
        if let Some(folder) = &self.place.folder {
            let file = folder.path_to_filesystem(&path).map_err(|source| self.failed(digest, "put into", source))?;
            let synced = tokio::task::spawn_blocking(move || sync(&file)).await?;
            synced.map_err(|source| BlobError::Disk { digest, place: self.place.name.clone(), source })?;
        }
        Ok(digest)
    }

    /// The bytes of a name, of at most `max` bytes.
    ///
    /// # Errors
    /// [`BlobError`]: missing, damaged, too large, or the store failed.
    pub async fn get(&self, digest: Sha256, max: u64) -> Result<Vec<u8>, BlobError> {
        let failed = |source| match source {
            object_store::Error::NotFound { .. } => BlobError::Missing { digest, place: self.place.name.clone() },
            source => self.failed(digest, "read from", source),
        };
        let found = self.place.store.get(&self.path(digest)).await.map_err(failed)?;
        let size = found.meta.size;
        if size > max {
            return Err(BlobError::TooLarge { digest, place: self.place.name.clone(), size, max });
        }
        let bytes = found.bytes().await.map_err(failed)?;
        let (found, bytes) = digest_of(bytes.into()).await?;
        if found == digest {
            return Ok(bytes);
        }
        Err(BlobError::Damaged { digest, place: self.place.name.clone(), size: bytes.len(), found })
    }

    /// Whether there are bytes of this name. They are not read: they may be damaged.
    ///
    /// # Errors
    /// [`BlobError::Store`].
    pub async fn exists(&self, digest: Sha256) -> Result<bool, BlobError> {
        match self.place.store.head(&self.path(digest)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(self.failed(digest, "read from", source)),
        }
    }

    /// Whether they are in a folder, as opposed to a bucket.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.place.folder.is_some()
    }

    /// Removes the bytes of a name; also when there are none.
    ///
    /// # Errors
    /// [`BlobError::Store`].
    pub async fn remove(&self, digest: Sha256) -> Result<(), BlobError> {
        match self.place.store.delete(&self.path(digest)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(self.failed(digest, "remove from", source)),
        }
    }

    /// Two digits part the blobs into 256 folders: folders of a million files are slow to list.
    fn path(&self, digest: Sha256) -> ObjectPath {
        let name = digest.to_string();
        let folder: String = name.chars().take(2).collect();
        self.place.prefix.clone().join("sha256").join(folder).join(name)
    }

    fn failed(&self, digest: Sha256, doing: &'static str, source: object_store::Error) -> BlobError {
        BlobError::Store { digest, doing, place: self.place.name.clone(), source: Box::new(source) }
    }
}

/// Work for the processor: a large blob takes it for milliseconds.
async fn digest_of(bytes: Vec<u8>) -> Result<(Sha256, Vec<u8>), BlobError> {
    Ok(tokio::task::spawn_blocking(move || (Sha256(sha2::Sha256::digest(&bytes).into()), bytes)).await?)
}

/// The file's bytes, and then its name and its folder's in the folders above.
fn sync(file: &PathBuf) -> io::Result<()> {
    File::open(file)?.sync_all()?;
    file.ancestors().skip(1).take(3).try_for_each(|folder| File::open(folder)?.sync_all())
}
