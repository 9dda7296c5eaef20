//! Random numbers that anyone can compute again: block n is SHA-256 of the run's seed and n (64 bits, little-endian).

use super::{
    Clock, Host, Stop,
    guest::{Fault, charge, guest},
};
use sha2::{Digest, Sha256};
use std::{future::poll_fn, mem, task::Poll};

/// Bytes made between two looks at the clock: a tenth of a millisecond's work.
const CHUNK: u32 = 1 << 14;

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

/// `random_get`. What takes longer than a moment begins with a new slice, so that it is not done on a thread that others
/// wait for.
pub(super) async fn get(host: &mut Host<'_>, at: u32, length: u32) -> Result<(), Fault> {
    charge(host, u64::from(length))?;
    if length > CHUNK {
        next_slice().await;
    }
    let (mut memory, state) = guest(host)?;
    let bytes = memory.bytes_mut(at, length)?;
    Ok(fill(&mut state.random, &state.clock, bytes)?)
}

/// Fills `bytes`, as long as there is time.
pub(in crate::execute) fn fill(random: &mut Random, clock: &Clock, bytes: &mut [u8]) -> Result<(), Stop> {
    for chunk in bytes.chunks_mut(CHUNK as usize) {
        clock.check()?;
        random.fill(chunk);
    }
    Ok(())
}

/// Is pending once.
async fn next_slice() {
    let mut asked = false;
    poll_fn(|_| if mem::replace(&mut asked, true) { Poll::Ready(()) } else { Poll::Pending }).await;
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
