//! The bytes of one file, in blocks. What was never written has no block, takes no space and reads as zero.

use super::{FileError, MAX_LENGTH, space::Space};
use std::collections::BTreeMap;

/// Bytes of a block: what a file takes at least, once something is in it.
pub(super) const BLOCK_BYTES: usize = 4_096;

type Block = [u8; BLOCK_BYTES];

/// A file's content.
#[derive(Default)]
pub(super) struct Content {
    length: u64,
    /// By the number of the block. Beyond the length, a block is zero.
    blocks: BTreeMap<u64, Box<Block>>,
}

/// Where a piece of a file lies: a block, and the bytes in it.
struct Place {
    block: u64,
    from: usize,
    count: usize,
}

/// The part of `length` bytes at `at` that lies in one block.
fn first_place(at: u64, length: usize) -> Place {
    // Below the block's size, hence within any integer.
    let from = usize::try_from(at % BLOCK_BYTES as u64).unwrap_or_default();
    Place { block: at / BLOCK_BYTES as u64, from, count: length.min(BLOCK_BYTES - from) }
}

impl Content {
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// How many blocks there are.
    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Fills `into` from `at` on, as far as the file goes; how many bytes that were.
    pub(super) fn read(&self, at: u64, into: &mut [u8]) -> usize {
        let rest = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
        let total = rest.min(into.len());
        let mut done = 0;
        while done < total {
            let place = first_place(at + done as u64, total - done);
            let Some(space) = into.get_mut(done..done + place.count) else { break };
            match self.blocks.get(&place.block).and_then(|block| block.get(place.from..place.from + place.count)) {
                Some(bytes) => space.copy_from_slice(bytes),
                None => space.fill(0),
            }
            done += place.count;
        }
        done
    }

    /// Writes `from` at `at`, as far as there is space; how many bytes that were.
    ///
    /// # Errors
    /// There is no space for the first of them, or it lies beyond the longest file.
    pub(super) fn write(&mut self, at: u64, from: &[u8], space: &mut Space) -> Result<usize, FileError> {
        let rest = usize::try_from(MAX_LENGTH.saturating_sub(at)).unwrap_or(usize::MAX);
        let total = rest.min(from.len());
        if total == 0 {
            return if from.is_empty() { Ok(0) } else { Err(FileError::TooLarge) };
        }
        let mut done = 0;
        while done < total {
            let place = first_place(at + done as u64, total - done);
            let (Some(bytes), Some(block)) = (from.get(done..done + place.count), self.block(place.block, space))
            else {
                break;
            };
            if let Some(bytes_there) = block.get_mut(place.from..place.from + place.count) {
                bytes_there.copy_from_slice(bytes);
            }
            done += place.count;
        }
        if done == 0 {
            return Err(FileError::NoSpace);
        }
        self.length = self.length.max(at + done as u64);
        Ok(done)
    }

    /// The block of this number, made if need be and there is space.
    fn block(&mut self, number: u64, space: &mut Space) -> Option<&mut Block> {
        use std::collections::btree_map::Entry;
        match self.blocks.entry(number) {
            Entry::Occupied(there) => Some(there.into_mut()),
            Entry::Vacant(free) => {
                space.take(BLOCK_BYTES).ok()?;
                Some(free.insert(Box::new([0; BLOCK_BYTES])))
            }
        }
    }

    /// Cuts the file, or lets it end with bytes that are zero and take no space.
    ///
    /// # Errors
    /// It would be longer than the longest.
    pub(super) fn resize(&mut self, length: u64, space: &mut Space) -> Result<(), FileError> {
        if length > MAX_LENGTH {
            return Err(FileError::TooLarge);
        }
        self.give_back(length.div_ceil(BLOCK_BYTES as u64), space);
        let end = first_place(length, 0);
        if let Some(block) = self.blocks.get_mut(&end.block)
            && let Some(tail) = block.get_mut(end.from..)
        {
            tail.fill(0);
        }
        self.length = length;
        Ok(())
    }

    /// Gives all that the file holds back.
    pub(super) fn clear(mut self, space: &mut Space) {
        self.give_back(0, space);
    }

    /// Gives the blocks from this number on back: no more work than it was to make them.
    fn give_back(&mut self, first: u64, space: &mut Space) {
        while let Some(last) = self.blocks.last_entry()
            && *last.key() >= first
        {
            last.remove();
            space.give_back(BLOCK_BYTES);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn space(most: usize) -> Space {
        let mut space = Space::default();
        space.limit(most);
        space
    }

    fn read(content: &Content, at: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0xaa; length];
        let count = content.read(at, &mut bytes);
        bytes.truncate(count);
        bytes
    }

    #[test]
    fn a_byte_far_out_takes_one_block_and_the_way_there_none() {
        let (mut content, mut space) = (Content::default(), space(BLOCK_BYTES));
        assert_eq!(content.write(1 << 60, b"x", &mut space), Ok(1));
        assert_eq!((content.length(), space.used()), ((1 << 60) + 1, BLOCK_BYTES));
        assert_eq!(read(&content, (1 << 60) - 2, 10), b"\0\0x");
        assert_eq!(read(&content, 77, 5), [0; 5]);
        assert_eq!(content.write(0, b"y", &mut space), Err(FileError::NoSpace));
    }

    #[test]
    fn a_write_that_does_not_fit_ends_where_the_space_does() {
        let (mut content, mut space) = (Content::default(), space(2 * BLOCK_BYTES));
        assert_eq!(content.write(10, &[1; 3 * BLOCK_BYTES], &mut space), Ok(2 * BLOCK_BYTES - 10));
        assert_eq!(content.length(), 2 * BLOCK_BYTES as u64);
        assert_eq!(content.write(content.length(), b"x", &mut space), Err(FileError::NoSpace));
        assert_eq!(content.write(0, b"x", &mut space), Ok(1), "what has its block can be written again");
    }

    #[test]
    fn what_is_cut_off_is_given_back_and_does_not_return() {
        let (mut content, mut space) = (Content::default(), space(1 << 20));
        content.write(0, &[7; 5 * BLOCK_BYTES], &mut space).unwrap();
        content.resize(3, &mut space).unwrap();
        assert_eq!(space.used(), BLOCK_BYTES);
        content.resize(6, &mut space).unwrap();
        assert_eq!(read(&content, 0, 10), [7, 7, 7, 0, 0, 0]);
        content.resize(0, &mut space).unwrap();
        assert_eq!((space.used(), content.blocks()), (0, 0));
    }

    #[test]
    fn the_longest_file_takes_no_space_and_a_longer_one_is_refused() {
        let (mut content, mut space) = (Content::default(), space(BLOCK_BYTES));
        content.resize(MAX_LENGTH, &mut space).unwrap();
        assert_eq!((content.length(), space.used()), (MAX_LENGTH, 0));
        assert_eq!(read(&content, MAX_LENGTH - 3, 10), [0; 3]);
        assert_eq!(content.resize(MAX_LENGTH + 1, &mut space), Err(FileError::TooLarge));
        assert_eq!(content.write(MAX_LENGTH - 1, b"ab", &mut space), Ok(1));
        assert_eq!(content.write(MAX_LENGTH, b"b", &mut space), Err(FileError::TooLarge));
        assert_eq!(content.write(u64::MAX, b"b", &mut space), Err(FileError::TooLarge));
        assert_eq!(read(&content, u64::MAX, 4), b"");
    }
}
