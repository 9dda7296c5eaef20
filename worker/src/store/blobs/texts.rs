//! Texts beside the blobs, under a name of their own instead of their digest: the last of a name is the one that is kept.
//! In a folder those of a kind come to a number of bytes, and those that were written longest ago go; a bucket has rules of its own.

use object_store::{ObjectMeta, ObjectStoreExt, path::Path as ObjectPath};

use super::{BlobError, Blobs};

/// What texts are of one kind, apart from the others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shelf {
    /// What builds reported.
    BuildLogs,
    /// What programs read that was too large for their requests' events.
    Inputs,
}

impl Shelf {
    /// The folder. Its name carries the version of what is in it.
    fn folder(self) -> &'static str {
        match self {
            Self::BuildLogs => "texts-v1",
            Self::Inputs => "inputs-v1",
        }
    }

    /// Bytes of all its texts in a folder together.
    fn max_bytes(self) -> u64 {
        match self {
            Self::BuildLogs => 64 << 20,
            // The last five hundred, when all are as large as can be.
            Self::Inputs => 256 << 20,
        }
    }
}

/// The longest text that is read, in bytes.
const MAX_TEXT_BYTES: u64 = 1 << 20;

impl Blobs {
    /// Keeps a text of a kind under a name, which becomes a file's. A reader finds all of it, or what was there before.
    ///
    /// # Errors
    /// [`BlobError::Text`].
    pub async fn put_text(&self, shelf: Shelf, name: &str, text: String) -> Result<(), BlobError> {
        let put = self.place.store.put(&self.text_path(shelf, name), text.into_bytes().into()).await;
        put.map_err(|source| self.text_failed(name, "put into", source))?;
        if self.is_folder() {
            let made = self.make_room_for_texts(shelf).await;
            made.map_err(|source| self.text_failed(name, "put into", source))?;
        }
        Ok(())
    }

    /// The text of a name; [`None`] when there is none, or it is longer than any that is written.
    ///
    /// # Errors
    /// [`BlobError::Text`].
    pub async fn text(&self, shelf: Shelf, name: &str) -> Result<Option<String>, BlobError> {
        let failed = |source| self.text_failed(name, "read from", source);
        let found = match self.place.store.get(&self.text_path(shelf, name)).await {
            Ok(found) if found.meta.size <= MAX_TEXT_BYTES => found,
            Ok(_) | Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(source) => return Err(failed(source)),
        };
        let bytes = found.bytes().await.map_err(failed)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    async fn make_room_for_texts(&self, shelf: Shelf) -> Result<(), object_store::Error> {
        let mut texts = self.place.store.list_with_delimiter(Some(&self.texts(shelf))).await?.objects;
        let mut total: u64 = texts.iter().map(|text| text.size).sum();
        if total <= shelf.max_bytes() {
            return Ok(());
        }
        texts.sort_by_key(|text| text.last_modified);
        for ObjectMeta { location, size, .. } in texts {
            if total <= shelf.max_bytes() {
                break;
            }
            match self.place.store.delete(&location).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => total = total.saturating_sub(size),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn texts(&self, shelf: Shelf) -> ObjectPath {
        self.place.prefix.clone().join(shelf.folder())
    }

    fn text_path(&self, shelf: Shelf, name: &str) -> ObjectPath {
        self.texts(shelf).join(name)
    }

    fn text_failed(&self, name: &str, doing: &'static str, source: object_store::Error) -> BlobError {
        BlobError::Text { name: name.to_owned(), doing, place: self.place.name.clone(), source: Box::new(source) }
    }
}
