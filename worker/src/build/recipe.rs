//! What a recipe for a language gives, whatever the language. `rust` is the only one so far; a further one is a folder
//! beside it, and chosen in `Shop::make` by the manifest that the source has.

use offchainvm_interface::Sha256;

/// What the compiler gave, not looked at yet.
#[derive(Debug)]
pub(super) struct Compiled {
    /// The file's name.
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// Digest of the file that names all dependencies, each with its own digest.
    pub(super) lockfile_sha256: Sha256,
}
