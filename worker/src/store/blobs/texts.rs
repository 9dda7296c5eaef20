//! Texts beside the blobs, under a name of their own instead of their digest: the last of a name is the one that is kept.
//! In a folder they come to a number of bytes, and those that were written longest ago go; a bucket has rules of its own.

use object_store::{ObjectMeta, ObjectStoreExt, path::Path as ObjectPath};

use super::{BlobError, Blobs};

/// Bytes of all texts in a folder together.
const MAX_BYTES: u64 = 64 << 20;
/// The longest text that is read, in bytes.
const MAX_TEXT_BYTES: u64 = 1 << 20;
/// The folder of the texts. Its name carries the version of what is in it.
const FOLDER: &str = "texts-v1";

impl Blobs {
    /// Keeps a text under a name, which becomes a file's. A reader finds all of it, or what was there before.
    ///
    /// # Errors
    /// [`BlobError::Text`].
    pub async fn put_text(&self, name: &str, text: String) -> Result<(), BlobError> {
        let put = self.place.store.put(&self.text_path(name), text.into_bytes().into()).await;
        put.map_err(|source| self.text_failed(name, "put into", source))?;
        if self.is_folder() {
            let made = self.make_room_for_texts().await;
            made.map_err(|source| self.text_failed(name, "put into", source))?;
        }
        Ok(())
    }

    /// The text of a name; [`None`] when there is none, or it is longer than any that is written.
    ///
    /// # Errors
    /// [`BlobError::Text`].
    pub async fn text(&self, name: &str) -> Result<Option<String>, BlobError> {
        let failed = |source| self.text_failed(name, "read from", source);
        let found = match self.place.store.get(&self.text_path(name)).await {
            Ok(found) if found.meta.size <= MAX_TEXT_BYTES => found,
            Ok(_) | Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(source) => return Err(failed(source)),
        };
        let bytes = found.bytes().await.map_err(failed)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    async fn make_room_for_texts(&self) -> Result<(), object_store::Error> {
        let mut texts = self.place.store.list_with_delimiter(Some(&self.texts())).await?.objects;
        let mut total: u64 = texts.iter().map(|text| text.size).sum();
        if total <= MAX_BYTES {
            return Ok(());
        }
        texts.sort_by_key(|text| text.last_modified);
        for ObjectMeta { location, size, .. } in texts {
            if total <= MAX_BYTES {
                break;
            }
            match self.place.store.delete(&location).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => total = total.saturating_sub(size),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn texts(&self) -> ObjectPath {
        self.place.prefix.clone().join(FOLDER)
    }

    fn text_path(&self, name: &str) -> ObjectPath {
        self.texts().join(name)
    }

    fn text_failed(&self, name: &str, doing: &'static str, source: object_store::Error) -> BlobError {
        BlobError::Text { name: name.to_owned(), doing, place: self.place.name.clone(), source: Box::new(source) }
    }
}
