//! Random numbers that anyone can compute again: block n is SHA-256 of the run's seed and n (64 bits, little-endian).

use super::{
    Host,
    guest::{Fault, charge, guest},
};
use sha2::{Digest, Sha256};

/// Bytes made between two looks at the clock: a tenth of a millisecond's work.
const CHUNK: u32 = 1 << 16;

/// The random numbers of one run. Unpredictable only to those who do not know the seed: nothing to make keys of.
pub(in crate::execute) struct Random {
    seed: [u8; 32],
    blocks: u64,
    /// What is left of the latest block.
    rest: Vec<u8>,
}

impl Random {
    pub(in crate::execute) fn new(seed: [u8; 32]) -> Self {
        Self { seed, blocks: 0, rest: Vec::new() }
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.rest.is_empty() {
                let block = Sha256::new().chain_update(self.seed).chain_update(self.blocks.to_le_bytes()).finalize();
                self.rest.extend(block.iter().rev());
                self.blocks += 1;
            }
            *byte = self.rest.pop().unwrap_or_default();
        }
    }
}

/// `random_get`
pub(super) fn fill(host: &mut Host<'_>, at: u32, length: u32) -> Result<(), Fault> {
    charge(host, u64::from(length))?;
    let (mut memory, state) = guest(host)?;
    for chunk in memory.bytes_mut(at, length)?.chunks_mut(CHUNK as usize) {
        state.clock.check()?;
        state.random.fill(chunk);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_follow_the_written_rule_however_they_are_asked_for() {
        let block = |n: u64| Sha256::digest([[7; 32].as_slice(), &n.to_le_bytes()].concat());
        let expected = [block(0), block(1), block(2)].concat();
        let mut at_once = [0; 96];
        Random::new([7; 32]).fill(&mut at_once);
        assert_eq!(at_once.as_slice(), expected);

        let mut random = Random::new([7; 32]);
        let mut in_pieces = [0; 96];
        for piece in in_pieces.chunks_mut(7) {
            random.fill(piece);
        }
        assert_eq!(in_pieces, at_once);
    }
}
