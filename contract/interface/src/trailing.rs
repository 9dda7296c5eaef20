//! A digest that a record may end with: how a record of the contract's state got a field more without becoming another
//! one. In borsh it is nothing at all, or its 32 bytes; so it must be the record's last field, and nothing may follow.

use crate::sha256::Sha256;
use borsh::io::{Read, Result, Write};

/// For `#[borsh(serialize_with = …)]`.
///
/// # Errors
/// The writer's.
pub fn write<W: Write>(digest: &Option<Sha256>, writer: &mut W) -> Result<()> {
    digest.as_ref().map_or(Ok(()), |Sha256(bytes)| writer.write_all(bytes))
}

/// For `#[borsh(deserialize_with = …)]`.
///
/// # Errors
/// The reader's, and when there are fewer than 32 bytes, but some.
pub fn read<R: Read>(reader: &mut R) -> Result<Option<Sha256>> {
    let mut bytes = [0; 32];
    let (first, rest) = bytes.split_at_mut(1);
    if reader.read(first)? == 0 {
        return Ok(None);
    }
    reader.read_exact(rest)?;
    Ok(Some(Sha256(bytes)))
}
